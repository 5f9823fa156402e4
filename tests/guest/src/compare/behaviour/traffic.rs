// SPDX-License-Identifier: GPL-2.0

//! Traffic of every size: echoes, datagrams that may not be cut, and those to groups and to
//! everybody.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use nix::libc;

use super::refused::Done;
use super::refused::Refused;
use super::scene::write;
use super::scene::Scene;
use crate::command;
use crate::compare::raw;

const IFLA_MTU: u16 = 4;
const IFF_MULTICAST: u32 = 0x1000;

/// How long what was sent may take, and how long what will not come is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// Of echoes; the last ones are too large for a packet of any size.
const SIZES: [&str; 12] = [
    "0", "1", "15", "16", "56", "1472", "1473", "65467", "65468", "65507", "65508", "70000",
];

/// How the largest parts of a datagram come about: headers of IPv4 and IPv6 with UDP's.
const HEADERS: [(&str, IpAddr, usize); 2] = [
    ("ipv4", IpAddr::V4(Ipv4Addr::LOCALHOST), 28),
    ("ipv6", IpAddr::V6(Ipv6Addr::LOCALHOST), 48),
];

/// What `ping` says in the end, without times.
pub fn ping(arguments: &[&str]) -> String {
    let words = [&["ping", "-q", "-n"], arguments].concat();
    // Whoever gets no answer fails, and says so.
    let said = command::run(&words).unwrap_or_else(|error| error);
    let summary = said.lines().find(|line| line.contains(" transmitted"));
    match summary.and_then(|line| line.rsplit_once(", time ")) {
        Some((summary, _)) => summary.into(),
        None => said.trim().into(),
    }
}

pub fn pings(scene: &mut Scene) -> Result<(), String> {
    for (way, state) in [("127.0.0.1", "down"), ("::1", "down")] {
        scene.note(
            &format!("{state}.{way}"),
            ping(&["-c", "1", "-W", "1", way]),
        )?;
    }
    scene.up("up")?;
    scene.count("up.counted")?;
    for mtu in [65536, 1500] {
        scene.set(&format!("mtu-{mtu}"), |lo| lo.u32(IFLA_MTU, mtu))?;
        for address in ["127.0.0.1", "::1"] {
            for size in SIZES {
                for cut in ["do", "dont"] {
                    let key = format!("mtu-{mtu}.{address}.{size}.{cut}");
                    let said = ping(&["-c", "1", "-W", "1", "-s", size, "-M", cut, address]);
                    scene.note(&key, said)?;
                    scene.count(&format!("{key}.counted"))?;
                }
            }
        }
    }
    Ok(())
}

pub fn datagrams(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    for mtu in [65536, 1500, 1280, 576] {
        scene.set(&format!("mtu-{mtu}"), |lo| lo.u32(IFLA_MTU, mtu))?;
        for (family, address, headers) in HEADERS {
            let edge = mtu as usize - headers;
            let largest = 65535 - headers + 20 * usize::from(headers == 48);
            for whole in [true, false] {
                for size in sizes(edge, largest) {
                    let cut = if whole { "whole" } else { "cut" };
                    let key = format!("mtu-{mtu}.{family}.{cut}.{size}");
                    let done = exchange(address, size, whole);
                    scene.did(&key, done)?;
                    scene.count(&format!("{key}.counted"))?;
                }
            }
        }
    }
    Ok(())
}

/// Those around what fits into one packet and what fits into any, each once.
fn sizes(edge: usize, largest: usize) -> BTreeSet<usize> {
    let around = [edge, largest].into_iter().flat_map(|at| at - 1..=at + 1);
    around.chain([0, 1]).collect()
}

/// Sends a datagram that must stay whole, or may be cut.
fn exchange(address: IpAddr, size: usize, whole: bool) -> Done {
    let receiver = UdpSocket::bind((address, 0))?;
    let sender = UdpSocket::bind((address, 0))?;
    sender.connect(receiver.local_addr()?)?;
    let discover = match whole {
        true => libc::IP_PMTUDISC_DO,
        false => libc::IP_PMTUDISC_DONT,
    };
    match address {
        IpAddr::V4(_) => {
            raw::set_option(&sender, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, discover)?;
        }
        IpAddr::V6(_) => {
            let level = libc::IPPROTO_IPV6;
            raw::set_option(&sender, level, libc::IPV6_MTU_DISCOVER, discover)?;
        }
    }
    sender.send(&vec![0x5a; size])?;
    heard(&receiver)
}

/// What comes, if anything does.
fn heard(receiver: &UdpSocket) -> Done {
    receiver.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = vec![0; 1 << 17];
    match receiver.recv_from(&mut buffer) {
        Ok((len, from)) => Ok(format!("{len} bytes from {}", from.ip())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok("nothing".into()),
        Err(error) => Err(Refused(format!("received {}", Refused::from(error)))),
    }
}

/// Where nobody in particular is.
const TARGETS4: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3)),
    IpAddr::V4(Ipv4Addr::BROADCAST),
    IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255)),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)),
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
];
const TARGETS6: [IpAddr; 3] = [
    IpAddr::V6(Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1234)),
];

/// The setting that keeps IPv6 from `lo`: it reports who is a member of its groups at random times.
const NO_IPV6: &str = "/proc/sys/net/ipv6/conf/lo/disable_ipv6";

pub fn groups4(scene: &mut Scene) -> Result<(), String> {
    let written = write(Path::new(NO_IPV6), "1");
    scene.did("no-ipv6", written)?;
    for state in ["down", "up", "multicast", "route"] {
        match state {
            "up" => scene.up("up")?,
            "multicast" => scene.set_flags("multicast", IFF_MULTICAST, IFF_MULTICAST)?,
            "route" => scene.line("route", "ip route add 224.0.0.0/4 dev lo")?,
            _ => {}
        }
        for (key, done) in to_all(state, &TARGETS4) {
            scene.did(&key, done)?;
        }
        scene.count(&format!("{state}.counted"))?;
    }
    Ok(())
}

pub fn groups6(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up", "multicast"] {
        match state {
            "up" => scene.up("up")?,
            "multicast" => scene.set_flags("multicast", IFF_MULTICAST, IFF_MULTICAST)?,
            _ => {}
        }
        for (key, done) in to_all(state, &TARGETS6) {
            scene.did(&key, done)?;
        }
    }
    Ok(())
}

/// Sends to each, with a receiver that is a member of the group and one that is not.
fn to_all(state: &str, targets: &[IpAddr]) -> Vec<(String, Done)> {
    let mut all = Vec::new();
    for target in targets {
        for (joined, member) in [("stranger", false), ("member", true)] {
            let key = format!("{state}.{target}.{joined}");
            all.push((key, to_group(*target, member)));
        }
    }
    all
}

fn to_group(target: IpAddr, member: bool) -> Done {
    let any: IpAddr = match target {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let receiver = UdpSocket::bind((any, 0))?;
    if member {
        let joined = match target {
            IpAddr::V4(group) => receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST),
            IpAddr::V6(group) => receiver.join_multicast_v6(&group, 1),
        };
        joined.map_err(|e| Refused(format!("join {}", Refused::from(e))))?;
    }
    let sender = UdpSocket::bind((any, 0))?;
    sender.set_broadcast(true)?;
    raw::set_bytes(&sender, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, b"lo\0")?;
    let to = SocketAddr::new(target, receiver.local_addr()?.port());
    sender.send_to(b"hello", to)?;
    heard(&receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_is_tried_once() {
        let all: Vec<usize> = sizes(100, 101).into_iter().collect();
        assert_eq!(all, [0, 1, 99, 100, 101, 102]);
    }
}
