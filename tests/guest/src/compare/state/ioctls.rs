// SPDX-License-Identifier: GPL-2.0

//! What `lo` answers to the ioctls that ask interfaces for something, by sockets of several
//! families.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::net::AddressFamily;
use rustix::net::SocketType;

use super::facts::errno;
use super::facts::Facts;
use crate::compare::raw;
use crate::compare::raw::Value;
use crate::compare::words::hex;

/// The families that they are asked of: each has ioctls of its own.
const FAMILIES: [(&str, AddressFamily); 4] = [
    ("inet", AddressFamily::INET),
    ("inet6", AddressFamily::INET6),
    ("packet", AddressFamily::PACKET),
    ("unix", AddressFamily::UNIX),
];

/// What an answer is.
#[derive(Clone, Copy)]
enum Kind {
    /// Flags.
    Short,
    /// A number.
    Int,
    /// An address of 16 bytes with its family.
    Address,
    /// The bytes as they are.
    Bytes,
    /// Bytes behind a pointer.
    Data,
}

/// Those that there are, by `include/uapi/linux/sockios.h` and `wireless.h`.
const REQUESTS: &[(&str, u16, Kind)] = &[
    ("SIOCGIFFLAGS", 0x8913, Kind::Short),
    ("SIOCGIFADDR", 0x8915, Kind::Address),
    ("SIOCGIFDSTADDR", 0x8917, Kind::Address),
    ("SIOCGIFBRDADDR", 0x8919, Kind::Address),
    ("SIOCGIFNETMASK", 0x891b, Kind::Address),
    ("SIOCGIFMETRIC", 0x891d, Kind::Int),
    ("SIOCGIFMEM", 0x891f, Kind::Bytes),
    ("SIOCGIFMTU", 0x8921, Kind::Int),
    ("SIOCGIFENCAP", 0x8925, Kind::Int),
    ("SIOCGIFHWADDR", 0x8927, Kind::Address),
    ("SIOCGIFSLAVE", 0x8929, Kind::Bytes),
    ("SIOCGIFINDEX", 0x8933, Kind::Int),
    ("SIOCGIFPFLAGS", 0x8935, Kind::Short),
    ("SIOCGIFCOUNT", 0x8938, Kind::Int),
    ("SIOCGIFBR", 0x8940, Kind::Bytes),
    ("SIOCGIFTXQLEN", 0x8942, Kind::Int),
    ("SIOCGMIIPHY", 0x8947, Kind::Bytes),
    ("SIOCGMIIREG", 0x8948, Kind::Bytes),
    ("SIOCWANDEV", 0x894a, Kind::Data),
    ("SIOCGIFMAP", 0x8970, Kind::Bytes),
    ("SIOCGIFVLAN", 0x8982, Kind::Data),
    ("SIOCBONDSLAVEINFOQUERY", 0x8993, Kind::Data),
    ("SIOCBONDINFOQUERY", 0x8994, Kind::Data),
    ("SIOCGHWTSTAMP", 0x89b1, Kind::Data),
    ("SIOCGIWNAME", 0x8b01, Kind::Bytes),
];

const SIOCGIFNAME: u16 = 0x8910;
const SIOCDEVPRIVATE: u16 = 0x89f0;
const SIOCETHTOOL: u16 = 0x8946;

/// How many a device may have that no other one has.
const PRIVATE: u16 = 16;

/// All of it, in this thread's namespace.
pub fn read() -> Result<Facts, String> {
    let mut facts = Facts::default();
    for (name, family) in FAMILIES {
        facts.add_below(name, of_family(&socket(family)?));
    }
    Ok(facts)
}

fn socket(family: AddressFamily) -> Result<OwnedFd, String> {
    rustix::net::socket(family, SocketType::DGRAM, None)
        .map_err(|e| format!("a socket of {family:?}: {e}"))
}

