// SPDX-License-Identifier: GPL-2.0

//! Slots: kernel trees in the cache, each with the builds made in it. A slot belongs to one
//! checkout, which alone changes it; any checkout may use a build in it that is what it needs.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::Deserialize;
use serde::Serialize;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::overlay::Overlay;
use crate::overlay::Trees;
use crate::process;
use crate::source;
use crate::source::Source;
use crate::toolchain::clean;
use crate::ui::Stage;

/// In a build directory after a complete build, and at no other time.
pub const STAMP: &str = "lab-stamp.json";

/// What is known of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Which source its tree was made from.
    identity: String,
    /// The content of that source, where that can change.
    content: String,
    /// The checkout it belongs to.
    owner: PathBuf,
    /// The overlay that its tree has; none while that is being changed.
    overlay: Option<String>,
    /// The driver that its tree has; none while that is being changed.
    #[serde(default)]
    driver: Option<String>,
}

impl Record {
    /// Whether the tree is as `wanted`.
    fn has(&self, wanted: &Wanted) -> bool {
        let overlay = wanted.overlay;
        self.identity == wanted.identity
            && self.content == wanted.content
            && self.overlay.as_ref() == Some(&overlay.key)
            && (!wanted.driver || self.driver.as_ref() == Some(&overlay.driver_key))
    }
}

/// A slot, locked.
#[derive(Debug)]
pub struct Slot {
    dir: PathBuf,
    _lock: Lock,
    record: Record,
}

/// What a slot must be for a build to be used or made in it.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The source.
    pub source: &'a Source,
    /// Its identity.
    pub identity: String,
    /// Its content.
    pub content: String,
    /// What comes over it.
    pub overlay: &'a Overlay,
    /// Whether the driver is part of the build.
    pub driver: bool,
}

