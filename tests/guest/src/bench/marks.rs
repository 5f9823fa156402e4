// SPDX-License-Identifier: GPL-2.0

//! Instructions that do nothing, for whoever counts instructions from outside to see where an
//! operation begins and ends.

// An instruction with an operand of one's choice is assembler's to write.
#![allow(unsafe_code)]

use std::arch::asm;

/// What all marks have in the upper half of their operand.
const MARK: u32 = 0x4c42_0000;

const BEGIN: u32 = MARK | 1;
const END: u32 = MARK | 2;
const BEGIN_TRACED: u32 = MARK | 3;

/// `nopl <operand>(%rax)`, with an operand of four bytes whatever its value.
macro_rules! mark {
    ($operand:expr) => {
        // Not `nomem`: what is to be in memory before it has to be there.
        //
        // SAFETY: The bytes are one instruction, which does nothing: it does not access the memory
        // that its operand names, and changes no register and no flag.
        unsafe {
            asm!(
                ".byte 0x0f, 0x1f, 0x80",
                ".long {operand}",
                operand = const $operand,
                options(nostack, preserves_flags)
            )
        }
    };
}

/// An operation begins.
#[inline(never)]
pub extern "C" fn begin() {
    mark!(BEGIN);
}

/// An operation has ended.
#[inline(never)]
pub extern "C" fn end() {
    mark!(END);
}

/// An operation begins whose instructions are to be written down.
#[inline(never)]
pub extern "C" fn begin_traced() {
    mark!(BEGIN_TRACED);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than such a function has, and less than there is behind it.
    const CODE: usize = 24;

    /// The first mark in a function.
    fn first(function: extern "C" fn()) -> Option<[u8; 7]> {
        // SAFETY: A function's machine code can be read, and nothing changes it. Far more than these
        // bytes of the program's follow.
        let code = unsafe { std::slice::from_raw_parts(function as *const u8, CODE) };
        code.windows(7)
            .find(|window| window.starts_with(&[0x0f, 0x1f, 0x80]))
            .and_then(|window| window.try_into().ok())
    }

    #[test]
    fn marks_are_what_is_looked_for() {
        let wanted = |kind| Some([0x0f, 0x1f, 0x80, kind, 0, 0x42, 0x4c]);
        assert_eq!(first(begin), wanted(1));
        assert_eq!(first(end), wanted(2));
        assert_eq!(first(begin_traced), wanted(3));
        // They are executed, and do no harm.
        begin();
        begin_traced();
        end();
    }
}
