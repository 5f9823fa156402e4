// SPDX-License-Identifier: GPL-2.0

//! What the kernel says of a namespace's devices to those who listen there: rtnetlink's messages
//! and uevents.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;

/// More than any message of a single device.
const BUFFER: usize = 1 << 16;

/// `NETLINK_ROUTE` is 0, which for rustix is no protocol.
const ROUTE: Option<Protocol> = None;
const UEVENTS: Option<Protocol> = Some(netlink::KOBJECT_UEVENT);

const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const IFLA_IFNAME: u16 = 3;

/// The lengths of `struct nlmsghdr` and `struct ifinfomsg`, and of an attribute's head.
pub const HEADER: usize = 16;
const INFO: usize = 16;
const ATTRIBUTE: usize = 4;

/// `RTNLGRP_LINK`, and the kernel's own group of uevents, as bits.
const GROUP_LINK: u32 = 1;
const GROUP_KERNEL: u32 = 1;

/// A device that has come or changed, or one that has gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Whether it is no more.
    pub gone: bool,
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// Its flags.
    pub flags: u32,
    /// Which flags have changed; all bits if it is new or gone.
    pub change: u32,
}

/// An event of the driver core.
#[derive(Clone, Debug, PartialEq)]
pub struct Uevent {
    /// `add@/devices/virtual/net/lo`
    pub title: String,
    /// What there is to say about it: `INTERFACE=lo`.
    pub values: Vec<String>,
}

impl Uevent {
    /// Whether it is said to be of the device of this class, name and index.
    pub fn is_of(&self, class: &str, name: &str, index: u32) -> bool {
        [
            format!("SUBSYSTEM={class}"),
            format!("INTERFACE={name}"),
            format!("IFINDEX={index}"),
        ]
        .iter()
        .all(|value| self.values.contains(value))
    }
}

/// Both, of the namespace that it was opened in.
#[derive(Debug)]
pub struct Ears {
    links: OwnedFd,
    uevents: OwnedFd,
}

impl Ears {
    /// Listens in this thread's namespace.
    pub fn open() -> Result<Self, String> {
        Ok(Self {
            links: open(ROUTE, GROUP_LINK)?,
            uevents: open(UEVENTS, GROUP_KERNEL)?,
        })
    }

    /// The messages about links that have come since the last time.
    pub fn links(&self) -> Result<Vec<Link>, String> {
        let mut links = Vec::new();
        while let Some(datagram) = receive(&self.links, RecvFlags::DONTWAIT)? {
            links.extend(parse_links(&datagram)?.links);
        }
        Ok(links)
    }

    /// The uevents that have come since the last time.
    pub fn uevents(&self) -> Result<Vec<Uevent>, String> {
        let mut uevents = Vec::new();
        while let Some(datagram) = receive(&self.uevents, RecvFlags::DONTWAIT)? {
            uevents.push(parse_uevent(&datagram)?);
        }
        Ok(uevents)
    }
}

/// All devices of this thread's namespace, in the order that the kernel has them in.
pub fn dump() -> Result<Vec<Link>, String> {
    let socket = open(ROUTE, 0)?;
    let mut request = [0; HEADER + INFO];
    request[..4].copy_from_slice(&((HEADER + INFO) as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETLINK.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &kernel)
        .map_err(|e| format!("RTM_GETLINK: {e}"))?;
    let mut links = Vec::new();
    while let Some(datagram) = receive(&socket, RecvFlags::empty())? {
        let part = parse_links(&datagram)?;
        links.extend(part.links);
        if part.done {
            return Ok(links);
        }
    }
    Err("RTM_GETLINK: no end".into())
}

pub fn open(protocol: Option<Protocol>, groups: u32) -> Result<OwnedFd, String> {
    let fail = |e| format!("a netlink socket: {e}");
    let flags = SocketFlags::CLOEXEC;
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)
            .map_err(fail)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups)).map_err(fail)?;
    Ok(socket)
}

/// The next datagram; none if there is none yet and `flags` do not let it wait.
pub fn receive(socket: &OwnedFd, flags: RecvFlags) -> Result<Option<Vec<u8>>, String> {
    let mut buffer = vec![0; BUFFER];
    match rustix::net::recv(socket, buffer.as_mut_slice(), flags | RecvFlags::TRUNC) {
        Ok((_, len)) if len > BUFFER => Err(format!("netlink: a message of {len} bytes")),
        Ok((_, len)) => {
            buffer.truncate(len);
            Ok(Some(buffer))
        }
        Err(Errno::AGAIN) => Ok(None),
        Err(error) => Err(format!("netlink: {error}")),
    }
}

/// What a datagram of rtnetlink has in it.
#[derive(Debug, Default, PartialEq)]
struct Part {
    links: Vec<Link>,
    /// Whether that was the last one of a dump.
    done: bool,
}

