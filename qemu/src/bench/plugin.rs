// SPDX-License-Identifier: GPL-2.0

//! QEMU's plugin that counts the guest's instructions.

use std::path::PathBuf;

use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;
use crate::toolchain::clean;
use crate::toolchain::Toolchain;
use crate::ui::Stage;
use crate::vm;

/// The first QEMU that has what the plugin uses.
const QEMU: (u32, u32) = (9, 1);

/// Builds it. QEMU must be able to use it.
pub fn build(checkout: &Checkout, toolchain: &Toolchain, verbose: bool) -> Result<PathBuf> {
    check_qemu()?;
    let mut stage = Stage::start("plugin", "building what counts instructions");
    let log = checkout.log("plugin")?;
    crate::checkout::remove(&log)?;
    let dir = checkout.build("plugin");
    let mut command = toolchain.cargo()?;
    command
        .args(["build", "--quiet", "--locked", "--package", "lab-plugin"])
        .arg("--target-dir")
        .arg(&dir)
        .arg("--manifest-path")
        .arg(checkout.path("qemu/Cargo.toml"));
    let finished = process::run_logged(&mut command, &log, verbose, None, &mut |_| stage.tick())?;
    if !finished.status.success() {
        let shown = PathBuf::from(checkout.show(&log));
        return Err(crate::build::failure("QEMU's plugin", &log, &shown));
    }
    stage.done("qemu/plugin");
    Ok(dir.join("debug/liblab_plugin.so"))
}

fn check_qemu() -> Result {
    let text = process::output(clean(vm::QEMU).arg("--version"), Exit::Setup)?;
    if version(&text).is_some_and(|version| version >= QEMU) {
        return Ok(());
    }
    let (major, minor) = QEMU;
    let found = text.lines().next().unwrap_or_default();
    let why = format!("it takes QEMU {major}.{minor}, and this is: {found}");
    Err(
        Failure::new(Exit::Setup, "QEMU cannot count instructions", why)
            .hint("Debian 13 has it; for Debian 12, bookworm-backports does"),
    )
}

/// The version in `QEMU emulator version 10.0.2 (Debian ...)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let (_, rest) = text.split_once(" version ")?;
    let mut parts = rest.split(|c: char| !c.is_ascii_digit());
    let mut number = || parts.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_qemu_is_told_from_new() {
        let old = version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)");
        let new = version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1)\n(c)");
        assert_eq!((old, new), (Some((7, 2)), Some((10, 0))));
        assert!(old.unwrap() < QEMU && new.unwrap() >= QEMU);
        assert_eq!(version("qemu"), None);
    }
}
