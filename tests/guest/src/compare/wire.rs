// SPDX-License-Identifier: GPL-2.0

//! Netlink's messages and attributes, as bytes: how they are put together, and what is in them.

/// The length of `struct nlmsghdr`, and of an attribute's head.
pub const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;

pub const NLMSG_ERROR: u16 = 2;
pub const NLMSG_DONE: u16 = 3;

pub const REQUEST: u16 = 1;
pub const ACK: u16 = 4;
pub const DUMP: u16 = 0x300;
/// The kernel says by this that what it dumped changed meanwhile.
pub const DUMP_INTR: u16 = 0x10;
/// An acknowledgement says something besides the errno, such as this text.
pub const ACK_TLVS: u16 = 0x200;
pub const NLMSGERR_ATTR_MSG: u16 = 1;

/// It comes for every request that makes something.
pub const CREATE: u16 = 0x400;
/// There must be none yet.
pub const EXCL: u16 = 0x200;

const NESTED: u16 = 0x8000;
/// What is left of an attribute's type without that and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;

/// A message of this type with these flags; `body` is its fixed part and attributes.
pub fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let len = (HEADER + body.len()) as u32;
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    // All have the same number, so that equal answers are equal byte by byte.
    bytes.resize(HEADER, 0);
    bytes.extend(body);
    bytes
}

/// An attribute, padded.
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = (ATTRIBUTE + value.len()) as u16;
    let mut bytes = len.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An attribute that has these attributes in it.
pub fn nest(kind: u16, attributes: &[u8]) -> Vec<u8> {
    attribute(kind | NESTED, attributes)
}

/// The messages in `bytes`, heads included, up to one that is cut short.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(bytes, HEADER, |head| u32_at(head, 0) as usize)
}

/// The attributes in `bytes`, up to one that is cut short: their types, and what is in them.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(bytes, ATTRIBUTE, |head| usize::from(u16_at(head, 0)))
        .map(|piece| (u16_at(piece, 2) & TYPE_MASK, &piece[ATTRIBUTE..]))
}

/// Cuts what has its length at its head, padded to four bytes.
fn pieces(
    mut bytes: &[u8],
    head: usize,
    len: impl Fn(&[u8]) -> usize,
) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = len(bytes);
        if len < head || len > bytes.len() {
            return None;
        }
        let piece = &bytes[..len];
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
        Some(piece)
    })
}

/// What an attribute of this type has in it; nothing if there is none.
pub fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, value)| (found == kind).then_some(value))
}

/// The number there; 0 where there is none.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    array(bytes, at).map_or(0, u16::from_ne_bytes)
}

/// The number there; 0 where there is none.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    array(bytes, at).map_or(0, u32::from_ne_bytes)
}

/// The number there; 0 where there is none.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    array(bytes, at).map_or(0, u64::from_ne_bytes)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// The text, without what pads it.
pub fn text(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.trim_end_matches('\0').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let body = [
            vec![9; 16],
            attribute(4, &1500_u32.to_ne_bytes()),
            nest(18, &attribute(1, b"dummy\0")),
            attribute(17, &[1]),
        ];
        let bytes = message(16, REQUEST | CREATE, &body.concat());
        assert_eq!(bytes.len(), u32_at(&bytes, 0) as usize);
        assert_eq!((u16_at(&bytes, 4), u16_at(&bytes, 6)), (16, 0x401));
        assert_eq!(messages(&bytes).collect::<Vec<_>>(), [&bytes[..]]);
        let rest = &bytes[HEADER + 16..];
        let kinds: Vec<u16> = attributes(rest).map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [4, 18, 17]);
        assert_eq!(find(rest, 4).map(|value| u32_at(value, 0)), Some(1500));
        let inner = find(rest, 18).and_then(|inner| find(inner, 1));
        assert_eq!(inner.map(text).as_deref(), Some("dummy"));
        assert_eq!(find(rest, 17), Some(&[1][..]));
        assert_eq!(find(rest, 5), None);
    }

    #[test]
    fn attributes_are_padded() {
        assert_eq!(attribute(3, b"lo\0"), [7, 0, 3, 0, b'l', b'o', 0, 0]);
        assert_eq!(nest(1, &[])[..], [4, 0, 1, 0x80]);
    }

    #[test]
    fn what_is_cut_short_ends_the_reading() {
        let bytes = message(16, 0, &attribute(3, b"lo\0"));
        for len in 0..bytes.len() {
            assert_eq!(messages(&bytes[..len]).count(), 0);
        }
        for len in HEADER..bytes.len() - 1 {
            assert_eq!(attributes(&bytes[HEADER..len]).count(), 0);
        }
        assert_eq!(u32_at(&[1, 0, 0], 0), 0);
        assert_eq!(u64_at(&[0; 8], 1), 0);
    }
}
