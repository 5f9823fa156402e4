// SPDX-License-Identifier: GPL-2.0

//! The lab's tests of itself. Each boots a guest in which one thing goes wrong, by a lab of its
//! own (`lab boot <spec>`), which has to come out red, with the exit code for that very fault and
//! a message that names it; and once one in which nothing does, which has to be green.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use lab_protocol::Outcome;
use lab_protocol::Variant;
use serde::Deserialize;
use serde::Serialize;

use crate::checkout::read;
use crate::checkout::read_text;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::judge;
use crate::judge::Expected;
use crate::judge::Test;
use crate::kunit::Suite;
use crate::prepare::variant_word;
use crate::prepare::Ready;
use crate::prepare::FAULT;
use crate::prepare::NO_SUITE;
use crate::prepare::STALE;
use crate::process;
use crate::test::complain;
use crate::test::tally;
use crate::ui::Stage;
use crate::vm;
use crate::vm::Boot;

/// How many of these boots run at the same time; each has one CPU.
const AT_ONCE: usize = 2;

/// Into how much of the usual time without a word a hanging guest's is cut.
const HASTE: u32 = 6;

/// Which suites such a boot runs and waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suites {
    /// None.
    None,
    /// `lab_fault.ko`'s.
    Fault,
    /// The driver's, of which all but one are hidden from the kernel.
    Hidden,
}

/// What such a boot inserts as the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    /// What any boot of this kernel does.
    Own,
    /// `lab_fault.ko`.
    Fault,
    /// The driver as if built for another kernel.
    Stale,
}

impl Driver {
    fn file(self, ready: &Ready) -> &'static str {
        match self {
            Driver::Own => ready.driver_file(),
            Driver::Fault => FAULT,
            Driver::Stale => STALE,
        }
    }
}

/// A fault, and how the lab must take it.
#[derive(Debug)]
pub struct Fault {
    /// The test's name.
    pub name: &'static str,
    /// Which kernels it is for.
    variants: &'static [Variant],
    /// Whether each of them is tried, and not only the first of a run.
    each: bool,
    /// The file to insert as the driver.
    driver: Driver,
    /// What `lab_fault.ko` is told to do.
    kind: &'static str,
    /// What the guest's init is told to do.
    sabotage: &'static str,
    /// Which checks run.
    checks: &'static str,
    suites: Suites,
    /// The kernel is taken for another variant's.
    disguised: bool,
    /// Only the sanitised kernel notices.
    debug: bool,
    exit: Exit,
    /// What the message must contain; `{variant}` stands for the kernel's.
    says: &'static str,
}

/// `lab_fault.ko` with nothing wrong, running its suite; the faults below vary it.
const NONE: Fault = Fault {
    name: "lab.fault.none",
    variants: &Variant::ALL,
    each: false,
    driver: Driver::Fault,
    kind: "none",
    sabotage: "",
    checks: "-",
    suites: Suites::Fault,
    disguised: false,
    debug: false,
    exit: Exit::Ok,
    says: "",
};

