// SPDX-License-Identifier: GPL-2.0

//! The lock around the configuration of network devices.
//!
//! C header: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h)

use crate::types::NotThreadSafe;

/// Proof that this task holds RTNL. Dropping it unlocks.
///
/// # Invariants
///
/// RTNL is held by the current task as long as there is one.
#[must_use = "RTNL is unlocked when the guard is dropped"]
pub struct RtnlGuard(NotThreadSafe);

/// Takes RTNL: `rtnl_lock()`.
///
/// # Context
///
/// Process context; may sleep. Must not be called with RTNL held.
///
/// # Examples
///
/// ```
/// use kernel::net::rtnl;
///
/// let guard = rtnl::lock();
/// // Nobody else configures a network device now.
/// drop(guard);
/// ```
pub fn lock() -> RtnlGuard {
    // SAFETY: Taking a mutex is safe; a task that has it already deadlocks.
    unsafe { bindings::rtnl_lock() };

    // INVARIANT: Just taken.
    RtnlGuard(NotThreadSafe)
}

impl Drop for RtnlGuard {
    fn drop(&mut self) {
        // SAFETY: This task holds RTNL by the type invariants.
        unsafe { bindings::rtnl_unlock() }
    }
}
