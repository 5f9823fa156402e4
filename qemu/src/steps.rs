// SPDX-License-Identifier: GPL-2.0

//! `make patches-build`: applies the series patch by patch and builds the kernel after each, in a
//! tree of its own, as whoever bisects would. The kernel's finished build is what it starts from,
//! so that each step builds only what it changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel;
use crate::kernel::remove_tree;
use crate::kernel::Kernel;
use crate::options::Options;
use crate::overlay::decides;
use crate::overlay::put;
use crate::overlay::Overlay;
use crate::process;
use crate::progress;
use crate::series::Change;
use crate::series::Series;
use crate::slot::STAMP;
use crate::toolchain::clean;
use crate::toolchain::Toolchain;
use crate::ui;
use crate::ui::Stage;

/// What a build directory in a kernel tree is called.
const BUILD: &str = "build-";

/// Does it; stops at the first patch that does not build. One that compilers warn about is bad,
/// too, but the next ones can still be built.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let kernel = kernel::ensure(checkout, options)?;
    make_dir(&checkout.build(""))?;
    let what = "is building this checkout's series";
    let _lock = Lock::take(&checkout.build("steps.lock"), Mode::Exclusive, what)?;
    let overlay = Overlay::load(checkout)?;
    let series = Series::load(&overlay)?;
    let replay = kernel.slot.with_trees(|trees| series.replay(trees))?;
    let mut added = BTreeSet::new();
    for patch in &series.patches {
        added.extend(symbols(&overlay.read_patch(&patch.file)?));
    }
    let dir = checkout.build("steps");
    let tree = copy(&kernel, &dir)?;
    let config = read_text(&kernel.build.join(".config"))?;
    let toolchain = kernel.toolchain.clone();
    // Others may change it now.
    drop(kernel);
    let mut steps = Steps {
        checkout,
        options,
        toolchain,
        config,
        files: replay.steps.iter().flat_map(Change::keys).collect(),
        added,
        build: tree.join(format!("{BUILD}steps")),
        tree,
        start: Instant::now(),
        done: 0,
        warned: 0,
        total: series.patches.len() + 1,
    };
    steps.build("upstream", "what the series is for", true)?;
    steps.start = Instant::now();
    for (patch, change) in series.patches.iter().zip(&replay.steps) {
        for (path, content) in change {
            put(&steps.tree.join(path), content)?;
        }
        let configure = change.keys().any(|path| decides(path));
        let file = format!("linux/{}", patch.file.display());
        steps.build(patch.subject(), &file, configure)?;
    }
    steps.complete()?;
    remove_tree(&dir)?;
    ui::line(&format!("\neach of {} steps builds", series.patches.len()));
    Ok(())
}

/// A build of each step.
struct Steps<'a> {
    checkout: &'a Checkout,
    options: &'a Options,
    toolchain: Toolchain,
    tree: PathBuf,
    build: PathBuf,
    /// The kernel's configuration.
    config: String,
    /// The symbols that the series adds.
    added: BTreeSet<String>,
    /// The files that it touches.
    files: BTreeSet<&'a PathBuf>,
    /// When the first patch's build began.
    start: Instant,
    /// How many builds are done, upstream's included.
    done: usize,
    total: usize,
    /// How many of them had compilers warn about the series' files.
    warned: usize,
}

impl Steps<'_> {
    /// Builds the tree as it is now, which `file` made of it.
    fn build(&mut self, subject: &str, file: &str, configure: bool) -> Result {
        let last = self.total - 1;
        let mut stage = Stage::start(&format!("{}/{last}", self.done), subject);
        let log = self.checkout.log(&format!("step-{:02}", self.done))?;
        remove(&log)?;
        if configure {
            self.configure(file, &log)?;
        }
        let mut command = self.make()?;
        command.args(["bzImage", "modules"]);
        let (fraction, left) = (self.fraction(), self.time_left());
        let mut current = String::new();
        let verbose = self.options.verbose;
        let finished = process::run_logged(&mut command, &log, verbose, None, &mut |text| {
            if let Some(step) = text.lines().rev().find_map(progress::step) {
                current = step;
            }
            stage.update(Some(fraction), left, &current);
        })?;
        let shown = PathBuf::from(self.checkout.show(&log));
        if !finished.status.success() {
            stage.fail();
            return Err(build::failure(file, &log, &shown));
        }
        let found = warnings(&read_text(&log)?, &self.files);
        self.done += 1;
        if found.is_empty() {
            stage.done(subject);
            return Ok(());
        }
        stage.done("builds, with warnings");
        let what = format!("of {file}, see {}", shown.display());
        for text in [&[what], &found[..]].concat() {
            ui::line(&format!(
                "             {}",
                text.replace('\n', "\n             ")
            ));
        }
        self.warned += 1;
        Ok(())
    }

    /// The kernel's configuration, as far as there are its symbols by now.
    fn configure(&self, file: &str, log: &Path) -> Result {
        write(&self.build.join(".config"), self.config.as_bytes())?;
        let mut command = self.make()?;
        command.arg("olddefconfig");
        let finished = process::run_logged(&mut command, log, false, None, &mut |_| ())?;
        if !finished.status.success() {
            let shown = PathBuf::from(self.checkout.show(log));
            let what = format!("the configuration of {file}");
            return Err(build::failure(&what, log, &shown));
        }
        let lost: Vec<_> = self
            .lost()?
            .into_iter()
            .filter(|symbol| !self.added.contains(symbol))
            .collect();
        self.expect_none(file, &lost)
    }

    /// With the whole series the configuration is the kernel's; and no compiler has warned.
    fn complete(&self) -> Result {
        self.expect_none("the whole series", &self.lost()?)?;
        if self.warned == 0 {
            return Ok(());
        }
        let what = format!("{} of the steps build with warnings", self.warned);
        Err(Failure::new(Exit::Build, what, "see above"))
    }

    fn expect_none(&self, what: &str, lost: &[String]) -> Result {
        if lost.is_empty() {
            return Ok(());
        }
        let what = format!("with {what}, Kconfig does not set what the kernel has set");
        Err(Failure::new(Exit::Build, what, lost.join("\n"))
            .hint("look for what the symbol depends on"))
    }

    /// What the kernel's configuration sets and this one does not.
    fn lost(&self) -> Result<Vec<String>> {
        let now = read_text(&self.build.join(".config"))?;
        let now: BTreeSet<_> = set(&now).collect();
        let lost = set(&self.config).filter(|symbol| !now.contains(symbol));
        Ok(lost.map(String::from).collect())
    }

    fn make(&self) -> Result<std::process::Command> {
        let mut command = self.toolchain.make(&self.tree)?;
        command.arg(format!("O={}", self.build.display()));
        Ok(command)
    }

    fn fraction(&self) -> f64 {
        self.done as f64 / self.total as f64
    }

    /// As if the patches to come took as long as those before, once there are some.
    fn time_left(&self) -> Option<Duration> {
        let built = self.done.checked_sub(1).filter(|built| *built > 0)?;
        let left = self.total - self.done;
        Some(self.start.elapsed().mul_f64(left as f64 / built as f64))
    }
}

