// SPDX-License-Identifier: GPL-2.0

//! Gets the pinned kernel source, once, into the cache's `downloads/`. A file there has its right
//! name only after its checksum was found right; until then it is called `.part`.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::apt::stand_in;
use crate::apt::Archive;
use crate::apt::Remote;
use crate::checkout::make_dir;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Cache;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::key::sha256;
use crate::pin::Pin;
use crate::process::describe;
use crate::process::Child;
use crate::ui;
use crate::ui::Stage;

/// What stands in for a pin that the archive no longer has.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct StandIn {
    /// Its version.
    version: String,
    /// Its checksum, from signed metadata.
    sha256: String,
}

/// The pin, or what has taken its place on this machine since the archive dropped it. Asks nobody.
pub fn effective(cache: &Cache, pin: &Pin) -> Pin {
    let stood_in = fs::read(stand_in_file(cache, pin))
        .ok()
        .and_then(|text| serde_json::from_slice::<StandIn>(&text).ok());
    match stood_in {
        Some(other) if !downloaded(cache, pin).is_file() => {
            warn_stand_in(pin, &other.version);
            Pin {
                version: other.version,
                sha256: other.sha256,
                ..pin.clone()
            }
        }
        _ => pin.clone(),
    }
}

fn warn_stand_in(pin: &Pin, version: &str) {
    ui::warn(&format!(
        "{} {} is gone from {}: {version} is used in its place",
        pin.package, pin.version, pin.suite
    ));
}

fn stand_in_file(cache: &Cache, pin: &Pin) -> PathBuf {
    cache.path(&format!("downloads/stand-in-{}.json", &pin.sha256[..16]))
}

fn downloaded(cache: &Cache, pin: &Pin) -> PathBuf {
    let name = format!("{}_{}_all.deb", pin.package, pin.version);
    cache.path("downloads").join(name)
}

/// The pin's file, downloaded if it is not there. The pin returned is the one that was really
/// fetched: another than asked for if that one is gone.
pub fn fetch(cache: &Cache, pin: &Pin) -> Result<(Pin, PathBuf)> {
    let dir = cache.path("downloads");
    make_dir(&dir)?;
    let _lock = Lock::take(&dir.join("lock"), Mode::Exclusive, "is downloading")?;
    let file = downloaded(cache, pin);
    if file.is_file() {
        verify_cached(&file, pin)?;
        return Ok((pin.clone(), file));
    }
    let mut stage = Stage::start("fetch", &format!("{} {}", pin.package, pin.version));
    stage.tick();
    let archive = Archive::open(cache, &pin.suite)?;
    archive.update()?;
    let (pin, remote) = choose(cache, &archive, pin)?;
    let file = downloaded(cache, &pin);
    download(&archive, &remote, &file, &mut stage)?;
    stage.done(&format!(
        "{} {}, {} MB",
        pin.package,
        pin.version,
        remote.size / 1_000_000
    ));
    Ok((pin, file))
}

/// Disks rot and files get edited: look again before a tree is made of it.
fn verify_cached(file: &Path, pin: &Pin) -> Result {
    let sum = sha256(file, &mut |_| ())?;
    if sum == pin.sha256 {
        return Ok(());
    }
    Err(mismatch(&file.display().to_string(), &sum, &pin.sha256)
        .hint(format!("remove {} and run again", file.display())))
}

fn mismatch(what: &str, is: &str, should: &str) -> Failure {
    Failure::new(
        Exit::Checksum,
        format!("{what} has the wrong checksum"),
        format!("SHA-256 is      {is}\nbut must be     {should}"),
    )
}

/// Finds the pinned version in the archive, or what stands in for it.
fn choose(cache: &Cache, archive: &Archive, pin: &Pin) -> Result<(Pin, Remote)> {
    let versions = archive.versions(&pin.package)?;
    if versions.contains(&pin.version) {
        let remote = archive.locate(&pin.package, &pin.version)?;
        if remote.sha256 != pin.sha256 {
            let what = format!("{} in {}", remote.name, archive.mirror);
            return Err(mismatch(&what, &remote.sha256, &pin.sha256)
                .hint("correct sha256 in linux/kernel.lock if you know why it differs"));
        }
        return Ok((pin.clone(), remote));
    }
    let Some(version) = stand_in(&versions, pin.series()) else {
        return Err(Failure::new(
            Exit::Fetch,
            format!("{} {} is gone from {}", pin.package, pin.version, pin.suite),
            format!("{} has no other {}.x", archive.mirror, pin.series()),
        )
        .hint("pin a version that exists in linux/kernel.lock, or give KERNEL_SRC="));
    };
    warn_stand_in(pin, version);
    let remote = archive.locate(&pin.package, version)?;
    let other = StandIn {
        version: version.clone(),
        sha256: remote.sha256.clone(),
    };
    let text = serde_json::to_vec(&other)
        .map_err(|e| Failure::new(Exit::Internal, "cannot note the stand-in", e))?;
    write(&stand_in_file(cache, pin), &text)?;
    let pin = Pin {
        version: other.version,
        sha256: other.sha256,
        ..pin.clone()
    };
    Ok((pin, remote))
}

fn download(archive: &Archive, remote: &Remote, file: &Path, stage: &mut Stage) -> Result {
    let part = file.with_extension("deb.part");
    // A whole file with the wrong content would make apt believe that nothing is left to do.
    if size(&part) >= remote.size {
        remove(&part)?;
    }
    let log = tempfile::tempfile().map_err(|e| Failure::io("write", &part, e))?;
    let err = log
        .try_clone()
        .map_err(|e| Failure::io("write", &part, e))?;
    let mut command = archive.download(remote, &part);
    let mut child = Child::spawn(command.stdout(std::process::Stdio::null()).stderr(err))?;
    let (began, already) = (stage.elapsed(), size(&part));
    let status = child.wait_and(None, &mut || {
        let now = size(&part);
        let spent = stage.elapsed().saturating_sub(began);
        let fraction = now as f64 / remote.size as f64;
        let eta = time_left(
            now.saturating_sub(already),
            remote.size.saturating_sub(now),
            spent,
        );
        let detail = format!("{} of {} MB", now / 1_000_000, remote.size / 1_000_000);
        stage.update(Some(fraction), eta, &detail);
        Ok(())
    })?;
    if !status.success() {
        let said = text_of(log).unwrap_or_default();
        let why = if said.is_empty() {
            describe(status)
        } else {
            said
        };
        return Err(archive.explain(Failure::new(Exit::Fetch, "download failed", why)));
    }
    let sum = sha256(&part, &mut |_| ())?;
    if sum != remote.sha256 {
        remove(&part)?;
        return Err(mismatch(&remote.uri, &sum, &remote.sha256).hint("run again"));
    }
    fs::rename(&part, file).map_err(|e| Failure::io("rename", &part, e))
}

fn text_of(mut file: fs::File) -> std::io::Result<String> {
    use std::io::Read;
    use std::io::Seek;
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |m| m.len())
}

/// Time left, if `left` goes on as `done` did in `spent`.
pub fn time_left(done: u64, left: u64, spent: Duration) -> Option<Duration> {
    if done == 0 || spent < Duration::from_secs(1) {
        return None;
    }
    Some(spent.mul_f64(left as f64 / done as f64))
}
