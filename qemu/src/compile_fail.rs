// SPDX-License-Identifier: GPL-2.0

//! The compile-fail cases: what the abstractions must not let a driver do does not compile, or
//! does not link. kbuild itself builds them, as it builds the driver. A control shows that the
//! same does build without the mistakes.

use std::fs;
use std::path::PathBuf;

use lab_protocol::Outcome;

use crate::annotation;
use crate::annotation::Expectation;
use crate::annotation::Expected;
use crate::build;
use crate::checkout::make_dir;
use crate::checkout::read;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::Checkout;
use crate::diagnostic;
use crate::diagnostic::Diagnostic;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::judge::Test;
use crate::kernel::Kernel;
use crate::process;
use crate::test::complain;
use crate::ui::Stage;

/// Where the cases are: every Rust source in it is one.
const SOURCES: &str = "tests/compile-fail";
/// The case without a mistake.
const CONTROL: &str = "control";
/// modpost reports no more than ten undefined symbols.
const LINKED_AT_ONCE: usize = 4;

/// The name of a case as a test.
fn test_name(case: &str) -> String {
    format!("compile_fail.{case}")
}

fn source(checkout: &Checkout, case: &str) -> PathBuf {
    checkout.path(&format!("{SOURCES}/{case}.rs"))
}

/// The names of all these tests.
pub fn all(checkout: &Checkout) -> Result<Vec<String>> {
    Ok(cases(checkout)?.iter().map(|c| test_name(c)).collect())
}

fn cases(checkout: &Checkout) -> Result<Vec<String>> {
    let dir = checkout.path(SOURCES);
    let entries = fs::read_dir(&dir).map_err(|e| Failure::io("read", &dir, e))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Failure::io("read", &dir, e))?.path();
        if let (Some("rs"), Some(stem)) = (
            path.extension().and_then(|e| e.to_str()),
            path.file_stem().and_then(|s| s.to_str()),
        ) {
            names.push(stem.to_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Runs those of these tests that are `wanted`.
pub fn run(checkout: &Checkout, kernel: &Kernel, wanted: &[String]) -> Result<Vec<Test>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut stage = Stage::start("compile", "compiling what must not compile");
    let what = "is compiling this checkout's compile-fail cases";
    let _lock = Lock::take(&checkout.build("compile-fail.lock"), Mode::Exclusive, what)?;
    let names: Vec<String> = cases(checkout)?
        .into_iter()
        .filter(|case| wanted.contains(&test_name(case)))
        .collect();
    let job = Job::start(checkout, kernel)?;
    let verdicts = job.judge(&names, &mut stage)?;
    let tests: Vec<Test> = names.iter().zip(verdicts).map(test).collect();
    let passed = tests
        .iter()
        .filter(|test| test.outcome == Outcome::Passed)
        .count();
    stage.done(&format!("{passed} of {} passed", tests.len()));
    for test in &tests {
        complain(test, kernel.variant, &checkout.show(&job.log));
    }
    Ok(tests)
}

fn test((case, trouble): (&String, Option<String>)) -> Test {
    Test {
        name: test_name(case),
        outcome: match trouble {
            None => Outcome::Passed,
            Some(_) => Outcome::Failed,
        },
        detail: trouble.unwrap_or_default(),
        time: None,
    }
}

struct Job<'a> {
    checkout: &'a Checkout,
    kernel: &'a Kernel,
    /// The sources of all cases, as the compiler names them.
    sources: Vec<String>,
    output: PathBuf,
    log: PathBuf,
}

impl<'a> Job<'a> {
    /// Nothing of an earlier run stays: what compiled then would not be compiled again.
    fn start(checkout: &'a Checkout, kernel: &'a Kernel) -> Result<Self> {
        let output = checkout.build("compile-fail");
        if output.exists() {
            fs::remove_dir_all(&output).map_err(|e| Failure::io("remove", &output, e))?;
        }
        make_dir(&output)?;
        let log = checkout.log("compile-fail")?;
        remove(&log)?;
        let sources = cases(checkout)?
            .iter()
            .map(|case| source(checkout, case).display().to_string())
            .collect();
        Ok(Self {
            checkout,
            kernel,
            sources,
            output,
            log,
        })
    }

