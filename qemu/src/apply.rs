// SPDX-License-Identifier: GPL-2.0

//! The test `series.apply`: real `git am` takes what `make patches` writes, on files as upstream
//! has them, and what comes out is what the lab builds from, file by file.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use lab_protocol::Outcome;

use crate::checkout::read;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Result;
use crate::git::Git;
use crate::judge::Test;
use crate::kernel::Kernel;
use crate::options::Options;
use crate::overlay::Content;
use crate::overlay::Overlay;
use crate::patches;
use crate::patches::Mails;
use crate::process;
use crate::test::complain;
use crate::ui::Stage;

/// The test's name.
pub const NAME: &str = "series.apply";
/// What the series must leave alone.
const UNTOUCHED: &str = "drivers/net/loopback.c";

/// Runs it against the tree that `kernel` was built from.
pub fn run(checkout: &Checkout, kernel: &Kernel, options: &Options) -> Result<Test> {
    let mut stage = Stage::start("series", "applying the series");
    stage.tick();
    let start = Instant::now();
    let mut test = Test {
        name: NAME.into(),
        outcome: Outcome::Passed,
        detail: String::new(),
        time: None,
    };
    let outcome = compare(checkout, kernel, options);
    test.time = Some(start.elapsed());
    test.detail = match outcome {
        Ok(Verdict { patches, wrong }) if wrong.is_empty() => {
            stage.done(&format!("git am takes {patches} patches"));
            return Ok(test);
        }
        Ok(verdict) => verdict.wrong.join("\n"),
        Err(failure) if failure.exit == Exit::Source => failure.to_string(),
        Err(failure) => return Err(failure),
    };
    test.outcome = Outcome::Failed;
    stage.fail();
    complain(&test, kernel.variant, "linux/patches");
    Ok(test)
}

/// What came of it.
struct Verdict {
    patches: usize,
    wrong: Vec<String>,
}

fn compare(checkout: &Checkout, kernel: &Kernel, options: &Options) -> Result<Verdict> {
    let scratch = patches::scratch(checkout)?;
    let base = patches::base(checkout, options, &kernel.slot)?;
    let mails = patches::write(checkout, &kernel.slot, &base, scratch.path())?;
    let executable = |path: &Path| patches::is_executable(&kernel.source.join(path));
    let found = applied(&mails, &scratch.path().join("tree"), &executable)?;
    let overlay = Overlay::load(checkout)?;
    let expected = kernel.slot.with_trees(|trees| overlay.differing(trees))?;
    Ok(Verdict {
        patches: mails.series.patches.len(),
        wrong: differences(&expected, &found),
    })
}

/// What `git am` makes of the files that it changes, in a repository in `dir`.
fn applied(
    mails: &Mails,
    dir: &Path,
    executable: &dyn Fn(&Path) -> bool,
) -> Result<BTreeMap<PathBuf, Content>> {
    let Some(first) = mails.series.patches.first() else {
        return Ok(BTreeMap::new());
    };
    let git = Git::init(dir, &first.mail)?;
    let mut stream = patches::base_stream(&mails.series, &mails.replay, "base", executable);
    stream.branch("upstream", "base");
    git.import(&stream)?;
    run_git(&git, &["reset", "--hard", "--quiet"])?;
    let mut am = git.command();
    am.args(patches::AM).arg("--quiet").args(&mails.files);
    process::output(&mut am, Exit::Source)?;
    let words = ["diff", "--name-only", "--no-renames", "-z", "upstream"];
    let names = run_git(&git, &words)?;
    let mut all = BTreeMap::new();
    for name in names.split_terminator('\0') {
        let path = dir.join(name);
        let content = path.exists().then(|| read(&path)).transpose()?;
        all.insert(name.into(), content);
    }
    Ok(all)
}

fn run_git(git: &Git, words: &[&str]) -> Result<String> {
    process::output(git.command().args(words), Exit::Internal)
}

/// How what came out differs from what must come out.
fn differences(
    expected: &BTreeMap<PathBuf, Content>,
    found: &BTreeMap<PathBuf, Content>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let paths: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for path in paths {
        let shown = path.display();
        match (expected.get(path), found.get(path)) {
            (Some(_), None) => wrong.push(format!(
                "{shown}: the lab has changed it, the series does not"
            )),
            (None, Some(_)) => wrong.push(format!(
                "{shown}: the series changes it, the lab has upstream's"
            )),
            (expected, found) if expected != found => {
                wrong.push(format!("{shown}: not as the lab has it"));
            }
            _ => {}
        }
    }
    if found.contains_key(Path::new(UNTOUCHED)) {
        wrong.push(format!("{UNTOUCHED}: must stay as upstream has it"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;
    use crate::series::Series;

    fn files(all: &[(&str, Option<&str>)]) -> BTreeMap<PathBuf, Content> {
        let one = |(path, text): &(&str, Option<&str>)| {
            (PathBuf::from(path), text.map(|text| text.as_bytes().into()))
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn every_difference_is_named() {
        let expected = files(&[("a", Some("1")), ("b", Some("1")), ("c", None)]);
        assert!(differences(&expected, &expected).is_empty());
        let found = files(&[("b", Some("2")), ("c", Some("1")), ("d", Some("1"))]);
        let wrong = differences(&expected, &found);
        let names: Vec<_> = wrong.iter().filter_map(|w| w.split(':').next()).collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
        let same = files(&[(UNTOUCHED, Some("1"))]);
        assert_eq!(differences(&same, &same).len(), 1);
    }

    /// All the way from a checkout to a tree that git has applied the series to.
    #[test]
    fn git_takes_a_series_and_makes_the_tree_that_the_lab_has() {
        let scene = Scene::new();
        scene.write("co/linux/rust/net/a.rs", "a\n");
        scene.write("co/rust_loopback.rs", "driver\n");
        scene.mail("0001-x", "", &Scene::diff("two", "2"));
        let notes = "new: rust/net/a.rs\nnew: drivers/net/rust_loopback/\n";
        scene.mail("0002-y", notes, &Scene::diff("2", "zwei"));
        scene.apply().unwrap();
        // Another checkout's driver in the same tree.
        scene.write(
            "slot/linux/drivers/net/rust_loopback/rust_loopback.rs",
            "old",
        );
        let overlay = scene.overlay();
        let expected = scene.with_trees(|trees| overlay.differing(trees)).unwrap();
        let series = Series::load(&overlay).unwrap();
        let replay = scene.with_trees(|trees| series.replay(trees)).unwrap();
        let (out, tree) = (scene.path("out"), scene.path("tree"));
        let cover = "Title\n\nText.";
        let files = patches::format(&series, &replay, cover, "base", &|_| false, &out).unwrap();
        let cover = std::fs::read_to_string(&files[0]).unwrap();
        assert!(
            cover.contains("Subject: [PATCH 0/2] Title\n\nText.\n"),
            "{cover}"
        );
        let names: Vec<_> = files[1..].iter().filter_map(|f| f.file_name()).collect();
        assert_eq!(names, ["0001-x.patch", "0002-y.patch"]);
        let mails = Mails {
            series,
            replay,
            files,
        };
        let found = applied(&mails, &tree, &|_| false).unwrap();
        assert_eq!(differences(&expected, &found), [""; 0]);
        assert_eq!(found.len(), 3);
    }
}
