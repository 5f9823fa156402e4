// SPDX-License-Identifier: GPL-2.0

//! `make mutants`: seeds one fault after the other into a copy of this checkout, builds it and runs
//! the tests, of which at least one has to be red.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::write_if_changed;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::judge;
use crate::mutant;
use crate::mutant::Mutant;
use crate::mutant::ALL_TESTS;
use crate::options::Options;
use crate::process;
use crate::ui;
use crate::ui::Stage;

/// Where the copy is, below `build`.
const COPY: &str = "mutants";
/// What is left of a run, below `build`.
const REPORT: &str = "results/mutants.json";
/// What a checkout has that is not its source.
const NO_SOURCE: [&str; 2] = ["build", ".git"];
/// What the unchanged copy is called.
const CONTROL: &str = "control";
/// How many tests that saw a mutant are named.
const NAMED: usize = 3;

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Fate {
    /// These tests were red; if none, the run was as a whole, for this reason.
    Killed { tests: Vec<String>, why: String },
    /// All was green.
    Survived,
    /// It could not be tried.
    Untried { why: String },
}

/// A mutant, and what became of it.
#[derive(Debug, Serialize)]
struct Outcome {
    name: String,
    #[serde(flatten)]
    fate: Fate,
    /// The tests that were to see it, if they did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen_by: Option<String>,
    seconds: f64,
}

/// What a test run left: as much as is needed here.
#[derive(Debug, Deserialize)]
struct Results {
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    name: String,
    outcome: String,
    detail: String,
}

/// What one test run says of a mutant.
#[derive(Debug, PartialEq)]
enum Run {
    /// This became of it.
    Clear(Fate),
    /// No test was red, but the guest did not get to its end, for this reason. A mutant does that,
    /// and so does a busy machine.
    Unclear(&'static str),
}

impl Run {
    /// What this run and, if this one is not enough, `another` say together.
    fn settle(self, another: impl FnOnce() -> Result<Self>) -> Result<Fate> {
        let first = match self {
            Self::Clear(fate) => return Ok(fate),
            Self::Unclear(why) => why,
        };
        Ok(match another()? {
            Self::Clear(fate) => fate,
            Self::Unclear(why) if why == first => Fate::Killed {
                tests: Vec::new(),
                why: format!("{why}, twice"),
            },
            Self::Unclear(why) => Fate::Untried {
                why: format!("{first}, then {why}"),
            },
        })
    }
}

/// Does it, for those that `FILTER` matches, or for the sample.
pub fn run(checkout: &Checkout, options: &Options, sample: bool) -> Result {
    let filter = options.filter.as_deref().unwrap_or("*");
    let mut mutants = mutant::all(checkout)?;
    mutants.retain(|m| lab_protocol::matches(filter, &m.name) && (m.sample || !sample));
    if mutants.is_empty() {
        let what = format!("FILTER={filter} matches no mutant");
        return Err(Failure::new(Exit::NoMatch, what, "tests/mutants has them"));
    }
    make_dir(&checkout.build(""))?;
    let what = "is trying this checkout's mutants";
    let _lock = Lock::take(&checkout.build("mutants.lock"), Mode::Exclusive, what)?;
    let trial = Trial::prepare(checkout, options)?;
    let start = Instant::now();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for setting in controls(&mutants) {
        trial.control(&setting)?;
    }
    for (index, mutant) in mutants.iter().enumerate() {
        let left = (index > 0).then(|| time_left(start.elapsed(), index, mutants.len()));
        let fraction = index as f64 / mutants.len() as f64;
        let outcome = trial.mutant(mutant, fraction, left)?;
        outcomes.push(outcome);
        // All of them take hours: what was seen is kept if it ends early.
        save(checkout, &outcomes)?;
    }
    let summary = Summary::of(&outcomes);
    ui::line(&format!("\nwho killed whom is in build/{REPORT}"));
    ui::line(&summary.line());
    summary.judge()
}

fn time_left(elapsed: Duration, done: usize, total: usize) -> Duration {
    elapsed.mul_f64((total - done) as f64 / done as f64)
}

/// How much of all is done, and when the rest may be.
type Progress = (f64, Option<Duration>);

/// With what a mutant's tests are run.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    variant: String,
    debug: bool,
    tests: String,
}

impl Setting {
    fn of(mutant: &Mutant) -> Self {
        Self {
            variant: mutant.variant.to_string(),
            debug: mutant.debug,
            tests: mutant.tests.clone(),
        }
    }

