// SPDX-License-Identifier: GPL-2.0

//! `make patches`: the kernel side as mails that a kernel maintainer's `git am` takes. The series
//! is carried out in a repository of just the files that it touches, as upstream has them; the
//! rest is git's own work.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::git::Git;
use crate::git::Stream;
use crate::kernel;
use crate::kernel::remove_tree;
use crate::options::Options;
use crate::overlay::Overlay;
use crate::process;
use crate::series::Change;
use crate::series::Replay;
use crate::series::Series;
use crate::slot::Slot;
use crate::source;
use crate::source::Source;
use crate::ui;
use crate::ui::Stage;

/// What the cover letter says, in `linux/`.
const COVER: &str = "patches/cover-letter.txt";
/// What makes `git am` pass over the cover letter, which has no diff.
pub const AM: [&str; 2] = ["am", "--empty=drop"];

/// A series as mails.
#[derive(Debug)]
pub struct Mails {
    /// The series that they are.
    pub series: Series,
    /// What each of them does.
    pub replay: Replay,
    /// The files, the cover letter first.
    pub files: Vec<PathBuf>,
}

/// Writes them to `build/patches`, and says how to use them.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let slot = kernel::source(checkout, options)?;
    let mut stage = Stage::start("patches", "writing the series");
    stage.tick();
    make_dir(&checkout.build(""))?;
    let what = "is writing this checkout's patches";
    let _lock = Lock::take(&checkout.build("patches.lock"), Mode::Exclusive, what)?;
    let scratch = scratch(checkout)?;
    let base = base(checkout, options, &slot)?;
    let mails = write(checkout, &slot, &base, scratch.path())?;
    let dir = checkout.build("patches");
    replace(&scratch.path().join(MAILS), &dir)?;
    let count = mails.series.patches.len();
    stage.done(&format!(
        "{count} and a cover letter, in {}",
        checkout.show(&dir)
    ));
    ui::line(&format!(
        "\nin a clean tree of {base}:\n\n    git {} {}/*.patch\n\n\
         (the cover letter, which has no diff, is what --empty=drop drops; git knows it since 2.35)",
        AM.join(" "),
        dir.display()
    ));
    Ok(())
}

/// Where [`write()`] writes to, in its scratch directory.
const MAILS: &str = "mails";

/// A directory for [`write()`] to work in.
pub fn scratch(checkout: &Checkout) -> Result<tempfile::TempDir> {
    let build = checkout.build("");
    make_dir(&build)?;
    tempfile::Builder::new()
        .prefix(".patches-")
        .tempdir_in(&build)
        .map_err(|e| Failure::io("make a directory in", &build, e))
}

/// Which release the series is for, in words.
pub fn base(checkout: &Checkout, options: &Options, slot: &Slot) -> Result<String> {
    let version = source::version(&slot.linux())?;
    let source = Source::find(&Cache::open()?, checkout, options)?;
    Ok(match source {
        Source::Pinned(pin) => {
            format!("Linux {version} (Debian's {} {})", pin.package, pin.version)
        }
        Source::Tree(_) | Source::Tarball(_) => format!("Linux {version} (KERNEL_SRC)"),
    })
}

/// Writes the series for `base` in a directory that is empty.
pub fn write(checkout: &Checkout, slot: &Slot, base: &str, dir: &Path) -> Result<Mails> {
    let series = Series::load(&Overlay::load(checkout)?)?;
    let cover = cover(&read_text(&checkout.path("linux").join(COVER))?, base)?;
    let replay = slot.with_trees(|trees| series.replay(trees))?;
    let linux = slot.linux();
    let executable = |path: &Path| is_executable(&linux.join(path));
    let files = format(&series, &replay, &cover, base, &executable, dir)?;
    Ok(Mails {
        series,
        replay,
        files,
    })
}

