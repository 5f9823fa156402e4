// SPDX-License-Identifier: GPL-2.0

//! All that a boot needs, made ready: kernel, modules, the guest's file system, an accelerator.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use lab_protocol::Variant;

use crate::accel;
use crate::checkout::write;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::guest;
use crate::guest::Guest;
use crate::initramfs;
use crate::initramfs::Extra;
use crate::judge::Expected;
use crate::kernel;
use crate::kernel::Kernel;
use crate::kunit::Suite;
use crate::module;
use crate::options::Options;
use crate::toolchain::Toolchain;
use crate::vm::Boot;
use crate::vm::Engine;
use crate::vm::Limits;

/// The driver's file in the guest.
pub const DRIVER: &str = "rust_loopback.ko";
/// The driver as if built for another kernel.
pub const STALE: &str = "stale/rust_loopback.ko";
/// The module that goes wrong as told.
pub const FAULT: &str = "lab_fault.ko";
/// The abstractions' second user.
pub const DUMMY: &str = "rust_dummy.ko";
const COUNTED_LO: &str = "rust_counted_lo.ko";
const LSTATS: &str = "lo_lstats.ko";
const HOLD: &str = "softnet_hold.ko";
const PERCPU_FAIL: &str = "percpu_fail.ko";
const WITNESS: &str = "lo_witness.ko";
const STRUCTURE: &str = "lo_structure.ko";
const LISTENER: &str = "lo_listener.ko";

/// The kernel's parameter that says which KUnit suites are run: a glob.
pub const KUNIT_FILTER: &str = "kunit.filter_glob";
/// A filter that hides every KUnit suite.
pub const NO_SUITE: &str = "kunit.filter_glob=-";

/// What is ready.
#[derive(Debug)]
pub struct Ready {
    /// The kernel; its build stays as it is while this lives.
    pub kernel: Kernel,
    /// The driver.
    pub driver: PathBuf,
    /// The guest's init.
    pub guest: Guest,
    /// The modules in the guest's file system.
    files: Vec<(&'static str, PathBuf)>,
    /// The boot to vary.
    boot: Boot,
}

impl Ready {
    /// Makes it all.
    pub fn make(checkout: &Checkout, options: &Options) -> Result<Self> {
        let toolchain = Toolchain::load(&Cache::open()?)?;
        let guest = guest::build(checkout, &toolchain, options.verbose)?;
        Self::with_guest(checkout, options, &guest)
    }

    /// Makes it all, with an init that is there already.
    pub fn with_guest(checkout: &Checkout, options: &Options, guest: &Guest) -> Result<Self> {
        let kernel = kernel::ensure(checkout, options)?;
        let modules = module::build(checkout, &kernel, options)?;
        let name = options.build_name();
        let stale = stale(checkout, &modules.driver, &name)?;
        let mut files = vec![
            (WITNESS, modules.witness),
            (STRUCTURE, modules.structure),
            (LISTENER, modules.listener),
            (DRIVER, modules.driver.clone()),
            (FAULT, modules.fault),
            (DUMMY, modules.dummy),
            (COUNTED_LO, modules.counted_lo),
            (LSTATS, modules.lstats),
            (HOLD, modules.hold),
            (PERCPU_FAIL, modules.percpu_fail),
            (STALE, stale),
        ];
        if options.uml {
            // All others are for tests.
            files.retain(|(name, _)| [WITNESS, DRIVER].contains(name));
        }
        let initramfs =
            initramfs::build(checkout, &kernel, guest, &files, &Extra::default(), &name)?;
        let mut boot = Boot {
            name: String::new(),
            image: kernel.image.clone(),
            initramfs,
            engine: Engine::Tcg,
            cpus: options.cpus,
            words: vec![variant_word(kernel.variant)],
            limits: Limits::ordinary(options.debug),
            echo: options.verbose,
            counted: None,
        };
        boot.engine = match options.uml {
            true => Engine::Uml,
            false => accel::choose(checkout, options.accel, &boot)?,
        };
        Ok(Self {
            kernel,
            driver: modules.driver,
            guest: guest.clone(),
            files,
            boot,
        })
    }

    /// The guest's file system with `extra` in it, called `name`.
    pub fn pack(&self, checkout: &Checkout, name: &str, extra: &Extra) -> Result<PathBuf> {
        let (kernel, guest) = (&self.kernel, &self.guest);
        initramfs::build(checkout, kernel, guest, &self.files, extra, name)
    }

    /// The boot called `name`, in `mode`, with the driver.
    pub fn boot(&self, name: &str, mode: &str) -> Boot {
        self.boot_with(name, mode, self.driver_file())
    }

    /// The boot called `name`, in `mode`, with `driver` in the driver's place.
    pub fn boot_with(&self, name: &str, mode: &str, driver: &str) -> Boot {
        let mut boot = self.boot.clone();
        boot.name = name.into();
        boot.words.push(format!("lab.mode={mode}"));
        if !driver.is_empty() {
            boot.words.push(format!("lab.driver={driver}"));
        }
        boot
    }

    /// What such a boot has to report: besides these suites and checks, that the modules in `files`
    /// went in; an empty name is no module.
    pub fn expected(&self, files: &[&str], suites: Vec<Suite>, checks: Vec<String>) -> Expected {
        let modules = std::iter::once(&WITNESS)
            .chain(files)
            .filter_map(|file| Path::new(file).file_stem())
            .map(|stem| stem.to_string_lossy().into_owned())
            .collect();
        Expected {
            variant: self.kernel.variant,
            release: self.kernel.release.clone(),
            cpus: self.boot.cpus,
            modules,
            suites,
            checks,
        }
    }

    /// The driver's file in the guest, where it has to be inserted; elsewhere empty.
    pub fn driver_file(&self) -> &'static str {
        match self.kernel.variant {
            Variant::Module => DRIVER,
            Variant::Builtin | Variant::C => "",
        }
    }

    /// What executes the guest.
    pub fn engine(&self) -> Engine {
        self.boot.engine
    }
}

/// How the guest learns which variant its kernel has to be.
pub fn variant_word(variant: Variant) -> String {
    format!("lab.variant={variant}")
}

/// The driver with one digit of the kernel's release changed in its vermagic.
fn stale(checkout: &Checkout, driver: &Path, name: &str) -> Result<PathBuf> {
    let bytes = fs::read(driver).map_err(|e| Failure::io("read", driver, e))?;
    let path = checkout.build(&format!("initramfs/stale-{name}.ko"));
    write(&path, &age(bytes, driver)?)?;
    Ok(path)
}

fn age(mut bytes: Vec<u8>, driver: &Path) -> Result<Vec<u8>> {
    const MARK: &[u8] = b"vermagic=";
    let at = bytes
        .windows(MARK.len())
        .position(|window| window == MARK)
        .map(|at| at + MARK.len())
        .filter(|at| *at < bytes.len());
    let Some(at) = at else {
        let what = format!("{} has no vermagic", driver.display());
        return Err(Failure::new(Exit::Internal, what, "it is no kernel module"));
    };
    bytes[at] = if bytes[at] == b'6' { b'5' } else { b'6' };
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ageing_changes_one_byte() {
        let young = b"\0license=GPL\0vermagic=7.3.4-lo-12 SMP\0".to_vec();
        let old = age(young.clone(), Path::new("x.ko")).unwrap();
        assert_eq!(old, b"\0license=GPL\0vermagic=6.3.4-lo-12 SMP\0");
        assert_eq!(old.len(), young.len());
        assert!(age(b"nothing".to_vec(), Path::new("x.ko")).is_err());
    }
}
