// SPDX-License-Identifier: GPL-2.0

//! The sockets of a sequence, by their numbers. None of them waits for anything.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use lab_random::Netns;
use lab_random::SocketAction;
use lab_random::SocketKind;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::BindToDevice;
use nix::sys::socket::LinkAddr;
use nix::sys::socket::SockaddrLike;
use nix::sys::socket::SockaddrStorage;
use rustix::io::Errno;
use rustix::net::ipproto;
use rustix::net::sockopt;
use rustix::net::AddressFamily;
use rustix::net::SendFlags;
use rustix::net::Shutdown;
use rustix::net::SocketFlags;
use rustix::net::SocketType;

use super::outcome;
use super::outcome::Outcome;
use crate::frame::LinkAddress;
use crate::frame::ETH_P_ALL;

/// What everything that is sent is made of.
const FILL: u8 = b'Z';
/// Ports from here on are the kernel's to choose, by chance.
const CHOSEN: u16 = 32_768;
/// A type of frames that nobody has a use for.
const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];
const ETHERNET: usize = 14;
/// ICMPv6's types from here on are about groups and neighbours: what devices other than `lo` have to
/// say when it suits them.
const FIRST_OF_GROUPS: u8 = 130;
const BACKLOG: i32 = 16;
const BUFFER: usize = 1 << 17;

#[derive(Debug)]
struct Socket {
    fd: OwnedFd,
    netns: Netns,
    kind: SocketKind,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Sockets(BTreeMap<u8, Socket>);

impl Sockets {
    /// Opens one, in this thread's namespace, which is `netns`.
    pub fn open(&mut self, number: u8, netns: Netns, kind: SocketKind) -> Outcome {
        if self.0.contains_key(&number) {
            return outcome::refused("that number is taken");
        }
        let fd = match open(kind) {
            Ok(fd) => fd,
            Err(error) => return outcome::of(Err(error)),
        };
        self.0.insert(number, Socket { fd, netns, kind });
        outcome::of(Ok(()))
    }

    /// Does it. `index` is that of the device that is named, if there is one.
    pub fn act(&mut self, number: u8, action: &SocketAction, index: Option<u32>) -> Outcome {
        if *action == SocketAction::Close && self.0.remove(&number).is_some() {
            return outcome::of(Ok(()));
        }
        if let SocketAction::Accept(as_number) = action {
            return self.accept(number, *as_number);
        }
        match self.0.get(&number) {
            Some(socket) => socket.act(action, index),
            None => outcome::refused("there is no such socket"),
        }
    }

