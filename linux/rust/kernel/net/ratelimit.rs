// SPDX-License-Identifier: GPL-2.0

//! Messages that the network can cause, and must not flood the log with.
//!
//! C header: [`include/linux/net.h`](srctree/include/linux/net.h)

/// Whether there may be one more message now: `net_ratelimit()`. `net.core.message_cost` and
/// `net.core.message_burst` say how many there may be.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// See [`net_warn_ratelimited!`](crate::net_warn_ratelimited).
#[inline]
pub fn net_ratelimit() -> bool {
    // SAFETY: It may be called anywhere.
    unsafe { bindings::net_ratelimit() != 0 }
}

/// Logs a warning unless there have been too many: `net_warn_ratelimited()`.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```
/// use kernel::net_warn_ratelimited;
///
/// fn check_len(len: usize) -> bool {
///     if len > 1500 {
///         net_warn_ratelimited!("{} bytes, from somebody\n", len);
///     }
///     len <= 1500
/// }
/// assert!(check_len(64));
/// ```
#[macro_export]
macro_rules! net_warn_ratelimited {
    ($($arg:tt)*) => {
        if $crate::net::ratelimit::net_ratelimit() {
            $crate::pr_warn!($($arg)*);
        }
    };
}