    /// With all tests, unless those of the sanitised kernel, which take a quarter of an hour.
    fn widened(&self) -> Self {
        let mut wide = self.clone();
        if !self.debug {
            wide.tests = ALL_TESTS.into();
        }
        wide
    }
}

/// What has to be green without any fault.
fn controls(mutants: &[Mutant]) -> Vec<Setting> {
    let mut settings = Vec::new();
    for mutant in mutants {
        let setting = Setting::of(mutant).widened();
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    settings
}

/// The copy, and how it is tried.
struct Trial<'a> {
    checkout: &'a Checkout,
    options: &'a Options,
    copy: Checkout,
}

impl<'a> Trial<'a> {
    fn prepare(checkout: &'a Checkout, options: &'a Options) -> Result<Self> {
        let root = checkout.build(COPY);
        synchronise(&checkout.root, &root)?;
        Ok(Self {
            checkout,
            options,
            copy: Checkout { root },
        })
    }

    /// The unchanged copy has to be green: else a red mutant means nothing.
    fn control(&self, setting: &Setting) -> Result {
        let log = self.log(CONTROL)?;
        let name = format!("{}, no fault", setting.variant);
        match self.fate(setting, &log, || Stage::start(CONTROL, &name), None)? {
            Fate::Survived => Ok(()),
            Fate::Untried { why } | Fate::Killed { why, .. } => {
                let what = "without any fault the tests are not green";
                let log = self.checkout.show(&log);
                Err(Failure::new(Exit::TestFailed, what, why).hint(format!("look into {log}")))
            }
        }
    }

