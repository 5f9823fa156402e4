// SPDX-License-Identifier: GPL-2.0

//! A tree of files that are the kernel's: what there is, who may read and write it, and what it
//! says.

use std::fs;
use std::fs::Metadata;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::facts::io_error;
use super::facts::join;
use super::facts::Facts;

/// All below `root`, which has to be there or not to be there.
pub fn read(root: &Path) -> Result<Facts, String> {
    let mut facts = Facts::default();
    walk(root, "", &mut facts).map_err(|e| format!("{}: {e}", root.display()))?;
    Ok(facts)
}

fn walk(path: &Path, name: &str, facts: &mut Facts) -> std::io::Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            facts.add(name, io_error(&error));
            return Ok(());
        }
    };
    let kind = metadata.file_type();
    facts.add(join(name, "mode"), mode(&metadata));
    if kind.is_symlink() {
        let target = fs::read_link(path)?.display().to_string();
        facts.add(join(name, "target"), target);
    } else if kind.is_file() {
        facts.add(join(name, "content"), content(path));
    } else if kind.is_dir() {
        let names = names(path)?;
        facts.add(join(name, "entries"), names.join(" "));
        for below in names {
            let full = match name {
                "" => below.clone(),
                name => format!("{name}/{below}"),
            };
            walk(&path.join(&below), &full, facts)?;
        }
    }
    Ok(())
}

/// What a directory has, in the order of the names.
pub fn names(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// What a file says, or why it says nothing.
pub fn content(path: &Path) -> String {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().into(),
        Err(error) => io_error(&error),
    }
}

/// What it is, who may do what with it, and whose it is.
pub fn mode(metadata: &Metadata) -> String {
    let kind = metadata.file_type();
    let kind = match kind {
        _ if kind.is_dir() => "directory",
        _ if kind.is_symlink() => "link",
        _ if kind.is_file() => "file",
        _ if kind.is_char_device() || kind.is_block_device() => "device",
        _ => "other",
    };
    let bits = metadata.mode() & 0o7777;
    format!("{kind} {bits:04o} {}:{}", metadata.uid(), metadata.gid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn all_of_a_tree_is_told() {
        let root = std::env::temp_dir().join(format!("tree-{}", std::process::id()));
        fs::create_dir_all(root.join("queues/rx-0")).unwrap();
        let file = root.join("queues/rx-0/rps_cpus");
        fs::write(&file, "00\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("queues", root.join("link")).unwrap();
        let facts = read(&root).unwrap();
        let mode = facts.get("queues/rx-0/rps_cpus.mode").unwrap();
        assert!(mode.starts_with("file 0640 "), "{mode}");
        assert_eq!(facts.get("queues/rx-0/rps_cpus.content"), Some("00"));
        assert_eq!(facts.get("entries"), Some("link queues"));
        assert_eq!(facts.get("link.target"), Some("queues"));
        assert_eq!(facts.get("link/rx-0.mode"), None);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(read(&root).unwrap().get(""), Some("errno ENOENT"));
    }
}