    fn accept(&mut self, number: u8, as_number: u8) -> Outcome {
        let Some(listener) = self.0.get(&number) else {
            return outcome::refused("there is no such socket");
        };
        if self.0.contains_key(&as_number) {
            return outcome::refused("that number is taken");
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match rustix::net::accept_with(&listener.fd, flags) {
            Ok(fd) => {
                let (netns, kind) = (listener.netns, listener.kind);
                self.0.insert(as_number, Socket { fd, netns, kind });
                outcome::of(Ok(()))
            }
            Err(error) => outcome::of(Err(error)),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The namespace of one.
    pub fn netns_of(&self, number: u8) -> Option<Netns> {
        self.0.get(&number).map(|socket| socket.netns)
    }

    /// Closes those that are in `netns`.
    pub fn leave(&mut self, netns: Netns) {
        self.0.retain(|_, socket| socket.netns != netns);
    }

    /// Has TCP say at once what it has to: by itself it would do so some time later.
    pub fn push(&self) {
        for socket in self.0.values().filter(|socket| socket.kind.is_tcp()) {
            // A socket without a connection has nothing to say.
            let _ = sockopt::set_tcp_quickack(&socket.fd, true);
        }
    }

    /// Whether the connection that was asked for is there; if not, the socket goes: it would try
    /// again after a second.
    pub fn finish_connect(&mut self, number: u8) -> Option<String> {
        let socket = self.0.get(&number)?;
        let connected = rustix::net::getpeername(&socket.fd).is_ok_and(|peer| peer.is_some());
        if connected {
            return Some("connected".into());
        }
        let error = sockopt::socket_error(&socket.fd).ok()?;
        let said = outcome::of(error).said;
        if said == "ok" {
            self.0.remove(&number);
            return Some("no answer, closed".into());
        }
        Some(said)
    }

    /// What can be seen of them: who they are, and what waits to be taken.
    pub fn facts(&self) -> Vec<(String, String)> {
        let all = self.0.iter();
        all.map(|(number, socket)| (format!("socket {number}"), socket.describe()))
            .collect()
    }
}

fn open(kind: SocketKind) -> Result<OwnedFd, Errno> {
    let (family, transport, protocol) = match kind {
        SocketKind::Udp4 => (AddressFamily::INET, SocketType::DGRAM, None),
        SocketKind::Udp6 => (AddressFamily::INET6, SocketType::DGRAM, None),
        SocketKind::Tcp4 => (AddressFamily::INET, SocketType::STREAM, None),
        SocketKind::Tcp6 => (AddressFamily::INET6, SocketType::STREAM, None),
        SocketKind::Raw4 => (AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)),
        SocketKind::Raw6 => (AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6)),
        // Without a protocol it gets nothing until it has its device.
        SocketKind::Packet => (AddressFamily::PACKET, SocketType::RAW, None),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, transport, flags, protocol)?;
    if kind.is_tcp() {
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        // What nobody acknowledges any more would keep the namespace after its end.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    }
    Ok(socket)
}

/// An echo request with `len` bytes in it, as a raw socket sends it.
pub fn echo(is_v6: bool, len: usize) -> Vec<u8> {
    let mut packet = vec![FILL; 8 + len];
    packet[..8].copy_from_slice(&[if is_v6 { 128 } else { 8 }, 0, 0, 0, 0, 1, 0, 1]);
    if !is_v6 {
        // The kernel knows ICMPv6's, as it depends on the addresses.
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

fn checksum(packet: &[u8]) -> u16 {
    let word = |pair: &[u8]| {
        let low = pair.get(1).copied().unwrap_or_default();
        u32::from(u16::from_be_bytes([pair[0], low]))
    };
    let mut sum: u32 = packet.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A frame of `len` bytes to a device without an address.
fn frame(len: usize) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET];
    frame[12..].copy_from_slice(&EXPERIMENTAL);
    frame.resize(len, FILL);
    frame
}

/// What is sent if `len` bytes are to be.
fn payload(kind: SocketKind, len: usize) -> Vec<u8> {
    match kind {
        SocketKind::Packet => frame(len),
        SocketKind::Raw4 if len >= 8 => echo(false, len - 8),
        SocketKind::Raw6 if len >= 8 => echo(true, len - 8),
        _ => vec![FILL; len],
    }
}

/// Sends an echo request from `socket`, which is raw.
pub fn send_echo(socket: &OwnedFd, to: IpAddr, len: usize) -> Result<(), Errno> {
    let packet = echo(to.is_ipv6(), len);
    let to = SocketAddr::new(to, 0);
    rustix::net::sendto(socket, &packet, SendFlags::empty(), &to).map(drop)
}

/// A raw socket for echo requests in this thread's namespace.
pub fn open_echo(is_v6: bool) -> Result<OwnedFd, Errno> {
    open(if is_v6 {
        SocketKind::Raw6
    } else {
        SocketKind::Raw4
    })
}

/// The types of the ICMP messages that `socket` has got.
pub fn icmp_types(socket: &OwnedFd, is_v6: bool) -> String {
    let mut types = Vec::new();
    let mut buffer = vec![0; BUFFER];
    while let Ok((len, _)) = receive(socket, &mut buffer) {
        let kind = icmp_type(&buffer[..len], is_v6);
        if !(is_v6 && kind >= FIRST_OF_GROUPS) {
            types.push(kind.to_string());
        }
    }
    types.join(",")
}

/// IPv4's header comes with the message, IPv6's does not.
fn icmp_type(bytes: &[u8], is_v6: bool) -> u8 {
    let at = match bytes.first() {
        Some(first) if !is_v6 => usize::from(first & 0xf) * 4,
        _ => 0,
    };
    bytes.get(at).copied().unwrap_or_default()
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<(usize, Option<SockaddrStorage>), Errno> {
    nix::sys::socket::recvfrom::<SockaddrStorage>(socket.as_raw_fd(), buffer)
        .map_err(|e| Errno::from_raw_os_error(e as i32))
}

impl Socket {
    fn act(&self, action: &SocketAction, index: Option<u32>) -> Outcome {
        match action {
            SocketAction::Bind(address, port) => outcome::of(rustix::net::bind(
                &self.fd,
                &SocketAddr::new(*address, *port),
            )),
            SocketAction::Device(name) => self.device(name, index),
            SocketAction::Connect(address, port) => {
                let to = SocketAddr::new(*address, *port);
                outcome::of(rustix::net::connect(&self.fd, &to))
            }
            SocketAction::Listen => outcome::of(rustix::net::listen(&self.fd, BACKLOG)),
            SocketAction::Send(len) => {
                let bytes = payload(self.kind, *len);
                sent(rustix::net::send(&self.fd, &bytes, SendFlags::NOSIGNAL))
            }
            SocketAction::SendTo(address, port, len) => {
                let port = if matches!(self.kind, SocketKind::Raw4 | SocketKind::Raw6) {
                    0
                } else {
                    *port
                };
                let to = SocketAddr::new(*address, port);
                let bytes = payload(self.kind, *len);
                sent(rustix::net::sendto(
                    &self.fd,
                    &bytes,
                    SendFlags::NOSIGNAL,
                    &to,
                ))
            }
            SocketAction::Recv => self.recv(),
            SocketAction::Shutdown => outcome::of(rustix::net::shutdown(&self.fd, Shutdown::Write)),
            // These are not about one socket that is there.
            SocketAction::Open(..) | SocketAction::Accept(_) | SocketAction::Close => {
                outcome::refused("there is no such socket")
            }
        }
    }

    fn device(&self, name: &str, index: Option<u32>) -> Outcome {
        if self.kind != SocketKind::Packet {
            let bound = setsockopt(&self.fd, BindToDevice, &name.to_string().into());
            return outcome::of(bound.map_err(|e| Errno::from_raw_os_error(e as i32)));
        }
        match index {
            Some(index) => {
                let address = LinkAddress::of(ETH_P_ALL, index as i32);
                outcome::of(rustix::net::bind(&self.fd, &address))
            }
            None => outcome::refused("there is no such device"),
        }
    }

    /// Takes what came first. What devices say by themselves is passed over.
    fn recv(&self) -> Outcome {
        let mut buffer = vec![0; BUFFER];
        loop {
            let (len, from) = match receive(&self.fd, &mut buffer) {
                Ok(received) => received,
                Err(error) => return outcome::of(Err(error)),
            };
            let bytes = &buffer[..len];
            if !self.is_of_its_own(bytes) {
                return outcome::with(&self.received(bytes, from));
            }
        }
    }

    /// Whether it is about multicast groups.
    fn is_of_its_own(&self, bytes: &[u8]) -> bool {
        const HOP_BY_HOP: u8 = 0;
        match self.kind {
            SocketKind::Raw6 => icmp_type(bytes, true) >= FIRST_OF_GROUPS,
            SocketKind::Packet => {
                bytes.get(12..14) == Some(&[0x86, 0xdd])
                    && bytes.get(ETHERNET + 6) == Some(&HOP_BY_HOP)
            }
            _ => false,
        }
    }

    fn received(&self, bytes: &[u8], from: Option<SockaddrStorage>) -> String {
        let mut said = format!("{} bytes", bytes.len());
        let link: Option<LinkAddr> = from.and_then(|from| from.as_link_addr().copied());
        if let Some(link) = link {
            said += &format!(" type {} protocol {:#x}", link.pkttype(), link.protocol());
            said += &format!(" dev {}", link.ifindex());
            return said;
        }
        match self.kind {
            SocketKind::Raw4 => said += &format!(" ICMP {}", icmp_type(bytes, false)),
            SocketKind::Raw6 => said += &format!(" ICMPv6 {}", icmp_type(bytes, true)),
            _ if bytes.iter().all(|byte| *byte == FILL) => said += " as sent",
            _ => said += " not as sent",
        }
        match from.filter(|from| from.len() > 0 && !self.kind.is_tcp()) {
            Some(from) => said + &format!(" from {}", hide_port(&from)),
            None => said,
        }
    }

    fn describe(&self) -> String {
        let name = |address: Option<SocketAddr>| match address {
            Some(address) => shown(address),
            None => "-".into(),
        };
        let local = rustix::net::getsockname(&self.fd).ok();
        let peer = rustix::net::getpeername(&self.fd).ok().flatten();
        let local = local.and_then(|any| SocketAddr::try_from(any).ok());
        let peer = peer.and_then(|any| SocketAddr::try_from(any).ok());
        let mut said = format!("{} to {}", name(local), name(peer));
        // Others get what devices say by themselves, too.
        if !matches!(self.kind, SocketKind::Packet | SocketKind::Raw6) {
            if let Ok(waiting) = rustix::io::ioctl_fionread(&self.fd) {
                said += &format!(" {waiting} waiting");
            }
        }
        said
    }
}

fn sent(result: Result<usize, Errno>) -> Outcome {
    match result {
        Ok(len) => outcome::with(&format!("{len} bytes")),
        Err(error) => outcome::of(Err(error)),
    }
}

fn shown(address: SocketAddr) -> String {
    match address.port() {
        CHOSEN.. => format!("{} (any port)", address.ip()),
        port => format!("{} port {port}", address.ip()),
    }
}

fn hide_port(address: &SockaddrStorage) -> String {
    if let Some(v4) = address.as_sockaddr_in() {
        return shown((v4.ip(), v4.port()).into());
    }
    match address.as_sockaddr_in6() {
        Some(v6) => shown((v6.ip(), v6.port()).into()),
        None => "somebody".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_request_adds_up() {
        for len in [0, 1, 56] {
            assert_eq!(checksum(&echo(false, len)), 0);
        }
        assert_eq!(payload(SocketKind::Raw4, 64), echo(false, 56));
    }

    #[test]
    fn a_frame_is_as_long_as_it_is_to_be() {
        assert_eq!(frame(1).len(), 1);
        assert_eq!(frame(14)[12..], EXPERIMENTAL);
        assert_eq!(frame(100)[99], FILL);
    }

    #[test]
    fn a_port_that_the_kernel_chose_is_not_told() {
        assert_eq!(
            shown("10.0.0.1:7000".parse().unwrap()),
            "10.0.0.1 port 7000"
        );
        assert_eq!(shown("[::1]:40000".parse().unwrap()), "::1 (any port)");
    }

    #[test]
    fn the_type_comes_after_the_header() {
        let mut packet = vec![0; 28];
        packet[0] = 0x45;
        packet[20] = 8;
        assert_eq!(icmp_type(&packet, false), 8);
        assert_eq!(icmp_type(&[129, 0], true), 129);
        assert_eq!(icmp_type(&[], false), 0);
    }
}
