// SPDX-License-Identifier: GPL-2.0

//! Contexts with bottom halves off.
//!
//! C header: [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h)

use crate::types::NotThreadSafe;

/// Proof that bottom halves are off on this CPU. Dropping it turns them on again.
///
/// # Invariants
///
/// Bottom halves are off on this CPU as long as there is one.
#[must_use = "bottom halves are turned on again when the guard is dropped"]
pub struct BhDisabled(NotThreadSafe);

/// Turns bottom halves off on this CPU: `local_bh_disable()`.
///
/// # Context
///
/// Any but hard interrupts.
///
/// # Examples
///
/// ```
/// use kernel::net::bottom_half;
///
/// let guard = bottom_half::local_disable();
/// // No softirq runs on this CPU now.
/// drop(guard);
/// ```
#[inline]
pub fn local_disable() -> BhDisabled {
    // SAFETY: Bottom halves may be turned off anywhere, and nest.
    unsafe { bindings::local_bh_disable() };

    // INVARIANT: Just turned off.
    BhDisabled(NotThreadSafe)
}

impl Drop for BhDisabled {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: They are off by the type invariants. What was raised meanwhile runs here.
        unsafe { bindings::local_bh_enable() }
    }
}
