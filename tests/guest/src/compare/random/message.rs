// SPDX-License-Identifier: GPL-2.0

//! Netlink messages: what is asked, and what is answered.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_timeout;
use rustix::net::sockopt::Timeout;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;

/// The length of `struct nlmsghdr`.
pub const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
/// What is left of an attribute's type without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;
const NESTED: u16 = 0x8000;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
/// The kernel says by this that what it dumped changed meanwhile.
const DUMP_INTR: u16 = 0x10;
/// It comes for every request that makes something.
pub const CREATE: u16 = 0x400;
/// There must be none yet.
pub const EXCL: u16 = 0x200;
/// There may be one.
pub const REPLACE: u16 = 0x100;
/// One more.
pub const APPEND: u16 = 0x800;

/// As much as the kernel puts into a datagram.
const BUFFER: usize = 1 << 16;
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Attributes, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with a structure that is no attribute.
    pub fn after(head: &[u8]) -> Self {
        Self(head.to_vec())
    }

    /// Adds one of these bytes.
    pub fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let len = (ATTRIBUTE + value.len()) as u16;
        self.0.extend(len.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a number.
    pub fn number(self, kind: u16, value: u32) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// Adds a text.
    pub fn text(self, kind: u16, value: &str) -> Self {
        self.bytes(kind, format!("{value}\0").as_bytes())
    }

    /// All of it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds one that has others in it.
    pub fn nest(self, kind: u16, inner: Self) -> Self {
        self.bytes(kind | NESTED, &inner.0)
    }
}

/// A request: its type, its flags, and what is in it.
#[derive(Debug)]
pub struct Request {
    /// The type.
    pub kind: u16,
    /// The flags besides those that every request has.
    pub flags: u16,
    /// The structure that it begins with, and its attributes.
    pub body: Attributes,
}

impl Request {
    fn encode(&self, flags: u16) -> Vec<u8> {
        let len = (HEADER + self.body.0.len()) as u32;
        let mut bytes = len.to_ne_bytes().to_vec();
        bytes.extend(self.kind.to_ne_bytes());
        bytes.extend((REQUEST | self.flags | flags).to_ne_bytes());
        // All have the same number, so that equal answers are equal byte by byte.
        bytes.extend(1_u32.to_ne_bytes());
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(&self.body.0);
        bytes
    }
}

