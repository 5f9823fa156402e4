// SPDX-License-Identifier: GPL-2.0

//! `check`: formatting, lints and documentation, of the kernel side by the kernel's own tools.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use walkdir::DirEntry;
use walkdir::WalkDir;

use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::checkpatch;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel;
use crate::kernel::Kernel;
use crate::options::Options;
use crate::patches;
use crate::process;
use crate::toolchain::clean;
use crate::ui;
use crate::ui::Stage;

/// How many lines of a failing check are shown.
const SHOWN: usize = 40;
/// How far into a file its license line may be.
const SPDX_LINES: usize = 2;
/// Files that cannot hold a comment, or are written by a tool.
const WITHOUT_SPDX: [&str; 2] = ["LICENSE", "qemu/Cargo.lock"];

/// In the build directory: for which kernel the documentation was clean.
const RUSTDOC_RECORD: &str = "lab-rustdoc";

/// The directories with modules in Rust, and what kbuild makes of them.
const MODULES: [(&str, &[&str]); 2] = [
    ("", &["rust_loopback.o"]),
    (
        "tests/modules",
        &[
            "rust_counted_lo/rust_counted_lo.o",
            "rust_dummy/rust_dummy.o",
        ],
    ),
];

/// Runs every check, also after one has failed; fails if any has.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let kernel = kernel::ensure(checkout, options)?;
    let check = Check {
        checkout,
        kernel: &kernel,
        files: files(checkout),
    };
    let all: [(&str, Run<'_>); 9] = [
        ("spdx", Check::spdx),
        ("rustfmt", Check::rustfmt),
        ("shellcheck", Check::shellcheck),
        ("checkpatch", Check::checkpatch),
        ("clippy", Check::host_clippy),
        ("rustdoc", Check::host_rustdoc),
        ("k-clippy", Check::kernel_clippy),
        ("k-modules", Check::module_clippy),
        ("k-rustdoc", Check::kernel_rustdoc),
    ];
    let mut failed = 0;
    for (name, one) in all {
        let stage = Stage::start(name, "");
        match one(&check) {
            Ok(()) => stage.done("clean"),
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) => {
                stage.fail();
                ui::line(&failure.to_string());
                failed += 1;
            }
        }
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(
        Exit::TestFailed,
        format!("{failed} of {} checks failed", all.len()),
        "see above",
    ))
}

/// Whether a source is of a program, by its place; the others are of the kernel.
fn is_hosts(file: &Path) -> bool {
    const PLACES: [&str; 3] = ["qemu", "tests/guest", "tests/random"];
    PLACES.iter().any(|place| file.starts_with(place))
}

type Run<'a> = fn(&Check<'a>) -> Result;

struct Check<'a> {
    checkout: &'a Checkout,
    kernel: &'a Kernel,
    files: Vec<PathBuf>,
}

