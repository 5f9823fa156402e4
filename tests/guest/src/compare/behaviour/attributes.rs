// SPDX-License-Identifier: GPL-2.0

//! Every attribute of a link, by its number: with nothing in it, with a byte, and with words.

use super::scene::Scene;

/// A few more than there are, to see what unknown ones get.
const LAST: u16 = 74;

const PAYLOADS: [(&str, &[u8]); 4] = [
    ("empty", &[]),
    ("byte", &[1]),
    ("zero", &[0; 4]),
    ("one", &[1, 0, 0, 0]),
];

pub fn down(scene: &mut Scene) -> Result<(), String> {
    all(scene)
}

pub fn up(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    all(scene)
}

fn all(scene: &mut Scene) -> Result<(), String> {
    for kind in 1..=LAST {
        for (what, payload) in PAYLOADS {
            scene.set(&format!("{kind}.{what}"), |lo| lo.attr(kind, payload))?;
        }
    }
    Ok(())
}