/// Copies the kernel's tree and build to `dir`; the tree, as upstream has it.
fn copy(kernel: &Kernel, dir: &Path) -> Result<PathBuf> {
    let mut stage = Stage::start("copy", "a tree to apply the series to");
    stage.tick();
    remove_tree(dir)?;
    let tree = dir.join("linux");
    make_dir(&tree)?;
    let entries = fs::read_dir(&kernel.source);
    let entries = entries.map_err(|e| Failure::io("read", &kernel.source, e))?;
    let sources = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !is_build(path));
    cp(sources, &tree)?;
    cp([kernel.build.clone()], &tree.join(format!("{BUILD}steps")))?;
    remove(&tree.join(format!("{BUILD}steps")).join(STAMP))?;
    kernel.slot.with_trees(|trees| {
        for path in trees.touched()? {
            put(&tree.join(&path), &trees.original(&path)?)?;
        }
        Ok(())
    })?;
    stage.done("a tree to apply the series to");
    Ok(tree)
}

fn cp(from: impl IntoIterator<Item = PathBuf>, to: &Path) -> Result {
    let mut command = clean("cp");
    command
        .args(["--archive", "--reflink=auto", "--"])
        .args(from)
        .arg(to);
    process::output(&mut command, Exit::Cache).map(drop)
}

/// Whether this is a build directory, or one that is being copied.
fn is_build(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(BUILD) || name.starts_with(".build-")
}

/// The symbols that a configuration sets.
fn set(config: &str) -> impl Iterator<Item = &str> {
    config
        .lines()
        .filter_map(|line| Some(line.strip_prefix("CONFIG_")?.split_once('=')?.0))
}

/// The symbols that a patch adds.
fn symbols(patch: &str) -> impl Iterator<Item = String> + '_ {
    patch
        .lines()
        .filter_map(|line| line.strip_prefix("+config "))
        .map(|name| name.trim().to_string())
}

/// The warnings in a log that name one of `files`, on their first line or the next.
fn warnings(log: &str, files: &BTreeSet<&PathBuf>) -> Vec<String> {
    let lines: Vec<_> = log.lines().chain([""]).collect();
    let is_about = |text: &str| {
        files
            .iter()
            .any(|file| text.contains(&*file.to_string_lossy()))
    };
    lines
        .windows(2)
        .filter(|pair| pair[0].contains("warning"))
        .map(|pair| pair.join("\n"))
        .filter(|text| is_about(text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_about_the_series_count_and_others_do_not() {
        let (c, rust) = ("net/core/dev.c".into(), "rust/kernel/net/rtnl.rs".into());
        let files = BTreeSet::from([&c, &rust]);
        let log = "  CC      net/core/dev.o\n../net/core/dev.c:1:2: warning: unused\n\
                   warning: unused import\n --> ../rust/kernel/net/rtnl.rs:3:4\n\
                   warning: others'\n --> ../rust/kernel/fs.rs:3:4\nnet/core/dev.c\n";
        let found = warnings(log, &files);
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("dev.c") && found[1].contains("rtnl.rs"));
    }

    #[test]
    fn symbols_are_found_in_configurations_and_patches() {
        let config = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x\"\n";
        assert_eq!(set(config).collect::<Vec<_>>(), ["A", "C"]);
        let patch = "+config NET_X\n+\tbool\n config OLD\n";
        assert_eq!(symbols(patch).collect::<Vec<_>>(), ["NET_X"]);
    }

    #[test]
    fn builds_are_not_copied_with_the_tree() {
        assert!(is_build(Path::new("/x/build-module")));
        assert!(is_build(Path::new("/x/.build-copy")));
        assert!(!is_build(Path::new("/x/block")));
    }
}