impl Check<'_> {
    /// Every file says under which license it is.
    fn spdx(&self) -> Result {
        let exempt = |file: &PathBuf| {
            let name = file.to_string_lossy();
            WITHOUT_SPDX.contains(&&*name) || name.ends_with(".patch")
        };
        let mut lacking = Vec::new();
        for file in self.files.iter().filter(|file| !exempt(file)) {
            let text = read_text(&self.checkout.root.join(file))?;
            let said = text
                .lines()
                .take(SPDX_LINES)
                .any(|line| line.contains("SPDX-License-Identifier: GPL-2.0"));
            if !said {
                lacking.push(file.display().to_string());
            }
        }
        verdict("files without an SPDX line", lacking)
    }

    fn rustfmt(&self) -> Result {
        let (host, kernel): (Vec<_>, Vec<_>) = self
            .with_extension("rs")
            .into_iter()
            .partition(|file| is_hosts(file));
        let style = self.kernel.source.join(".rustfmt.toml");
        for (files, config) in [(host, None), (kernel, Some(style))] {
            let mut command = self.tool("RUSTFMT")?;
            command.args(["--check", "--edition", "2021"]);
            if let Some(config) = config {
                command.arg("--config-path").arg(config);
            }
            self.run(command.args(files))?;
        }
        Ok(())
    }

    fn shellcheck(&self) -> Result {
        let scripts = self.files.iter().filter(|file| {
            fs::read(self.checkout.root.join(file)).is_ok_and(|text| {
                text.starts_with(b"#!/bin/sh") || text.starts_with(b"#!/usr/bin/env bash")
            })
        });
        self.run(clean("shellcheck").args(scripts))
    }

    /// The series, and the modules of the tests, which are no part of it.
    fn checkpatch(&self) -> Result {
        let scratch = patches::scratch(self.checkout)?;
        let mails = patches::write(self.checkout, &self.kernel.slot, "Linux", scratch.path())?;
        // The cover letter is no patch.
        let found = checkpatch::run(self.checkout, self.kernel, &mails.files[1..])?;
        verdict(
            "checkpatch about the series that `make patches` writes",
            found,
        )?;
        let own = ["c", "rs"]
            .iter()
            .flat_map(|extension| self.with_extension(extension))
            .filter(|file| file.starts_with("tests/modules"))
            .map(|file| self.checkout.root.join(file));
        // kunit_test_suite() reads like a declaration to it, and stands right behind its suite in
        // the kernel, too.
        let mut command = checkpatch::command(self.kernel);
        command.args(["--no-summary", "--ignore=LINE_SPACING", "--file"]);
        // It leaves a file where it is run.
        self.run_in(scratch.path(), command.args(own))
    }

    fn host_clippy(&self) -> Result {
        let mut command = self.kernel.toolchain.cargo_clippy()?;
        self.workspace(&mut command, "clippy");
        command.args(["--all-targets", "--", "--deny=warnings"]);
        self.run(&mut command)
    }

    fn host_rustdoc(&self) -> Result {
        let mut command = self.kernel.toolchain.cargo()?;
        self.workspace(&mut command, "doc");
        command
            .args(["--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "--deny=warnings");
        self.run(&mut command)
    }

    /// The kernel crate with clippy, in a build directory of its own: kbuild would otherwise build
    /// it again and again, once with and once without.
    fn kernel_clippy(&self) -> Result {
        let build = self.build_dir()?;
        self.kbuild("prepare", &build, &["CLIPPY=1", "prepare"])
    }

    /// The modules in Rust, with clippy: the driver with its tests, and those of the tests.
    fn module_clippy(&self) -> Result {
        let build = self.build_dir()?;
        for (source, objects) in MODULES {
            let output = self.checkout.build(&format!("check/{source}"));
            make_dir(&output)?;
            let source = format!("M={}", self.checkout.path(source).display());
            let output = format!("MO={}", output.display());
            let words = [&["CLIPPY=1", &source, &output], objects].concat();
            self.kbuild("modules", &build, &words)?;
        }
        Ok(())
    }

    /// The documentation of the kernel crate. kbuild writes it all again each time, so what was
    /// clean for this very kernel is not looked at twice.
    fn kernel_rustdoc(&self) -> Result {
        let build = self.build_dir()?;
        let record = build.join(RUSTDOC_RECORD);
        if fs::read_to_string(&record).is_ok_and(|release| release == self.kernel.release) {
            return Ok(());
        }
        // The same command line as for clippy, or kbuild builds the crates again.
        self.kbuild("rustdoc", &build, &["CLIPPY=1", "rustdoc"])?;
        write(&record, self.kernel.release.as_bytes())
    }

    /// Runs kbuild in `dir`. A warning about this project's code is a failure, one about others'
    /// is theirs.
    fn kbuild(&self, name: &str, dir: &Path, words: &[&str]) -> Result {
        let what = "is checking the same kernel";
        let _lock = Lock::take(&dir.join("lab-check.lock"), Mode::Exclusive, what)?;
        build::recover(dir)?;
        build::begin(dir)?;
        let log = self.checkout.log(&format!("check-{name}"))?;
        remove(&log)?;
        let mut command = self.kernel.toolchain.make(dir)?;
        let outcome = process::run_logged(command.args(words), &log, false, None, &mut |_| ());
        if !process::killed_hard() {
            build::end(dir)?;
        }
        let shown = PathBuf::from(self.checkout.show(&log));
        if !outcome?.status.success() {
            return Err(build::failure(name, &log, &shown));
        }
        // kbuild builds nothing twice: what warned once must be built again to warn again.
        let ours = warnings(&read_text(&log)?, &self.own_sources());
        if ours.is_empty() {
            return Ok(());
        }
        remove(&dir.join("rust/kernel.o"))?;
        for (source, objects) in MODULES {
            for object in objects {
                remove(&self.checkout.build(&format!("check/{source}/{object}")))?;
            }
        }
        verdict("warnings", ours)
    }

    /// A build directory like the kernel's, for checks only.
    fn build_dir(&self) -> Result<PathBuf> {
        let dir = self.kernel.source.join("build-check");
        make_dir(&dir)?;
        for file in [".config", "localversion-lab"] {
            let (from, to) = (self.kernel.build.join(file), dir.join(file));
            let text = fs::read(&from).map_err(|e| Failure::io("read", &from, e))?;
            crate::checkout::write_if_changed(&to, &text)?;
        }
        // A directory that came with a copy of another checkout's kernel would check that one's.
        let makefile = fs::read_to_string(dir.join("Makefile")).unwrap_or_default();
        if !is_of(&makefile, &self.kernel.source) {
            remove(&dir.join(RUSTDOC_RECORD))?;
            let mut command = self.kernel.toolchain.make(&self.kernel.source)?;
            command
                .arg(format!("O={}", dir.display()))
                .arg("olddefconfig");
            process::output(&mut command, Exit::Build)?;
        }
        Ok(dir)
    }

    /// This project's Rust sources, as rustc names them when it builds the kernel crate or the
    /// driver.
    fn own_sources(&self) -> Vec<String> {
        self.with_extension("rs")
            .iter()
            .filter(|file| !is_hosts(file))
            .map(|file| {
                let file = file.strip_prefix("linux/rust").unwrap_or(file);
                file.display().to_string()
            })
            .collect()
    }

    fn with_extension(&self, extension: &str) -> Vec<&PathBuf> {
        self.files
            .iter()
            .filter(|file| file.extension().is_some_and(|found| found == extension))
            .collect()
    }

    fn tool(&self, name: &str) -> Result<Command> {
        Ok(self
            .kernel
            .toolchain
            .command(self.kernel.toolchain.get(name)?))
    }

    /// Lets cargo do `what` to the whole of the lab.
    fn workspace(&self, cargo: &mut Command, what: &str) {
        cargo
            .arg(what)
            .args(["--quiet", "--locked", "--workspace", "--manifest-path"])
            .arg(self.checkout.path("qemu/Cargo.toml"))
            .arg("--target-dir")
            .arg(self.checkout.build("lab"));
    }

    /// Runs a tool in the checkout; what it prints is why it failed.
    fn run(&self, command: &mut Command) -> Result {
        self.run_in(&self.checkout.root, command)
    }

    fn run_in(&self, dir: &Path, command: &mut Command) -> Result {
        process::output(command.current_dir(dir), Exit::TestFailed)
            .map(drop)
            .map_err(|mut failure| {
                failure.why = first_lines(&failure.why);
                failure
            })
    }
}

/// The files of the checkout, relative to its root, without what is built and what git keeps.
fn files(checkout: &Checkout) -> Vec<PathBuf> {
    let made = |entry: &DirEntry| {
        let name = entry.file_name();
        // In a worktree .git is a file.
        name == ".git" || entry.file_type().is_dir() && (name == "build" || name == "target")
    };
    WalkDir::new(&checkout.root)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !made(entry))
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| {
            Some(
                entry
                    .path()
                    .strip_prefix(&checkout.root)
                    .ok()?
                    .to_path_buf(),
            )
        })
        .collect()
}

