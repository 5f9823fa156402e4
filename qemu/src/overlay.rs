// SPDX-License-Identifier: GPL-2.0

//! What this project adds to Linux: `linux/patches/*.patch`, over them the files that lie under
//! `linux/` at their in-tree paths, and the driver. [`Overlay::apply`] brings a tree to exactly that
//! state from whatever state of ours it is in, and touches no file that is right already, so that
//! make rebuilds what really changed and nothing else.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use crate::checkout::make_dir;
use crate::checkout::read;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::write_if_changed;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::key;
use crate::key::Key;
use crate::process;
use crate::toolchain::clean;

/// What lies under `linux/` and is no part of the kernel's tree.
const NOT_IN_TREE: [&str; 3] = ["patches", "configs", "kernel.lock"];

/// Where the driver is in the kernel's tree.
const DRIVER_DIR: &str = "drivers/net/rust_loopback";

/// The driver, at the top of the checkout: only a kernel that has it built in is made from these.
/// What it has in common with what each kernel has built in, `linux/` has a link to.
const DRIVER: [&str; 3] = ["rust_loopback.rs", "net_init.rs", "tests/kunit"];

/// Files by their in-tree paths, and where the checkout has them.
pub type Files = BTreeMap<PathBuf, PathBuf>;

/// The patches and files of a checkout.
#[derive(Clone, Debug)]
pub struct Overlay {
    linux: PathBuf,
    patches: Vec<PathBuf>,
    files: Files,
    driver: Files,
    /// A hash of all of it but the driver.
    pub key: String,
    /// A hash of the driver.
    pub driver_key: String,
    /// A hash of what of it may change what Kconfig decides.
    pub config_key: String,
}

/// A slot's directories, as far as they matter here.
#[derive(Clone, Copy, Debug)]
pub struct Trees<'a> {
    /// The kernel tree.
    pub linux: &'a Path,
    /// The originals of what was changed in it: `files/<path>`, or `absent/<path>` for what was
    /// not there.
    pub orig: &'a Path,
}

/// A file as it must be: with this content, or not there.
pub type Content = Option<Vec<u8>>;

impl Overlay {
    /// Finds the checkout's.
    pub fn load(checkout: &Checkout) -> Result<Self> {
        let linux = checkout.path("linux");
        let mut patches = Vec::new();
        let mut files = Files::new();
        for path in key::files(&linux)? {
            let top = path.components().next();
            let top = top.map(|c| c.as_os_str().to_string_lossy().into_owned());
            let is_patch = path.extension().is_some_and(|e| e == "patch");
            match top.as_deref() {
                Some("patches") if is_patch => patches.push(path),
                Some(top) if NOT_IN_TREE.contains(&top) || path.components().count() == 1 => {}
                _ => {
                    let source = linux.join(&path);
                    files.insert(path, source);
                }
            }
        }
        let driver = driver_files(checkout)?;
        Ok(Self {
            key: kernel_key(&linux, &patches, &files)?,
            driver_key: files_key(&driver)?,
            config_key: config_key(&linux, &patches, &files)?,
            linux,
            patches,
            files,
            driver,
        })
    }

    /// Whether all but the driver still is what it was when it was found.
    pub fn is_current(&self) -> Result<bool> {
        Ok(kernel_key(&self.linux, &self.patches, &self.files)? == self.key)
    }

    /// Whether the driver still is what it was when it was found.
    pub fn is_driver_current(&self) -> Result<bool> {
        Ok(files_key(&self.driver)? == self.driver_key)
    }

    /// Brings a slot's tree to this state.
    pub fn apply(&self, trees: Trees) -> Result {
        let desired = self.desired(trees)?;
        // Originals are safe before anything is touched.
        for path in desired.keys() {
            trees.save(path)?;
        }
        for path in trees.touched()? {
            match desired.get(&path) {
                Some(content) => put(&trees.linux.join(&path), content)?,
                None => put(&trees.linux.join(&path), &trees.original(&path)?)?,
            }
        }
        Ok(())
    }