fn parse_links(datagram: &[u8]) -> Result<Part, String> {
    let mut part = Part::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let (message, after) = cut(rest, HEADER, |head| u32_at(head, 0))?;
        rest = after;
        match u16_at(message, 4)? {
            NLMSG_DONE => part.done = true,
            RTM_NEWLINK => part.links.push(parse_link(message, false)?),
            RTM_DELLINK => part.links.push(parse_link(message, true)?),
            other => return Err(format!("netlink: a message of type {other}")),
        }
    }
    Ok(part)
}

fn parse_link(message: &[u8], gone: bool) -> Result<Link, String> {
    let mut rest = message
        .get(HEADER + INFO..)
        .ok_or("netlink: a short message")?;
    let mut name = None;
    while !rest.is_empty() {
        let (attribute, after) = cut(rest, ATTRIBUTE, |head| u16_at(head, 0).map(u32::from))?;
        rest = after;
        if u16_at(attribute, 2)? == IFLA_IFNAME {
            let text = String::from_utf8_lossy(&attribute[ATTRIBUTE..]);
            name = Some(text.trim_end_matches('\0').to_string());
        }
    }
    Ok(Link {
        gone,
        name: name.ok_or("netlink: a link without a name")?,
        index: u32_at(message, HEADER + 4)?,
        flags: u32_at(message, HEADER + 8)?,
        change: u32_at(message, HEADER + 12)?,
    })
}

/// Cuts the first of several pieces off, each with its length at its `head`, padded to four bytes.
pub fn cut(
    bytes: &[u8],
    head: usize,
    len: impl Fn(&[u8]) -> Result<u32, String>,
) -> Result<(&[u8], &[u8]), String> {
    let len = len(bytes)? as usize;
    if len < head || len > bytes.len() {
        return Err(format!("netlink: {len} of {} bytes", bytes.len()));
    }
    let next = len.next_multiple_of(4).min(bytes.len());
    Ok((&bytes[..len], &bytes[next..]))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], String> {
    bytes
        .get(at..at + N)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("netlink: a message of {} bytes", bytes.len()))
}

pub fn u16_at(bytes: &[u8], at: usize) -> Result<u16, String> {
    array(bytes, at).map(u16::from_ne_bytes)
}

pub fn u32_at(bytes: &[u8], at: usize) -> Result<u32, String> {
    array(bytes, at).map(u32::from_ne_bytes)
}

fn parse_uevent(datagram: &[u8]) -> Result<Uevent, String> {
    let text = String::from_utf8_lossy(datagram);
    let mut lines = text.trim_end_matches('\0').split('\0').map(String::from);
    match lines.next() {
        Some(title) if title.contains('@') => Ok(Uevent {
            title,
            values: lines.collect(),
        }),
        _ => Err(format!("not a uevent: {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message about `lo`, with an attribute of another type in front of its name.
    fn message(kind: u16) -> Vec<u8> {
        let mut bytes = vec![0; HEADER + INFO];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[HEADER + 4] = 1;
        bytes[HEADER + 8] = 0x49;
        bytes[HEADER + 12] = 0x41;
        bytes.extend([5, 0, 16, 0, 6, 0, 0, 0]);
        bytes.extend([7, 0, 3, 0, b'l', b'o', 0, 0]);
        bytes[0] = bytes.len() as u8;
        bytes
    }

    #[test]
    fn links_are_read() {
        let lo = Link {
            gone: false,
            name: "lo".into(),
            index: 1,
            flags: 0x49,
            change: 0x41,
        };
        let mut gone = lo.clone();
        gone.gone = true;
        let datagram = [message(RTM_NEWLINK), message(RTM_DELLINK)].concat();
        let part = parse_links(&datagram).unwrap();
        assert_eq!(part.links, [lo, gone]);
        assert!(!part.done);
        assert!(parse_links(&message(NLMSG_DONE)).unwrap().done);
    }

    #[test]
    fn what_is_cut_or_odd_is_an_error() {
        let whole = message(RTM_NEWLINK);
        for len in 1..whole.len() {
            assert!(parse_links(&whole[..len]).is_err(), "{len}");
        }
        assert!(parse_links(&message(99)).is_err());
        let mut nameless = whole.clone();
        nameless[HEADER + INFO + 10] = 4;
        assert!(parse_links(&nameless).is_err());
    }

    #[test]
    fn uevents_are_read() {
        let uevent = parse_uevent(b"add@/devices/virtual/net/lo\0ACTION=add\0IFINDEX=1\0").unwrap();
        assert_eq!(uevent.title, "add@/devices/virtual/net/lo");
        assert_eq!(uevent.values, ["ACTION=add", "IFINDEX=1"]);
        assert!(parse_uevent(b"libudev\0").is_err());
    }
}