fn of_family(socket: &OwnedFd) -> Facts {
    let mut facts = Facts::default();
    for (name, number, kind) in REQUESTS {
        let value = match kind {
            Kind::Data => data(socket, *number, &[]).map(|data| words(&data)),
            _ => raw::with_value(socket, (*number).into(), "lo", &[])
                .map(|(_, content)| show(*kind, &content)),
        };
        facts.add(*name, value.unwrap_or_else(errno));
    }
    for offset in 0..PRIVATE {
        let value = data(socket, SIOCDEVPRIVATE + offset, &[]).map(|data| words(&data));
        let name = format!("SIOCDEVPRIVATE+{offset}");
        facts.add(name, value.unwrap_or_else(errno));
    }
    let index = 1_u32.to_ne_bytes();
    let name = raw::with_value(socket, SIOCGIFNAME.into(), "", &index).map(|(name, _)| name);
    facts.add("SIOCGIFNAME", name.unwrap_or_else(errno));
    let all = raw::ifconf(socket).map(|bytes| interfaces(&bytes));
    facts.add("SIOCGIFCONF", all.unwrap_or_else(errno));
    facts
}

fn show(kind: Kind, content: &Value) -> String {
    let [a, b, c, d, ..] = *content;
    match kind {
        Kind::Short => format!("{:#x}", u16::from_ne_bytes([a, b])),
        Kind::Int => i32::from_ne_bytes([a, b, c, d]).to_string(),
        Kind::Address => address(&content[..16]),
        Kind::Bytes | Kind::Data => hex(content),
    }
}

/// A `struct sockaddr`: its family and what follows.
fn address(bytes: &[u8]) -> String {
    match bytes {
        [a, b, rest @ ..] => format!("family {} {}", u16::from_ne_bytes([*a, *b]), hex(rest)),
        _ => hex(bytes),
    }
}

/// What `SIOCGIFCONF` says: names and addresses.
fn interfaces(bytes: &[u8]) -> String {
    const IFREQ: usize = 40;
    const NAME: usize = 16;
    let one = |ifreq: &[u8]| {
        let (name, content) = ifreq.split_at(NAME.min(ifreq.len()));
        let name = String::from_utf8_lossy(name);
        let content = content.get(..16).unwrap_or(content);
        format!("{} {}", name.trim_end_matches('\0'), address(content))
    };
    let all: Vec<String> = bytes.chunks(IFREQ).map(one).collect();
    all.join(", ")
}

/// What request `number` leaves where `words` were.
fn data(socket: &OwnedFd, number: u16, words: &[u32]) -> Result<Vec<u8>, Errno> {
    let words: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    raw::with_data(socket, number.into(), "lo", &words).map(|(_, data)| data)
}

/// An ethtool command, which begins with `words`: what the kernel leaves in their place.
pub fn ethtool(words: &[u32]) -> Result<Vec<u8>, String> {
    let socket = socket(AddressFamily::INET)?;
    data(&socket, SIOCETHTOOL, words).map_err(errno)
}

/// Words of 32 bits, up to the last one that is not 0.
pub fn words(bytes: &[u8]) -> String {
    let len = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let word = |bytes: &[u8]| {
        let fold = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
        format!("{:#x}", bytes.iter().rev().fold(0, fold))
    };
    let words: Vec<String> = bytes[..len].chunks(4).map(word).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_shown() {
        let mut content = Value::default();
        content[..4].copy_from_slice(&[2, 0, 127, 1]);
        assert_eq!(show(Kind::Short, &content), "0x2");
        assert_eq!(show(Kind::Int, &content), (0x017f_0002).to_string());
        assert!(show(Kind::Address, &content).starts_with("family 2 7f:01:00"));
        assert_eq!(words(&[0; 8]), "");
        assert_eq!(words(&[1, 2, 0, 0, 0, 0, 0, 0, 9, 0]), "0x201 0x0 0x9");
    }

    #[test]
    fn interfaces_are_listed() {
        let mut bytes = [0; 80];
        bytes[..2].copy_from_slice(b"lo");
        bytes[16] = 2;
        bytes[40..43].copy_from_slice(b"lo2");
        let text = interfaces(&bytes);
        assert!(text.starts_with("lo family 2 00:"), "{text}");
        assert!(text.contains(", lo2 family 0 "), "{text}");
    }

    #[test]
    fn the_host_s_lo_answers() {
        let facts = of_family(&socket(AddressFamily::UNIX).unwrap());
        assert_eq!(facts.get("SIOCGIFINDEX"), Some("1"));
        assert_eq!(facts.get("SIOCGIFNAME"), Some("lo"));
        assert!(facts.get("SIOCGIFMEM").unwrap().starts_with("errno "));
    }
}
