// SPDX-License-Identifier: GPL-2.0

//! Every file of `lo` in sysfs that can be written: with what is in it, and with what does not
//! belong there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use super::refused::Refused;
use super::scene::Scene;

/// What is written where there is nothing to be written again, or besides.
const VALUES: [(&str, &str); 7] = [
    ("one", "1"),
    ("zero", "0"),
    ("word", "x"),
    ("negative", "-1"),
    ("huge", "99999999999999999999"),
    ("empty-line", "\n"),
    ("list", "1 2 3"),
];

pub fn down(scene: &mut Scene) -> Result<(), String> {
    all(scene)
}

pub fn up(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    all(scene)
}

fn all(scene: &mut Scene) -> Result<(), String> {
    let directory = scene.directory();
    for path in files(&directory)? {
        let name = path.strip_prefix(&directory).unwrap_or(&path);
        let name = name.to_string_lossy().into_owned();
        let before = fs::read_to_string(&path);
        if let Ok(before) = &before {
            scene.write(&format!("{name}.same"), &name, before)?;
        }
        for (what, value) in VALUES {
            scene.write(&format!("{name}.{what}"), &name, value)?;
            scene.note(&format!("{name}.{what}.then"), content(&path))?;
        }
        if let Ok(before) = &before {
            scene.write(&format!("{name}.back"), &name, before)?;
        }
    }
    Ok(())
}

/// What is in it now, or why that cannot be read.
pub fn content(path: &Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text.trim_end().into(),
        Err(error) => Refused::from(error).0,
    }
}

/// The files below `directory` that can be written, in order; links are not followed.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |e: std::io::Error| format!("{}: {e}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let about = entry.path().symlink_metadata().map_err(fail)?;
        if about.is_dir() {
            found.extend(files(&entry.path())?);
        } else if about.is_file() && about.permissions().mode() & 0o200 != 0 {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_can_be_written_are_found() {
        let directory = std::env::temp_dir().join(format!("behaviour-{}", std::process::id()));
        fs::create_dir_all(directory.join("queues")).unwrap();
        for (name, mode) in [("mtu", 0o644), ("flags", 0o444), ("queues/xps", 0o600)] {
            let path = directory.join(name);
            fs::write(&path, "1\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let found = files(&directory).unwrap();
        assert_eq!(
            found,
            ["mtu", "queues/xps"].map(|name| directory.join(name))
        );
        assert_eq!(content(&found[0]), "1");
        assert_eq!(content(&directory.join("gone")), "errno ENOENT");
        fs::remove_dir_all(&directory).unwrap();
    }
}
