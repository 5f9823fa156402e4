// SPDX-License-Identifier: GPL-2.0

//! Messages of netlink: made attribute by attribute, sent, and their answers read.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;

use super::refused::Refused;
use crate::compare::raw;
use crate::compare::wire;
use crate::compare::wire::messages;
use crate::compare::wire::text;
use crate::compare::wire::u16_at;
use crate::compare::wire::u32_at;
use crate::compare::wire::ACK;
use crate::compare::wire::ACK_TLVS;
use crate::compare::wire::DUMP;
use crate::compare::wire::HEADER;
use crate::compare::wire::NLMSGERR_ATTR_MSG;
use crate::compare::wire::NLMSG_DONE;
use crate::compare::wire::NLMSG_ERROR;
use crate::compare::wire::REQUEST;
use crate::netlink;

/// More than any message here.
const BUFFER: usize = 1 << 15;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

const SOL_NETLINK: i32 = 270;
const NETLINK_CAP_ACK: i32 = 10;
const NETLINK_EXT_ACK: i32 = 11;

const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;

/// A message that is being made.
#[derive(Clone, Debug)]
pub struct Message(Vec<u8>);

impl Message {
    /// One of this type, with the fixed part that follows its header.
    pub fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = wire::message(kind, REQUEST | flags, fixed);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Self(bytes)
    }

    /// With one more attribute.
    pub fn attr(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.extend(wire::attribute(kind, value));
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
        self.0.extend(wire::nest(kind, &[]));
        self = inside(self);
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

/// A socket to ask the kernel.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens one in this thread's namespace.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, String> {
        let socket = netlink::open(protocol, 0)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE))
            .map_err(|e| format!("a netlink socket: {e}"))?;
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
            for answer in messages(&buffer[..len]) {
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
    if u16_at(answer, 6) & ACK_TLVS == 0 {
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
    wire::attributes(message.get(from..).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::wire::EXCL;

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
        let message = Message::new(NLMSG_ERROR, ACK_TLVS, &fixed);
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
    }
}
