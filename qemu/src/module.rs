// SPDX-License-Identifier: GPL-2.0

//! The modules: the driver, and those that the tests need. kbuild itself decides what is to be done.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::remove;
use crate::checkout::write_if_changed;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel::Kernel;
use crate::options::Options;
use crate::process;
use crate::ui::Stage;

/// Which kernel the modules in a directory were built for.
const RECORD: &str = "lab-kernel";

/// User Mode Linux has Rust code refer to symbols by a table that its loader of modules does not make
/// (relocation R_X86_64_GOTPCREL). This is what it has C code do: a module may be anywhere.
const BY_ADDRESS: &str = "RUSTFLAGS_MODULE=-Crelocation-model=static -Ccode-model=large";

/// The built modules.
#[derive(Clone, Debug)]
pub struct Modules {
    /// The driver: `rust_loopback.ko`.
    pub driver: PathBuf,
    /// Tells who owns `lo`: `lo_witness.ko`.
    pub witness: PathBuf,
    /// Follows the pointers of `lo`: `lo_structure.ko`.
    pub structure: PathBuf,
    /// Writes down what happens to namespaces and devices: `lo_listener.ko`.
    pub listener: PathBuf,
    /// Goes wrong as told: `lab_fault.ko`.
    pub fault: PathBuf,
    /// The abstractions' second user: `rust_dummy.ko`.
    pub dummy: PathBuf,
    /// A loopback device with private data: `rust_counted_lo.ko`.
    pub counted_lo: PathBuf,
    /// Says what each CPU has counted on `lo`: `lo_lstats.ko`.
    pub lstats: PathBuf,
    /// Keeps a CPU's backlog from being polled: `softnet_hold.ko`.
    pub hold: PathBuf,
    /// Lets allocations of per-CPU memory fail: `percpu_fail.ko`.
    pub percpu_fail: PathBuf,
}

/// Builds all modules for `kernel`.
pub fn build(checkout: &Checkout, kernel: &Kernel, options: &Options) -> Result<Modules> {
    let mut stage = Stage::start("module", "building the modules");
    make_dir(&checkout.build(""))?;
    let what = "is building this checkout's modules";
    let _lock = Lock::take(&checkout.build("module.lock"), Mode::Exclusive, what)?;
    let log = checkout.log("module")?;
    remove(&log)?;
    let job = Job {
        checkout,
        kernel,
        options,
        log: &log,
    };
    // Each kernel's in a place of their own: who tests one after the other builds none twice.
    let name = options.build_name();
    let driver = checkout.build(&name);
    let tests = checkout.build(&format!("tests-{name}"));
    job.make(&checkout.root, &driver, &mut stage)?;
    job.make(&checkout.path("tests/modules"), &tests, &mut stage)?;
    let modules = Modules {
        driver: driver.join("rust_loopback.ko"),
        witness: tests.join("lo_witness.ko"),
        structure: tests.join("lo_structure.ko"),
        listener: tests.join("lo_listener.ko"),
        fault: tests.join("lab_fault.ko"),
        dummy: tests.join("rust_dummy/rust_dummy.ko"),
        counted_lo: tests.join("rust_counted_lo/rust_counted_lo.ko"),
        lstats: tests.join("lo_lstats.ko"),
        hold: tests.join("softnet_hold.ko"),
        percpu_fail: tests.join("percpu_fail.ko"),
    };
    let needed = [&modules.driver, &modules.witness];
    let tests = [
        &modules.structure,
        &modules.listener,
        &modules.fault,
        &modules.dummy,
        &modules.counted_lo,
        &modules.lstats,
        &modules.hold,
        &modules.percpu_fail,
    ];
    // Nothing is tested in User Mode Linux.
    let tests = tests.into_iter().filter(|_| !options.uml);
    for module in needed.into_iter().chain(tests) {
        if !module.is_file() {
            let what = format!("{} was not built", checkout.show(module));
            return Err(
                Failure::new(Exit::Build, what, "make succeeded without making it")
                    .hint("look at the directory's Kbuild"),
            );
        }
    }
    stage.done(&checkout.show(&modules.driver));
    Ok(modules)
}

struct Job<'a> {
    checkout: &'a Checkout,
    kernel: &'a Kernel,
    options: &'a Options,
    log: &'a Path,
}

impl Job<'_> {
    /// Builds the modules of directory `source` into `output`.
    fn make(&self, source: &Path, output: &Path, stage: &mut Stage) -> Result {
        build::recover(output)?;
        self.forget_other_kernels(output)?;
        build::begin(output)?;
        let mut command = self.kernel.toolchain.make(&self.kernel.build)?;
        command
            .arg(format!("M={}", source.display()))
            .arg(format!("MO={}", output.display()))
            .arg("modules");
        if self.options.uml {
            command.arg(BY_ADDRESS);
        }
        let echo = self.options.verbose;
        let outcome =
            process::run_logged(&mut command, self.log, echo, None, &mut |_| stage.tick());
        if !process::killed_hard() {
            build::end(output)?;
        }
        if outcome?.status.success() {
            return Ok(());
        }
        let shown = PathBuf::from(self.checkout.show(self.log));
        let name = format!("the modules of {}", source.display());
        Err(build::failure(&name, self.log, &shown))
    }

    /// kbuild does not notice that another kernel's build directory is used than last time.
    fn forget_other_kernels(&self, output: &Path) -> Result {
        let record = output.join(RECORD);
        let wanted = format!("{}\n{}\n", self.kernel.release, self.kernel.build.display());
        if output.exists() && fs::read_to_string(&record).is_ok_and(|old| old == wanted) {
            return Ok(());
        }
        if output.exists() {
            fs::remove_dir_all(output).map_err(|e| Failure::io("remove", output, e))?;
        }
        make_dir(output)?;
        write_if_changed(&record, wanted.as_bytes()).map(drop)
    }
}
