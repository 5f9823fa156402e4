// SPDX-License-Identifier: GPL-2.0

//! The patches as a series: which whole files come with which patch, and what each step makes of
//! the kernel's tree. A patch names its files behind the line that ends its message:
//! `new: rust/kernel/net/rtnl.rs`, or `new: drivers/net/x/` for all files there that no other
//! patch names. The kernel is built without asking for any of this.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::checkout::read;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::mail::Mail;
use crate::overlay::touched_by;
use crate::overlay::Content;
use crate::overlay::Files;
use crate::overlay::Overlay;
use crate::overlay::Trees;
use crate::overlay::Trial;

/// One patch.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Where it is, under `linux/`.
    pub file: PathBuf,
    /// Author, date, message.
    pub mail: Mail,
    /// The files that its diff touches.
    diff: BTreeSet<PathBuf>,
    /// The whole files that come with it.
    new: Files,
}

impl Patch {
    /// Its subject.
    pub fn subject(&self) -> &str {
        self.mail.message.lines().next().unwrap_or_default()
    }
}

/// The series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its patches in order.
    pub patches: Vec<Patch>,
    overlay: Overlay,
}

/// Files and what becomes of them.
pub type Change = BTreeMap<PathBuf, Content>;

/// A series, carried out.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What upstream has of the files that the series touches.
    pub base: BTreeMap<PathBuf, Vec<u8>>,
    /// What each patch changes.
    pub steps: Vec<Change>,
}

impl Series {
    /// Sorts out what the overlay has; an error names every file that is not in exactly one patch.
    pub fn load(overlay: &Overlay) -> Result<Self> {
        let mut patches = Vec::new();
        let mut wrong = Vec::new();
        for file in overlay.patches() {
            let text = overlay.read_patch(file)?;
            match Mail::parse(&text) {
                Ok(mail) => patches.push(Patch {
                    file: file.clone(),
                    mail,
                    diff: touched_by(&text),
                    new: Files::new(),
                }),
                Err(why) => wrong.push(format!("linux/{}: {why}", file.display())),
            }
        }
        if patches.is_empty() && wrong.is_empty() {
            wrong.push("there is none".into());
        }
        // What a patch that cannot be read brings is not known.
        if wrong.is_empty() {
            wrong = distribute(&mut patches, &overlay.whole_files());
        }
        if !wrong.is_empty() {
            return Err(Failure::new(
                Exit::Source,
                "the patches are not a series",
                wrong.join("\n"),
            )
            .hint("README.md, `The kernel side as a series`, has the rules"));
        }
        Ok(Self {
            patches,
            overlay: overlay.clone(),
        })
    }

    /// Carries it out, beside the tree.
    pub fn replay(&self, trees: Trees) -> Result<Replay> {
        let mut base = BTreeMap::new();
        for path in self.patches.iter().flat_map(|patch| &patch.diff) {
            if let Some(content) = trees.original(path)? {
                base.insert(path.clone(), content);
            }
        }
        let trial = Trial::start(&self.overlay, trees)?;
        let mut steps = Vec::new();
        for patch in &self.patches {
            let mut change = trial.apply(&patch.file)?;
            for (path, source) in &patch.new {
                refuse_existing(patch, path, trees)?;
                change.insert(path.clone(), Some(read(source)?));
            }
            steps.push(change);
        }
        Ok(Replay { base, steps })
    }
}

/// A later release may have a file of the same name.
fn refuse_existing(patch: &Patch, path: &Path, trees: Trees) -> Result {
    if trees.original(path)?.is_none() {
        return Ok(());
    }
    let what = format!(
        "linux/{} brings {} as a new file",
        patch.file.display(),
        path.display()
    );
    Err(Failure::new(Exit::Source, what, "upstream has it already")
        .hint("make the change to it a diff of the patch"))
}

/// Gives each whole file to the patch that names it; what is wrong with that.
fn distribute(patches: &mut [Patch], files: &Files) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, source) in files {
        let owners = owners(patches, path);
        let shown = path.display();
        match owners[..] {
            [] => wrong.push(format!("no patch brings {shown}")),
            [owner] => {
                patches[owner].new.insert(path.clone(), source.clone());
            }
            [one, other, ..] => wrong.push(format!(
                "{shown} comes with {} and with {}",
                patches[one].file.display(),
                patches[other].file.display()
            )),
        }
        for patch in patches.iter().filter(|patch| patch.diff.contains(path)) {
            wrong.push(format!(
                "{shown} is a whole file, and in the diff of {}",
                patch.file.display()
            ));
        }
    }
    for patch in patches.iter() {
        for name in patch.mail.noted("new") {
            if !patch.new.keys().any(|path| brings(name, path)) {
                let patch = patch.file.display();
                wrong.push(format!("{patch} brings nothing with `new: {name}`"));
            }
        }
        if patch.diff.is_empty() && patch.new.is_empty() {
            wrong.push(format!("{} changes nothing", patch.file.display()));
        }
    }
    wrong
}

