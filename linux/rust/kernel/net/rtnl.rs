// SPDX-License-Identifier: GPL-2.0

//! The lock around the configuration of network devices.
//!
//! C header: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h)

use crate::types::NotThreadSafe;

/// Proof that this task holds RTNL. Dropping it unlocks.
///
/// A device's operations that the core calls with RTNL held are not given one: with it they could
/// call themselves without end.
///
/// # Invariants
///
/// RTNL is held by the current task as long as there is one.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         netdevice::{
///             Device,
///             Operations, //
///         },
///         rtnl::RtnlGuard, //
///     },
///     prelude::*, //
/// };
///
/// // Does both without letting anybody in between.
/// fn restart<T: Operations>(dev: &Device<T>, rtnl: &RtnlGuard) -> Result {
///     dev.close(rtnl);
///     dev.open(rtnl)
/// }
/// ```
#[must_use = "RTNL is unlocked when the guard is dropped"]
pub struct RtnlGuard(NotThreadSafe);

/// Takes RTNL: `rtnl_lock()`.
///
/// # Context
///
/// Process context; may sleep. A task that has it already waits for itself for ever.
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
    /// Devices that were unregistered meanwhile are released here: see
    /// [`RegisteredDevice::unregister_netdevice`](super::netdevice::RegisteredDevice).
    fn drop(&mut self) {
        // SAFETY: This task holds RTNL by the type invariants.
        unsafe { bindings::rtnl_unlock() }
    }
}
