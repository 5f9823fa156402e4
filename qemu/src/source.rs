// SPDX-License-Identifier: GPL-2.0

//! Where the kernel's source comes from: the pinned package, or `KERNEL_SRC=` a tree or a tarball,
//! neither of which is ever modified.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use walkdir::WalkDir;

use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::fetch;
use crate::key;
use crate::key::Key;
use crate::options::Options;
use crate::pin::Pin;
use crate::process;
use crate::process::Child;
use crate::toolchain::clean;
use crate::ui::Stage;

/// A kernel's source.
#[derive(Clone, Debug)]
pub enum Source {
    /// The package that `linux/kernel.lock` pins.
    Pinned(Pin),
    /// A tree of the user's.
    Tree(Tree),
    /// A tarball of the user's.
    Tarball(PathBuf),
}

/// A kernel tree of the user's: where it is, and each file's size and time of last change.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
    files: BTreeMap<PathBuf, String>,
}

impl Source {
    /// What the options ask for.
    pub fn find(cache: &Cache, checkout: &Checkout, options: &Options) -> Result<Self> {
        let Some(path) = &options.kernel_src else {
            let pin = Pin::load(checkout)?;
            return Ok(Self::Pinned(fetch::effective(cache, &pin)));
        };
        let fail = |e| {
            Failure::new(
                Exit::Source,
                format!("cannot read KERNEL_SRC={}", path.display()),
                e,
            )
            .hint("KERNEL_SRC= takes a kernel tree or a tarball of one")
        };
        let path = fs::canonicalize(path).map_err(fail)?;
        if path.is_dir() {
            check_tree(&path)?;
            return Ok(Self::Tree(Tree::survey(&path)?));
        }
        let is_tarball = [".tar.xz", ".tar.gz", ".tgz", ".tar"]
            .iter()
            .any(|end| path.to_string_lossy().ends_with(end));
        if !is_tarball {
            return Err(fail(std::io::Error::other(
                "neither a directory nor a .tar.xz, .tar.gz or .tar file",
            )));
        }
        fs::File::open(&path).map_err(fail)?;
        Ok(Self::Tarball(path))
    }

    /// Which slot it may be built in: those made from the same source.
    pub fn identity(&self) -> Result<String> {
        let mut key = Key::default();
        match self {
            Self::Pinned(pin) => return Ok(format!("sha256:{}", pin.sha256)),
            Self::Tree(tree) => return Ok(format!("tree:{}", tree.root.display())),
            Self::Tarball(path) => {
                let metadata = fs::metadata(path).map_err(|e| Failure::io("look at", path, e))?;
                key.part("path", path.as_os_str().as_encoded_bytes());
                key.part("stat", key::stat(&metadata).as_bytes());
            }
        }
        Ok(format!("tarball:{}", key.hex()))
    }

    /// What is in it, as far as the identity leaves that open: a tree may change.
    pub fn content(&self) -> String {
        let Self::Tree(tree) = self else {
            return String::new();
        };
        let mut key = Key::default();
        for (path, stat) in &tree.files {
            key.part(&path.to_string_lossy(), stat.as_bytes());
        }
        key.hex()
    }

    /// Makes the tree `linux` under `dir` from it, fetching it first if need be. Returns the
    /// source that it really came from.
    pub fn unpack(&self, cache: &Cache, dir: &Path) -> Result<Self> {
        let target = dir.join("linux");
        match self {
            Self::Pinned(pin) => {
                let (pin, file) = fetch::fetch(cache, pin)?;
                unpack_package(&pin, &file, &target)?;
                check_tree(&target)?;
                Ok(Self::Pinned(pin))
            }
            Self::Tarball(path) => {
                unpack_tarball(path, &target)?;
                check_tree(&target)?;
                Ok(self.clone())
            }
            Self::Tree(tree) => {
                let stage = Stage::start("unpack", "copying the tree");
                tree.import(dir, stage)?;
                Ok(self.clone())
            }
        }
    }
}

/// Whether this is a kernel tree that has what this project builds on.
fn check_tree(root: &Path) -> Result {
    let what = format!("{} cannot be used", root.display());
    for (file, meaning) in [
        ("Makefile", "no kernel tree"),
        ("Kconfig", "no kernel tree"),
        ("arch/x86/Makefile", "no kernel tree for x86"),
        ("rust/kernel/lib.rs", "a kernel without Rust support"),
        ("net/core/dev.c", "a kernel without networking"),
    ] {
        if !root.join(file).is_file() {
            let why = format!("it is {meaning}: it has no {file}");
            return Err(Failure::new(Exit::Source, what, why)
                .hint("KERNEL_SRC= takes the tree or tarball of a kernel like the one in linux/kernel.lock"));
        }
    }
    Ok(())
}

