// SPDX-License-Identifier: GPL-2.0

//! What an instruction is, by its bytes.

/// `nopl <mark>(%rax)`, without the mark.
const MARK: [u8; 3] = [0x0f, 0x1f, 0x80];

/// What the upper half of a mark is.
const MAGIC: u32 = 0x4c42_0000;

/// Prefixes that may stand before an instruction's code, but for REX.
const PREFIXES: [u8; 11] = [
    0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
];

/// The kind of the mark that these bytes are.
pub fn mark(bytes: &[u8]) -> Option<u32> {
    let number = bytes.strip_prefix(&MARK)?;
    let number = u32::from_le_bytes(number.try_into().ok()?);
    (number & 0xffff_0000 == MAGIC).then_some(number & 0xffff)
}

/// Whether it is a string instruction that repeats itself: each time is executed like an instruction
/// of its own.
pub fn is_repeated(bytes: &[u8]) -> bool {
    let prefixes = bytes.iter().take_while(|byte| PREFIXES.contains(byte));
    let count = prefixes.clone().count();
    let repeats = prefixes.into_iter().any(|byte| matches!(byte, 0xf2 | 0xf3));
    let code = match bytes[count..] {
        // REX
        [0x40..=0x4f, code, ..] => code,
        [code, ..] => code,
        [] => return false,
    };
    repeats && matches!(code, 0x6c..=0x6f | 0xa4..=0xa7 | 0xaa..=0xaf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_known() {
        assert_eq!(mark(&[0x0f, 0x1f, 0x80, 1, 0, 0x42, 0x4c]), Some(1));
        assert_eq!(mark(&[0x0f, 0x1f, 0x80, 3, 0, 0x42, 0x4c]), Some(3));
        // What compilers fill space with.
        assert_eq!(mark(&[0x0f, 0x1f, 0x80, 0, 0, 0, 0]), None);
        assert_eq!(mark(&[0x0f, 0x1f, 0x40, 0]), None);
        assert_eq!(mark(&[0x90]), None);
    }

    #[test]
    fn repeated_string_instructions_are_known() {
        // rep movsb, rep movsq, repne scasb, rep stosw with an address of 32 bits
        for bytes in [
            &[0xf3, 0xa4][..],
            &[0xf3, 0x48, 0xa5],
            &[0xf2, 0xae],
            &[0xf3, 0x66, 0x67, 0xab],
        ] {
            assert!(is_repeated(bytes), "{bytes:x?}");
        }
        // movsb, pause, rep ret, endbr64, test, movsd
        for bytes in [
            &[0xa4][..],
            &[0xf3, 0x90],
            &[0xf3, 0xc3],
            &[0xf3, 0x0f, 0x1e, 0xfa],
            &[0xa8, 1],
            &[0xf2, 0x0f, 0x10, 0xa4, 0x24, 0, 0, 0, 0],
            &[0xf3],
        ] {
            assert!(!is_repeated(bytes), "{bytes:x?}");
        }
    }
}
