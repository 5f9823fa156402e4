// SPDX-License-Identifier: GPL-2.0

//! The two places that the lab works in: this checkout, and the cache that checkouts share.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// A file that every checkout has, and hardly anything else.
const LANDMARK: &str = "linux/kernel.lock";

/// A checkout of this project.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// Its top directory, canonical.
    pub root: PathBuf,
}

impl Checkout {
    /// The checkout that `scripts/lab` names in `LAB_ROOT`, or the one around the current directory.
    pub fn find() -> Result<Self> {
        let start = match env::var_os("LAB_ROOT").filter(|root| !root.is_empty()) {
            Some(root) => PathBuf::from(root),
            None => env::current_dir().map_err(|e| Failure::io("find", Path::new("."), e))?,
        };
        let start =
            fs::canonicalize(&start).map_err(|e| Failure::io("find the checkout at", &start, e))?;
        start
            .ancestors()
            .find(|dir| dir.join(LANDMARK).is_file())
            .map(|root| Self { root: root.into() })
            .ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    "not in a checkout",
                    format!("no {LANDMARK} in {} or above it", start.display()),
                )
                .hint("run scripts/lab of a checkout")
            })
    }

    /// A path inside the checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// `build/<relative>`: everything that is made here and can be made again.
    pub fn build(&self, relative: &str) -> PathBuf {
        self.root.join("build").join(relative)
    }

    /// `build/logs/<name>.log`, its directory made.
    pub fn log(&self, name: &str) -> Result<PathBuf> {
        let dir = self.build("logs");
        make_dir(&dir)?;
        Ok(dir.join(format!("{name}.log")))
    }

    /// How `path` is shown: relative to the checkout if it is inside it.
    pub fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// What checkouts share: downloads, tools and kernel builds.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Its top directory.
    pub root: PathBuf,
}

impl Cache {
    /// `$RUST_LOOPBACK_CACHE`, or `rust-loopback` in the user's cache directory; made if missing.
    pub fn open() -> Result<Self> {
        let root = Self::locate()?;
        make_dir(&root)?;
        let probe = tempfile::Builder::new()
            .prefix(".probe-")
            .tempfile_in(&root);
        if let Err(error) = probe {
            return Err(Failure::io("write to the cache", &root, error)
                .hint("give RUST_LOOPBACK_CACHE=<a directory that is yours>"));
        }
        Ok(Self { root })
    }

    fn locate() -> Result<PathBuf> {
        let variable = |name| {
            env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        if let Some(root) = variable("RUST_LOOPBACK_CACHE") {
            return std::path::absolute(&root).map_err(|e| Failure::io("find", &root, e));
        }
        if let Some(root) = variable("XDG_CACHE_HOME") {
            return Ok(root.join("rust-loopback"));
        }
        match variable("HOME") {
            Some(home) => Ok(home.join(".cache/rust-loopback")),
            None => Err(Failure::new(
                Exit::Cache,
                "no place for the cache",
                "neither RUST_LOOPBACK_CACHE nor XDG_CACHE_HOME nor HOME is set",
            )),
        }
    }

    /// A path inside the cache.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }
}

/// Makes a directory and those above it.
pub fn make_dir(dir: &Path) -> Result {
    fs::create_dir_all(dir).map_err(|e| Failure::io("make directory", dir, e))
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Failure::io("read", path, e))
}

/// Reads a whole file of text.
pub fn read_text(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&read(path)?).into_owned())
}

/// Replaces a file as one step: readers see the old content or the new, never half of it.
pub fn write(path: &Path, content: &[u8]) -> Result {
    let fail = |e| Failure::io("write", path, e);
    let dir = path.parent().unwrap_or(Path::new("."));
    make_dir(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(".lab-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(dir)
        .map_err(fail)?;
    std::io::Write::write_all(&mut file, content).map_err(fail)?;
    file.persist(path).map_err(|e| fail(e.error))?;
    Ok(())
}

/// Like [`write()`], but leaves a file alone that already has this content; says whether it wrote.
pub fn write_if_changed(path: &Path, content: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    write(path, content)?;
    Ok(true)
}

/// Removes a file; one that is not there is no error.
pub fn remove(path: &Path) -> Result {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Failure::io("remove", path, e)),
        _ => Ok(()),
    }
}
