// SPDX-License-Identifier: GPL-2.0

//! The hardware address and the broadcast address.

use super::device::SIOCSIFHWADDR;
use super::device::SIOCSIFHWBROADCAST;
use super::scene::Scene;

const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;

const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;

/// What they are called, and what they are; the last one is what a new `lo` has.
const ADDRESSES: [(&str, [u8; 6]); 6] = [
    ("local", [2, 0, 0, 0, 0, 1]),
    ("global", [0, 0x1b, 0x21, 1, 2, 3]),
    ("multicast", [1, 0, 0x5e, 0, 0, 1]),
    ("broadcast", [0xff; 6]),
    ("local-again", [2, 0, 0, 0, 0, 1]),
    ("zero", [0; 6]),
];

fn states(
    scene: &mut Scene,
    each: impl Fn(&mut Scene, &str) -> Result<(), String>,
) -> Result<(), String> {
    each(scene, "down")?;
    scene.up("up")?;
    each(scene, "up")
}

pub fn by_ioctl(scene: &mut Scene) -> Result<(), String> {
    states(scene, |scene, state| {
        for family in [ARPHRD_LOOPBACK, ARPHRD_ETHER] {
            for (name, address) in ADDRESSES {
                let value = [&family.to_ne_bytes()[..], &address].concat();
                let key = format!("{state}.type-{family}.{name}");
                scene.ioctl(&key, SIOCSIFHWADDR, &value)?;
                let key = format!("{state}.type-{family}.brd-{name}");
                scene.ioctl(&key, SIOCSIFHWBROADCAST, &value)?;
            }
        }
        Ok(())
    })
}

pub fn by_netlink(scene: &mut Scene) -> Result<(), String> {
    states(scene, |scene, state| {
        for (name, address) in ADDRESSES {
            scene.set(&format!("{state}.{name}"), |lo| {
                lo.attr(IFLA_ADDRESS, &address)
            })?;
            scene.set(&format!("{state}.brd-{name}"), |lo| {
                lo.attr(IFLA_BROADCAST, &address)
            })?;
        }
        for len in [0, 1, 5, 7, 8, 32, 33] {
            let address = vec![2; len];
            scene.set(&format!("{state}.len-{len}"), |lo| {
                lo.attr(IFLA_ADDRESS, &address)
            })?;
            scene.set(&format!("{state}.brd-len-{len}"), |lo| {
                lo.attr(IFLA_BROADCAST, &address)
            })?;
        }
        Ok(())
    })
}
