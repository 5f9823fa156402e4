// SPDX-License-Identifier: GPL-2.0

//! Packet sockets on lo: to send packets that it receives as if a wire had brought them, without a
//! route that came along from the sender; and to see what passes.

// rustix has no address of a link layer, and a type of one's own for it is an unsafe trait.
#![allow(unsafe_code)]

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

use rustix::net::addr::SocketAddrArg;
use rustix::net::addr::SocketAddrLen;
use rustix::net::addr::SocketAddrOpaque;
use rustix::net::AddressFamily;
use rustix::net::SendFlags;
use rustix::net::SocketFlags;
use rustix::net::SocketType;

/// IPv4, as a type of Ethernet frames.
pub const ETH_P_IP: u16 = 0x0800;
/// All there are.
pub const ETH_P_ALL: u16 = 0x0003;
const LO: i32 = 1;

/// Both ports of the packets that [`send`] sends: UDP's for what nobody wants.
pub const PORT: u16 = 9;

/// `struct sockaddr_ll`.
#[derive(Debug)]
#[repr(C)]
pub struct LinkAddress {
    family: u16,
    /// In network byte order.
    protocol: u16,
    index: i32,
    hardware_type: u16,
    packet_type: u8,
    len: u8,
    address: [u8; 8],
}

impl LinkAddress {
    /// All of `protocol`'s packets that are lo's, or are sent to it.
    pub fn of_lo(protocol: u16) -> Self {
        Self::of(protocol, LO)
    }

    /// The same of the device with this index.
    pub fn of(protocol: u16, index: i32) -> Self {
        Self {
            family: AddressFamily::PACKET.as_raw(),
            protocol: protocol.to_be(),
            index,
            hardware_type: 0,
            packet_type: 0,
            len: 6,
            address: [0; 8],
        }
    }
}

// SAFETY: The pointer is to a whole structure, as the kernel has it for this family, and valid while
// the closure runs.
unsafe impl SocketAddrArg for LinkAddress {
    unsafe fn with_sockaddr<R>(
        &self,
        f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R,
    ) -> R {
        f(
            std::ptr::from_ref(self).cast(),
            size_of::<Self>() as SocketAddrLen,
        )
    }
}

/// A socket that gets each frame that passes over this namespace's lo from now on. It does not wait
/// for any.
pub fn listen() -> Result<OwnedFd, String> {
    // With no protocol it gets nothing until it has its device.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)
        .and_then(|socket| {
            rustix::net::bind(&socket, &LinkAddress::of_lo(ETH_P_ALL))?;
            Ok(socket)
        })
        .map_err(|e| format!("a packet socket on lo: {e}"))
}

/// Sends an empty UDP packet over lo. It has been received when this returns.
pub fn send(source: Ipv4Addr, destination: Ipv4Addr) -> Result<(), String> {
    let address = LinkAddress::of_lo(ETH_P_IP);
    let packet = packet(source, destination);
    rustix::net::socket(AddressFamily::PACKET, SocketType::DGRAM, None)
        .and_then(|socket| rustix::net::sendto(&socket, &packet, SendFlags::empty(), &address))
        .map(drop)
        .map_err(|e| format!("a packet from {source} to {destination} over lo: {e}"))
}

fn packet(source: Ipv4Addr, destination: Ipv4Addr) -> [u8; 28] {
    let mut packet = [0; 28];
    packet[0] = 0x45;
    packet[3] = 28;
    packet[8] = 64;
    packet[9] = 17;
    packet[12..16].copy_from_slice(&source.octets());
    packet[16..20].copy_from_slice(&destination.octets());
    let sum = checksum(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    // UDP over IPv4 needs no checksum.
    packet[20..22].copy_from_slice(&PORT.to_be_bytes());
    packet[22..24].copy_from_slice(&PORT.to_be_bytes());
    packet[25] = 8;
    packet
}

/// That of the Internet protocols.
fn checksum(header: &[u8]) -> u16 {
    let mut sum: u32 = header
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_its_checksum_adds_up_to_nothing() {
        let packet = packet(Ipv4Addr::new(10, 7, 8, 9), Ipv4Addr::new(10, 7, 8, 1));
        assert_eq!(checksum(&packet[..20]), 0);
        assert_eq!(packet[10..12], [0x56, 0xba]);
    }
}
