// SPDX-License-Identifier: GPL-2.0

//! Contexts with bottom halves off.
//!
//! C header: [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h)

use core::ops::Deref;

use crate::types::NotThreadSafe;

/// Proof that bottom halves are off on this CPU.
///
/// A [`BhGuard`] has one, and so has the
/// [`XmitContext`](crate::net::netdevice::XmitContext) of a transmit function.
///
/// # Invariants
///
/// Bottom halves are off on this CPU as long as there is one.
///
/// # Examples
///
/// ```
/// use kernel::net::{
///     bottom_half::{
///         self,
///         BhDisabled, //
///     },
///     netdevice::{
///         Device,
///         Operations, //
///     },
///     skbuff::{
///         NetRx,
///         Owned,
///         SkBuff, //
///     },
/// };
///
/// // Can be called in a transmit function, too.
/// fn inject<T: Operations>(skb: SkBuff<Owned>, dev: &Device<T>, bh: &BhDisabled) -> NetRx {
///     skb.eth_type_trans(dev).netif_rx(bh)
/// }
///
/// fn inject_from_a_task<T: Operations>(skb: SkBuff<Owned>, dev: &Device<T>) -> NetRx {
///     inject(skb, dev, &bottom_half::local_disable())
/// }
/// ```
pub struct BhDisabled(NotThreadSafe);

impl BhDisabled {
    /// Asserts that bottom halves are off.
    ///
    /// # Safety
    ///
    /// They must be, on this CPU, as long as the result lives.
    #[inline]
    pub(super) unsafe fn assume() -> Self {
        // INVARIANT: By the safety requirements.
        Self(NotThreadSafe)
    }
}

/// Bottom halves are off on this CPU until this is dropped.
///
/// # Invariants
///
/// This CPU's count of reasons to keep bottom halves off has one for this guard.
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
#[must_use = "bottom halves are turned on again when the guard is dropped"]
pub struct BhGuard(BhDisabled);

/// Turns bottom halves off on this CPU: `local_bh_disable()`.
///
/// # Context
///
/// Any but hard interrupts, or with interrupts off. The caller must not sleep while it has the
/// guard.
///
/// # Examples
///
/// See [`BhGuard`].
#[inline]
pub fn local_disable() -> BhGuard {
    // SAFETY: Bottom halves may be turned off anywhere, and nest.
    unsafe { bindings::local_bh_disable() };

    // SAFETY: Just turned off; the guard is bound to this task, and a task with bottom halves off
    // stays on its CPU.
    // INVARIANT: The count that was just taken is the guard's.
    BhGuard(unsafe { BhDisabled::assume() })
}

impl Deref for BhGuard {
    type Target = BhDisabled;

    #[inline]
    fn deref(&self) -> &BhDisabled {
        &self.0
    }
}

impl Drop for BhGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The count is this guard's by the type invariants. What was raised meanwhile runs
        // here.
        unsafe { bindings::local_bh_enable() }
    }
}
