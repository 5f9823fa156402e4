// SPDX-License-Identifier: GPL-2.0

//! Waits for what the kernel has put off until no reader of RCU can see it any more.

use std::fs;

/// The kernel offers this to test suites. It waits a little if it is asked too often.
const BARRIER: &str = "/sys/module/rcutree/parameters/do_rcu_barrier";

/// Returns when all that had been put off has been done: `rcu_barrier()`.
pub fn barrier() -> Result<(), String> {
    fs::write(BARRIER, "1").map_err(|e| format!("{BARRIER}: {e}"))
}
