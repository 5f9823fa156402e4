// SPDX-License-Identifier: GPL-2.0

//! What a packet socket sees of what passes over `lo`: every frame twice, on its way out and on its
//! way in; and as many of them as the device's features make of one large datagram.

use std::io;
use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::recvfrom;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::UdpGsoSegment;
use nix::sys::socket::LinkAddr;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::counters;
use crate::frame;
use crate::ip;
use crate::ip::Counters;
use crate::ip::Link;
use crate::own_netns::OwnNetns;

/// What stands before the payload: Ethernet's, IPv4's and UDP's header.
const HEADERS: usize = 14 + IP_HEADERS;
const IP_HEADERS: usize = 20 + 8;

/// Of which size the parts of a large datagram are.
const PART: i32 = 1000;

/// The parts of what is sent: the last one is shorter.
const PARTS: [usize; 6] = [1000, 1000, 1000, 1000, 1000, 500];

/// What a small datagram says.
const PAYLOAD: &[u8] = b"out and in";

/// How long a datagram may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    In,
    Out,
    Other(u8),
}

impl Way {
    fn of(packet_type: u8) -> Self {
        match packet_type {
            0 => Way::In,
            4 => Way::Out,
            other => Way::Other(other),
        }
    }
}

/// A frame that a packet socket got.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    way: Way,
    /// All of it, with Ethernet's header.
    pub bytes: Vec<u8>,
}

/// The frames that `socket` has got.
fn frames(socket: &OwnedFd) -> Result<Vec<Frame>, String> {
    let mut frames = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (len, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(frames),
            Err(error) => return Err(format!("packet socket: {error}")),
        };
        let from = from.ok_or("a frame without a sender")?;
        frames.push(Frame {
            way: Way::of(from.pkttype()),
            bytes: buffer[..len].to_vec(),
        });
    }
}

/// Two sockets of this thread's namespace that talk over `lo`.
struct Pair {
    sender: UdpSocket,
    receiver: UdpSocket,
}

impl Pair {
    fn new() -> io::Result<Self> {
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        receiver.set_read_timeout(Some(PATIENCE))?;
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sender.connect(receiver.local_addr()?)?;
        Ok(Self { sender, receiver })
    }

    /// Sends `payload`; what of it is received, in as many datagrams as it comes in.
    fn send(&self, payload: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        self.sender.send(payload)?;
        let mut buffer = vec![0; 1 << 16];
        let mut datagrams = Vec::new();
        let mut left = payload.len();
        while left > 0 {
            let len = self.receiver.recv(&mut buffer)?;
            datagrams.push(buffer[..len].to_vec());
            left = left.saturating_sub(len);
        }
        Ok(datagrams)
    }
}

/// Sends a small datagram to itself, and returns the frames that a packet socket sees of it.
pub fn small_datagram() -> Result<Vec<Frame>, String> {
    let socket = frame::listen()?;
    Pair::new()
        .and_then(|pair| pair.send(PAYLOAD))
        .map_err(|e| format!("a datagram over lo: {e}"))?;
    frames(&socket)
}

/// A packet socket sees what is sent over `lo` go out, and then come in, just as it went out.
pub fn both_ways(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::up("lo-packet")?;
    let frames = own.inside(small_datagram)?;
    let [out, back] = &frames[..] else {
        return Err(format!("there were {} frames, not 2: {frames:x?}", frames.len()).into());
    };
    if (out.way, back.way) != (Way::Out, Way::In) {
        return Err(format!("the frames went {:?} and {:?}", out.way, back.way).into());
    }
    if out.bytes != back.bytes || !out.bytes.ends_with(PAYLOAD) {
        return Err(format!("what was sent came as {frames:x?}").into());
    }
    if out.bytes.len() != HEADERS + PAYLOAD.len() || out.bytes[..12] != [0; 12] {
        return Err(format!("the frame is not as lo makes it: {:x?}", out.bytes).into());
    }
    Ok(own.delete()?)
}

/// With its features as they are `lo` takes a large datagram as one.
pub fn gso_kept(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::add("lo-gso")?;
    large_datagram(&own, &[PARTS.iter().sum()])?;
    Ok(own.delete()?)
}

/// With this feature off the stack cuts it into its parts before `lo` gets them; on again, `lo`
/// takes it as one again.
pub fn gso_segmented(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::add("lo-gso")?;
    let set = |value| {
        let words = ["ethtool", "-K", "lo", "tx-udp-segmentation", value];
        command::run(&[&["ip", "netns", "exec", own.name()], &words[..]].concat())
    };
    set("off")?;
    large_datagram(&own, &PARTS)?;
    set("on")?;
    large_datagram(&own, &[PARTS.iter().sum()])?;
    Ok(own.delete()?)
}

/// Sends a large datagram in `own`. Whether it passes over `lo` in pieces of these sizes, is counted
/// as so many, and is received in its parts.
fn large_datagram(own: &OwnNetns, pieces: &[usize]) -> Result<(), String> {
    own.ip(&["link", "set", "lo", "up"])?;
    let before = link(own)?.stats64;
    let (datagrams, frames) = own.inside(|| {
        let socket = frame::listen()?;
        let datagrams = send_large().map_err(|e| format!("a large datagram over lo: {e}"))?;
        Ok((datagrams, frames(&socket)?))
    })?;
    if datagrams != PARTS {
        return Err(format!("received in parts of {datagrams:?}, not {PARTS:?}"));
    }
    for way in [Way::Out, Way::In] {
        let found: Vec<usize> = frames
            .iter()
            .filter(|frame| frame.way == way)
            .map(|frame| frame.bytes.len().saturating_sub(HEADERS))
            .collect();
        if found != pieces {
            return Err(format!("{way:?} went pieces of {found:?}, not {pieces:?}"));
        }
    }
    let traffic = Counters {
        packets: pieces.len() as u64,
        bytes: pieces.iter().map(|len| (len + IP_HEADERS) as u64).sum(),
        ..Counters::default()
    };
    counters::judge(before, link(own)?.stats64, traffic)
}

fn link(own: &OwnNetns) -> Result<Link, String> {
    ip::parse_one(&own.ip(&["-j", "-d", "-s", "link", "show", "lo"])?)
}

/// Sends it; the sizes of what is received.
fn send_large() -> io::Result<Vec<usize>> {
    let pair = Pair::new()?;
    setsockopt(&pair.sender, UdpGsoSegment, &PART)?;
    let payload = vec![0x5a; PARTS.iter().sum()];
    let datagrams = pair.send(&payload)?;
    Ok(datagrams.iter().map(Vec::len).collect())
}
