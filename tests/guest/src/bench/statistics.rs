// SPDX-License-Identifier: GPL-2.0

//! `lo`'s counters, as they are asked for.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::net::RecvFlags;
use rustix::net::SendFlags;

use super::patience;
use super::udp::Udp;
use super::workload::Workload;
use crate::compare::wire;
use crate::net_dev;
use crate::net_dev::Counters;
use crate::netlink;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const IFLA_IFNAME: u16 = 3;
const IFLA_STATS64: u16 = 23;

/// The length of `struct ifinfomsg`, and where the device's index is in it.
const INFO: usize = 16;
const INDEX: usize = 4;

/// What one of the counters is in.
const FILE: &str = "/sys/class/net/lo/statistics/rx_packets";

/// More than any answer.
const BUFFER: usize = 1 << 14;

/// Has `lo` count something. What its counters are then.
fn count_something() -> Result<Counters, String> {
    Udp::boxed(1)?.operate()?;
    net_dev::read("lo")
}

/// A message asks for `lo`, and what is answered has the counters in it.
pub struct Netlink {
    socket: OwnedFd,
    request: Vec<u8>,
    answer: Vec<u8>,
    received: usize,
    wanted: Counters,
}

impl Netlink {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        let mut info = [0; INFO];
        info[INDEX] = 1;
        let socket = netlink::open(None, 0)?;
        patience::limit(&socket).map_err(|e| format!("a netlink socket: {e}"))?;
        Ok(Box::new(Self {
            socket,
            request: wire::message(RTM_GETLINK, wire::REQUEST, &info),
            answer: vec![0; BUFFER],
            received: 0,
            wanted: count_something()?,
        }))
    }
}

impl Workload for Netlink {
    fn operate(&mut self) -> Result<(), String> {
        rustix::net::send(&self.socket, &self.request, SendFlags::empty())
            .and_then(|_| rustix::net::recv(&self.socket, &mut self.answer[..], RecvFlags::empty()))
            .map(|(_, len)| self.received = len)
            .map_err(|e| format!("RTM_GETLINK: {e}"))
    }

    fn settle(&mut self) -> Result<(), String> {
        let answer = &self.answer[..self.received];
        let found = parse(answer).ok_or_else(|| format!("RTM_GETLINK of lo: {answer:x?}"))?;
        judge(found, (self.wanted.rx.packets, self.wanted.tx.packets))
    }
}

/// How many packets `lo` has received and sent, by the answer.
fn parse(answer: &[u8]) -> Option<(u64, u64)> {
    let message = wire::messages(answer).next()?;
    let attributes = message.get(wire::HEADER + INFO..)?;
    let name = wire::find(attributes, IFLA_IFNAME).map(wire::text)?;
    let stats = wire::find(attributes, IFLA_STATS64)?;
    let is_lo = wire::u16_at(message, 4) == RTM_NEWLINK && name == "lo";
    is_lo.then(|| (wire::u64_at(stats, 0), wire::u64_at(stats, 8)))
}

fn judge<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("lo has counted {wanted:?}, it is said: {found:?}"))
}

/// A file is read that has one of the counters in it.
pub struct Sysfs {
    file: File,
    text: [u8; 32],
    len: usize,
    wanted: Counters,
}

impl Sysfs {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self {
            file: File::open(FILE).map_err(|e| format!("{FILE}: {e}"))?,
            text: [0; 32],
            len: 0,
            wanted: count_something()?,
        }))
    }
}

impl Workload for Sysfs {
    fn operate(&mut self) -> Result<(), String> {
        self.len = self
            .file
            .read_at(&mut self.text, 0)
            .map_err(|e| format!("{FILE}: {e}"))?;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        let text = String::from_utf8_lossy(&self.text[..self.len]);
        judge(
            text.trim_end().to_string(),
            self.wanted.rx.packets.to_string(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &[u8], kind: u16) -> Vec<u8> {
        let stats = [7_u64.to_ne_bytes(), 8_u64.to_ne_bytes()].concat();
        let body = [
            vec![0; INFO],
            wire::attribute(IFLA_IFNAME, name),
            wire::attribute(IFLA_STATS64, &stats),
        ];
        wire::message(kind, 0, &body.concat())
    }

    #[test]
    fn counters_are_found() {
        assert_eq!(parse(&answer(b"lo\0", RTM_NEWLINK)), Some((7, 8)));
        assert_eq!(parse(&answer(b"eth0\0", RTM_NEWLINK)), None);
        assert_eq!(parse(&answer(b"lo\0", RTM_GETLINK)), None);
        assert_eq!(parse(&[]), None);
    }
}
