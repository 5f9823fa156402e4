// SPDX-License-Identifier: GPL-2.0

//! Warnings that a case asks for: a kernel that warns of its own accord is not well.

// KUnit's way to suppress them has no abstraction.
#![allow(unsafe_code)]

use kernel::{
    bindings,
    prelude::*, //
};

/// Does `what` while this task's warnings are kept out of the log. Says how many there were, too.
///
/// For KUnit cases only. A case that ends in between has its warnings back.
pub(super) fn during<R>(what: impl FnOnce() -> R) -> Result<(R, c_int)> {
    // SAFETY: It can be asked for anywhere.
    let test = unsafe { bindings::kunit_get_current_test() };
    if test.is_null() {
        return Err(EINVAL);
    }

    // SAFETY: The case is the one that is running.
    let suppressed = unsafe { bindings::kunit_start_suppress_warning(test) };
    if suppressed.is_null() {
        return Err(ENOMEM);
    }

    let result = what();

    // SAFETY: It was started just now, for this case.
    let count = unsafe {
        let count = bindings::kunit_suppressed_warning_count(suppressed);
        bindings::kunit_end_suppress_warning(test, suppressed);
        count
    };
    Ok((result, count))
}