/// Whether a build directory's Makefile is for the source tree at `source`.
fn is_of(makefile: &str, source: &Path) -> bool {
    let wanted = format!("include {}/Makefile", source.display());
    makefile.lines().any(|line| line == wanted)
}

/// The warnings in a log that point into one of `sources`.
fn warnings(log: &str, sources: &[String]) -> Vec<String> {
    let lines: Vec<_> = log.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0].starts_with("warning") || pair[0].starts_with("error"))
        .filter(|pair| {
            let place = pair[1].trim_start().strip_prefix("--> ");
            let file = place.and_then(|place| place.split(':').next());
            file.is_some_and(|file| sources.iter().any(|own| names(file, own)))
        })
        .map(|pair| format!("{}\n{}", pair[0], pair[1]))
        .collect()
}

/// Whether `file`, as a compiler names it, is `own`.
fn names(file: &str, own: &str) -> bool {
    file == own || file.ends_with(&format!("/{own}"))
}

fn verdict(what: &str, found: Vec<String>) -> Result {
    if found.is_empty() {
        return Ok(());
    }
    let why = first_lines(&found.join("\n"));
    Err(Failure::new(Exit::TestFailed, what, why))
}

fn first_lines(text: &str) -> String {
    text.lines().take(SHOWN).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
  CLIPPY L rust/kernel.o
warning: unused variable
   --> ../rust/kernel/net/skbuff.rs:12:3
    |
warning: something of others
   --> ../rust/kernel/drm/gem.rs:1:1
warning: in the driver
  --> /somewhere/rust_loopback.rs:3:4
";

    #[test]
    fn only_warnings_about_our_own_sources_count() {
        let own = [
            "kernel/net/skbuff.rs".to_string(),
            "rust_loopback.rs".into(),
        ];
        let found = warnings(LOG, &own);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("warning: unused variable"));
        assert!(found[1].starts_with("warning: in the driver"));
    }

    #[test]
    fn a_build_directory_belongs_to_one_source_tree() {
        let makefile = "export KBUILD_OUTPUT = /c/0/linux/b\ninclude /c/0/linux/Makefile\n";
        assert!(is_of(makefile, Path::new("/c/0/linux")));
        assert!(!is_of(makefile, Path::new("/c/1/linux")));
        assert!(!is_of("", Path::new("/c/0/linux")));
    }

    #[test]
    fn a_name_is_more_than_its_end() {
        assert!(names("../rust/kernel/net/rtnl.rs", "kernel/net/rtnl.rs"));
        assert!(!names(
            "../rust/other_kernel/net/rtnl.rs",
            "kernel/net/rtnl.rs"
        ));
    }
}