/// All of them.
pub const ALL: &[Fault] = &[
    Fault {
        name: "lab.fault.hang",
        kind: "hang",
        exit: Exit::Timeout,
        says: "during insmod lab_fault.ko); init (R) in asm_common_interrupt < init_module [lab_fault]",
        ..NONE
    },
    NONE,
    Fault {
        name: "lab.fault.insert",
        kind: "insert",
        checks: "guest.module.insert",
        suites: Suites::None,
        exit: Exit::TestFailed,
        says: "insmod lab_fault: No such device",
        ..NONE
    },
    Fault {
        name: "lab.fault.nothing",
        // Where lo is part of the kernel, it is there all the same.
        variants: &[Variant::Module],
        kind: "nothing",
        checks: "guest.lo.owner",
        suites: Suites::None,
        exit: Exit::TestFailed,
        says: "not by this driver",
        ..NONE
    },
    Fault {
        name: "lab.fault.case",
        kind: "case",
        exit: Exit::TestFailed,
        says: "kunit.lab_fault.lab_fault_second failed",
        ..NONE
    },
    Fault {
        name: "lab.fault.panic",
        kind: "panic",
        exit: Exit::GuestPanic,
        says: "in KUnit suite lab_fault, after case lab_fault_first",
        ..NONE
    },
    Fault {
        name: "lab.fault.panic-late",
        sabotage: "panic-late",
        exit: Exit::GuestPanic,
        says: "Attempted to kill init",
        ..NONE
    },
    Fault {
        name: "lab.fault.panic-end",
        sabotage: "panic-end",
        exit: Exit::GuestPanic,
        says: "Attempted to kill init",
        ..NONE
    },
    Fault {
        name: "lab.fault.warn",
        kind: "warn",
        exit: Exit::Splat,
        says: "lab_fault: as told",
        ..NONE
    },
    Fault {
        name: "lab.fault.leak",
        kind: "leak",
        checks: "guest.kernel.leaks",
        suites: Suites::None,
        debug: true,
        exit: Exit::Splat,
        says: "guest.kernel.leaks failed",
        ..NONE
    },
    Fault {
        name: "lab.fault.truncated",
        driver: Driver::Own,
        sabotage: "truncated",
        checks: "guest.lo.*",
        suites: Suites::None,
        exit: Exit::Incomplete,
        says: "guest.lo.counters never reported",
        ..NONE
    },
    Fault {
        name: "lab.fault.truncated-suite",
        sabotage: "truncated-suite",
        exit: Exit::Incomplete,
        says: "kunit.lab_fault.lab_fault_third never reported",
        ..NONE
    },
    Fault {
        name: "lab.fault.suite",
        driver: Driver::Own,
        suites: Suites::Hidden,
        exit: Exit::Incomplete,
        says: "never reported",
        ..NONE
    },
    Fault {
        name: "lab.fault.stale",
        driver: Driver::Stale,
        suites: Suites::None,
        exit: Exit::StaleModule,
        says: "version magic",
        ..NONE
    },
    Fault {
        name: "lab.fault.variant",
        each: true,
        disguised: true,
        exit: Exit::OtherVariant,
        says: "the kernel that was booted is {variant} (",
        ..NONE
    },
];

/// Those for `variant`'s kernel in a run in which that is the `first` one, or not.
pub fn all_for(variant: Variant, first: bool) -> impl Iterator<Item = &'static Fault> {
    ALL.iter()
        .filter(move |fault| fault.variants.contains(&variant) && (first || fault.each))
}

/// What `lab boot` is given.
#[derive(Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The boot.
    boot: Boot,
    /// What a good one reports.
    expected: Expected,
    /// The kernel's source tree.
    source: PathBuf,
}

/// `lab boot <spec>`: does the boot and judges it.
pub fn boot(checkout: &Checkout, spec: &Path) -> Result {
    let spec: Spec = serde_json::from_slice(&read(spec)?)
        .map_err(|e| Failure::new(Exit::Usage, "this is no boot", e))?;
    let evidence = vm::boot(checkout, &spec.boot, &mut |_| Ok(()))?;
    let verdict = judge::judge(&evidence, &spec.expected, &spec.source)?;
    verdict.into_result(
        "the guest is not as it must be",
        &checkout.show(&evidence.log),
    )
}

/// Runs the tests for `faults`. `suites` are the driver's.
pub fn run(
    checkout: &Checkout,
    ready: &Ready,
    faults: &[&'static Fault],
    suites: &[Suite],
) -> Result<Vec<Test>> {
    if faults.is_empty() {
        return Ok(Vec::new());
    }
    let stage = Mutex::new(Stage::start("self-test", "breaking the guest on purpose"));
    let next = Mutex::new(0..faults.len());
    let done = Mutex::new(Vec::new());
    let worker = || -> Result {
        loop {
            let Some(index) = lock(&next).next() else {
                return Ok(());
            };
            let test = try_fault(checkout, ready, faults[index], suites)?;
            let mut done = lock(&done);
            done.push((index, test));
            let fraction = done.len() as f64 / faults.len() as f64;
            lock(&stage).update(Some(fraction), None, faults[index].name);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| {
                let what = "a self-test's thread panicked";
                Err(Failure::new(Exit::Internal, what, ""))
            })
        })
    })?;
    let mut tests = std::mem::take(&mut *lock(&done));
    tests.sort_by_key(|(index, _)| *index);
    let tests: Vec<Test> = tests.into_iter().map(|(_, test)| test).collect();
    let stage = stage
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    stage.done(&tally(&tests));
    let variant = ready.kernel.variant;
    for test in &tests {
        let name = file_name(&test.name, variant);
        complain(test, variant, &format!("build/logs/{name}.log"));
    }
    Ok(tests)
}