    fn mutant(&self, mutant: &Mutant, fraction: f64, left: Option<Duration>) -> Result<Outcome> {
        let start = Instant::now();
        let original = read_text(&self.checkout.path(&mutant.file))?;
        let file = self.copy.path(&mutant.file);
        write(&file, mutant.of(&original)?.as_bytes())?;
        let log = self.log(&mutant.name)?;
        let stage = || Stage::start("mutant", &mutant.name);
        let try_with = |setting: &Setting| self.fate(setting, &log, stage, Some((fraction, left)));
        let named = Setting::of(mutant);
        let mut fate = try_with(&named);
        let mut unseen_by = None;
        if matches!(fate, Ok(Fate::Survived)) && named.widened() != named {
            ui::line(&format!("             not seen by {}", named.tests));
            fate = try_with(&named.widened());
            unseen_by = Some(named.tests);
        }
        write(&file, original.as_bytes())?;
        let fate = fate?;
        ui::line(&format!("             {}", describe(&fate)));
        Ok(Outcome {
            name: mutant.name.clone(),
            fate,
            unseen_by,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    fn log(&self, name: &str) -> Result<PathBuf> {
        let log = self.checkout.log(&format!("mutant-{name}"))?;
        remove(&log)?;
        Ok(log)
    }

    /// Runs the copy's tests, a second time if the first one leaves doubts.
    fn fate(
        &self,
        setting: &Setting,
        log: &Path,
        stage: impl Fn() -> Stage,
        progress: Option<Progress>,
    ) -> Result<Fate> {
        let run = || self.test(setting, log, stage(), progress);
        run()?.settle(run)
    }

    /// Runs the copy's tests by this very lab.
    fn test(
        &self,
        setting: &Setting,
        log: &Path,
        mut stage: Stage,
        progress: Option<Progress>,
    ) -> Result<Run> {
        remove(&self.results())?;
        let lab = env::current_exe().map_err(|e| Failure::io("find", Path::new("lab"), e))?;
        let mut command = process::command(lab);
        command
            .arg("test")
            .env("LAB_ROOT", &self.copy.root)
            .env("VARIANT", &setting.variant)
            .env("DEBUG", if setting.debug { "1" } else { "" })
            .env("FILTER", &setting.tests)
            .env("ACCEL", env::var_os("ACCEL").unwrap_or_default());
        let verbose = self.options.verbose;
        let (fraction, left) = progress.unzip();
        let mut last = String::new();
        let end = process::run_logged(&mut command, log, verbose, None, &mut |text| {
            if let Some(line) = text.lines().last() {
                last = line.trim().into();
            }
            stage.update(fraction, left.flatten(), &last);
        })?;
        stage.done(&outcome(end.status));
        let red = match fs::read(self.results()) {
            Ok(bytes) => red(&bytes)?,
            Err(_) => Vec::new(),
        };
        understand(end.status.code(), red)
    }

    fn results(&self) -> PathBuf {
        self.copy.build("results/results.json")
    }
}

/// The tests that saw something: not the one that stands for the boot, nor those that never came.
fn red(json: &[u8]) -> Result<Vec<String>> {
    let results: Results = serde_json::from_slice(json)
        .map_err(|e| Failure::new(Exit::Internal, "cannot read a mutant's results", e))?;
    Ok(results
        .tests
        .into_iter()
        .filter(|test| test.outcome == "failed" && test.detail != judge::NEVER_REPORTED)
        .map(|test| test.name)
        .filter(|name| name != judge::KERNEL)
        .collect())
}

fn outcome(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => meaning(code).to_string(),
        None => process::describe(status),
    }
}

fn meaning(code: i32) -> &'static str {
    Exit::ALL
        .iter()
        .find(|(exit, _)| i32::from(exit.code()) == code)
        .map_or("an unknown exit code", |(_, meaning)| meaning)
}

/// What an exit code of the test run, with these tests red, says of a mutant.
fn understand(code: Option<i32>, tests: Vec<String>) -> Result<Run> {
    const KILLED: [Exit; 3] = [Exit::TestFailed, Exit::GuestPanic, Exit::Splat];
    const UNCLEAR: [Exit; 3] = [Exit::Boot, Exit::Timeout, Exit::Incomplete];
    let code = code.unwrap_or(-1);
    let is = |exit: &Exit| i32::from(exit.code()) == code;
    if is(&Exit::Interrupted) {
        return Err(Failure::new(Exit::Interrupted, "interrupted", ""));
    }
    if is(&Exit::Ok) {
        return Ok(Run::Clear(Fate::Survived));
    }
    let why = meaning(code);
    let unclear = UNCLEAR.iter().any(is);
    if unclear && tests.is_empty() {
        return Ok(Run::Unclear(why));
    }
    let why = why.into();
    Ok(Run::Clear(if unclear || KILLED.iter().any(is) {
        Fate::Killed { tests, why }
    } else {
        Fate::Untried { why }
    }))
}

fn describe(fate: &Fate) -> String {
    match fate {
        Fate::Survived => "SURVIVED".into(),
        Fate::Untried { why } => format!("NOT TRIED: {why}"),
        Fate::Killed { tests, why } if tests.is_empty() => format!("killed: {why}"),
        Fate::Killed { tests, .. } => {
            let named = tests[..tests.len().min(NAMED)].join(", ");
            match tests.len().saturating_sub(NAMED) {
                0 => format!("killed by {named}"),
                more => format!("killed by {named} and {more} more"),
            }
        }
    }
}

fn save(checkout: &Checkout, outcomes: &[Outcome]) -> Result {
    let json = serde_json::to_vec_pretty(outcomes)
        .map_err(|e| Failure::new(Exit::Internal, "cannot write the results", e))?;
    write(&checkout.build(REPORT), &json)
}

/// What became of all of them.
struct Summary<'a> {
    total: usize,
    survived: Vec<&'a str>,
    untried: Vec<&'a str>,
}

impl<'a> Summary<'a> {
    fn of(outcomes: &'a [Outcome]) -> Self {
        let named = |wanted: &dyn Fn(&Fate) -> bool| {
            outcomes
                .iter()
                .filter(|outcome| wanted(&outcome.fate))
                .map(|outcome| outcome.name.as_str())
                .collect()
        };
        Self {
            total: outcomes.len(),
            survived: named(&|fate| *fate == Fate::Survived),
            untried: named(&|fate| matches!(fate, Fate::Untried { .. })),
        }
    }

    fn line(&self) -> String {
        let (survived, untried) = (self.survived.len(), self.untried.len());
        let killed = self.total - survived - untried;
        let total = self.total;
        format!("{total} mutants: {killed} killed, {survived} survived, {untried} not tried")
    }

    fn judge(&self) -> Result {
        let mut why = Vec::new();
        for (what, names) in [("survived", &self.survived), ("not tried", &self.untried)] {
            if !names.is_empty() {
                why.push(format!("{what}: {}", names.join(", ")));
            }
        }
        if why.is_empty() {
            return Ok(());
        }
        let what = "not every mutant was killed";
        Err(Failure::new(Exit::TestFailed, what, why.join("\n"))
            .hint("write a test that sees it, or show that nobody can"))
    }
}