    /// Every file that is not as upstream has it.
    fn desired(&self, trees: Trees) -> Result<BTreeMap<PathBuf, Content>> {
        let mut desired = self.patched(trees)?;
        for (path, source) in self.files.iter().chain(&self.driver) {
            desired.insert(path.clone(), Some(read(source)?));
        }
        Ok(desired)
    }

    /// What the patches make of the originals.
    fn patched(&self, trees: Trees) -> Result<BTreeMap<PathBuf, Content>> {
        if self.patches.is_empty() {
            return Ok(BTreeMap::new());
        }
        let trial = Trial::start(self, trees)?;
        let mut result = BTreeMap::new();
        for patch in &self.patches {
            result.extend(trial.apply(patch)?);
        }
        Ok(result)
    }

    /// The patches in order, as paths under `linux/`.
    pub fn patches(&self) -> &[PathBuf] {
        &self.patches
    }

    /// The text of one of them.
    pub fn read_patch(&self, patch: &Path) -> Result<String> {
        read_text(&self.linux.join(patch))
    }

    /// The whole files by their in-tree paths, and where the checkout has them.
    pub fn whole_files(&self) -> Files {
        let all = self.files.iter().chain(&self.driver);
        all.map(|(path, source)| (path.clone(), source.clone()))
            .collect()
    }

    /// Every file that a slot's tree and this driver have other than upstream. The driver is not
    /// taken from the tree, where a kernel without it leaves whichever was there last.
    pub fn differing(&self, trees: Trees) -> Result<BTreeMap<PathBuf, Content>> {
        let mut all = BTreeMap::new();
        for path in trees.touched()? {
            if is_driver(&path) {
                continue;
            }
            let content = read_if_there(&trees.linux.join(&path))?;
            if content != trees.original(&path)? {
                all.insert(path, content);
            }
        }
        for (path, source) in &self.driver {
            all.insert(path.clone(), Some(read(source)?));
        }
        Ok(all)
    }
}

/// The patches, tried out one after the other in a directory beside the tree.
#[derive(Debug)]
pub struct Trial<'a> {
    overlay: &'a Overlay,
    dir: tempfile::TempDir,
}

impl<'a> Trial<'a> {
    /// Puts the originals of all that the patches touch there.
    pub fn start(overlay: &'a Overlay, trees: Trees) -> Result<Self> {
        let parent = trees.orig.parent().unwrap_or(trees.orig);
        let dir = tempfile::Builder::new()
            .prefix(".patch-")
            .tempdir_in(parent)
            .map_err(|e| Failure::io("make a directory in", parent, e))?;
        for patch in &overlay.patches {
            for path in touched_by(&overlay.read_patch(patch)?) {
                if let Some(content) = trees.original(&path)? {
                    write_if_changed(&dir.path().join(path), &content)?;
                }
            }
        }
        Ok(Self { overlay, dir })
    }

    /// Applies the next patch; what the files that it touches are then.
    pub fn apply(&self, patch: &Path) -> Result<BTreeMap<PathBuf, Content>> {
        let touched = touched_by(&self.overlay.read_patch(patch)?);
        // One that only brings new files.
        if touched.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.run(patch)?;
        let now = |path: PathBuf| Ok((path.clone(), read_if_there(&self.dir.path().join(path))?));
        touched.into_iter().map(now).collect()
    }

    fn run(&self, patch: &Path) -> Result {
        let mut command = clean("patch");
        command
            .args([
                "--strip=1",
                "--fuzz=0",
                "--force",
                "--no-backup-if-mismatch",
            ])
            .args(["--reject-file=-", "--directory"])
            .arg(self.dir.path())
            .arg("--input")
            .arg(self.overlay.linux.join(patch));
        process::output(&mut command, Exit::Source).map(drop).map_err(|failure| {
            if failure.exit != Exit::Source {
                return failure;
            }
            let what = format!("linux/{} does not apply", patch.display());
            Failure::new(Exit::Source, what, reasons(&failure.why))
                .hint("rebase the patch onto this kernel, or build the kernel that linux/kernel.lock pins")
        })
    }
}