/// A lock whose holder panicked has still been let go.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

fn file_name(test: &str, variant: Variant) -> String {
    let name = test.trim_start_matches("lab.").replace('.', "-");
    format!("{name}-{variant}")
}

fn try_fault(
    checkout: &Checkout,
    ready: &Ready,
    fault: &'static Fault,
    suites: &[Suite],
) -> Result<Test> {
    let start = Instant::now();
    let mut test = Test {
        name: fault.name.into(),
        outcome: Outcome::Passed,
        detail: String::new(),
        time: None,
    };
    if let Some(why) = fault.excuse(ready) {
        test.outcome = Outcome::Skipped;
        test.detail = why.into();
        return Ok(test);
    }
    let name = file_name(fault.name, ready.kernel.variant);
    let spec = fault.spec(ready, &name, suites)?;
    let path = checkout.build(&format!("results/{name}.json"));
    let text = serde_json::to_vec_pretty(&spec)
        .map_err(|e| Failure::new(Exit::Internal, "cannot write down a boot", e))?;
    write(&path, &text)?;
    let log = checkout.log(&name)?;
    let code = lab_boot(checkout, &path, &log)?;
    test.time = Some(start.elapsed());
    let said = read_text(&log)?;
    if let Some(trouble) = fault.judge(code, &said, ready.kernel.variant) {
        test.outcome = Outcome::Failed;
        test.detail = trouble;
    }
    Ok(test)
}

/// Runs a lab of its own on `spec`; its exit code.
fn lab_boot(checkout: &Checkout, spec: &Path, log: &Path) -> Result<Option<i32>> {
    let program = std::env::current_exe()
        .map_err(|e| Failure::new(Exit::Internal, "cannot find the lab's own program", e))?;
    let out = File::create(log).map_err(|e| Failure::io("write", log, e))?;
    let err = out.try_clone().map_err(|e| Failure::io("write", log, e))?;
    let mut command = process::command(program);
    command
        .arg("boot")
        .arg(spec)
        .env("LAB_ROOT", &checkout.root)
        .stdout(out)
        .stderr(err);
    let status = process::Child::spawn(&mut command)?.wait(None)?;
    Ok(status.code())
}

impl Fault {
    /// Why it cannot be tried with this kernel, if it cannot.
    fn excuse(&self, ready: &Ready) -> Option<&'static str> {
        if self.debug && !ready.kernel.debug {
            return Some("only a DEBUG=1 kernel notices");
        }
        None
    }

    fn spec(&self, ready: &Ready, name: &str, suites: &[Suite]) -> Result<Spec> {
        let file = self.driver.file(ready);
        let mut boot = ready.boot_with(name, "test", file);
        boot.cpus = 1;
        boot.echo = false;
        if self.kind == "hang" {
            boot.limits.quiet /= HASTE;
        }
        if self.driver == Driver::Fault {
            boot.words.push(format!("lab.modargs=kind={}", self.kind));
        }
        if !self.sabotage.is_empty() {
            boot.words.push(format!("lab.sabotage={}", self.sabotage));
        }
        boot.words.push(format!("lab.filter={}", self.checks));
        let (word, suites) = self.suites(suites);
        boot.words.push(word);
        let variant = ready.kernel.variant;
        let checks = ready
            .guest
            .list(variant)?
            .into_iter()
            .filter(|check| lab_protocol::matches(self.checks, check))
            .collect();
        let mut expected = Expected {
            cpus: boot.cpus,
            ..ready.expected(&[file], suites, checks)
        };
        if self.disguised {
            disguise(&mut boot, &mut expected);
        }
        Ok(Spec {
            boot,
            expected,
            source: ready.kernel.source.clone(),
        })
    }

    /// The kernel's filter, and the suites that must report.
    fn suites(&self, driver: &[Suite]) -> (String, Vec<Suite>) {
        match self.suites {
            Suites::None => (NO_SUITE.into(), Vec::new()),
            Suites::Fault => {
                let cases = ["lab_fault_first", "lab_fault_second", "lab_fault_third"];
                let suite = Suite {
                    name: "lab_fault".into(),
                    cases: cases.map(String::from).into(),
                    ..Suite::default()
                };
                ("kunit.filter_glob=lab_fault".into(), vec![suite])
            }
            Suites::Hidden => {
                let word = match driver {
                    [shown, _, ..] => format!("kunit.filter_glob={}", shown.name),
                    _ => NO_SUITE.into(),
                };
                (word, driver.to_vec())
            }
        }
    }

    /// What is wrong with how a lab took this fault; nothing if it took it right.
    fn judge(&self, code: Option<i32>, said: &str, variant: Variant) -> Option<String> {
        let wanted = i32::from(self.exit.code());
        if code != Some(wanted) {
            let code = code.map_or("none".into(), |code| code.to_string());
            return Some(format!(
                "the lab's exit code was {code}, not {wanted} ({:?}); it said:\n{}",
                self.exit,
                said.trim()
            ));
        }
        let words = self.says.replace("{variant}", variant.name());
        if !said.contains(&words) {
            return Some(format!(
                "the lab's message does not say `{words}`; it said:\n{}",
                said.trim()
            ));
        }
        None
    }
}

