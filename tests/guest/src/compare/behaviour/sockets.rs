// SPDX-License-Identifier: GPL-2.0

//! What becomes of sockets, memberships, addresses, routes and neighbours when `lo` goes down and
//! comes up, and when it gets too small for IPv6 and large again.

use std::fmt::Display;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt;
use rustix::net::AddressFamily;
use rustix::net::RecvFlags;
use rustix::net::SendFlags;
use rustix::net::SocketType;

use super::refused::told;
use super::refused::Done;
use super::refused::Refused;
use super::scene::Scene;
use super::traffic::ping;
use crate::frame;
use crate::frame::LinkAddress;
use crate::here::proc_net;

/// How long something may take that is sent again and again; and what was sent once.
const PATIENCE: Duration = Duration::from_secs(8);
const MOMENT: Duration = Duration::from_millis(300);

/// What `lo` has besides its own.
const GIVEN: [&str; 8] = [
    "ip addr add 10.9.8.7/32 dev lo",
    "ip addr add 10.9.7.1/24 dev lo",
    "ip addr add 2001:db8::7/128 dev lo nodad",
    "ip addr add 2001:db8:7::1/64 dev lo nodad",
    "ip route add 10.10.0.0/16 dev lo",
    "ip route add 10.11.0.0/16 via 10.9.7.2 dev lo",
    "ip route add 2001:db8:1::/48 dev lo",
    "ip neigh add 2001:db8:1::1 lladdr 02:00:00:00:00:05 dev lo",
];

const IFLA_MTU: u16 = 4;

pub fn all(scene: &mut Scene) -> Result<(), String> {
    connects(scene, "never-up")?;
    scene.up("up")?;
    for line in GIVEN {
        scene.line(&format!("given.{line}"), line)?;
    }
    let mut sockets = match Sockets::open() {
        Ok(sockets) => sockets,
        Err(error) => return scene.note("open", Refused::from(error).0),
    };
    look(scene, "begin", &mut sockets, PATIENCE)?;
    scene.down("down")?;
    look(scene, "down", &mut sockets, MOMENT)?;
    scene.up("up-again")?;
    look(scene, "up-again", &mut sockets, PATIENCE)?;
    for (mtu, patience) in [(1279, MOMENT), (1280, PATIENCE), (65536, PATIENCE)] {
        scene.set(&format!("mtu-{mtu}"), |lo| lo.u32(IFLA_MTU, mtu))?;
        look(scene, &format!("mtu-{mtu}"), &mut sockets, patience)?;
    }
    // Not all comes back before lo does.
    scene.down("down-last")?;
    scene.up("up-last")?;
    look(scene, "up-last", &mut sockets, PATIENCE)
}

/// A neighbour on `lo` is everybody's, with IPv4: nobody hears what is sent to another address.
pub fn neighbour(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    for line in [
        "ip neigh add 10.10.0.1 lladdr 02:00:00:00:00:05 dev lo",
        "ip neigh del 10.10.0.1 dev lo",
        "ip neigh replace 127.0.0.1 lladdr 00:00:00:00:00:00 dev lo",
        "ip neigh flush dev lo nud all",
    ] {
        scene.line(line, line)?;
        scene.note(
            &format!("{line}.ping"),
            ping(&["-c", "1", "-W", "1", "127.0.0.1"]),
        )?;
        scene.note(
            &format!("{line}.ping6"),
            ping(&["-c", "1", "-W", "1", "::1"]),
        )?;
        scene.count(&format!("{line}.counted"))?;
    }
    Ok(())
}

fn look(
    scene: &mut Scene,
    key: &str,
    sockets: &mut Sockets,
    patience: Duration,
) -> Result<(), String> {
    for (name, value) in sockets.probe(patience) {
        scene.note(&format!("{key}.{name}"), value)?;
    }
    scene.did(&format!("{key}.probed"), Ok(String::new()))?;
    connects(scene, key)?;
    for file in ["igmp", "igmp6", "dev_mcast", "packet"] {
        let text = proc_net(file).unwrap_or_else(|error| error);
        // A packet socket's line begins with its address in memory.
        let text = match file {
            "packet" => format!("{} lines", text.lines().count()),
            _ => text.trim_end().into(),
        };
        scene.note(&format!("{key}.proc.{file}"), text)?;
    }
    Ok(())
}

/// Who begins to talk now.
fn connects(scene: &mut Scene, key: &str) -> Result<(), String> {
    let targets: [SocketAddr; 6] = [
        (Ipv4Addr::LOCALHOST, 9).into(),
        (Ipv6Addr::LOCALHOST, 9).into(),
        (Ipv4Addr::new(10, 9, 8, 7), 9).into(),
        (Ipv4Addr::new(10, 10, 0, 1), 9).into(),
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7), 9).into(),
        (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
    ];
    for target in targets {
        let ip = target.ip();
        let tcp = TcpStream::connect_timeout(&target, MOMENT);
        let shown = short(tcp.map(|_| "connected"));
        scene.note(&format!("{key}.connect.{ip}"), shown)?;
        let local: SocketAddr = match target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let udp = UdpSocket::bind(local).and_then(|socket| socket.send_to(b"x", target));
        scene.note(&format!("{key}.send-to.{ip}"), short(udp))?;
        let bound = UdpSocket::bind((ip, 0)).map(|_| "bound");
        scene.note(&format!("{key}.bind.{ip}"), short(bound))?;
    }
    Ok(())
}

