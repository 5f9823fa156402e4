// SPDX-License-Identifier: GPL-2.0

//! Messages of netlink: made attribute by attribute, sent, and their answers read.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketType;

use super::raw;
use super::refused::Refused;

/// More than any message here.
const BUFFER: usize = 1 << 15;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

const SOL_NETLINK: i32 = 270;
const NETLINK_CAP_ACK: i32 = 10;
const NETLINK_EXT_ACK: i32 = 11;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
pub const EXCL: u16 = 0x200;
pub const CREATE: u16 = 0x400;

/// What an acknowledgement says besides the errno.
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;

const NESTED: u16 = 0x8000;

/// The length of `struct nlmsghdr`, and of an attribute's head.
pub const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;

/// A message that is being made.
#[derive(Clone, Debug)]
pub struct Message(Vec<u8>);

impl Message {
    /// One of this type, with the fixed part that follows its header.
    pub fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(REQUEST | flags).to_ne_bytes());
        bytes.extend(fixed);
        pad(&mut bytes);
        Self(bytes)
    }

    /// With one more attribute.
    pub fn attr(mut self, kind: u16, value: &[u8]) -> Self {
        let len = (ATTRIBUTE + value.len()) as u16;
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        pad(&mut self.0);
        self
    }

    /// With one more attribute that is a number of 32 bits.
    pub fn u32(self, kind: u16, value: u32) -> Self {
        self.attr(kind, &value.to_ne_bytes())
    }

    /// With one more attribute that is text.
    pub fn text(self, kind: u16, value: &str) -> Self {
        self.attr(kind, format!("{value}\0").as_bytes())
    }

    /// With one more attribute that has others inside.
    pub fn nest(mut self, kind: u16, inside: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.len();
        self = inside(self.attr(kind | NESTED, &[]));
        let len = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self
    }

    /// All of it, with its length.
    pub fn bytes(mut self) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A socket to ask the kernel.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens one in this thread's namespace.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, String> {
        let fail = |e| format!("a netlink socket: {e}");
        let socket =
            rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, protocol).map_err(fail)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0)).map_err(fail)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))
            .map_err(fail)?;
        for option in [NETLINK_CAP_ACK, NETLINK_EXT_ACK] {
            raw::set_option(&socket, SOL_NETLINK, option, 1)
                .map_err(|e| format!("a netlink socket's option {option}: {e}"))?;
        }
        Ok(Self(socket))
    }

    /// Asks, and returns what comes before the acknowledgement.
    pub fn ask(&self, message: Message) -> Result<Vec<Vec<u8>>, Refused> {
        self.send(message, ACK)
    }

    /// Asks for all there is.
    pub fn dump(&self, message: Message) -> Result<Vec<Vec<u8>>, Refused> {
        self.send(message, DUMP)
    }

    fn send(&self, message: Message, flags: u16) -> Result<Vec<Vec<u8>>, Refused> {
        let mut bytes = message.bytes();
        bytes[6] |= flags as u8;
        bytes[7] |= (flags >> 8) as u8;
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.0, &bytes, SendFlags::empty(), &kernel)?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; BUFFER];
        loop {
            let (_, len) = rustix::net::recv(&self.0, buffer.as_mut_slice(), RecvFlags::TRUNC)?;
            if len > BUFFER {
                return Err(Refused(format!("an answer of {len} bytes")));
            }
            for answer in split(&buffer[..len], HEADER) {
                match u16_at(answer, 4) {
                    NLMSG_ERROR | NLMSG_DONE => return ended(answer).map(|()| answers),
                    _ => answers.push(answer.to_vec()),
                }
            }
        }
    }
}

