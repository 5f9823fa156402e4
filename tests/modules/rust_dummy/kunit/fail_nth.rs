// SPDX-License-Identifier: GPL-2.0

//! Lets one allocation of this task fail, as `/proc/self/fail-nth` does.

#![cfg(CONFIG_FAULT_INJECTION)]
// Fault injection has no abstraction.
#![allow(unsafe_code)]

use kernel::bindings;

/// Lets the `n`th allocation of this task fail from now on.
fn set(n: u32) {
    // SAFETY: The task is the current one, and nobody else writes this field.
    unsafe { (&raw mut (*bindings::get_current()).fail_nth).write_volatile(n) }
}

/// How many allocations are left until one fails; 0 if it has.
fn left() -> u32 {
    // SAFETY: The task is the current one, and nobody else writes this field.
    unsafe { (&raw const (*bindings::get_current()).fail_nth).read_volatile() }
}

/// Does `what` while the `n`th allocation fails. Returns what that did, and whether there were that
/// many.
pub(super) fn during<R>(n: u32, what: impl FnOnce() -> R) -> (R, bool) {
    set(n);
    let result = what();
    let failed = left() == 0;
    set(0);

    (result, failed)
}
