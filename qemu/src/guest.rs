// SPDX-License-Identifier: GPL-2.0

//! The guest's init: built static, so that it runs in an initramfs that has nothing else.

use std::path::PathBuf;

use lab_protocol::Variant;

use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;
use crate::toolchain::Toolchain;
use crate::ui::Stage;

/// Named so that the flags below do not reach build scripts and procedural macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The built program.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Where it is.
    pub program: PathBuf,
}

/// Builds it.
pub fn build(checkout: &Checkout, toolchain: &Toolchain, verbose: bool) -> Result<Guest> {
    let mut stage = Stage::start("guest", "building the guest's init");
    let log = checkout.log("guest")?;
    crate::checkout::remove(&log)?;
    let dir = checkout.build("guest");
    let mut command = toolchain.cargo()?;
    command
        .args(["build", "--quiet", "--locked", "--package", "guest"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&dir)
        .arg("--manifest-path")
        .arg(checkout.path("qemu/Cargo.toml"))
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static -Cstrip=symbols");
    let finished = process::run_logged(&mut command, &log, verbose, None, &mut |_| stage.tick())?;
    if !finished.status.success() {
        let shown = PathBuf::from(checkout.show(&log));
        return Err(crate::build::failure("the guest's init", &log, &shown));
    }
    let program = dir.join(TARGET).join("debug/guest");
    stage.done("tests/guest");
    Ok(Guest { program })
}

impl Guest {
    /// The names of its checks for `variant`.
    pub fn list(&self, variant: Variant) -> Result<Vec<String>> {
        self.ask("--list", variant)
    }

    /// The names of those that `make run` does.
    pub fn list_shown(&self, variant: Variant) -> Result<Vec<String>> {
        self.ask("--list-shown", variant)
    }

    fn ask(&self, option: &str, variant: Variant) -> Result<Vec<String>> {
        let mut command = process::command(&self.program);
        command.args([option, variant.name()]);
        let text = process::output(&mut command, Exit::Internal)?;
        let names: Vec<String> = text.lines().map(String::from).collect();
        if names.is_empty() {
            let what = format!("the guest has no checks for {variant}");
            return Err(Failure::new(Exit::Internal, what, ""));
        }
        Ok(names)
    }
}
