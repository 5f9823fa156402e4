// SPDX-License-Identifier: GPL-2.0

//! Every setting of `lo` below /proc/sys/net: as it is, one, and what is no number.

use std::fs;
use std::path::Path;

use super::scene::write;
use super::scene::Scene;
use super::sysfs::content;
use super::sysfs::files;

pub fn ipv4(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    all(scene, "/proc/sys/net/ipv4/conf/lo")?;
    all(scene, "/proc/sys/net/ipv4/neigh/lo")
}

pub fn ipv6(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    all(scene, "/proc/sys/net/ipv6/conf/lo")?;
    all(scene, "/proc/sys/net/ipv6/neigh/lo")
}

fn all(scene: &mut Scene, directory: &str) -> Result<(), String> {
    let directory = Path::new(directory);
    if !directory.is_dir() {
        return scene.note(&directory.to_string_lossy(), "not there");
    }
    for path in files(directory)? {
        let name = path.strip_prefix("/proc/sys/net").unwrap_or(&path);
        let name = name.to_string_lossy().into_owned();
        let before = fs::read_to_string(&path).unwrap_or_default();
        for (what, value) in [("one", "1"), ("word", "x"), ("back", before.as_str())] {
            let written = write(&path, value);
            scene.did(&format!("{name}.{what}"), written)?;
            scene.note(&format!("{name}.{what}.then"), content(&path))?;
        }
    }
    Ok(())
}