    /// What is wrong with each case, if anything is.
    fn judge(&self, names: &[String], stage: &mut Stage) -> Result<Vec<Option<String>>> {
        if let Some(trouble) = self.control(stage)? {
            // Then the others fail for a reason that has nothing to do with them. Once is enough
            // to say it in full.
            let brief = format!("{SOURCES}/{CONTROL}.rs, which is right, does not build");
            let full = format!("{brief}:\n{trouble}");
            let verdicts = std::iter::once(full).chain(std::iter::repeat(brief));
            return Ok(verdicts.map(Some).take(names.len()).collect());
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rest = names.iter().copied().filter(|name| *name != CONTROL);
        let compiled = self.compile(&rest.collect::<Vec<_>>(), stage)?;
        let mut verdicts = Vec::new();
        let mut linkable = Vec::new();
        for name in &names {
            if *name == CONTROL {
                verdicts.push(None);
                continue;
            }
            let text = read_text(&source(self.checkout, name))?;
            let verdict = match annotation::parse(&text) {
                Err(trouble) => Some(trouble),
                Ok(Expectation::Errors(errors)) => self.judge_errors(name, &errors, &compiled),
                Ok(Expectation::Undefined(symbols)) => {
                    linkable.push((verdicts.len(), *name, symbols));
                    self.judge_compiled(name, &compiled)
                }
            };
            verdicts.push(verdict);
        }
        linkable.retain(|(at, ..)| verdicts[*at].is_none());
        for chunk in linkable.chunks(LINKED_AT_ONCE) {
            let names: Vec<&str> = chunk.iter().map(|(_, name, _)| *name).collect();
            let (_, said) = self.make(&names, &["modules"], stage)?;
            for (at, name, symbols) in chunk {
                verdicts[*at] = judge_linked(name, symbols, &said);
            }
        }
        Ok(verdicts)
    }

    /// Builds the control as a whole; says what is wrong with it.
    fn control(&self, stage: &mut Stage) -> Result<Option<String>> {
        let (good, said) = self.make(&[CONTROL], &["modules"], stage)?;
        let found = diagnostic::parse(&said).map_err(unreadable)?;
        if !found.is_empty() {
            return Ok(Some(diagnostic::show(&found)));
        }
        if !good || !self.output.join(format!("{CONTROL}.ko")).is_file() {
            let shown = PathBuf::from(self.checkout.show(&self.log));
            return Ok(Some(build::failure(CONTROL, &self.log, &shown).why));
        }
        Ok(None)
    }

    /// Compiles the cases, each for itself.
    fn compile(&self, names: &[&str], stage: &mut Stage) -> Result<Vec<Diagnostic>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let objects: Vec<String> = names.iter().map(|name| format!("{name}.o")).collect();
        let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
        let (_, said) = self.make(names, &objects, stage)?;
        diagnostic::parse(&said).map_err(unreadable)
    }

    /// What is wrong with how a case that must not compile did not.
    fn judge_errors(
        &self,
        case: &str,
        expected: &[Expected],
        compiled: &[Diagnostic],
    ) -> Option<String> {
        if self.has_object(case) {
            return Some("it compiles".into());
        }
        let file = source(self.checkout, case).display().to_string();
        diagnostic::compare(expected, &self.about(&file, compiled), &file)
    }

    /// What is wrong with how a case compiled that must.
    fn judge_compiled(&self, case: &str, compiled: &[Diagnostic]) -> Option<String> {
        if self.has_object(case) {
            return None;
        }
        let file = source(self.checkout, case).display().to_string();
        let shown = diagnostic::show(&self.about(&file, compiled));
        Some(format!("it does not even compile:\n{shown}"))
    }

    fn has_object(&self, case: &str) -> bool {
        self.output.join(format!("{case}.o")).is_file()
    }

    /// The diagnostics about a file. Those about no case's file are everybody's.
    fn about(&self, file: &str, all: &[Diagnostic]) -> Vec<Diagnostic> {
        let known = |one: &&Diagnostic| self.sources.iter().any(|s| one.line_in(s).is_some());
        all.iter()
            .filter(|one| one.line_in(file).is_some() || !known(one))
            .cloned()
            .collect()
    }