/// Whether this in-tree path is one of the driver's.
fn is_driver(path: &Path) -> bool {
    path.strip_prefix(DRIVER_DIR)
        .is_ok_and(|rest| DRIVER.iter().any(|name| rest.starts_with(name)))
}

/// The driver's files, by their places in the tree.
fn driver_files(checkout: &Checkout) -> Result<Files> {
    let mut files = Files::new();
    for name in DRIVER {
        let source = checkout.path(name);
        let place = Path::new(DRIVER_DIR).join(name);
        if source.is_file() {
            files.insert(place, source);
            continue;
        }
        for path in key::files(&source)? {
            files.insert(place.join(&path), source.join(&path));
        }
    }
    Ok(files)
}

fn kernel_key(linux: &Path, patches: &[PathBuf], files: &Files) -> Result<String> {
    let mut key = Key::default();
    for patch in patches {
        let text = read_text(&linux.join(patch))?;
        key.part(&patch.to_string_lossy(), effect(&text).as_bytes());
    }
    key.part("files", files_key(files)?.as_bytes());
    Ok(key.hex())
}

/// What of a patch changes files: not its message.
fn effect(patch: &str) -> &str {
    let begins = |text: &str| {
        ["diff --git ", "--- a/", "--- /dev/null"]
            .iter()
            .any(|start| text.starts_with(start))
    };
    let line_ends = patch.match_indices('\n').map(|(at, _)| at + 1);
    let found = [0]
        .into_iter()
        .chain(line_ends)
        .find(|at| begins(&patch[*at..]));
    &patch[found.unwrap_or(patch.len())..]
}

fn files_key(files: &Files) -> Result<String> {
    let mut key = Key::default();
    for (path, source) in files {
        key.part(&path.to_string_lossy(), &read(source)?);
    }
    Ok(key.hex())
}

fn config_key(linux: &Path, patches: &[PathBuf], files: &Files) -> Result<String> {
    let mut key = Key::default();
    for patch in patches {
        let text = read_text(&linux.join(patch))?;
        if touched_by(&text).iter().any(|path| decides(path)) {
            key.part("patch", effect(&text).as_bytes());
        }
    }
    let mut deciding = files.clone();
    deciding.retain(|path, _| decides(path));
    key.part("files", files_key(&deciding)?.as_bytes());
    Ok(key.hex())
}

/// Whether Kconfig reads this file, or runs it.
pub fn decides(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("Kconfig") || path.starts_with("scripts")
}

impl Trees<'_> {
    /// Which files are, or were, not as upstream has them.
    pub fn touched(&self) -> Result<BTreeSet<PathBuf>> {
        let mut all = BTreeSet::new();
        for kind in ["files", "absent"] {
            all.extend(every_file(&self.orig.join(kind))?);
        }
        Ok(all)
    }

    fn save(&self, path: &Path) -> Result {
        let (file, absent) = (
            self.orig.join("files").join(path),
            self.orig.join("absent").join(path),
        );
        if file.exists() || absent.exists() {
            return Ok(());
        }
        match read_if_there(&self.linux.join(path))? {
            Some(content) => write(&file, &content),
            None => write(&absent, b""),
        }
    }

    /// A file as upstream has it.
    pub fn original(&self, path: &Path) -> Result<Content> {
        if self.orig.join("absent").join(path).exists() {
            return Ok(None);
        }
        let saved = read_if_there(&self.orig.join("files").join(path))?;
        match saved {
            Some(content) => Ok(Some(content)),
            None => read_if_there(&self.linux.join(path)),
        }
    }
}

fn every_file(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.map_err(key::walk_failure)?;
        if entry.file_type().is_dir() {
            continue;
        }
        if let Ok(path) = entry.path().strip_prefix(dir) {
            all.push(path.into());
        }
    }
    Ok(all)
}

fn read_if_there(path: &Path) -> Result<Content> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::io("read", path, e)),
    }
}

