// SPDX-License-Identifier: GPL-2.0

//! Every feature by itself: the other way, and back.

use super::device::Device;
use super::device::LO;
use super::ethtool::Ethtool;
use super::refused::Done;
use super::scene::Scene;

const MSG_FEATURES_SET: u8 = 12;
const FEATURES_WANTED: u16 = 3;
const BITSET_BITS: u16 = 3;
const BITSET_BIT: u16 = 1;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;

const SFEATURES: u32 = 0x3b;

pub fn by_netlink(scene: &mut Scene) -> Result<(), String> {
    let ethtool = match Ethtool::open() {
        Ok(ethtool) => ethtool,
        Err(why) => return scene.note("family", why),
    };
    all(scene, |_, names, bit, value| {
        let name = &names[bit];
        ethtool.ask(MSG_FEATURES_SET, |message| {
            message.nest(FEATURES_WANTED, |set| {
                set.nest(BITSET_BITS, |bits| {
                    bits.nest(BITSET_BIT, |bit| {
                        let bit = bit.text(BIT_NAME, name);
                        if value {
                            bit.attr(BIT_VALUE, &[])
                        } else {
                            bit
                        }
                    })
                })
            })
        })
    })
}

pub fn by_ioctl(scene: &mut Scene) -> Result<(), String> {
    all(scene, |device, names, bit, value| {
        let count = names.len().div_ceil(32);
        let mut words = vec![0_u32; 1 + 2 * count];
        words[0] = count as u32;
        let valid = 1 + bit / 32 * 2;
        words[valid] = 1 << (bit % 32);
        words[valid + 1] = u32::from(value) << (bit % 32);
        let rest: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
        let (flags, _) = device.ethtool(SFEATURES, &rest)?;
        Ok(match flags {
            0 => String::new(),
            flags => format!("flags {flags}"),
        })
    })
}

/// Does it for each, with `set`, which gets the names, which of them, and whether it is to be on.
fn all(
    scene: &mut Scene,
    set: impl Fn(&Device, &[String], usize, bool) -> Done,
) -> Result<(), String> {
    scene.up("up")?;
    let names = scene.features().to_vec();
    scene.note("count", names.len().to_string())?;
    for (bit, name) in names.iter().enumerate() {
        // Some have no name.
        let key = if name.is_empty() {
            format!("bit-{bit}")
        } else {
            name.clone()
        };
        let on = scene
            .device
            .features(LO, &names)
            .is_ok_and(|features| features[bit].active);
        for (step, value) in [("changed", !on), ("back", on)] {
            let done = set(&scene.device, &names, bit, value);
            scene.did(&format!("{key}.{step}"), done)?;
        }
    }
    Ok(())
}
