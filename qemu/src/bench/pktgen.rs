// SPDX-License-Identifier: GPL-2.0

//! Upstream's packet generator, built as a module for a kernel of ours.

use std::path::PathBuf;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read;
use crate::checkout::remove;
use crate::checkout::write_if_changed;
use crate::checkout::Checkout;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel::Kernel;
use crate::process;
use crate::ui::Stage;

/// Its source.
const SOURCE: &str = "net/core/pktgen.c";

/// Its file, and where that is in the guest.
pub const FILE: &str = "pktgen.ko";
pub const PATH: &str = "/lab/modules/pktgen.ko";

/// Builds it.
pub fn build(checkout: &Checkout, kernel: &Kernel) -> Result<PathBuf> {
    let mut stage = Stage::start("pktgen", "building the packet generator");
    let what = "is building this checkout's packet generator";
    let _lock = Lock::take(&checkout.build("pktgen.lock"), Mode::Exclusive, what)?;
    // kbuild does not notice that another kernel's build directory is used than last time.
    let dir = checkout.build(&format!("pktgen/{}", kernel.release));
    let output = dir.join("object");
    make_dir(&output)?;
    build::recover(&output)?;
    write_if_changed(&dir.join("pktgen.c"), &read(&kernel.pristine(SOURCE))?)?;
    write_if_changed(&dir.join("Kbuild"), b"obj-m := pktgen.o\n")?;
    let log = checkout.log("pktgen")?;
    remove(&log)?;
    build::begin(&output)?;
    let mut command = kernel.toolchain.make(&kernel.build)?;
    command
        .arg(format!("M={}", dir.display()))
        .arg(format!("MO={}", output.display()))
        .arg("modules");
    let outcome = process::run_logged(&mut command, &log, false, None, &mut |_| stage.tick());
    if !process::killed_hard() {
        build::end(&output)?;
    }
    let module = output.join("pktgen.ko");
    if outcome?.status.success() && module.is_file() {
        stage.done(&format!("{}: {SOURCE}", kernel.variant));
        return Ok(module);
    }
    let shown = PathBuf::from(checkout.show(&log));
    Err(build::failure(SOURCE, &log, &shown))
}