    /// Has kbuild make `targets` out of these cases; whether all was well, and what was said.
    fn make(&self, names: &[&str], targets: &[&str], stage: &mut Stage) -> Result<(bool, String)> {
        let before = fs::read(&self.log).map_or(0, |log| log.len());
        let mut command = self.kernel.toolchain.make(&self.kernel.build)?;
        let objects: Vec<String> = names.iter().map(|name| format!("{name}.o")).collect();
        command
            // Two compilers' lines of JSON must not mix.
            .args(["--keep-going", "--output-sync=target"])
            .arg(format!("M={}", self.checkout.path(SOURCES).display()))
            .arg(format!("MO={}", self.output.display()))
            .arg("KRUSTFLAGS=--error-format=json")
            .arg(format!("CASES={}", objects.join(" ")))
            .args(targets);
        let finished =
            process::run_logged(&mut command, &self.log, false, None, &mut |_| stage.tick())?;
        let log = read(&self.log)?;
        let said = String::from_utf8_lossy(&log[before.min(log.len())..]).into_owned();
        Ok((finished.status.success(), said))
    }
}

fn unreadable(why: String) -> Failure {
    Failure::new(Exit::Build, "cannot read what the compiler said", why)
}

/// What is wrong with how a case that must not link did not, by modpost's words.
fn judge_linked(case: &str, symbols: &[String], said: &str) -> Option<String> {
    let mut missing: Vec<&String> = symbols.iter().collect();
    let mut other = Vec::new();
    for complaint in complaints(case, said) {
        let words: Vec<&str> = words(complaint).collect();
        let named = |symbol: &&String| words.contains(&symbol.as_str());
        match missing.iter().position(named) {
            Some(at) if complaint.contains("undefined") => drop(missing.remove(at)),
            _ => other.push(complaint),
        }
    }
    if missing.is_empty() && other.is_empty() {
        return None;
    }
    let mut trouble: Vec<String> = missing
        .iter()
        .map(|symbol| format!("modpost does not find {symbol} undefined: does the module link?"))
        .collect();
    trouble.extend(other.iter().map(|line| format!("not expected: {line}")));
    Some(trouble.join("\n"))
}

/// modpost's errors about this module.
fn complaints<'a>(case: &str, said: &'a str) -> Vec<&'a str> {
    let names = [format!("{case}.ko"), format!("{case}.o")];
    said.lines()
        .filter(|line| line.starts_with("ERROR: modpost:"))
        .filter(|line| words(line).any(|word| names.iter().any(|name| is_file(word, name))))
        .collect()
}

fn is_file(word: &str, name: &str) -> bool {
    word.rsplit('/').next() == Some(name)
}

/// The words of a message, without quotes, brackets and colons around them.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
forgotten.o: warning: objtool: f(): unexpected end of section .text
ERROR: modpost: forgotten.ko: symbol 'rust_build_error' undefined!
ERROR: modpost: not_forgotten.ko: symbol 'other' undefined!
ERROR: modpost: missing MODULE_LICENSE() in licence.o
make[3]: *** [Makefile.modpost:147: Module.symvers] Error 1
";

    fn judge(case: &str, symbols: &[&str], said: &str) -> Option<String> {
        let symbols: Vec<String> = symbols.iter().map(|s| s.to_string()).collect();
        judge_linked(case, &symbols, said)
    }

    #[test]
    fn modpost_s_own_words_about_this_very_module_count() {
        assert_eq!(judge("forgotten", &["rust_build_error"], SAID), None);
        for (case, symbols) in [
            ("forgotten", &["build_error"][..]),
            ("forgotten", &["rust_build_error", "other"]),
            ("forgotten", &[]),
            ("not_forgotten", &["rust_build_error"]),
            ("licence", &["MODULE_LICENSE"]),
            ("unheard_of", &["rust_build_error"]),
        ] {
            assert!(judge(case, symbols, SAID).is_some(), "{case} {symbols:?}");
        }
    }

    #[test]
    fn older_words_of_modpost_are_understood() {
        let said = "ERROR: modpost: \"rust_build_error\" [/x/forgotten.ko] undefined!\n";
        assert_eq!(judge("forgotten", &["rust_build_error"], said), None);
        assert!(judge("gotten", &["rust_build_error"], said).is_some());
    }
}
