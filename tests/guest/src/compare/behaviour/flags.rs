// SPDX-License-Identifier: GPL-2.0

//! Every flag by itself, on and off; and those that are counted, because several may want them.

use std::os::fd::OwnedFd;

use nix::libc;
use rustix::net::AddressFamily;
use rustix::net::SocketType;

use super::device::SIOCSIFFLAGS;
use super::message::Message;
use super::refused::done;
use super::refused::Done;
use super::scene::Scene;
use crate::compare::raw;
use crate::compare::words::FLAGS;

const IFF_PROMISC: u32 = 0x100;
const IFF_ALLMULTI: u32 = 0x200;

/// `struct packet_mreq` has its device's index first.
const LO: i32 = 1;

/// What a packet socket may be a member of.
const MEMBERSHIPS: [(&str, u16); 4] = [
    ("multicast", 0),
    ("promisc", 1),
    ("allmulti", 2),
    ("unicast", 3),
];

fn name(bit: usize) -> String {
    match FLAGS.get(bit) {
        Some(name) => name.to_lowercase(),
        None => format!("bit-{bit}"),
    }
}

pub fn by_netlink(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for bit in 1..32 {
            let flag = 1_u32 << bit;
            let key = |what: &str| format!("{state}.{}.{what}", name(bit));
            scene.set_flags(&key("on"), flag, flag)?;
            scene.set_flags(&key("off"), 0, flag)?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    scene.set_flags("all-on", u32::MAX, u32::MAX)?;
    scene.set_flags("all-off", 0, u32::MAX)?;
    // With nothing in `change`, all of them are meant.
    scene.set_flags("plain-on", u32::MAX, 0)?;
    scene.set_flags("plain-up", 1, 0)
}

pub fn by_ioctl(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for bit in 0..16 {
            let flag = 1_u16 << bit;
            let before = scene.device.flags().unwrap_or_default();
            for (what, flags) in [("changed", before ^ flag), ("back", before)] {
                let key = format!("{state}.{}.{what}", name(bit));
                scene.ioctl(&key, SIOCSIFFLAGS, &flags.to_ne_bytes())?;
            }
        }
        scene.up(&format!("{state}.up"))?;
    }
    scene.ioctl("all-on", SIOCSIFFLAGS, &u16::MAX.to_ne_bytes())?;
    scene.ioctl("all-off", SIOCSIFFLAGS, &0_u16.to_ne_bytes())
}

/// Two sockets want something, the flag is set and taken away beside them, and they go.
pub fn counts(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for (name, kind) in MEMBERSHIPS {
            let key = |what: &str| format!("{state}.{name}.{what}");
            let sockets = [packet_socket()?, packet_socket()?];
            for (socket, what) in sockets.iter().zip(["first", "second"]) {
                scene.did(&key(what), membership(socket, kind, true))?;
            }
            for (what, flags) in [("set", IFF_PROMISC | IFF_ALLMULTI), ("unset", 0)] {
                scene.set_flags(&key(what), flags, IFF_PROMISC | IFF_ALLMULTI)?;
            }
            let [first, second] = sockets;
            scene.did(&key("leave"), membership(&first, kind, false))?;
            scene.did(&key("leave-again"), membership(&first, kind, false))?;
            drop(second);
            scene.did(&key("closed"), Ok(String::new()))?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    keeps(scene)
}

/// What is wanted stays wanted while `lo` is down.
fn keeps(scene: &mut Scene) -> Result<(), String> {
    let socket = packet_socket()?;
    scene.did("keep.promisc", membership(&socket, 1, true))?;
    scene.down("keep.down")?;
    scene.up("keep.up")?;
    scene.set("keep.mtu", |lo: Message| lo.u32(4, 1000))?;
    drop(socket);
    scene.did("keep.closed", Ok(String::new()))
}

fn packet_socket() -> Result<OwnedFd, String> {
    rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None)
        .map_err(|e| format!("a packet socket: {e}"))
}

fn membership(socket: &OwnedFd, kind: u16, join: bool) -> Done {
    let option = match join {
        true => libc::PACKET_ADD_MEMBERSHIP,
        false => libc::PACKET_DROP_MEMBERSHIP,
    };
    let mut request = LO.to_ne_bytes().to_vec();
    request.extend(kind.to_ne_bytes());
    request.extend(6_u16.to_ne_bytes());
    request.extend([1, 0, 0x5e, 0, 0, 0x7b, 0, 0]);
    done(raw::set_bytes(socket, libc::SOL_PACKET, option, &request))
}
