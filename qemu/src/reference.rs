// SPDX-License-Identifier: GPL-2.0

//! Upstream's driver, untouched by the patches, built by kbuild for a kernel of ours: what the Rust
//! one is compared with.

use std::fs;
use std::path::PathBuf;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel::Kernel;
use crate::process;
use crate::ui::Stage;

/// Its source.
pub const SOURCE: &str = "drivers/net/loopback.c";

/// As what it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A module's object.
    Module,
    /// A part of the kernel.
    BuiltIn,
}

/// A built reference. No other lab builds one for this checkout while it lives.
#[derive(Debug)]
pub struct Reference {
    /// The object.
    pub object: PathBuf,
    _lock: Lock,
}

/// Builds it for the test called `name`, whose log it writes.
pub fn build(
    checkout: &Checkout,
    kernel: &Kernel,
    form: Form,
    name: &str,
    stage: &mut Stage,
) -> Result<Reference> {
    let dir = checkout.build("reference");
    make_dir(&dir)?;
    let what = "is building this checkout's reference";
    let lock = Lock::take(&checkout.build("reference.lock"), Mode::Exclusive, what)?;
    fs::remove_dir_all(&dir).map_err(|e| Failure::io("remove", &dir, e))?;
    let output = dir.join("object");
    make_dir(&output)?;
    write(&dir.join("loopback.c"), &read(&kernel.pristine(SOURCE))?)?;
    let list = match form {
        Form::Module => "obj-m",
        Form::BuiltIn => "obj-y",
    };
    write(
        &dir.join("Kbuild"),
        format!("{list} := loopback.o\n").as_bytes(),
    )?;
    let log = checkout.log(name)?;
    remove(&log)?;
    let mut command = kernel.toolchain.make(&kernel.build)?;
    command
        .arg(format!("M={}", dir.display()))
        .arg(format!("MO={}", output.display()))
        .arg("loopback.o");
    let finished = process::run_logged(&mut command, &log, false, None, &mut |_| stage.tick())?;
    if !finished.status.success() {
        let shown = PathBuf::from(checkout.show(&log));
        return Err(build::failure(SOURCE, &log, &shown));
    }
    Ok(Reference {
        object: output.join("loopback.o"),
        _lock: lock,
    })
}
