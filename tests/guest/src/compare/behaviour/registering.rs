// SPDX-License-Identifier: GPL-2.0

//! `lo` cannot be deleted, and there is one only.

use super::digest::LO;
use super::message::Message;
use super::scene::link_header;
use super::scene::Scene;
use super::scene::RTM_DELLINK;
use super::scene::RTM_NEWLINK;
use crate::compare::wire::CREATE;
use crate::compare::wire::EXCL;

const REPLACE: u16 = 0x100;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_ALT_IFNAME: u16 = 53;
const INFO_KIND: u16 = 1;

const KINDS: [&str; 4] = ["dummy", "loopback", "lo", "veth"];

pub fn all(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        delete(scene, state)?;
        add(scene, state)?;
        scene.up(&format!("{state}.up"))?;
    }
    scene.down("down")
}

fn delete(scene: &mut Scene, state: &str) -> Result<(), String> {
    let message = |index| Message::new(RTM_DELLINK, 0, &link_header(index, 0, 0));
    scene.ask(&format!("{state}.delete.index"), message(LO))?;
    let by_name = message(0).text(IFLA_IFNAME, "lo");
    scene.ask(&format!("{state}.delete.name"), by_name)?;
    let by_other = message(0).text(IFLA_ALT_IFNAME, "lo");
    scene.ask(&format!("{state}.delete.altname"), by_other)?;
    scene.ask(&format!("{state}.delete.unknown"), message(99))
}

fn add(scene: &mut Scene, state: &str) -> Result<(), String> {
    for kind in KINDS {
        for (what, index, name) in [
            ("name", 0, "lo"),
            ("index", LO, "other0"),
            ("both", LO, "lo"),
        ] {
            for (how, flags) in [
                ("create", CREATE | EXCL),
                ("replace", CREATE | REPLACE),
                ("change", 0),
            ] {
                let message = Message::new(RTM_NEWLINK, flags, &link_header(index, 0, 0))
                    .text(IFLA_IFNAME, name)
                    .nest(IFLA_LINKINFO, |info| info.text(INFO_KIND, kind));
                scene.ask(&format!("{state}.{kind}.{what}.{how}"), message)?;
                // Whatever that was, the next one begins as this one did.
                if name != "lo" {
                    let key = format!("{state}.{kind}.{what}.{how}.back");
                    scene.set(&key, |lo| lo.text(IFLA_IFNAME, "lo"))?;
                }
            }
        }
    }
    Ok(())
}