impl Slot {
    /// A slot with this very source, whatever came over it, locked against changes.
    pub fn of(cache: &Cache, source: &Source) -> Result<Option<Self>> {
        let (identity, content) = (source.identity()?, source.content());
        let is_of = |record: &Record| record.identity == identity && record.content == content;
        let mut those = all(cache)?;
        those.retain(|dir| load(dir).is_some_and(|record| is_of(&record)));
        let free = |dir: &PathBuf| Lock::try_take(&dir.join("lock"), Mode::Shared);
        let what = "is changing the kernel source that is needed here";
        let wait = |dir: &PathBuf| Lock::take(&dir.join("lock"), Mode::Shared, what).map(Some);
        // One that nobody is building in, if there is such a one.
        for lock in [&free as &dyn Fn(&PathBuf) -> Result<Option<Lock>>, &wait] {
            for dir in &those {
                let Some(lock) = lock(dir)? else { continue };
                if let Some(record) = load(dir).filter(is_of) {
                    return Ok(Some(Self {
                        dir: dir.clone(),
                        _lock: lock,
                        record,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// A slot with this very source and overlay for which `fresh` (asked with the tree's path)
    /// holds, locked against changes.
    pub fn find(
        cache: &Cache,
        wanted: &Wanted,
        fresh: &dyn Fn(&Path) -> bool,
    ) -> Result<Option<Self>> {
        for dir in all(cache)? {
            let good =
                || load(&dir).filter(|record| record.has(wanted) && fresh(&dir.join("linux")));
            if good().is_none() {
                continue;
            }
            let what = "is changing the kernel that is needed here";
            let lock = Lock::take(&dir.join("lock"), Mode::Shared, what)?;
            // It may have changed before the lock was ours.
            if let Some(record) = good() {
                return Ok(Some(Self {
                    dir,
                    _lock: lock,
                    record,
                }));
            }
        }
        Ok(None)
    }

    /// A slot to build in: this checkout's, or one that nobody owns any more, or a new one.
    /// Nobody else uses it.
    pub fn claim(cache: &Cache, checkout: &Checkout, wanted: &Wanted) -> Result<Self> {
        let candidates: Vec<_> = all(cache)?
            .into_iter()
            .filter_map(|dir| Some((load(&dir)?, dir)))
            .filter(|(record, _)| record.identity == wanted.identity)
            .collect();
        for (record, dir) in &candidates {
            if record.owner != checkout.root {
                continue;
            }
            let what = "is using this checkout's kernel";
            let lock = Lock::take(&dir.join("lock"), Mode::Exclusive, what)?;
            // Its owner may have been thought gone meanwhile.
            if let Some(record) = load(dir).filter(|record| record.owner == checkout.root) {
                return Ok(Self::locked(dir, lock, record));
            }
        }
        for (_, dir) in &candidates {
            let Some(lock) = Lock::try_take(&dir.join("lock"), Mode::Exclusive)? else {
                continue;
            };
            let Some(mut record) = load(dir).filter(|record| !is_checkout(&record.owner)) else {
                continue;
            };
            record.owner = checkout.root.clone();
            store(dir, &record)?;
            return Ok(Self::locked(dir, lock, record));
        }
        Self::create(cache, checkout, wanted)
    }

    fn locked(dir: &Path, lock: Lock, record: Record) -> Self {
        Self {
            dir: dir.into(),
            _lock: lock,
            record,
        }
    }

    /// Unpacks a new slot under a name that nobody looks at, and gives it its own when it is whole.
    fn create(cache: &Cache, checkout: &Checkout, wanted: &Wanted) -> Result<Self> {
        let slots = cache.path("slots");
        make_dir(&slots)?;
        sweep(&slots)?;
        let new = slots.join(format!(".new-{}", std::process::id()));
        let lock = Lock::take(&new.join("lock"), Mode::Exclusive, "is unpacking")?;
        let guard = Unfinished(&new);
        let (mut record, origin) = match copy_of_another(cache, wanted, &new)? {
            Some((record, origin)) => (record, Some(origin)),
            None => (unpacked(cache, wanted, &new)?, None),
        };
        record.owner.clone_from(&checkout.root);
        store(&new, &record)?;
        let _choosing = Lock::take(&slots.join("lock"), Mode::Exclusive, "is choosing a slot")?;
        let dir = (0..)
            .map(|n: u32| slots.join(n.to_string()))
            .find(|dir| !dir.exists())
            .unwrap_or_else(|| slots.join("x"));
        if let Some(origin) = origin {
            relocate_builds(
                &new.join("linux"),
                &origin.join("linux"),
                &dir.join("linux"),
            )?;
        }
        fs::rename(&new, &dir).map_err(|e| Failure::io("rename", &new, e))?;
        std::mem::forget(guard);
        Ok(Self {
            dir,
            _lock: lock,
            record,
        })
    }

    /// Brings the tree to the wanted content and overlay. False if the overlay's files changed
    /// meanwhile.
    pub fn sync(&mut self, wanted: &Wanted) -> Result<bool> {
        if self.record.content != wanted.content {
            self.mark(None, None)?;
            if let Source::Tree(tree) = wanted.source {
                tree.import(&self.dir, Stage::start("update", "copying what changed"))?;
            }
            self.record.content.clone_from(&wanted.content);
        }
        if self.record.has(wanted) {
            return Ok(true);
        }
        self.mark(None, None)?;
        self.with_trees(|trees| wanted.overlay.apply(trees))?;
        let (overlay, driver) = (&wanted.overlay.key, &wanted.overlay.driver_key);
        let current = wanted.overlay.is_current()?.then(|| overlay.clone());
        let driver = wanted.overlay.is_driver_current()?.then(|| driver.clone());
        self.mark(current, driver)?;
        Ok(self.record.has(wanted))
    }

    fn mark(&mut self, overlay: Option<String>, driver: Option<String>) -> Result {
        self.record.overlay = overlay;
        self.record.driver = driver;
        store(&self.dir, &self.record)
    }

    /// The kernel tree.
    pub fn linux(&self) -> PathBuf {
        self.dir.join("linux")
    }

    /// Calls `f` with the kernel tree, and where the originals of what was changed in it are.
    pub fn with_trees<T>(&self, f: impl FnOnce(Trees) -> T) -> T {
        f(Trees {
            linux: &self.linux(),
            orig: &self.dir.join("orig"),
        })
    }

    /// A file of the source as it was before this project changed it.
    pub fn pristine(&self, path: &Path) -> PathBuf {
        source::pristine(&self.dir, path)
    }

    /// Which source the tree was really made from.
    pub fn identity(&self) -> &str {
        &self.record.identity
    }
}

/// Where there is a slot that was made from the source of this identity, if there is one.
pub fn of_source(cache: &Cache, identity: &str) -> Result<Option<PathBuf>> {
    let is_of = |dir: &PathBuf| load(dir).is_some_and(|record| record.identity == identity);
    Ok(all(cache)?.into_iter().find(is_of))
}

/// Fills a new slot from the source itself.
fn unpacked(cache: &Cache, wanted: &Wanted, new: &Path) -> Result<Record> {
    let source = wanted.source.unpack(cache, new)?;
    Ok(Record {
        identity: source.identity()?,
        content: source.content(),
        owner: PathBuf::new(),
        overlay: None,
        driver: None,
    })
}

/// Fills a new slot from one that another checkout has, builds and all, if there is one that is
/// not being changed: then only what differs has to be built. Says which one that was.
fn copy_of_another(
    cache: &Cache,
    wanted: &Wanted,
    new: &Path,
) -> Result<Option<(Record, PathBuf)>> {
    let mut candidates = all(cache)?;
    // The latest build is the most likely to be like the one that is wanted.
    candidates.sort_by_key(|dir| std::cmp::Reverse(last_built(dir)));
    for dir in candidates {
        let is_like_it = |record: &Record| {
            record.identity == wanted.identity && record.content == wanted.content
        };
        if !load(&dir).is_some_and(|record| is_like_it(&record)) {
            continue;
        }
        let Some(_lock) = Lock::try_take(&dir.join("lock"), Mode::Shared)? else {
            continue;
        };
        let Some(record) = load(&dir).filter(is_like_it) else {
            continue;
        };
        let mut stage = Stage::start("copy", "starting from another checkout's kernel");
        for name in ["linux", "orig", "manifest.json"] {
            if dir.join(name).exists() {
                copy(&dir.join(name), new, &mut stage)?;
            }
        }
        stage.done("started from another checkout's kernel");
        return Ok(Some((record, dir)));
    }
    Ok(None)
}

/// When a build was last finished in a slot.
fn last_built(dir: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(dir.join("linux")).ok()?;
    let stamps = entries.flatten().map(|entry| entry.path().join(STAMP));
    stamps
        .filter_map(|stamp| fs::metadata(stamp).ok()?.modified().ok())
        .max()
}

fn copy(from: &Path, to: &Path, stage: &mut Stage) -> Result {
    let mut cp = clean("cp");
    cp.args(["--archive", "--reflink=auto", "--"])
        .arg(from)
        .arg(to);
    stage.tick();
    process::output(&mut cp, Exit::Cache).map(drop)
}

/// Copied builds know their old place, `from`. Told the new one, `to`, make builds only what differs,
/// but it has to look at them again.
fn relocate_builds(linux: &Path, from: &Path, to: &Path) -> Result {
    let entries = fs::read_dir(linux).map_err(|e| Failure::io("read", linux, e))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("build-") {
            remove(&entry.path().join(STAMP))?;
            build::relocate(&entry.path(), from, to)?;
        }
    }
    Ok(())
}

/// Removes what it guards unless told to forget it.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // If this fails, the next lab's sweep gets it.
        let _ = fs::remove_dir_all(self.0);
    }
}

/// Removes what labs that are gone began to unpack: nobody holds the lock in there.
fn sweep(slots: &Path) -> Result {
    let entries = fs::read_dir(slots).map_err(|e| Failure::io("read", slots, e))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(".new-") {
            continue;
        }
        if Lock::try_take(&path.join("lock"), Mode::Exclusive)?.is_some() {
            let stage = Stage::start("clean", "removing an interrupted unpacking");
            fs::remove_dir_all(&path).map_err(|e| Failure::io("remove", &path, e))?;
            stage.done("an interrupted unpacking");
        }
    }
    Ok(())
}

/// The slots there are, in order.
fn all(cache: &Cache) -> Result<Vec<PathBuf>> {
    let slots = cache.path("slots");
    if !slots.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&slots).map_err(|e| Failure::io("read", &slots, e))?;
    let mut all: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path())))
        .collect();
    all.sort();
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