/// Has the lab take this boot for one of another variant's kernel, in all that it knows of it.
fn disguise(boot: &mut Boot, expected: &mut Expected) {
    let variant = expected.variant;
    let others = Variant::ALL.into_iter().filter(|other| *other != variant);
    for other in others.take(1) {
        let word = variant_word(variant);
        for found in boot.words.iter_mut().filter(|found| **found == word) {
            *found = variant_word(other);
        }
        let (own, pretended) = (format!("-lo-{variant}"), format!("-lo-{other}"));
        expected.release = expected.release.replace(&own, &pretended);
        expected.variant = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_code_and_right_words_are_needed() {
        let fault = Fault {
            exit: Exit::Splat,
            says: "as told",
            ..NONE
        };
        let judge = |code, said| fault.judge(code, said, Variant::C);
        assert_eq!(judge(Some(24), "error: as told"), None);
        assert!(judge(Some(24), "error: other").is_some());
        assert!(judge(Some(0), "as told").is_some());
        assert!(judge(None, "as told").is_some());
        let fault = Fault {
            says: "is {variant} (",
            ..fault
        };
        assert_eq!(fault.judge(Some(24), "is c (x)", Variant::C), None);
        assert!(fault.judge(Some(24), "is c (x)", Variant::Module).is_some());
    }

    #[test]
    fn what_does_not_depend_on_the_variant_is_tried_once() {
        let names = |variant, first| -> Vec<&str> {
            all_for(variant, first).map(|fault| fault.name).collect()
        };
        assert_eq!(names(Variant::Module, true).len(), ALL.len());
        assert_eq!(names(Variant::C, false), ["lab.fault.variant"]);
        let alone = names(Variant::C, true);
        assert!(alone.contains(&"lab.fault.hang"));
        assert!(!alone.contains(&"lab.fault.nothing"));
    }

    #[test]
    fn a_disguise_is_complete() {
        let mut boot: Boot = serde_json::from_value(serde_json::json!({
            "name": "x", "image": "i", "initramfs": "j", "engine": "tcg", "cpus": 1,
            "words": ["lab.variant=c", "lab.mode=test"], "echo": false,
            "limits": {
                "memory": 1,
                "whole": { "secs": 1, "nanos": 0 },
                "quiet": { "secs": 1, "nanos": 0 },
            },
        }))
        .unwrap();
        let mut expected = Expected {
            variant: Variant::C,
            release: "7.3.4-lo-c-debug-12".into(),
            cpus: 1,
            modules: Vec::new(),
            suites: Vec::new(),
            checks: Vec::new(),
        };
        disguise(&mut boot, &mut expected);
        assert_eq!(expected.variant, Variant::Module);
        assert_eq!(expected.release, "7.3.4-lo-module-debug-12");
        assert_eq!(boot.words, ["lab.variant=module", "lab.mode=test"]);
    }

    #[test]
    fn names_differ_and_all_but_one_are_red() {
        let mut names: Vec<&str> = ALL.iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        let green = ALL.iter().filter(|fault| fault.exit == Exit::Ok).count();
        assert_eq!(green, 1);
    }
}
