// SPDX-License-Identifier: GPL-2.0

//! What is said of the device: group, alias, how its state is shown and who may say so.

use super::scene::Scene;

const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKMODE: u16 = 17;
const IFLA_IFALIAS: u16 = 20;
const IFLA_GROUP: u16 = 27;
const IFLA_CARRIER: u16 = 33;
const IFLA_PROTO_DOWN: u16 = 39;

/// The longest alias has 255 bytes.
const ALIASES: [usize; 6] = [1, 254, 255, 256, 300, 0];

pub fn all(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        in_state(scene, state)?;
        scene.up(&format!("{state}.up"))?;
    }
    // What was set while it was up, seen from down.
    scene.down("down")
}

fn in_state(scene: &mut Scene, state: &str) -> Result<(), String> {
    for group in [1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0] {
        let key = format!("{state}.group.{group}");
        scene.set(&key, |lo| lo.u32(IFLA_GROUP, group))?;
    }
    for len in ALIASES {
        let alias = vec![b'a'; len];
        let key = format!("{state}.alias.{len}");
        scene.set(&key, |lo| lo.attr(IFLA_IFALIAS, &alias))?;
        let key = format!("{state}.alias-sysfs.{len}");
        scene.write(&key, "ifalias", &"b".repeat(len))?;
    }
    for (name, kind, last) in [
        ("operstate", IFLA_OPERSTATE, 7),
        ("linkmode", IFLA_LINKMODE, 3),
        ("carrier", IFLA_CARRIER, 2),
        ("proto-down", IFLA_PROTO_DOWN, 2),
    ] {
        for (number, value) in (0..=last).chain([0]).enumerate() {
            let key = format!("{state}.{name}.{number}-{value}");
            scene.set(&key, |lo| lo.attr(kind, &[value]))?;
        }
    }
    Ok(())
}
