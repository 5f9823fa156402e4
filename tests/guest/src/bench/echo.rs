// SPDX-License-Identifier: GPL-2.0

//! A request for an echo, which the kernel answers.

use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddrV4;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::ipproto;
use rustix::net::AddressFamily;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketType;

use super::lo::Books;
use super::patience;
use super::workload::Workload;
use crate::counters;

/// Which groups may have sockets for echoes: of all that comes these get the answers only, where a
/// raw one gets the requests, too.
const GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

const HEADER: usize = 8;
const PAYLOAD: usize = counters::PAYLOAD as usize;
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// The socket, and what goes through it.
pub struct Echo {
    socket: OwnedFd,
    request: [u8; HEADER + PAYLOAD],
    answer: [u8; HEADER + PAYLOAD + 1],
    received: usize,
    books: Books,
}

impl Echo {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        fs::write(GROUPS, "0 0").map_err(|e| format!("{GROUPS}: {e}"))?;
        let mut request = [0x5a; HEADER + PAYLOAD];
        // The kernel fills in the checksum and whose it is.
        request[..HEADER].fill(0);
        request[0] = ECHO;
        Ok(Box::new(Self {
            socket: open().map_err(|e| format!("a socket for echoes: {e}"))?,
            request,
            answer: [0; HEADER + PAYLOAD + 1],
            received: 0,
            books: Books::open()?,
        }))
    }
}

fn open() -> Result<OwnedFd, Errno> {
    let (family, kind) = (AddressFamily::INET, SocketType::DGRAM);
    let socket = rustix::net::socket(family, kind, Some(ipproto::ICMP))?;
    patience::limit(&socket)?;
    rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    Ok(socket)
}

/// What has to come back: the number of the request, and its payload.
fn contents(message: &[u8]) -> Option<(&[u8], &[u8])> {
    Some((message.get(6..HEADER)?, message.get(HEADER..)?))
}

impl Workload for Echo {
    fn prepare(&mut self) -> Result<(), String> {
        let number = u16::from_be_bytes([self.request[6], self.request[7]]).wrapping_add(1);
        self.request[6..HEADER].copy_from_slice(&number.to_be_bytes());
        Ok(())
    }

    fn operate(&mut self) -> Result<(), String> {
        rustix::net::send(&self.socket, &self.request, SendFlags::empty())
            .and_then(|_| rustix::net::recv(&self.socket, &mut self.answer[..], RecvFlags::empty()))
            .map(|(_, len)| self.received = len)
            .map_err(|e| format!("an echo over lo: {e}"))
    }

    fn settle(&mut self) -> Result<(), String> {
        let answer = &self.answer[..self.received];
        if answer.first() == Some(&ECHO_REPLY) && contents(answer) == contents(&self.request) {
            return Ok(());
        }
        Err(format!("the answer to {:x?} is {answer:x?}", self.request))
    }

    fn finish(self: Box<Self>, operations: u64) -> Result<(), String> {
        let traffic = counters::of_pings(operations, counters::IPV4);
        self.books.judge(traffic.packets, traffic.bytes, 0)
    }
}
