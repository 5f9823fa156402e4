// SPDX-License-Identifier: GPL-2.0

//! The MTU: which are taken, and what goes with them; IPv6 leaves a device of less than 1280 bytes.

use super::device::SIOCSIFMTU;
use super::scene::Scene;

const IFLA_MTU: u16 = 4;

const VALUES: [u32; 13] = [
    0,
    67,
    68,
    1279,
    1280,
    1500,
    65535,
    65536,
    65537,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
    65536,
];

type Change = fn(&mut Scene, &str, u32) -> Result<(), String>;

pub fn by_ioctl(scene: &mut Scene) -> Result<(), String> {
    all(scene, |scene, key, mtu| {
        scene.ioctl(key, SIOCSIFMTU, &mtu.to_ne_bytes())
    })
}

pub fn by_netlink(scene: &mut Scene) -> Result<(), String> {
    all(scene, |scene, key, mtu| {
        scene.set(key, |lo| lo.u32(IFLA_MTU, mtu))
    })
}

pub fn by_sysfs(scene: &mut Scene) -> Result<(), String> {
    all(scene, |scene, key, mtu| {
        scene.write(key, "mtu", &mtu.to_string())
    })
}

/// Down and up, and then from a small one that it was brought up with.
fn all(scene: &mut Scene, change: Change) -> Result<(), String> {
    for state in ["down", "up"] {
        if state == "up" {
            scene.up("up")?;
        }
        for (number, mtu) in VALUES.iter().enumerate() {
            change(scene, &format!("{state}.{number}-{mtu}"), *mtu)?;
        }
    }
    scene.down("down")?;
    change(scene, "small", 1279)?;
    scene.up("small-up")?;
    change(scene, "large", 65536)?;
    scene.down("down-again")
}
