// SPDX-License-Identifier: GPL-2.0

//! Netlink messages: what is asked, and what is answered.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_timeout;
use rustix::net::sockopt::Timeout;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;

use crate::compare::wire;
use crate::compare::wire::u16_at;
use crate::compare::wire::u32_at;
use crate::compare::wire::ACK;
use crate::compare::wire::DUMP;
use crate::compare::wire::DUMP_INTR;
use crate::compare::wire::HEADER;
use crate::compare::wire::NLMSG_DONE;
use crate::compare::wire::NLMSG_ERROR;
use crate::compare::wire::REQUEST;
use crate::netlink;

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
        self.0.extend(wire::attribute(kind, value));
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
    pub fn nest(mut self, kind: u16, inner: Self) -> Self {
        self.0.extend(wire::nest(kind, &inner.0));
        self
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
        wire::message(self.kind, REQUEST | self.flags | flags, &self.body.0)
    }
}

/// A netlink socket of one namespace.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens one in this thread's namespace; no protocol is `NETLINK_ROUTE`.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, String> {
        let socket = netlink::open(protocol, 0)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))
            .map_err(|e| format!("a netlink socket: {e}"))?;
        Ok(Self(socket))
    }

    /// Has something done; the errno that comes of it, or 0.
    pub fn ask(&self, request: &Request) -> Result<i32, String> {
        self.send(&request.encode(ACK))?;
        let mut buffer = vec![0; BUFFER];
        let len = self.receive(&mut buffer)?;
        let answer = messages(&buffer[..len]).next();
        match answer {
            Some((NLMSG_ERROR, body)) => Ok(-(u32_at(body, 0) as i32)),
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
            for message in wire::messages(&buffer[..len]) {
                whole &= u16_at(message, 6) & DUMP_INTR == 0;
                match u16_at(message, 4) {
                    NLMSG_DONE => return Ok((all, whole)),
                    NLMSG_ERROR => {
                        let errno = -(u32_at(message, HEADER) as i32);
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

/// The messages in `bytes`: their types, and what comes after their heads.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    wire::messages(bytes).map(|message| (u16_at(message, 4), &message[HEADER..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::wire::attributes;
    use crate::compare::wire::find;
    use crate::compare::wire::text;
    use crate::compare::wire::CREATE;

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
        assert_eq!(text(find(found[1].1, 1).unwrap()), "dummy");
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
