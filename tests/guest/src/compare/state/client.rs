// SPDX-License-Identifier: GPL-2.0

//! Asks the kernel over netlink, without `ip` or `ethtool` in between.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_timeout;
use rustix::net::sockopt::Timeout;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;

use super::facts::errno;
use super::schema;
use crate::compare::raw;
use crate::compare::wire;
use crate::compare::wire::ACK;
use crate::compare::wire::ACK_TLVS;
use crate::compare::wire::DUMP;
use crate::compare::wire::DUMP_INTR;
use crate::compare::wire::HEADER;
use crate::compare::wire::NLMSGERR_ATTR_MSG;
use crate::compare::wire::NLMSG_DONE;
use crate::compare::wire::NLMSG_ERROR;
use crate::compare::wire::REQUEST;
use crate::netlink;
use crate::netlink::cut;
use crate::netlink::u16_at;
use crate::netlink::u32_at;

/// How long the kernel may take to answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// With the kernel's words for what is wrong, without the request in the answer, and without
/// leniency towards filters that a dump does not know.
const OPTIONS: [i32; 3] = [
    nix::libc::NETLINK_EXT_ACK,
    nix::libc::NETLINK_CAP_ACK,
    nix::libc::NETLINK_GET_STRICT_CHK,
];

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What the messages have after their headers.
    Messages(Vec<Vec<u8>>),
    /// The error, as a value.
    Refused(String),
}

/// Whether one thing is asked for, or all there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    One,
    All,
}

/// A socket of this thread's namespace.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
}

impl Client {
    /// Opens it.
    pub fn open(protocol: Option<Protocol>) -> Result<Self, String> {
        let socket = netlink::open(protocol, 0)?;
        for option in OPTIONS {
            raw::set_option(&socket, nix::libc::SOL_NETLINK, option, 1)
                .map_err(|e| format!("a netlink socket's option {option}: {e}"))?;
        }
        set_socket_timeout(&socket, Timeout::Recv, Some(DEADLINE))
            .map_err(|e| format!("a netlink socket's deadline: {e}"))?;
        Ok(Self { socket })
    }

    /// Sends a request of type `kind`, and waits for all of the answer.
    pub fn ask(&self, kind: u16, reach: Reach, body: &[u8]) -> Result<Answer, String> {
        let flags = match reach {
            Reach::One => ACK,
            Reach::All => DUMP,
        };
        let request = wire::message(kind, REQUEST | flags, body);
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::net::sendto(&self.socket, &request, SendFlags::empty(), &kernel)
            .map_err(|e| format!("netlink request {kind}: {e}"))?;
        let mut messages = Vec::new();
        loop {
            let datagram = netlink::receive(&self.socket, RecvFlags::empty())?
                .ok_or_else(|| format!("netlink request {kind}: no answer"))?;
            if let Some(end) = read(&datagram, &mut messages)? {
                return Ok(end.map_or(Answer::Messages(messages), Answer::Refused));
            }
        }
    }
}

/// Adds a datagram's messages to `messages`. None if more is to come; otherwise the end, which may
/// be an error.
fn read(datagram: &[u8], messages: &mut Vec<Vec<u8>>) -> Result<Option<Option<String>>, String> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let (message, after) = cut(rest, HEADER, |head| u32_at(head, 0))?;
        rest = after;
        if u16_at(message, 6)? & DUMP_INTR != 0 {
            return Err("netlink: something changed during a dump".into());
        }
        match u16_at(message, 4)? {
            NLMSG_ERROR | NLMSG_DONE => return end(message).map(Some),
            _ => messages.push(message[HEADER..].to_vec()),
        }
    }
    Ok(None)
}

/// The last message: an error with its explanation, or none. The kernel has put the header of the
/// request behind the number of an error.
fn end(message: &[u8]) -> Result<Option<String>, String> {
    let code = u32_at(message, HEADER)? as i32;
    if code >= 0 {
        return Ok(None);
    }
    let mut value = errno(Errno::from_raw(-code));
    let echoed = match u16_at(message, 4)? {
        NLMSG_ERROR => HEADER,
        _ => 0,
    };
    let words = message.get(HEADER + 4 + echoed..).unwrap_or_default();
    if u16_at(message, 6)? & ACK_TLVS != 0 {
        for (number, text) in schema::split(words)? {
            if number == NLMSGERR_ATTR_MSG {
                let text = String::from_utf8_lossy(text);
                value += &format!(": {}", text.trim_end_matches('\0'));
            }
        }
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::wire::attribute;
    use crate::compare::wire::message;

    #[test]
    fn an_answer_has_an_end() {
        let mut messages = Vec::new();
        let one = message(16, 2, &[1, 2, 3, 4]);
        assert_eq!(read(&one, &mut messages), Ok(None));
        let done = message(NLMSG_DONE, 2, &0_i32.to_ne_bytes());
        assert_eq!(read(&done, &mut messages), Ok(Some(None)));
        assert_eq!(messages, [[1, 2, 3, 4]]);
        let interrupted = message(16, DUMP_INTR, &[]);
        assert!(read(&interrupted, &mut messages).is_err());
        assert!(read(&one[..HEADER - 1], &mut messages).is_err());
    }

    #[test]
    fn a_refusal_has_its_errno_and_words() {
        let mut body = (-95_i32).to_ne_bytes().to_vec();
        body.extend([0; HEADER]);
        let plain = message(NLMSG_ERROR, 0x100, &body);
        assert_eq!(end(&plain), Ok(Some("errno EOPNOTSUPP".into())));
        body.extend(attribute(NLMSGERR_ATTR_MSG, b"not here\0"));
        let told = message(NLMSG_ERROR, 0x300, &body);
        assert_eq!(end(&told), Ok(Some("errno EOPNOTSUPP: not here".into())));
        let acknowledged = message(NLMSG_ERROR, 0x100, &[0; HEADER + 4]);
        assert_eq!(end(&acknowledged), Ok(None));
    }
}