/// Makes `copy` what `original` is, all but what is built. What is the same is not touched, so that
/// it is not built again.
pub fn synchronise(original: &Path, copy: &Path) -> Result {
    let old = if copy.exists() {
        files(copy)?
    } else {
        Vec::new()
    };
    let new = files(original)?;
    for path in old.iter().filter(|path| !new.contains(path)) {
        remove(&copy.join(path))?;
    }
    for path in &new {
        let (from, to) = (original.join(path), copy.join(path));
        if let Some(parent) = to.parent() {
            make_dir(parent)?;
        }
        if from.is_symlink() {
            link(&from, &to)?;
            continue;
        }
        let bytes = fs::read(&from).map_err(|e| Failure::io("read", &from, e))?;
        write_if_changed(&to, &bytes)?;
        let metadata = fs::metadata(&from).map_err(|e| Failure::io("look at", &from, e))?;
        fs::set_permissions(&to, metadata.permissions())
            .map_err(|e| Failure::io("set the mode of", &to, e))?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result {
    let target = fs::read_link(from).map_err(|e| Failure::io("read", from, e))?;
    if fs::read_link(to).is_ok_and(|old| old == target) {
        return Ok(());
    }
    remove(to)?;
    std::os::unix::fs::symlink(&target, to).map_err(|e| Failure::io("link", to, e))
}

/// The files below `directory`, by their paths there; what is built is left out.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let is_source = |entry: &walkdir::DirEntry| {
        entry.depth() != 1 || !NO_SOURCE.iter().any(|name| entry.file_name() == *name)
    };
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(directory)
        .into_iter()
        .filter_entry(is_source)
    {
        let entry = entry.map_err(crate::key::walk_failure)?;
        if entry.file_type().is_dir() {
            continue;
        }
        if let Ok(path) = entry.path().strip_prefix(directory) {
            files.push(path.into());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn outcome(name: &str, fate: Fate) -> Outcome {
        Outcome {
            name: name.into(),
            fate,
            unseen_by: None,
            seconds: 1.0,
        }
    }

    fn killed(tests: &[&str]) -> Fate {
        Fate::Killed {
            tests: tests.iter().map(|test| test.to_string()).collect(),
            why: "x".into(),
        }
    }

    #[test]
    fn what_the_mutants_need_is_green_once_each() {
        let mutant = |debug, tests: &str| Mutant {
            name: "x".into(),
            file: "a.rs".into(),
            from: "1".into(),
            to: "2".into(),
            variant: lab_protocol::Variant::Module,
            debug,
            tests: tests.into(),
            sample: false,
        };
        let all = [
            mutant(false, "kunit.a"),
            mutant(false, "kunit.b"),
            mutant(true, "kunit.a"),
            mutant(true, "kunit.b"),
            mutant(true, "kunit.a"),
        ];
        let controls = controls(&all);
        let tests: Vec<_> = controls.iter().map(|one| one.tests.as_str()).collect();
        assert_eq!(tests, [ALL_TESTS, "kunit.a", "kunit.b"]);
    }

    #[test]
    fn only_what_tests_saw_is_killed() {
        let is = |code| understand(code, vec!["x".into()]).unwrap();
        assert_eq!(is(Some(0)), Run::Clear(Fate::Survived));
        for code in 20..=25 {
            let run = is(Some(code));
            assert!(matches!(run, Run::Clear(Fate::Killed { .. })), "{code}");
        }
        // It did not build, or no test was asked for, or no kernel was there, or QEMU failed.
        for code in [1, 2, 3, 10, 14, 16, 26, 27, 28] {
            let run = is(Some(code));
            assert!(matches!(run, Run::Clear(Fate::Untried { .. })), "{code}");
        }
        assert!(matches!(is(None), Run::Clear(Fate::Untried { .. })));
        assert!(understand(Some(130), Vec::new()).is_err());
    }

    #[test]
    fn what_a_busy_machine_does_is_no_test_s_word() {
        let is = |code| understand(Some(code), Vec::new()).unwrap();
        for code in [20, 23, 25] {
            assert!(matches!(is(code), Run::Unclear(_)), "{code}");
        }
        for code in [21, 22, 24] {
            assert!(
                matches!(is(code), Run::Clear(Fate::Killed { .. })),
                "{code}"
            );
        }
    }

    #[test]
    fn a_second_run_settles_what_the_first_one_leaves_open() {
        let settle = |first, second| Run::settle(first, || Ok(second)).unwrap();
        let clear = || Run::Clear(killed(&["x"]));
        assert_eq!(settle(clear(), Run::Unclear("hangs")), killed(&["x"]));
        assert_eq!(settle(Run::Unclear("hangs"), clear()), killed(&["x"]));
        let survived = Run::Clear(Fate::Survived);
        assert_eq!(settle(Run::Unclear("hangs"), survived), Fate::Survived);
        let twice = settle(Run::Unclear("hangs"), Run::Unclear("hangs"));
        assert_eq!(describe(&twice), "killed: hangs, twice");
        let other = settle(Run::Unclear("hangs"), Run::Unclear("ends"));
        assert_eq!(describe(&other), "NOT TRIED: hangs, then ends");
        let once = Run::settle(clear(), || unreachable!());
        assert_eq!(once.unwrap(), killed(&["x"]));
    }

    #[test]
    fn all_have_to_be_killed() {
        let all = [
            outcome("a", killed(&["x"])),
            outcome("b", Fate::Survived),
            outcome("c", Fate::Untried { why: "no".into() }),
        ];
        assert!(Summary::of(&all[..1]).judge().is_ok());
        let summary = Summary::of(&all);
        let line = "3 mutants: 1 killed, 1 survived, 1 not tried";
        assert_eq!(summary.line(), line);
        let failure = summary.judge().unwrap_err();
        assert_eq!(failure.exit, Exit::TestFailed);
        assert_eq!(failure.why, "survived: b\nnot tried: c");
    }

    #[test]
    fn some_killers_are_named() {
        assert_eq!(describe(&killed(&["a", "b"])), "killed by a, b");
        let many = describe(&killed(&["a", "b", "c", "d", "e"]));
        assert_eq!(many, "killed by a, b, c and 2 more");
        assert_eq!(describe(&killed(&[])), "killed: x");
    }

    #[test]
    fn red_tests_are_read() {
        let test = |name, outcome, detail| {
            format!(
                r#"{{"variant": "c", "name": "{name}", "outcome": "{outcome}", "detail": "{detail}"}}"#
            )
        };
        let tests = [
            test("a", "passed", ""),
            test("b", "failed", "1 is not 2"),
            test("c", "skipped", ""),
            test("d", "failed", judge::NEVER_REPORTED),
            test(judge::KERNEL, "failed", "results truncated"),
        ];
        let json = format!(r#"{{"exit": 21, "tests": [{}]}}"#, tests.join(", "));
        assert_eq!(red(json.as_bytes()).unwrap(), ["b"]);
        assert!(red(b"{").is_err());
    }

    #[test]
    fn a_copy_is_what_the_original_is() {
        let dir = tempfile::tempdir().unwrap();
        let (original, copy) = (dir.path().join("o"), dir.path().join("o/build/c"));
        for (name, text) in [("a", "1"), ("d/b", "2"), ("build/x", "3"), (".git/y", "4")] {
            let path = original.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(original.join("d/b"), executable).unwrap();
        std::os::unix::fs::symlink("a", original.join("l")).unwrap();
        synchronise(&original, &copy).unwrap();
        assert_eq!(fs::read_to_string(copy.join("d/b")).unwrap(), "2");
        let mode = |path| fs::metadata(copy.join(path)).unwrap().permissions().mode();
        assert_eq!((mode("d/b") & 0o111, mode("a") & 0o111), (0o111, 0));
        assert_eq!(fs::read_link(copy.join("l")).unwrap(), Path::new("a"));
        assert!(!copy.join("build").exists() && !copy.join(".git").exists());
        let before = fs::metadata(copy.join("a")).unwrap().modified().unwrap();
        fs::create_dir_all(copy.join("build")).unwrap();
        fs::write(copy.join("build/kept"), "").unwrap();
        fs::write(copy.join("stray"), "").unwrap();
        fs::write(copy.join("d/b"), "mutated").unwrap();
        synchronise(&original, &copy).unwrap();
        assert!(copy.join("build/kept").exists() && !copy.join("stray").exists());
        assert_eq!(fs::read_to_string(copy.join("d/b")).unwrap(), "2");
        let after = fs::metadata(copy.join("a")).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }
}