/// What came, or its errno; what did not come in time has none.
fn short<T: Display>(result: io::Result<T>) -> String {
    match result {
        Ok(what) => what.to_string(),
        Err(error) => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "nothing in time".into(),
            _ => Refused::from(error).0,
        },
    }
}

/// Those that were opened while `lo` was up.
struct Sockets {
    tcp4: Tcp,
    tcp6: Tcp,
    udp4: (UdpSocket, UdpSocket),
    udp6: (UdpSocket, UdpSocket),
    icmp: OwnedFd,
    packet: OwnedFd,
    group4: UdpSocket,
    group6: UdpSocket,
}

impl Sockets {
    fn open() -> io::Result<Self> {
        let icmp = rustix::net::socket(
            AddressFamily::INET,
            SocketType::RAW,
            Some(rustix::net::ipproto::ICMP),
        )?;
        let packet = frame::listen().map_err(io::Error::other)?;
        let group4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        group4.join_multicast_v4(&Ipv4Addr::new(239, 1, 2, 3), &Ipv4Addr::LOCALHOST)?;
        let group6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
        group6.join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1234), 1)?;
        Ok(Self {
            tcp4: Tcp::open((Ipv4Addr::LOCALHOST, 0).into())?,
            tcp6: Tcp::open((Ipv6Addr::LOCALHOST, 0).into())?,
            udp4: udp((Ipv4Addr::LOCALHOST, 0).into())?,
            udp6: udp((Ipv6Addr::LOCALHOST, 0).into())?,
            icmp,
            packet,
            group4,
            group6,
        })
    }

    /// What each says when it is used. What is sent again and again may take `patience`.
    fn probe(&mut self, patience: Duration) -> Vec<(String, String)> {
        let mut facts = Vec::new();
        let mut tell = |name: &str, value: String| facts.push((name.to_string(), value));
        tell("packet.error", pending(&self.packet));
        tell("packet.send", told(over(&self.packet)));
        for (name, tcp) in [("tcp4", &mut self.tcp4), ("tcp6", &mut self.tcp6)] {
            tell(&format!("{name}.error"), pending(&tcp.client));
            tell(&format!("{name}.talk"), short(tcp.talk(patience)));
            tell(&format!("{name}.listener"), pending(&tcp.listener));
            tell(&format!("{name}.anew"), short(tcp.anew()));
        }
        for (name, udp) in [("udp4", &self.udp4), ("udp6", &self.udp6)] {
            tell(&format!("{name}.error"), pending(&udp.0));
            tell(&format!("{name}.send"), short(udp.0.send(b"still there?")));
            tell(&format!("{name}.received"), short(udp.1.recv(&mut [0; 32])));
        }
        let mut bytes = [0_u8; 64];
        let to: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        // A request for an echo, with its checksum.
        let echo = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
        let sent = rustix::net::sendto(&self.icmp, &echo, SendFlags::empty(), &to);
        tell("icmp.send", short(sent.map_err(Into::into)));
        tell("icmp.error", pending(&self.icmp));
        let flags = RecvFlags::DONTWAIT;
        let got = rustix::net::recv(&self.icmp, &mut bytes, flags).map(|(len, _)| len);
        tell("icmp.received", short(got.map_err(Into::into)));
        for (name, socket) in [("group4", &self.group4), ("group6", &self.group6)] {
            tell(&format!("{name}.error"), pending(socket));
        }
        // Nothing that was heard in passing is left for the next time.
        let mut frame = vec![0_u8; 1 << 17];
        while rustix::net::recv(&self.packet, frame.as_mut_slice(), flags).is_ok() {}
        while rustix::net::recv(&self.icmp, &mut bytes, flags).is_ok() {}
        facts
    }
}

/// A connection, who accepted it, and how much of what was sent is still to come.
struct Tcp {
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
    missing: usize,
}

impl Tcp {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let client = TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE)?;
        let (server, _) = listener.accept()?;
        Ok(Self {
            listener,
            client,
            server,
            missing: 0,
        })
    }

    /// Whether all that one end says is heard at the other one.
    fn talk(&mut self, patience: Duration) -> io::Result<&'static str> {
        self.client.write_all(b"x")?;
        self.missing += 1;
        self.server.set_read_timeout(Some(patience))?;
        while self.missing > 0 {
            match self.server.read(&mut [0; 64])? {
                0 => return Ok("the end"),
                len => self.missing = self.missing.saturating_sub(len),
            }
        }
        Ok("all of it")
    }

    /// Whether somebody else can connect.
    fn anew(&self) -> io::Result<&'static str> {
        TcpStream::connect_timeout(&self.listener.local_addr()?, MOMENT)?;
        Ok("connected")
    }
}

fn udp(address: SocketAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let receiver = UdpSocket::bind(address)?;
    receiver.set_read_timeout(Some(MOMENT))?;
    let sender = UdpSocket::bind(address)?;
    sender.connect(receiver.local_addr()?)?;
    Ok((sender, receiver))
}

/// The error that waits in a socket.
fn pending(socket: &impl AsFd) -> String {
    match sockopt::socket_error(socket) {
        Ok(Ok(())) => "none".into(),
        Ok(Err(error)) | Err(error) => Refused::from(error).0,
    }
}

fn over(packet: &OwnedFd) -> Done {
    let address = LinkAddress::of_lo(0x88b5);
    let mut frame = [0; 60];
    frame[12..14].copy_from_slice(&0x88b5_u16.to_be_bytes());
    let sent = rustix::net::sendto(packet, &frame, SendFlags::empty(), &address)?;
    Ok(format!("{sent} bytes"))
}