/// Lets git format the series.
pub fn format(
    series: &Series,
    replay: &Replay,
    cover: &str,
    base: &str,
    executable: &dyn Fn(&Path) -> bool,
    dir: &Path,
) -> Result<Vec<PathBuf>> {
    let Some(last) = series.patches.last() else {
        return Ok(Vec::new());
    };
    let git = Git::init(&dir.join("git"), &last.mail)?;
    let mut stream = base_stream(series, replay, base, executable);
    stream.branch("series", "base");
    for (patch, change) in series.patches.iter().zip(&replay.steps) {
        let mail = &patch.mail;
        stream.commit("series", mail, &mail.message, change, executable);
    }
    git.import(&stream)?;
    let mails = dir.join(MAILS);
    let mut command = git.command();
    command
        .arg("-c")
        .arg(format!("branch.series.description={cover}"))
        .args(["format-patch", "--quiet", "--numbered", "--cover-letter"])
        .args(["--cover-from-description=subject", "--zero-commit"])
        .args(["--no-signature", "base..series", "--output-directory"])
        .arg(&mails);
    process::output(&mut command, Exit::Internal)?;
    let entries = fs::read_dir(&mails).map_err(|e| Failure::io("read", &mails, e))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// The commit that the series begins with: what upstream has of its files.
pub fn base_stream(
    series: &Series,
    replay: &Replay,
    base: &str,
    executable: &dyn Fn(&Path) -> bool,
) -> Stream {
    let mut stream = Stream::default();
    if let Some(first) = series.patches.first() {
        let files = replay.base.iter();
        let files: Change = files
            .map(|(path, content)| (path.clone(), Some(content.clone())))
            .collect();
        stream.commit("base", &first.mail, base, &files, executable);
    }
    stream
}

/// Whether a file of the kernel's tree is a program.
pub fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

/// The cover letter's text, which ends in what the series is for. Lines that begin with `#` are
/// comments as long as nothing else has come.
fn cover(text: &str, base: &str) -> Result<String> {
    let lines: Vec<_> = text
        .lines()
        .skip_while(|line| line.starts_with('#') || line.is_empty())
        .collect();
    let fail = |why: &str| {
        let what = format!("linux/{COVER} is no cover letter");
        Failure::new(Exit::Source, what, why).hint("a subject, an empty line, what there is to say")
    };
    match lines[..] {
        [_, "", _, ..] => {}
        [_, _, ..] => return Err(fail("its subject is longer than one line")),
        _ => return Err(fail("it says nothing")),
    }
    let text = lines.join("\n");
    Ok(format!("{}\n\nBase: {base}\n", text.trim_end()))
}

/// Puts `new` where `old` is.
fn replace(new: &Path, old: &Path) -> Result {
    remove_tree(old)?;
    fs::rename(new, old).map_err(|e| Failure::io("rename to", old, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    #[test]
    fn a_cover_letter_has_a_subject_and_says_something() {
        let text = cover("# comment\nTitle\n\nText.\n# no comment\n", "Linux 1").unwrap();
        assert_eq!(text, "Title\n\nText.\n# no comment\n\nBase: Linux 1\n");
        for bad in ["", "Title\n", "Title\nText.\n", "Title\n\n"] {
            assert_eq!(cover(bad, "").unwrap_err().exit, Exit::Source);
        }
    }

    #[test]
    fn the_same_series_is_the_same_bytes() {
        let scene = Scene::new();
        scene.mail("0001-x", "", &Scene::diff("two", "2"));
        let series = Series::load(&scene.overlay()).unwrap();
        let replay = scene.with_trees(|trees| series.replay(trees)).unwrap();
        let write = |dir: &str| -> Vec<String> {
            let dir = scene.path(dir);
            let files = format(&series, &replay, "T\n\nx", "b", &|_| false, &dir).unwrap();
            let read = |file: &PathBuf| fs::read_to_string(file).unwrap();
            files.iter().map(read).collect()
        };
        let first = write("first");
        assert_eq!(first.len(), 2);
        // git writes the time of day with a resolution of one second.
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(first, write("second"));
        assert!(first[1].contains("\nDate: Sat, 21 Nov 2026 10:02:00 +0000\n"));
        assert!(first[1].contains("\nFrom: A Person <a@example.org>\n"));
    }

    #[test]
    fn a_program_stays_one() {
        let scene = Scene::new();
        scene.mail("0001-x", "", &Scene::diff("two", "2"));
        let series = Series::load(&scene.overlay()).unwrap();
        let replay = scene.with_trees(|trees| series.replay(trees)).unwrap();
        let dir = scene.path("out");
        let files = format(&series, &replay, "T\n\nx", "b", &|_| true, &dir).unwrap();
        let text = fs::read_to_string(&files[1]).unwrap();
        assert!(text.contains(" 100755\n"), "{text}");
    }
}
