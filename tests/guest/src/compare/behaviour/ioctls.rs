// SPDX-License-Identifier: GPL-2.0

//! Every ioctl of a socket that has a device's name in it, and those that no device has.

use super::refused::done;
use super::scene::Scene;

/// Of sockets and of devices.
const FIRST: u32 = 0x8901;
const LAST: u32 = 0x89ff;

/// They mean something else: addresses of memory, of a socket's owner, or which file it is.
const OTHERS: [u32; 8] = [
    0x8901, 0x8902, 0x8903, 0x8904, 0x8905, 0x8906, 0x8907, 0x894c,
];

/// What stands behind the name: nothing, one, an address of type `lo` has, and a name.
const VALUES: [(&str, &[u8]); 5] = [
    ("zero", &[0; 16]),
    ("one", &[1, 0, 0, 0]),
    ("mac", &[4, 3, 2, 0, 0, 0, 0, 1]),
    ("ip", &[2, 0, 0, 0, 127, 0, 0, 1]),
    ("name", b"lo"),
];

pub fn all(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for number in (FIRST..=LAST).filter(|number| !OTHERS.contains(number)) {
            let answers = VALUES.map(|(what, value)| {
                let answer = scene.device.value(number, value);
                (what.to_string(), done(answer))
            });
            let key = format!("{state}.{number:#x}");
            scene.did_all(&key, answers.into())?;
            scene.restore(&key, state == "up")?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    // What is behind a pointer: where a driver would have its own, and time stamps.
    for number in [0x89b0, 0x89b1].into_iter().chain(0x89f0..=0x89ff) {
        let answers = [("zeros", [0; 16]), ("ones", [1; 16])].map(|(what, data)| {
            let answer = scene.device.data(number, &data);
            (what.to_string(), done(answer))
        });
        scene.did_all(&format!("data.{number:#x}"), answers.into())?;
    }
    Ok(())
}
