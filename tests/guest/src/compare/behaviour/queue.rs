// SPDX-License-Identifier: GPL-2.0

//! The queue's length, and how large what is sent and received may be.

use super::device::SIOCSIFTXQLEN;
use super::scene::Scene;

const IFLA_TXQLEN: u16 = 13;

const LENGTHS: [u32; 7] = [0, 1, 1000, 0x7fff_ffff, 0x8000_0000, u32::MAX, 1000];

/// Attributes that are limits, and what they are tried with.
const LIMITS: [(&str, u16); 9] = [
    ("gso-max-segs", 40),
    ("gso-max-size", 41),
    ("min-mtu", 50),
    ("max-mtu", 51),
    ("gro-max-size", 58),
    ("tso-max-size", 59),
    ("tso-max-segs", 60),
    ("gso-ipv4-max-size", 63),
    ("gro-ipv4-max-size", 64),
];
const VALUES: [u32; 13] = [
    0,
    1,
    2,
    1500,
    65535,
    65536,
    65537,
    262_143,
    524_280,
    524_281,
    0x8000_0000,
    u32::MAX,
    65536,
];

pub fn length(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for (number, length) in LENGTHS.iter().enumerate() {
            let key = |how: &str| format!("{state}.{how}.{number}-{length}");
            scene.ioctl(&key("ioctl"), SIOCSIFTXQLEN, &length.to_ne_bytes())?;
            scene.set(&key("netlink"), |lo| lo.u32(IFLA_TXQLEN, length ^ 2))?;
            scene.write(&key("sysfs"), "tx_queue_len", &length.to_string())?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}

pub fn limits(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for (name, kind) in LIMITS {
            for (number, value) in VALUES.iter().enumerate() {
                let key = format!("{state}.{name}.{number}-{value}");
                scene.set(&key, |lo| lo.u32(kind, *value))?;
            }
        }
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}