/// `VERSION.PATCHLEVEL.SUBLEVEL` of a kernel tree.
pub fn version(root: &Path) -> Result<String> {
    let makefile = read_text(&root.join("Makefile"))?;
    let get = |name: &str| {
        let mut lines = makefile.lines().take(20);
        let value = lines.find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
        value.unwrap_or("?").trim().to_string()
    };
    Ok(format!(
        "{}.{}.{}",
        get("VERSION"),
        get("PATCHLEVEL"),
        get("SUBLEVEL")
    ))
}

fn unpack_package(pin: &Pin, file: &Path, target: &Path) -> Result {
    let mut stage = Stage::start("unpack", &pin.package);
    let inner = format!("./usr/src/{}.tar.xz", pin.package);
    let total = fs::metadata(file).map_or(1, |m| m.len());
    let mut package = pipe_from(clean("dpkg-deb").arg("--fsys-tarfile").arg(file))?;
    let data = package.pipes().stdout.take();
    let mut outer = clean("tar");
    outer.args(["--extract", "--to-stdout", "--file=-", &inner]);
    let mut outer = pipe_from(outer.stdin(data.map_or(Stdio::null(), Stdio::from)))?;
    extract(&mut outer, Some("--xz"), total, target, &mut stage)?;
    for (child, name) in [(&mut package, "dpkg-deb"), (&mut outer, "tar")] {
        if !child.wait(None)?.success() {
            return Err(broken(file, &format!("{name} cannot read it")));
        }
    }
    stage.done(&format!("{} {}", pin.package, pin.version));
    Ok(())
}

fn unpack_tarball(file: &Path, target: &Path) -> Result {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut stage = Stage::start("unpack", &name);
    let total = fs::metadata(file).map_or(1, |m| m.len());
    let compression = match name.rsplit('.').next() {
        Some("xz") => Some("--xz"),
        Some("gz" | "tgz") => Some("--gzip"),
        _ => None,
    };
    let mut cat = pipe_from(clean("cat").arg(file))?;
    extract(&mut cat, compression, total, target, &mut stage)?;
    cat.wait(None)?;
    stage.done(&name);
    Ok(())
}

fn pipe_from(command: &mut std::process::Command) -> Result<Child> {
    Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()))
}

fn broken(file: &Path, why: &str) -> Failure {
    Failure::new(
        Exit::Source,
        format!("{} cannot be unpacked", file.display()),
        why,
    )
}

/// Extracts what `from` writes into `target`, without the archive's top directory.
fn extract(
    from: &mut Child,
    compression: Option<&str>,
    total: u64,
    target: &Path,
    stage: &mut Stage,
) -> Result {
    make_dir(target)?;
    let fail = |e| Failure::io("unpack into", target, e);
    let mut complaints = tempfile::tempfile().map_err(fail)?;
    let mut command = clean("tar");
    command
        // The package's tarball is in blocks: they can be unpacked in parallel.
        .env("XZ_DEFAULTS", "--threads=0")
        .args(["--extract", "--strip-components=1", "--no-same-owner"])
        .args(["--file=-"])
        .args(compression)
        .arg("--directory")
        .arg(target)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(complaints.try_clone().map_err(fail)?);
    let mut tar = Child::spawn(&mut command)?;
    let (Some(mut input), Some(mut output)) =
        (from.pipes().stdout.take(), tar.pipes().stdin.take())
    else {
        return Err(Failure::new(Exit::Internal, "tar has no pipes", ""));
    };
    let mut buffer = vec![0; 1 << 18];
    let mut done = 0;
    loop {
        process::check_interrupt()?;
        let n = input.read(&mut buffer).map_err(fail)?;
        // A tar that gave up says why itself.
        if n == 0 || output.write_all(&buffer[..n]).is_err() {
            break;
        }
        done += n as u64;
        let eta = fetch::time_left(done, total.saturating_sub(done), stage.elapsed());
        stage.update(Some(done as f64 / total as f64), eta, "");
    }
    drop((input, output));
    if tar.wait(None)?.success() {
        return Ok(());
    }
    let mut said = String::new();
    let read =
        std::io::Seek::rewind(&mut complaints).and_then(|()| complaints.read_to_string(&mut said));
    let why = match read {
        Ok(_) => said.lines().take(5).collect::<Vec<_>>().join("\n"),
        Err(e) => e.to_string(),
    };
    if why.contains("No space left") {
        return Err(Failure::new(
            Exit::DiskFull,
            format!("cannot unpack into {}", target.display()),
            why,
        )
        .hint("free some space (a kernel build takes about 3 GB) and run again"));
    }
    Err(Failure::new(
        Exit::Source,
        "the kernel's source cannot be unpacked",
        why,
    ))
}

