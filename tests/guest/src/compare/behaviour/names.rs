// SPDX-License-Identifier: GPL-2.0

//! The name: which ones it takes, up and down; and other names beside it.

use super::device::LO;
use super::device::SIOCSIFNAME;
use super::message::Message;
use super::refused::done;
use super::scene::link_header;
use super::scene::Scene;
use super::scene::RTM_NEWLINK;

const RTM_GETLINK: u16 = 18;
const RTM_NEWLINKPROP: u16 = 108;
const RTM_DELLINKPROP: u16 = 109;
const IFLA_IFNAME: u16 = 3;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;

const TAKEN: &str = "taken0";

/// Those that do not stay; what is accepted is taken back.
const NAMES: [&str; 14] = [
    LO,
    TAKEN,
    "lo1",
    "lo%d",
    "%d",
    "lo%s",
    "",
    ".",
    "..",
    "a/b",
    "a b",
    "a:b",
    "all",
    "fifteen-letters",
];

/// Another device, whose name `lo` cannot get; and which cannot get `lo`'s.
fn other(scene: &mut Scene) -> Result<(), String> {
    scene.line("other", &format!("ip link add {TAKEN} type dummy"))
}

pub fn by_netlink(scene: &mut Scene) -> Result<(), String> {
    other(scene)?;
    for state in ["down", "up"] {
        for name in NAMES.iter().chain(&["sixteen-letters-"]) {
            let key = format!("{state}.{name:?}");
            scene.set(&key, |lo| lo.text(IFLA_IFNAME, name))?;
            scene.set(&format!("{key}.back"), |lo| lo.text(IFLA_IFNAME, LO))?;
        }
        let rename = format!("ip link set {TAKEN} name {LO}");
        scene.line(&format!("{state}.other-to-lo"), &rename)?;
        scene.up(&format!("{state}.up"))?;
    }
    scene.line("other-gone", &format!("ip link del {TAKEN}"))?;
    scene.down("down")
}

pub fn by_ioctl(scene: &mut Scene) -> Result<(), String> {
    other(scene)?;
    for state in ["down", "up"] {
        for name in NAMES {
            let key = format!("{state}.{name:?}");
            scene.ioctl(&key, SIOCSIFNAME, name.as_bytes())?;
            back(scene, &format!("{key}.back"))?;
        }
        let rename = scene.device.value_of(SIOCSIFNAME, TAKEN, LO.as_bytes());
        scene.did(&format!("{state}.other-to-lo"), done(rename))?;
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}

/// Gives the first device its name back, whatever it is called now.
fn back(scene: &mut Scene, key: &str) -> Result<(), String> {
    scene.set(key, |lo| lo.text(IFLA_IFNAME, LO))
}

/// Further names: added, found by, taken away.
pub fn alternative(scene: &mut Scene) -> Result<(), String> {
    other(scene)?;
    let long = "n".repeat(127);
    let longer = "n".repeat(128);
    let names = [
        "alt", "alt", "alt2", LO, TAKEN, "", "a/b", "alt%d", &long, &longer,
    ];
    for state in ["down", "up"] {
        for (number, name) in names.iter().enumerate() {
            let key = format!("{state}.add.{number}");
            scene.ask(&key, with(RTM_NEWLINKPROP, name))?;
        }
        let found = Message::new(RTM_GETLINK, 0, &link_header(0, 0, 0));
        scene.ask(&format!("{state}.get"), found.text(IFLA_ALT_IFNAME, "alt"))?;
        let rename = Message::new(RTM_NEWLINK, 0, &link_header(0, 0, 0));
        let mtu = rename.clone().text(IFLA_ALT_IFNAME, "alt").u32(4, 1400);
        scene.ask(&format!("{state}.set-by"), mtu)?;
        scene.set(&format!("{state}.rename-to"), |lo| {
            lo.text(IFLA_IFNAME, "alt")
        })?;
        back(scene, &format!("{state}.rename-back"))?;
        for (number, name) in names.iter().enumerate() {
            let key = format!("{state}.del.{number}");
            scene.ask(&key, with(RTM_DELLINKPROP, name))?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}

fn with(kind: u16, name: &str) -> Message {
    Message::new(kind, 0, &link_header(super::digest::LO, 0, 0))
        .nest(IFLA_PROP_LIST, |list| list.text(IFLA_ALT_IFNAME, name))
}
