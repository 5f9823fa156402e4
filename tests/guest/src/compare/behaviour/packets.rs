// SPDX-License-Identifier: GPL-2.0

//! Frames of odd lengths, protocols and addresses, sent by packet sockets: what is refused, what a
//! listener sees of the others, and what is counted.

use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::recvfrom;
use nix::sys::socket::LinkAddr;
use rustix::net::AddressFamily;
use rustix::net::SendFlags;
use rustix::net::SocketType;

use super::refused::Done;
use super::scene::Scene;
use crate::compare::words::hex;
use crate::frame;
use crate::frame::LinkAddress;
use crate::wait;

/// A protocol for experiments, which nobody listens to; and one that shows that all before it has
/// come.
const EXPERIMENT: u16 = 0x88b5;
const MARK: u16 = 0x88b6;

/// How such a frame is shown, and one on its way out: whom one on its way in is for depends.
const MARKED: &str = "protocol 0x88b6";
const OUT: &str = "type 4 ";

const PATIENCE: Duration = Duration::from_secs(1);

/// How much of a frame is shown.
const SHOWN: usize = 20;

const LENGTHS: [usize; 22] = [
    0, 1, 13, 14, 15, 16, 17, 18, 19, 33, 34, 60, 64, 1514, 1518, 65535, 65549, 65550, 65551,
    65554, 65555, 70000,
];

const PROTOCOLS: [(&str, u16); 12] = [
    ("none", 0),
    ("802.3", 1),
    ("all", 3),
    ("802.2", 4),
    ("length", 100),
    ("longest-length", 0x05dc),
    ("below-types", 0x05ff),
    ("first-type", 0x0600),
    ("ip", 0x0800),
    ("vlan", 0x8100),
    ("loopback", 0x9000),
    ("last", 0xffff),
];

const ADDRESSES: [(&str, [u8; 6]); 5] = [
    ("zero", [0; 6]),
    ("broadcast", [0xff; 6]),
    ("multicast", [1, 0, 0x5e, 0, 0, 1]),
    ("other", [2, 0, 0, 0, 0, 9]),
    ("own-later", [2, 0, 0, 0, 0, 1]),
];

pub fn all(scene: &mut Scene) -> Result<(), String> {
    let raw = Talker::open(SocketType::RAW)?;
    let cooked = Talker::open(SocketType::DGRAM)?;
    step(scene, "down.raw", || {
        raw.send(EXPERIMENT, &frame_of([0; 6], EXPERIMENT, 60))
    })?;
    step(scene, "down.cooked", || cooked.send(EXPERIMENT, &[0; 60]))?;
    scene.up("up")?;
    for mtu in [65536_u32, 1500] {
        scene.set(&format!("mtu-{mtu}"), |lo| lo.u32(4, mtu))?;
        lengths(scene, &format!("mtu-{mtu}"), &raw, &cooked)?;
    }
    protocols(scene, &raw, &cooked)?;
    addresses(scene, "mac-zero", &raw)?;
    scene.set("mac", |lo| lo.attr(1, &[2, 0, 0, 0, 0, 1]))?;
    addresses(scene, "mac-local", &raw)?;
    vlan_tagged(scene, &raw)
}

fn lengths(scene: &mut Scene, key: &str, raw: &Talker, cooked: &Talker) -> Result<(), String> {
    for len in LENGTHS {
        let frame = frame_of([0; 6], EXPERIMENT, len);
        step(scene, &format!("{key}.raw.{len}"), || {
            raw.send(EXPERIMENT, &frame)
        })?;
        let payload = vec![0x5a; len];
        step(scene, &format!("{key}.cooked.{len}"), || {
            cooked.send(EXPERIMENT, &payload)
        })?;
    }
    Ok(())
}

fn protocols(scene: &mut Scene, raw: &Talker, cooked: &Talker) -> Result<(), String> {
    for (name, protocol) in PROTOCOLS {
        // In the frame, in the socket's address, or in both.
        for (how, inside, outside) in [
            ("frame", protocol, EXPERIMENT),
            ("address", EXPERIMENT, protocol),
            ("both", protocol, protocol),
        ] {
            let frame = frame_of([0; 6], inside, 60);
            let key = format!("protocol.{name}.{how}");
            step(scene, &key, || raw.send(outside, &frame))?;
        }
        let key = format!("protocol.{name}.cooked");
        step(scene, &key, || cooked.send(protocol, &[0x5a; 46]))?;
    }
    // What looks like 802.3 without a header of 802.2 behind it.
    let mut frame = frame_of([0; 6], 100, 60);
    frame[14..16].copy_from_slice(&[0xff; 2]);
    step(scene, "protocol.length.raw-802.3", || {
        raw.send(EXPERIMENT, &frame)
    })
}