/// Which patches name this file, each as often as it does: those that name the file itself, or
/// else those that name a directory that it is in.
fn owners(patches: &[Patch], path: &Path) -> Vec<usize> {
    let naming = |directory: bool| -> Vec<usize> {
        let count = |patch: &Patch| {
            let names = patch.mail.noted("new");
            names
                .filter(|name| name.ends_with('/') == directory && brings(name, path))
                .count()
        };
        let each = patches.iter().enumerate();
        each.flat_map(|(n, patch)| vec![n; count(patch)]).collect()
    };
    let exactly = naming(false);
    if exactly.is_empty() {
        return naming(true);
    }
    exactly
}

/// Whether `new: <name>` may mean this file.
fn brings(name: &str, path: &Path) -> bool {
    if name.ends_with('/') {
        return path.starts_with(name);
    }
    path == Path::new(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    /// A series of three: a diff, a file of its own, and a directory.
    fn scene() -> Scene {
        let scene = Scene::new();
        scene.write("co/linux/rust/net/a.rs", "a");
        scene.write("co/linux/rust/net/b.rs", "b");
        scene.write("co/rust_loopback.rs", "driver");
        scene.mail("0001-x", "", &Scene::diff("two", "2"));
        scene.mail("0002-y", "new: rust/net/b.rs\n", &Scene::diff("2", "zwei"));
        scene.mail(
            "0003-z",
            "new: rust/net/\nnew: drivers/net/rust_loopback/\n",
            "",
        );
        scene
    }

    fn refused(scene: &Scene) -> String {
        let failure = Series::load(&scene.overlay()).unwrap_err();
        assert_eq!(failure.exit, Exit::Source);
        failure.why
    }

    #[test]
    fn each_step_has_its_files() {
        let scene = scene();
        let series = Series::load(&scene.overlay()).unwrap();
        let replay = scene.with_trees(|trees| series.replay(trees)).unwrap();
        let names = |n: usize| -> Vec<_> {
            let paths = replay.steps[n].keys();
            paths.map(|path| path.display().to_string()).collect()
        };
        assert_eq!(names(0), ["rust/lib.rs"]);
        assert_eq!(names(1), ["rust/lib.rs", "rust/net/b.rs"]);
        let driver = "drivers/net/rust_loopback/rust_loopback.rs";
        assert_eq!(names(2), [driver, "rust/net/a.rs"]);
        let lib = Path::new("rust/lib.rs");
        assert_eq!(replay.base[lib], b"one\ntwo\nthree\n");
        let content = |n: usize| replay.steps[n][lib].clone().unwrap();
        assert_eq!(content(0), b"one\n2\nthree\n");
        assert_eq!(content(1), b"one\nzwei\nthree\n");
        assert_eq!(series.patches[1].subject(), "y");
    }

    #[test]
    fn the_originals_are_upstreams_also_in_a_tree_that_is_ours() {
        let scene = scene();
        scene.apply().unwrap();
        let series = Series::load(&scene.overlay()).unwrap();
        let replay = scene.with_trees(|trees| series.replay(trees)).unwrap();
        assert_eq!(replay.base[Path::new("rust/lib.rs")], b"one\ntwo\nthree\n");
    }

    #[test]
    fn every_file_comes_with_exactly_one_patch() {
        let scene = scene();
        scene.write("co/linux/net/c.c", "c");
        assert_eq!(refused(&scene), "no patch brings net/c.c");
        scene.mail("0004-c", "new: net/c.c\n", "");
        scene.mail("0005-c", "new: net/c.c\n", "");
        let why = "net/c.c comes with patches/0004-c.patch and with patches/0005-c.patch";
        assert!(refused(&scene).contains(why));
        scene.mail("0005-c", "new: net/\n", "");
        let why = refused(&scene);
        assert!(
            why.contains("0005-c.patch brings nothing with `new: net/`"),
            "{why}"
        );
        assert!(why.contains("0005-c.patch changes nothing"), "{why}");
    }

    #[test]
    fn a_file_is_whole_or_in_a_diff() {
        let scene = scene();
        scene.write("co/linux/rust/lib.rs", "ours");
        scene.mail("0004-c", "new: rust/lib.rs\n", "");
        let why = refused(&scene);
        let part = "rust/lib.rs is a whole file, and in the diff of patches/0001-x.patch";
        assert!(why.contains(part), "{why}");
    }

    #[test]
    fn what_upstream_has_is_not_new() {
        let scene = scene();
        scene.write("co/linux/net/dev.c", "ours");
        scene.mail("0004-c", "new: net/dev.c\n", "");
        let series = Series::load(&scene.overlay()).unwrap();
        let failure = scene.with_trees(|trees| series.replay(trees)).unwrap_err();
        assert_eq!(failure.exit, Exit::Source);
        assert!(failure.what.contains("net/dev.c"), "{failure}");
    }

    #[test]
    fn a_patch_that_is_no_mail_is_named() {
        let scene = scene();
        scene.write("co/linux/patches/0004-q.patch", &Scene::diff("zwei", "due"));
        let why = refused(&scene);
        assert!(why.starts_with("linux/patches/0004-q.patch: "), "{why}");
        assert!(!why.contains("no patch brings"), "{why}");
    }
}