fn is_checkout(dir: &Path) -> bool {
    dir.join("linux/kernel.lock").is_file()
}

/// A record that cannot be read makes its slot one that nobody wants.
fn load(dir: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(dir.join("slot.json")).ok()?).ok()
}

fn store(dir: &Path, record: &Record) -> Result {
    let text = serde_json::to_vec_pretty(record)
        .map_err(|e| Failure::new(Exit::Internal, "cannot write slot.json", e))?;
    write(&dir.join("slot.json"), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(records: &[(&str, &Path, Option<&str>)]) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        for (n, (identity, owner, overlay)) in records.iter().enumerate() {
            let slot = root.join("slots").join(n.to_string());
            fs::create_dir_all(&slot).unwrap();
            let record = Record {
                identity: identity.to_string(),
                content: String::new(),
                owner: owner.to_path_buf(),
                overlay: overlay.map(String::from),
                driver: None,
            };
            store(&slot, &record).unwrap();
        }
        (dir, Cache { root })
    }

    fn checkout() -> (tempfile::TempDir, Checkout) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        fs::create_dir(root.join("linux")).unwrap();
        fs::write(root.join("linux/kernel.lock"), "").unwrap();
        (dir, Checkout { root })
    }

    fn with_wanted<T>(checkout: &Checkout, f: impl FnOnce(&Wanted) -> T) -> T {
        let overlay = Overlay::load(checkout).unwrap();
        let source = Source::Tarball("/nonexistent.tar".into());
        f(&Wanted {
            source: &source,
            identity: "id".into(),
            content: String::new(),
            overlay: &overlay,
            driver: false,
        })
    }

    #[test]
    fn only_a_whole_slot_of_the_same_source_and_overlay_is_found() {
        let (_dir, checkout) = checkout();
        let key = Overlay::load(&checkout).unwrap().key;
        let owner = Path::new("/x");
        let (_cache_dir, cache) = cache_with(&[
            ("other", owner, Some(&key)),
            ("id", owner, None),
            ("id", owner, Some("other")),
            ("id", owner, Some(&key)),
        ]);
        with_wanted(&checkout, |wanted| {
            let slot = Slot::find(&cache, wanted, &|_| true).unwrap().unwrap();
            assert!(slot.linux().ends_with("slots/3/linux"));
            assert!(Slot::find(&cache, wanted, &|_| false).unwrap().is_none());
        });
    }

    #[test]
    fn any_slot_of_a_source_has_its_originals() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = Source::Tarball(file.path().into());
        let id = source.identity().unwrap();
        let owner = Path::new("/x");
        let (_dir, cache) = cache_with(&[("other", owner, None), (&id, owner, None)]);
        let slot = Slot::of(&cache, &source).unwrap().unwrap();
        assert!(slot.linux().ends_with("slots/1/linux"));
        let (_dir, cache) = cache_with(&[("other", owner, None)]);
        assert!(Slot::of(&cache, &source).unwrap().is_none());
    }

    #[test]
    fn a_checkout_claims_its_own_slot_then_an_orphan_and_never_another_s() {
        let (_dir, mine) = checkout();
        let (other_dir, _other) = checkout();
        let (_cache_dir, cache) = cache_with(&[
            ("id", other_dir.path(), None),
            ("id", Path::new("/gone"), None),
        ]);
        let first = with_wanted(&mine, |wanted| Slot::claim(&cache, &mine, wanted)).unwrap();
        assert!(first.linux().ends_with("slots/1/linux"));
        drop(first);
        assert_eq!(load(&cache.path("slots/1")).unwrap().owner, mine.root);
        let again = with_wanted(&mine, |wanted| Slot::claim(&cache, &mine, wanted)).unwrap();
        assert!(again.linux().ends_with("slots/1/linux"));
    }

    #[test]
    fn a_failed_unpacking_leaves_nothing() {
        let (_dir, mine) = checkout();
        let (_cache_dir, cache) = cache_with(&[]);
        assert!(with_wanted(&mine, |wanted| Slot::claim(&cache, &mine, wanted)).is_err());
        let left: Vec<_> = fs::read_dir(cache.path("slots")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn a_dead_lab_s_unpacking_is_swept_and_a_living_one_s_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, living) = (dir.path().join(".new-1"), dir.path().join(".new-2"));
        fs::create_dir_all(dead.join("linux")).unwrap();
        let _held = Lock::take(&living.join("lock"), Mode::Exclusive, "").unwrap();
        sweep(dir.path()).unwrap();
        assert!(!dead.exists());
        assert!(living.exists());
    }
}