fn addresses(scene: &mut Scene, key: &str, raw: &Talker) -> Result<(), String> {
    for (name, address) in ADDRESSES {
        let frame = frame_of(address, EXPERIMENT, 60);
        step(scene, &format!("{key}.{name}"), || {
            raw.send(EXPERIMENT, &frame)
        })?;
    }
    Ok(())
}

fn vlan_tagged(scene: &mut Scene, raw: &Talker) -> Result<(), String> {
    for (name, outer) in [("802.1q", 0x8100_u16), ("802.1ad", 0x88a8)] {
        for len in [14, 16, 17, 18, 60, 65554] {
            let mut frame = frame_of([0; 6], outer, len);
            let tag = [&5_u16.to_be_bytes()[..], &EXPERIMENT.to_be_bytes()].concat();
            for (at, byte) in tag.into_iter().enumerate() {
                if let Some(place) = frame.get_mut(14 + at) {
                    *place = byte;
                }
            }
            step(scene, &format!("vlan.{name}.{len}"), || {
                raw.send(outer, &frame)
            })?;
        }
    }
    Ok(())
}

/// A frame of this length, or as much of one.
fn frame_of(destination: [u8; 6], protocol: u16, len: usize) -> Vec<u8> {
    let mut frame = destination.to_vec();
    frame.extend([2, 0, 0, 0, 0, 2]);
    frame.extend(protocol.to_be_bytes());
    frame.resize(len, 0x5a);
    frame
}

/// Lets something be sent, and tells what came of it, what a listener saw and what was counted.
fn step(scene: &mut Scene, key: &str, send: impl FnOnce() -> Done) -> Result<(), String> {
    let ear = frame::listen()?;
    let done = send();
    scene.did(key, done)?;
    scene.note(&format!("{key}.seen"), seen(&ear)?)?;
    scene.count(&format!("{key}.counted"))
}

/// What has passed until now, both ways.
fn seen(ear: &OwnedFd) -> Result<String, String> {
    let mut all = frames(ear)?;
    // On this CPU all is processed in order; nothing that is still there is older than a mark.
    let marker = Talker::open(SocketType::DGRAM)?;
    if marker.send(MARK, &[0; 46]).is_ok() {
        let came = wait::until(PATIENCE, || {
            all.extend(frames(ear)?);
            let back = |frame: &String| frame.contains(MARKED) && !frame.starts_with(OUT);
            Ok(all.iter().any(back))
        })?;
        if !came {
            all.push("no mark".into());
        }
    }
    all.retain(|frame| !frame.contains(MARKED));
    Ok(all.join(" | "))
}

fn frames(ear: &OwnedFd) -> Result<Vec<String>, String> {
    let mut frames = Vec::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        let (len, from) = match recvfrom::<LinkAddr>(ear.as_raw_fd(), &mut buffer) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(frames),
            // It was told before that lo went down.
            Err(Errno::ENETDOWN) => continue,
            Err(error) => return Err(format!("packet socket: {error}")),
        };
        let from = from.ok_or("a frame without a sender")?;
        let head = hex(&buffer[..len.min(SHOWN)]);
        frames.push(format!(
            "type {} protocol {:#06x} hardware {} at {} len {len}: {head}",
            from.pkttype(),
            u16::from_be(from.protocol()),
            from.hatype(),
            hex(&from.addr().unwrap_or_default()[..from.halen().min(6)]),
        ));
    }
}

/// A socket that sends.
struct Talker(OwnedFd);

impl Talker {
    fn open(kind: SocketType) -> Result<Self, String> {
        rustix::net::socket(AddressFamily::PACKET, kind, None)
            .map(Self)
            .map_err(|e| format!("a packet socket: {e}"))
    }

    fn send(&self, protocol: u16, bytes: &[u8]) -> Done {
        let address = LinkAddress::of_lo(protocol);
        let sent = rustix::net::sendto(&self.0, bytes, SendFlags::empty(), &address)?;
        Ok(match sent == bytes.len() {
            true => String::new(),
            false => format!("{sent} of {}", bytes.len()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_length_that_is_wanted() {
        for len in LENGTHS {
            assert_eq!(frame_of([0xff; 6], EXPERIMENT, len).len(), len);
        }
        assert_eq!(frame_of([0xff; 6], EXPERIMENT, 14)[12..], [0x88, 0xb5]);
    }
}
