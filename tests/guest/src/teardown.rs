// SPDX-License-Identifier: GPL-2.0

//! The end of a network namespace, which comes some time after that of its last user.

use std::time::Duration;

use crate::wait;
use crate::witness;

/// How long a namespace may take to be gone, and whatever goes with it. The kernel complains about a
/// leaked reference to a device after ten seconds; that complaint has to be in the log before the
/// guest ends.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until the namespace with this number is gone: that of others does not count.
pub fn await_end(number: u32) -> Result<(), String> {
    let ended = || Ok(!witness::here()?.namespaces.contains(&number));
    if wait::until(DEADLINE, ended)? {
        return Ok(());
    }
    let seconds = DEADLINE.as_secs();
    Err(format!("namespace {number} is there after {seconds} s"))
}
