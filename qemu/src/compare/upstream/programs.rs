// SPDX-License-Identifier: GPL-2.0

//! Upstream's test programs, built by upstream's own make from the kernel's source, with the
//! kernel's own headers; and the lists that modprobe looks at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use super::table::Table;
use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel::remove_tree;
use crate::kernel::Kernel;
use crate::key::Key;
use crate::process;
use crate::toolchain::clean;
use crate::ui::Stage;

/// Where all of it is built, below `build`.
const HOME: &str = "selftests";

/// What the build was made from, written when the headers are there.
const STAMP: &str = "lab-key";

/// What a kernel's build knows of its modules, those that it has built in included.
const LISTS: [&str; 3] = [
    "modules.builtin",
    "modules.builtin.modinfo",
    "modules.order",
];

/// Where upstream's tests are.
pub fn source(kernel: &Kernel) -> PathBuf {
    kernel.source.join("tools/testing/selftests/net")
}

/// The built programs.
#[derive(Debug)]
pub struct Programs {
    dir: PathBuf,
}

impl Programs {
    /// Builds those that the tests in `table` need.
    pub fn build(
        checkout: &Checkout,
        kernel: &Kernel,
        table: &Table,
        verbose: bool,
    ) -> Result<Self> {
        let mut stage = Stage::start("selftests", "building upstream's tests");
        let home = checkout.build(HOME);
        make_dir(&home)?;
        let what = "is building upstream's tests";
        let _lock = Lock::take(&checkout.build("selftests.lock"), Mode::Exclusive, what)?;
        let log = checkout.log("selftests")?;
        remove(&log)?;
        let job = Job {
            kernel,
            home: &home,
            shown: PathBuf::from(checkout.show(&log)),
            log: &log,
            verbose,
        };
        job.make_headers(&mut stage)?;
        let programs = Self {
            dir: home.join("net"),
        };
        let names = table.names(|test| &test.programs);
        let mut by_directory: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
        for name in &names {
            let directory = Path::new(name).parent().unwrap_or(Path::new(""));
            by_directory.entry(directory).or_default().push(name);
        }
        for (directory, names) in by_directory {
            let paths: Vec<PathBuf> = names.into_iter().map(|name| programs.path(name)).collect();
            job.make_programs(directory, &paths, &mut stage)?;
        }
        stage.done(&format!("{} of upstream's programs", names.len()));
        Ok(programs)
    }

    /// The program called `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

struct Job<'a> {
    kernel: &'a Kernel,
    home: &'a Path,
    log: &'a Path,
    shown: PathBuf,
    verbose: bool,
}

impl Job<'_> {
    fn headers(&self) -> PathBuf {
        self.home.join("headers")
    }

    fn key(&self) -> String {
        let mut key = Key::default();
        key.part("source", self.kernel.slot.identity().as_bytes())
            .part("place", self.kernel.source.as_os_str().as_encoded_bytes())
            .part("tools", self.kernel.toolchain.versions.as_bytes());
        key.hex()
    }

    /// The headers that the kernel has for programs. A build from another source is forgotten.
    fn make_headers(&self, stage: &mut Stage) -> Result {
        let (stamp, key) = (self.home.join(STAMP), self.key());
        if fs::read_to_string(&stamp).is_ok_and(|old| old == key) {
            return Ok(());
        }
        remove_tree(self.home)?;
        make_dir(&self.headers())?;
        let output = format!("O={}", self.headers().display());
        self.make(&self.kernel.source, &[output, "headers".into()], stage)?;
        write(&stamp, key.as_bytes())
    }

    /// Builds those of one of upstream's directories.
    fn make_programs(&self, directory: &Path, paths: &[PathBuf], stage: &mut Stage) -> Result {
        // A slash at its end would make its names other ones than those of the paths.
        let Some(dir) = paths.first().and_then(|path| path.parent()) else {
            return Ok(());
        };
        build::recover(dir)?;
        make_dir(dir)?;
        build::begin(dir)?;
        let headers = self.headers().join("usr/include");
        let mut words = vec![
            format!("OUTPUT={}", dir.display()),
            format!("KHDR_INCLUDES=-isystem {}", headers.display()),
        ];
        words.extend(paths.iter().map(|path| path.display().to_string()));
        let made = self.make(&source(self.kernel).join(directory), &words, stage);
        if !process::killed_hard() {
            build::end(dir)?;
        }
        made
    }

    fn make(&self, dir: &Path, words: &[String], stage: &mut Stage) -> Result {
        let mut command = self.kernel.toolchain.make(dir)?;
        command.args(words);
        let echo = self.verbose;
        let end = process::run_logged(&mut command, self.log, echo, None, &mut |_| stage.tick())?;
        if end.status.success() {
            return Ok(());
        }
        Err(build::failure("upstream's tests", self.log, &self.shown))
    }
}

/// What modprobe needs to know that all is built in: files by their paths in the guest.
pub fn module_lists(checkout: &Checkout, kernel: &Kernel) -> Result<Vec<(PathBuf, PathBuf)>> {
    let root = checkout.build(&format!("initramfs/modules-{}", kernel.variant));
    remove_tree(&root)?;
    let dir = PathBuf::from("lib/modules").join(&kernel.release);
    for name in LISTS {
        write(
            &root.join(&dir).join(name),
            &read(&kernel.build.join(name))?,
        )?;
    }
    let mut depmod = clean("depmod");
    depmod.arg("-b").arg(&root).arg(&kernel.release);
    process::output(&mut depmod, Exit::Setup)?;
    let host = root.join(&dir);
    let entries = fs::read_dir(&host).map_err(|e| Failure::io("read", &host, e))?;
    let in_guest = |host: PathBuf| Some((Path::new("/").join(&dir).join(host.file_name()?), host));
    Ok(entries
        .flatten()
        .filter_map(|entry| in_guest(entry.path()))
        .collect())
}