impl Tree {
    /// Walks the tree. Other people's build directories in it do not count, nor does git's.
    fn survey(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let walk = WalkDir::new(root).into_iter();
        for entry in walk.filter_entry(|e| e.depth() == 0 || !is_foreign(e)) {
            let entry = entry.map_err(key::walk_failure)?;
            if entry.file_type().is_dir() {
                continue;
            }
            let metadata = entry.metadata().map_err(key::walk_failure)?;
            if let Ok(relative) = entry.path().strip_prefix(root) {
                files.insert(relative.into(), key::stat(&metadata));
            }
        }
        Ok(Self {
            root: root.into(),
            files,
        })
    }

    /// Brings the slot at `dir` to the tree's content, and returns which files of it changed.
    /// Only those are touched: what was built from the others stays good.
    pub fn import(&self, dir: &Path, mut stage: Stage) -> Result {
        let manifest = dir.join("manifest.json");
        let old: BTreeMap<PathBuf, String> = fs::read(&manifest)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let changed: Vec<_> = self
            .files
            .iter()
            .filter(|(path, stat)| old.get(*path) != Some(*stat))
            .collect();
        for (n, (path, _)) in changed.iter().enumerate() {
            process::check_interrupt()?;
            copy(&self.root.join(path), &pristine(dir, path))?;
            remove(&dir.join("orig/absent").join(path))?;
            let spent = stage.elapsed();
            let left = (changed.len() - n) as u64;
            let eta: Option<Duration> = fetch::time_left(n as u64, left, spent);
            stage.update(Some(n as f64 / changed.len() as f64), eta, "");
        }
        for path in old.keys().filter(|path| !self.files.contains_key(*path)) {
            remove(&pristine(dir, path))?;
        }
        if old.is_empty() {
            clean_build_leftovers(&dir.join("linux"))?;
        }
        let text = serde_json::to_vec(&self.files)
            .map_err(|e| Failure::new(Exit::Internal, "cannot list the tree", e))?;
        write(&manifest, &text)?;
        stage.done(&format!(
            "{} files of {}",
            changed.len(),
            self.root.display()
        ));
        Ok(())
    }
}

/// Where a slot keeps the original of a file: beside the tree, if ours has taken its place there.
pub fn pristine(dir: &Path, path: &Path) -> PathBuf {
    let saved = dir.join("orig/files").join(path);
    let ours = saved.exists() || dir.join("orig/absent").join(path).exists();
    if ours {
        saved
    } else {
        dir.join("linux").join(path)
    }
}

/// Directories in a kernel tree that are no source: git's, and build directories (they have a
/// link back to the source).
fn is_foreign(entry: &walkdir::DirEntry) -> bool {
    if !entry.file_type().is_dir() {
        return false;
    }
    entry.file_name() == ".git" || entry.path().join("source").is_symlink()
}

fn copy(from: &Path, to: &Path) -> Result {
    let fail = |e| Failure::io("copy to", to, e);
    make_dir(to.parent().unwrap_or(to))?;
    let metadata = fs::symlink_metadata(from).map_err(|e| Failure::io("read", from, e))?;
    remove(to)?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(fail)?;
        return std::os::unix::fs::symlink(target, to).map_err(fail);
    }
    fs::copy(from, to).map(drop).map_err(fail)
}

/// A tree in which somebody has built a kernel refuses to be built in other directories.
fn clean_build_leftovers(linux: &Path) -> Result {
    if !linux.join(".config").exists() && !linux.join("include/config").exists() {
        return Ok(());
    }
    process::output(
        clean("make").arg("-C").arg(linux).args(["-s", "mrproper"]),
        Exit::Source,
    )
    .map(drop)
}