/// What an acknowledgement, or the end of a dump, amounts to.
fn ended(answer: &[u8]) -> Result<(), Refused> {
    let errno = -(u32_at(answer, HEADER) as i32);
    if errno == 0 {
        return Ok(());
    }
    let refused = Refused::by(errno);
    if u16_at(answer, 6) & NLM_F_ACK_TLVS == 0 {
        return Err(refused);
    }
    // The head of the request stands between the errno and these; not at the end of a dump.
    let skip = match u16_at(answer, 4) {
        NLMSG_DONE => HEADER + 4,
        _ => HEADER + 4 + HEADER,
    };
    let mut reason = Vec::new();
    for (kind, value) in attributes(answer, skip) {
        match kind {
            NLMSGERR_ATTR_MSG => reason.push(text(value)),
            NLMSGERR_ATTR_MISS_TYPE => reason.push(format!("no attribute {}", u32_at(value, 0))),
            _ => {}
        }
    }
    Err(refused.because(&reason.join("; ")))
}

/// The attributes of a message behind its fixed part, which ends at `from`.
pub fn attributes(message: &[u8], from: usize) -> Vec<(u16, &[u8])> {
    let rest = message.get(from..).unwrap_or_default();
    split(rest, ATTRIBUTE)
        .into_iter()
        .map(|attribute| (u16_at(attribute, 2) & !NESTED, &attribute[ATTRIBUTE..]))
        .collect()
}

/// Cuts what has its length at the beginning, in four or two bytes, as its `head` is long.
fn split(mut bytes: &[u8], head: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while bytes.len() >= head {
        let len = match head {
            ATTRIBUTE => usize::from(u16_at(bytes, 0)),
            _ => u32_at(bytes, 0) as usize,
        };
        if len < head || len > bytes.len() {
            break;
        }
        pieces.push(&bytes[..len]);
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
    }
    pieces
}

/// The number there; 0 where there is none.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let number = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    number.copied().map_or(0, u16::from_ne_bytes)
}

/// The number there; 0 where there is none.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    number.copied().map_or(0, u32::from_ne_bytes)
}

/// The number there; 0 where there is none.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    number.copied().map_or(0, u64::from_ne_bytes)
}

/// An attribute that is text.
pub fn text(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.trim_end_matches('\0').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let message = Message::new(16, EXCL, &[1, 2, 3, 4])
            .text(3, "lo")
            .nest(18, |m| m.text(1, "dummy").u32(2, 7))
            .attr(4, &[9]);
        let bytes = message.bytes();
        assert_eq!(bytes.len(), u32_at(&bytes, 0) as usize);
        assert_eq!(u16_at(&bytes, 6), REQUEST | EXCL);
        let found = attributes(&bytes, HEADER + 4);
        let kinds: Vec<u16> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [3, 18, 4]);
        assert_eq!(text(found[0].1), "lo");
        let inside = attributes(found[1].1, 0);
        assert_eq!(text(inside[0].1), "dummy");
        assert_eq!(u32_at(inside[1].1, 0), 7);
        assert_eq!(found[2].1, [9]);
    }

    /// An acknowledgement with this errno and text.
    fn answer(errno: i32, reason: &str) -> Vec<u8> {
        let mut fixed = (-errno).to_ne_bytes().to_vec();
        fixed.extend([0; HEADER]);
        let message = Message::new(NLMSG_ERROR, NLM_F_ACK_TLVS, &fixed);
        message.text(NLMSGERR_ATTR_MSG, reason).bytes()
    }

    #[test]
    fn reasons_are_read() {
        assert_eq!(ended(&answer(0, "")), Ok(()));
        let refused = ended(&answer(22, "Invalid MTU")).unwrap_err();
        assert_eq!(refused.to_string(), "errno EINVAL: Invalid MTU");
    }

    #[test]
    fn what_is_cut_ends_the_reading() {
        let bytes = Message::new(16, 0, &[]).text(3, "lo").bytes();
        for len in 0..bytes.len() - 1 {
            assert!(attributes(&bytes[..len], HEADER).is_empty());
        }
        assert_eq!(u32_at(&[1, 0, 0], 0), 0);
        assert_eq!(u64_at(&[0; 8], 1), 0);
    }
}