/// A netlink socket of one namespace.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens one in this thread's namespace; no protocol is `NETLINK_ROUTE`.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, String> {
        let fail = |e| format!("a netlink socket: {e}");
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)
                .map_err(fail)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0)).map_err(fail)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).map_err(fail)?;
        Ok(Self(socket))
    }

    /// Has something done; the errno that comes of it, or 0.
    pub fn ask(&self, request: &Request) -> Result<i32, String> {
        self.send(&request.encode(ACK))?;
        let mut buffer = vec![0; BUFFER];
        let len = self.receive(&mut buffer)?;
        let answer = messages(&buffer[..len]).next();
        match answer {
            Some((NLMSG_ERROR, body)) => Ok(-i32_at(body, 0)),
            other => Err(format!("netlink: {other:?} is no acknowledgement")),
        }
    }

    /// Asks for one answer, which comes without its head.
    pub fn get(&self, request: &Request) -> Result<Vec<u8>, String> {
        self.send(&request.encode(0))?;
        let mut buffer = vec![0; BUFFER];
        let len = self.receive(&mut buffer)?;
        let answer = messages(&buffer[..len]).next();
        match answer {
            Some((kind, body)) if kind != NLMSG_ERROR => Ok(body.to_vec()),
            other => Err(format!("netlink: {other:?} is no answer")),
        }
    }

    /// Asks for all there are. The messages are put one behind the other, as they come.
    pub fn dump(&self, request: &Request) -> Result<Vec<u8>, String> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let (all, whole) = self.try_dump(request, &mut buffer)?;
            if whole {
                return Ok(all);
            }
        }
    }

    /// One attempt at that, and whether nothing changed meanwhile.
    fn try_dump(&self, request: &Request, buffer: &mut [u8]) -> Result<(Vec<u8>, bool), String> {
        self.send(&request.encode(DUMP))?;
        let (mut all, mut whole) = (Vec::new(), true);
        loop {
            let len = self.receive(buffer)?;
            let mut rest = &buffer[..len];
            while let Some((message, after)) = cut(rest) {
                rest = after;
                whole &= u16_at(message, 6) & DUMP_INTR == 0;
                match u16_at(message, 4) {
                    NLMSG_DONE => return Ok((all, whole)),
                    NLMSG_ERROR => {
                        let errno = -i32_at(message, HEADER);
                        return Err(format!("netlink: dump {}: errno {errno}", request.kind));
                    }
                    _ => all.extend(message),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), String> {
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.0, bytes, SendFlags::empty(), &kernel)
            .map(drop)
            .map_err(|e| format!("netlink: send: {e}"))
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<usize, String> {
        match rustix::net::recv(&self.0, &mut *buffer, RecvFlags::TRUNC) {
            Ok((_, len)) if len > buffer.len() => Err(format!("netlink: {len} bytes at once")),
            Ok((_, len)) => Ok(len),
            Err(error) => Err(format!("netlink: receive: {error}")),
        }
    }
}

/// Cuts the first message off.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.len() < HEADER {
        return None;
    }
    let len = (u32_at(bytes, 0) as usize).clamp(HEADER, bytes.len());
    let next = len.next_multiple_of(4).min(bytes.len());
    Some((&bytes[..len], &bytes[next..]))
}

/// The messages in `bytes`: their types, and what comes after their heads.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (message, rest) = cut(bytes)?;
        bytes = rest;
        Some((u16_at(message, 4), &message[HEADER..]))
    })
}

/// The attributes in `bytes`: their types, and what is in them.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        if bytes.len() < ATTRIBUTE {
            return None;
        }
        let len = usize::from(u16_at(bytes, 0)).clamp(ATTRIBUTE, bytes.len());
        let (one, kind) = (&bytes[ATTRIBUTE..len], u16_at(bytes, 2) & TYPE_MASK);
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
        Some((kind, one))
    })
}

/// What an attribute of this type has in it; nothing if there is none.
pub fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, value)| (found == kind).then_some(value))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    for (to, from) in array.iter_mut().zip(bytes.iter().skip(at)) {
        *to = *from;
    }
    array
}

/// The number at `at`; what is not there is 0.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(array(bytes, at))
}

/// The number at `at`; what is not there is 0.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(array(bytes, at))
}

/// The number at `at`; what is not there is 0.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(array(bytes, at))
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_ne_bytes(array(bytes, at))
}

/// The text up to its end.
pub fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_comes_out() {
        let inner = Attributes::new().text(1, "dummy");
        let body = Attributes::after(&[9; 16])
            .number(4, 1500)
            .nest(18, inner)
            .bytes(17, &[1]);
        let request = Request {
            kind: 16,
            flags: CREATE,
            body,
        };
        let bytes = request.encode(ACK);
        let (kind, body) = messages(&bytes).next().unwrap();
        assert_eq!((kind, u16_at(&bytes, 6)), (16, REQUEST | ACK | CREATE));
        let found: Vec<(u16, &[u8])> = attributes(&body[16..]).collect();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].0, u32_at(found[0].1, 0)), (4, 1500));
        assert_eq!(text_of(find(found[1].1, 1).unwrap()), "dummy");
        assert_eq!(found[2], (17, &[1][..]));
        assert_eq!(messages(&bytes).count(), 1);
    }

    #[test]
    fn what_is_cut_short_has_an_end() {
        let bytes = [40, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 200, 0];
        for len in 0..bytes.len() {
            for (_, body) in messages(&bytes[..len]) {
                assert!(attributes(body).count() <= 1);
            }
        }
    }
}