/// Makes a file what it must be; one that is right already keeps its time.
pub fn put(path: &Path, content: &Content) -> Result {
    match content {
        Some(content) => {
            make_dir(path.parent().unwrap_or(path))?;
            // Scripts stay executable.
            let mode = fs::metadata(path).ok().map(|m| m.permissions());
            let wrote = write_if_changed(path, content)?;
            if let (true, Some(mode)) = (wrote, mode) {
                fs::set_permissions(path, mode).map_err(|e| Failure::io("write", path, e))?;
            }
            Ok(())
        }
        None => remove(path),
    }
}

/// The files that a patch names. Paths that lead out of the tree are none.
pub fn touched_by(patch: &str) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for line in patch.lines() {
        let name = ["--- a/", "+++ b/", "rename from ", "rename to "]
            .iter()
            .find_map(|start| line.strip_prefix(start));
        let Some(name) = name else { continue };
        let path = PathBuf::from(name.split('\t').next().unwrap_or(name).trim_end());
        if path.components().all(|c| matches!(c, Component::Normal(_))) {
            all.insert(path);
        }
    }
    all
}

/// Which hunks of which files `patch` complained about.
fn reasons(said: &str) -> String {
    let mut file = "";
    let mut reasons = Vec::new();
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("patching file ") {
            file = name;
        } else if line.contains("FAILED at") || line.contains("can't find file") {
            reasons.push(format!("{file}: {line}"));
        } else if line.contains("malformed") || line.contains("Reversed") {
            reasons.push(line.to_string());
        }
    }
    if reasons.is_empty() {
        return said.into();
    }
    reasons.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    #[test]
    fn without_an_overlay_nothing_happens() {
        let scene = Scene::new();
        scene.apply().unwrap();
        assert_eq!(scene.text("slot/linux/net/dev.c"), "upstream\n");
        assert!(!scene.path("slot/orig").exists());
    }

    #[test]
    fn files_are_added_replaced_patched_and_taken_back() {
        let scene = Scene::new();
        scene.write("co/linux/rust/net/new.rs", "new");
        scene.write("co/linux/net/dev.c", "ours\n");
        scene.patch("two", "2");
        scene.apply().unwrap();
        assert_eq!(scene.text("slot/linux/rust/net/new.rs"), "new");
        assert_eq!(scene.text("slot/linux/net/dev.c"), "ours\n");
        assert_eq!(scene.text("slot/linux/rust/lib.rs"), "one\n2\nthree\n");
        fs::remove_dir_all(scene.path("co/linux/rust")).unwrap();
        fs::remove_dir_all(scene.path("co/linux/net")).unwrap();
        fs::remove_dir_all(scene.path("co/linux/patches")).unwrap();
        scene.apply().unwrap();
        assert_eq!(scene.text("slot/linux/rust/net/new.rs"), "(absent)");
        assert_eq!(scene.text("slot/linux/net/dev.c"), "upstream\n");
        assert_eq!(scene.text("slot/linux/rust/lib.rs"), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_changed_patch_starts_from_the_original() {
        let scene = Scene::new();
        scene.patch("two", "2");
        scene.apply().unwrap();
        let first = scene.overlay().key;
        scene.patch("two", "zwei");
        scene.apply().unwrap();
        assert_eq!(scene.text("slot/linux/rust/lib.rs"), "one\nzwei\nthree\n");
        assert_ne!(first, scene.overlay().key);
    }

    #[test]
    fn a_message_makes_no_other_kernel() {
        let scene = Scene::new();
        scene.mail("0001-x", "", &Scene::diff("two", "2"));
        let before = scene.overlay();
        let patch = "co/linux/patches/0001-x.patch";
        scene.write(patch, &scene.text(patch).replace("Why.", "Because."));
        assert_eq!(before.key, scene.overlay().key);
        scene.write(patch, &scene.text(patch).replace("+2", "+zwei"));
        assert_ne!(before.key, scene.overlay().key);
    }

    #[test]
    fn what_is_right_keeps_its_time() {
        let scene = Scene::new();
        scene.write("co/linux/rust/a.rs", "a");
        scene.write("co/linux/rust/b.rs", "b");
        scene.patch("two", "2");
        scene.apply().unwrap();
        let names = ["a.rs", "b.rs", "lib.rs"].map(|n| format!("slot/linux/rust/{n}"));
        let before = names.clone().map(|name| scene.time(&name));
        std::thread::sleep(std::time::Duration::from_millis(20));
        scene.write("co/linux/rust/b.rs", "B");
        scene.apply().unwrap();
        let after = names.map(|name| scene.time(&name));
        assert_eq!(before[0], after[0]);
        assert!(before[1] < after[1]);
        assert_eq!(before[2], after[2]);
    }

    #[test]
    fn a_patch_that_does_not_apply_is_named_and_changes_nothing() {
        let scene = Scene::new();
        scene.patch("drei", "3");
        let failure = scene.apply().unwrap_err();
        assert_eq!(failure.exit, Exit::Source);
        assert!(failure.what.contains("0001-x.patch"), "{failure}");
        assert!(
            failure.why.contains("rust/lib.rs: Hunk #1 FAILED"),
            "{failure}"
        );
        assert_eq!(scene.text("slot/linux/rust/lib.rs"), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_patch_may_add_and_remove_files() {
        let scene = Scene::new();
        scene.write(
            "co/linux/patches/0001-x.patch",
            "--- /dev/null\n+++ b/rust/n.rs\n@@ -0,0 +1 @@\n+n\n\
             --- a/net/dev.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-upstream\n",
        );
        scene.apply().unwrap();
        assert_eq!(scene.text("slot/linux/rust/n.rs"), "n\n");
        assert_eq!(scene.text("slot/linux/net/dev.c"), "(absent)");
    }

    #[test]
    fn the_driver_has_its_place_and_a_key_of_its_own() {
        let scene = Scene::new();
        scene.write("co/rust_loopback.rs", "driver");
        scene.write("co/tests/kunit/mod.rs", "suites");
        scene.write("co/gen_lo_setup.rs", "setup");
        scene.write("co/linux/drivers/net/rust_loopback/exports.c", "exports");
        let link = scene.path("co/linux/drivers/net/rust_loopback/gen_lo_setup.rs");
        std::os::unix::fs::symlink("../../../../gen_lo_setup.rs", link).unwrap();
        scene.apply().unwrap();
        let dir = "slot/linux/drivers/net/rust_loopback";
        assert_eq!(scene.text(&format!("{dir}/rust_loopback.rs")), "driver");
        assert_eq!(scene.text(&format!("{dir}/tests/kunit/mod.rs")), "suites");
        assert_eq!(scene.text(&format!("{dir}/gen_lo_setup.rs")), "setup");
        let before = scene.overlay();
        scene.write("co/tests/kunit/mod.rs", "other suites");
        let after = scene.overlay();
        assert_eq!(before.key, after.key);
        assert_ne!(before.driver_key, after.driver_key);
        assert!(before.is_current().unwrap());
        assert!(!before.is_driver_current().unwrap());
        scene.write("co/gen_lo_setup.rs", "other setup");
        assert_ne!(after.key, scene.overlay().key);
    }

    #[test]
    fn a_patch_may_be_but_a_message() {
        let scene = Scene::new();
        scene.write(
            "co/linux/patches/0001-x.patch",
            "Subject: [PATCH] x\n\nWhy.\n",
        );
        scene.write("co/linux/rust/net/new.rs", "new");
        scene.apply().unwrap();
        assert_eq!(scene.text("slot/linux/rust/net/new.rs"), "new");
    }

    #[test]
    fn only_what_kconfig_reads_makes_a_new_configuration() {
        let scene = Scene::new();
        scene.patch("two", "2");
        let before = scene.overlay();
        scene.write("co/linux/rust/a.rs", "a");
        scene.patch("two", "zwei");
        let after = scene.overlay();
        assert_ne!(before.key, after.key);
        assert_eq!(before.config_key, after.config_key);
        scene.write("co/linux/net/Kconfig", "");
        assert_ne!(before.config_key, scene.overlay().config_key);
    }

    #[test]
    fn paths_out_of_the_tree_do_not_count() {
        assert!(touched_by("--- a/../x\n+++ b//etc/x\n").is_empty());
    }
}
