// SPDX-License-Identifier: GPL-2.0

//! Hashes that say whether something is still what it was.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;
use walkdir::WalkDir;

use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;

/// A hash over labelled parts; where one ends and the next begins is part of it.
#[derive(Clone, Default)]
pub struct Key(Sha256);

impl Key {
    /// Adds a part.
    pub fn part(&mut self, label: &str, content: &[u8]) -> &mut Self {
        for bytes in [label.as_bytes(), content] {
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self
    }

    /// The hash in hexadecimal.
    pub fn hex(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of a file; `progress` hears how many bytes have been read.
pub fn sha256(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<String> {
    let fail = |e| Failure::io("read", path, e);
    let mut file = File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        process::check_interrupt()?;
        let n = file.read(&mut buffer).map_err(fail)?;
        if n == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..n]);
        done += n as u64;
        progress(done);
    }
}

/// The files under `dir`, relative to it, sorted. Hidden ones and editors' leftovers do not count.
pub fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    let walk = WalkDir::new(dir).sort_by_file_name();
    for entry in walk
        .into_iter()
        .filter_entry(|e| e.depth() == 0 || !ignored(e))
    {
        let entry = entry.map_err(walk_failure)?;
        if entry.file_type().is_dir() {
            continue;
        }
        if let Ok(relative) = entry.path().strip_prefix(dir) {
            all.push(relative.into());
        }
    }
    Ok(all)
}

fn ignored(entry: &walkdir::DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name.starts_with('.')
        || name.ends_with('~')
        || name.ends_with(".orig")
        || name.ends_with(".rej")
}

/// A walk's error as ours.
pub fn walk_failure(error: walkdir::Error) -> Failure {
    let path = error.path().unwrap_or(Path::new("?")).to_path_buf();
    match error.into_io_error() {
        Some(error) => Failure::io("read", &path, error),
        None => Failure::new(
            Exit::Source,
            format!("cannot read {}", path.display()),
            "a symbolic link leads back up",
        ),
    }
}

/// Size and time of last change: enough to see that a file is not what it was.
pub fn stat(metadata: &std::fs::Metadata) -> String {
    format!(
        "{} {}.{}",
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_count() {
        let one = Key::default().part("a", b"bc").hex();
        let other = Key::default().part("ab", b"c").hex();
        assert_ne!(one, other);
        assert_eq!(one, Key::default().part("a", b"bc").hex());
    }

    #[test]
    fn leftovers_are_no_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["sub/x", "sub/x~", "sub/x.orig", "sub/x.rej", ".x.swp", "a"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = files(dir.path()).unwrap();
        assert_eq!(found, [Path::new("a"), Path::new("sub/x")]);
    }

    #[test]
    fn sha256_is_the_known_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(
            sha256(&file, &mut |_| ()).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
