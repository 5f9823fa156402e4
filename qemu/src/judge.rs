// SPDX-License-Identifier: GPL-2.0

//! The verdict on a boot. It fails closed: green is only what was expected, all of it, from this
//! very boot, with nothing else wrong.

use std::path::Path;
use std::time::Duration;

use lab_protocol::Outcome;
use lab_protocol::Record;
use lab_protocol::Variant;
use serde::Deserialize;
use serde::Serialize;

use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::kunit;
use crate::kunit::Suite;
use crate::process;
use crate::splat;
use crate::ui;
use crate::vm::Ending;
use crate::vm::Evidence;

/// The test that stands for the boot as a whole.
pub const KERNEL: &str = "guest.kernel";

/// What a test that has to be there and is not has to say.
pub const NEVER_REPORTED: &str = "never reported";

/// Taint that a healthy boot may show: out-of-tree modules, and tests.
const TAINT_ALLOWED: u64 = 1 << 12 | 1 << 18;

/// Which problem decides the exit code when there are several; the others are shown, too.
const PRECEDENCE: [Exit; 9] = [
    Exit::GuestPanic,
    Exit::Qemu,
    Exit::Timeout,
    Exit::OtherVariant,
    Exit::Boot,
    Exit::StaleModule,
    Exit::Splat,
    Exit::Incomplete,
    Exit::TestFailed,
];

/// What a good boot reports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Expected {
    /// Which variant's kernel it is.
    pub variant: Variant,
    /// `uname -r`.
    pub release: String,
    /// How many CPUs are online.
    pub cpus: u32,
    /// The modules that get inserted, in order.
    pub modules: Vec<String>,
    /// The KUnit suites; others of the kernel's own may report, too, and must be good.
    pub suites: Vec<Suite>,
    /// The checks.
    pub checks: Vec<String>,
}

/// How one test came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when it did not pass.
    pub detail: String,
    /// How long it took, if known.
    pub time: Option<Duration>,
}

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The exit code that it calls for.
    pub exit: Exit,
    /// What it is.
    pub text: String,
}

/// The verdict.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// All that is wrong, the gravest first.
    pub problems: Vec<Problem>,
    /// How each expected test came out.
    pub tests: Vec<Test>,
}

impl Verdict {
    /// Red verdicts as failures; `log` is shown as the place to look.
    pub fn into_result(self, what: &str, log: &str) -> Result {
        let Some(first) = self.problems.first() else {
            return Ok(());
        };
        let texts: Vec<&str> = self.problems.iter().map(|p| p.text.as_str()).collect();
        Err(Failure::new(first.exit, what, texts.join("\n")).hint(format!("look into {log}")))
    }

    /// Adds that on another boot.
    pub fn merge(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.tests.extend(other.tests);
        self.sort();
    }

    fn add(&mut self, exit: Exit, text: impl Into<String>) {
        self.problems.push(Problem {
            exit,
            text: text.into(),
        });
    }

    fn sort(&mut self) {
        let rank = |exit| PRECEDENCE.iter().position(|e| *e == exit);
        // What is not in the list is a bug of ours, and nothing is graver.
        self.problems
            .sort_by_key(|p| rank(p.exit).map_or(0, |r| r + 1));
        self.problems.dedup();
    }
}

/// Judges a boot. `source` is the kernel's source tree, for its KTAP parser.
pub fn judge(evidence: &Evidence, expected: &Expected, source: &Path) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    judge_console(&mut verdict, evidence);
    judge_ending(&mut verdict, evidence);
    judge_hello(&mut verdict, evidence, expected);
    judge_modules(&mut verdict, evidence, expected);
    judge_taint(&mut verdict, evidence);
    judge_suites(&mut verdict, evidence, expected, source)?;
    judge_checks(&mut verdict, evidence, expected);
    judge_end(&mut verdict, evidence);
    verdict.sort();
    Ok(verdict)
}

/// What the guest was doing when it was last heard of.
fn whereabouts(evidence: &Evidence) -> String {
    let records = &evidence.transcript.records;
    let case = splat::open_case(&evidence.console);
    let last = match records.last() {
        None => None,
        Some(_) if evidence.transcript.complete => Some("after the end marker".into()),
        Some(Record::Begin { name }) => Some(format!("during {name}")),
        Some(_) => records.iter().rev().find_map(|record| match record {
            Record::Test { name, .. } => Some(format!("after {name}")),
            Record::Kunit { suite, .. } => Some(format!("after the report of suite {suite}")),
            Record::Insmod { module, .. } => Some(format!("after insmod {module}")),
            _ => None,
        }),
    };
    let parts: Vec<String> = last.into_iter().chain(case).collect();
    if parts.is_empty() {
        let last = evidence.console.lines().rfind(|l| !l.trim().is_empty());
        return format!("its last line was: {}", last.unwrap_or("(none)").trim());
    }
    parts.join(", ")
}

fn judge_console(verdict: &mut Verdict, evidence: &Evidence) {
    let panic = splat::panic(&evidence.console);
    // A panic's own trace is no news.
    let end = panic
        .as_ref()
        .and_then(|panic| evidence.console.find(panic.as_str()))
        .unwrap_or(evidence.console.len());
    if let Some(panic) = panic {
        let place = whereabouts(evidence);
        verdict.add(Exit::GuestPanic, format!("guest panic: {panic} ({place})"));
    }
    let console = &evidence.console[..end];
    if let Some(splat) = splat::first(console) {
        let report = splat::report(console).map(|report| format!("\n{report}"));
        let text = format!(
            "the kernel complained: {splat}{}",
            report.unwrap_or_default()
        );
        verdict.add(Exit::Splat, text);
    }
}

fn judge_ending(verdict: &mut Verdict, evidence: &Evidence) {
    let place = || whereabouts(evidence);
    let tasks = match &evidence.tasks {
        Some(tasks) => format!("; {tasks}"),
        None => String::new(),
    };
    match &evidence.ending {
        Ending::Late(time) => {
            let time = ui::duration(*time);
            let text = format!("the guest was not done after {time} ({}){tasks}", place());
            verdict.add(Exit::Timeout, text);
        }
        Ending::Quiet(time) => {
            let time = ui::duration(*time);
            let text = format!(
                "the guest hangs: nothing from it for {time} ({}){tasks}",
                place()
            );
            verdict.add(Exit::Timeout, text);
        }
        Ending::Exited(status) if !status.success() => {
            let text = format!(
                "{} ended badly ({}): {}",
                evidence.engine.program(),
                process::describe(*status),
                evidence.complaint.trim()
            );
            verdict.add(Exit::Qemu, text);
        }
        // A panic has been named already.
        Ending::Exited(_) if splat::panic(&evidence.console).is_some() => {}
        Ending::Exited(_) if !evidence.console.contains(splat::RESTART) => {
            let text = format!("the guest ended without an orderly restart ({})", place());
            verdict.add(Exit::Incomplete, text);
        }
        // That it restarted has been seen.
        Ending::Exited(_) | Ending::Lingering => {}
    }
}

fn judge_hello(verdict: &mut Verdict, evidence: &Evidence, expected: &Expected) {
    match evidence.transcript.records.first() {
        Some(Record::Hello {
            nonce,
            release,
            cpus,
            variant,
            ..
        }) => {
            if *nonce != evidence.nonce {
                verdict.add(Exit::Boot, "the results are another boot's");
            }
            if *variant != Some(expected.variant) {
                let text = of_another_variant(*variant, expected.variant);
                verdict.add(Exit::OtherVariant, text);
            }
            if *release != expected.release {
                let text = format!("kernel {release} was booted, not {}", expected.release);
                verdict.add(Exit::Boot, text);
            }
            if *cpus != expected.cpus {
                let text = format!("{cpus} CPUs came up, not {}", expected.cpus);
                verdict.add(Exit::Boot, text);
            }
        }
        _ => {
            let text = format!("no word from the guest's init ({})", whereabouts(evidence));
            verdict.add(Exit::Boot, text);
        }
    }
}

fn of_another_variant(booted: Option<Variant>, wanted: Variant) -> String {
    let describe = |variant: Variant| format!("{variant} ({})", variant.symbol());
    let booted = booted.map_or("no variant that its configuration names".into(), describe);
    let wanted = describe(wanted);
    format!("the kernel that was booted is {booted}, but these would be the results of {wanted}")
}

fn judge_modules(verdict: &mut Verdict, evidence: &Evidence, expected: &Expected) {
    let mut found = Vec::new();
    for record in &evidence.transcript.records {
        let Record::Insmod {
            module,
            errno,
            error,
            ..
        } = record
        else {
            continue;
        };
        found.push(module.clone());
        if *errno != 0 {
            judge_refusal(verdict, &evidence.console, module, error);
        }
    }
    for module in &expected.modules {
        if !found.contains(module) {
            verdict.add(Exit::Incomplete, format!("insmod {module}: never reported"));
        }
    }
}

/// A module that was not inserted: why, in the kernel's own words, too.
fn judge_refusal(verdict: &mut Verdict, console: &str, module: &str, error: &str) {
    let prefix = format!("{module}: ");
    let said: Vec<&str> = console
        .lines()
        .filter_map(|line| line.find(&prefix).map(|at| line[at..].trim_end()))
        .filter(|line| !line.contains("taints kernel"))
        .collect();
    let stale = said.iter().any(|line| {
        line.contains("version magic") || line.contains("disagrees about version of symbol")
    });
    let exit = if stale {
        Exit::StaleModule
    } else {
        Exit::TestFailed
    };
    let mut text = format!("insmod {module}: {error}");
    if let Some(line) = said.last() {
        text += &format!("; {line}");
    }
    verdict.add(exit, text);
}

fn judge_taint(verdict: &mut Verdict, evidence: &Evidence) {
    let bits = evidence.transcript.records.iter().find_map(|r| match r {
        Record::Taint { bits } => Some(*bits),
        _ => None,
    });
    match bits {
        None => verdict.add(Exit::Incomplete, "the kernel's taint was never reported"),
        Some(bits) if bits & !TAINT_ALLOWED != 0 => {
            let odd: Vec<String> = (0..64)
                .filter(|bit| (bits & !TAINT_ALLOWED) >> bit & 1 == 1)
                .map(|bit: u32| bit.to_string())
                .collect();
            let text = format!("the kernel is tainted: bits {}", odd.join(", "));
            verdict.add(Exit::Splat, text);
        }
        Some(_) => {}
    }
}

fn judge_suites(
    verdict: &mut Verdict,
    evidence: &Evidence,
    expected: &Expected,
    source: &Path,
) -> Result {
    let mut seen = Vec::new();
    for record in &evidence.transcript.records {
        let Record::Kunit { suite, results } = record else {
            continue;
        };
        if seen.contains(suite) {
            verdict.add(
                Exit::Incomplete,
                format!("KUnit suite {suite} reported twice"),
            );
        }
        seen.push(suite.clone());
        let wanted = expected.suites.iter().find(|s| s.name == *suite);
        judge_suite(verdict, suite, results, wanted, source)?;
    }
    for suite in &expected.suites {
        if seen.contains(&suite.name) {
            continue;
        }
        let text = format!("KUnit suite {} never reported", suite.name);
        verdict.add(Exit::Incomplete, text);
        for name in suite.tests() {
            verdict.tests.push(missing(name));
        }
    }
    Ok(())
}

/// A test that has to be there and is not.
fn missing(name: String) -> Test {
    Test {
        name,
        outcome: Outcome::Failed,
        detail: NEVER_REPORTED.into(),
        time: None,
    }
}

/// One suite's report. What the kernel has of its own, whole suites (`wanted` is none) or cases
/// among ours, is not ours to count, but if it is bad, so is the kernel.
fn judge_suite(
    verdict: &mut Verdict,
    suite: &str,
    results: &str,
    wanted: Option<&Suite>,
    source: &Path,
) -> Result {
    let report = kunit::parse(suite, results);
    for damage in &report.damage {
        verdict.add(Exit::Incomplete, format!("KUnit suite {suite}: {damage}"));
    }
    let mut bad = !report.damage.is_empty();
    for case in &report.cases {
        let name = format!("kunit.{suite}.{}", case.name);
        let failed = case.outcome == Outcome::Failed;
        let expected = wanted.is_some_and(|wanted| wanted.cases.contains(&case.name));
        if failed {
            bad = true;
            verdict.add(Exit::TestFailed, format!("{name} failed: {}", case.detail));
        }
        if !expected && wanted.is_some_and(|wanted| wanted.owns(&case.name)) {
            let text = format!("{name} reported, but the sources have no such case");
            verdict.add(Exit::Incomplete, text);
        }
        if expected || failed {
            verdict.tests.push(Test {
                name,
                outcome: case.outcome,
                detail: case.detail.clone(),
                time: None,
            });
        }
    }
    for case in wanted.map_or(&[][..], |wanted| &wanted.cases) {
        let reports = report.cases.iter().filter(|c| c.name == *case).count();
        if reports == 1 {
            continue;
        }
        bad = true;
        let name = format!("kunit.{suite}.{case}");
        if reports > 1 {
            verdict.add(Exit::Incomplete, format!("{name} reported {reports} times"));
        } else {
            verdict.add(Exit::Incomplete, format!("{name} never reported"));
            verdict.tests.push(missing(name));
        }
    }
    // Where it is already red, its opinion changes nothing.
    if wanted.is_some() && !bad {
        if let Some(complaint) = kunit::second_opinion(source, results)? {
            let text = format!("KUnit suite {suite}: kunit.py disagrees: {complaint}");
            verdict.add(Exit::TestFailed, text);
        }
    }
    Ok(())
}

fn judge_checks(verdict: &mut Verdict, evidence: &Evidence, expected: &Expected) {
    let mut seen = Vec::new();
    for record in &evidence.transcript.records {
        let Record::Test {
            name,
            outcome,
            detail,
            millis,
        } = record
        else {
            continue;
        };
        if seen.contains(name) {
            verdict.add(Exit::Incomplete, format!("{name} reported twice"));
            continue;
        }
        seen.push(name.clone());
        if !expected.checks.contains(name) {
            verdict.add(
                Exit::Incomplete,
                format!("{name} reported, but was not asked for"),
            );
        }
        if *outcome == Outcome::Failed {
            verdict.add(Exit::TestFailed, format!("{name} failed: {detail}"));
        }
        verdict.tests.push(Test {
            name: name.clone(),
            outcome: *outcome,
            detail: detail.clone(),
            time: Some(Duration::from_millis(*millis)),
        });
    }
    for name in &expected.checks {
        if !seen.contains(name) {
            verdict.add(Exit::Incomplete, format!("{name} never reported"));
            verdict.tests.push(missing(name.clone()));
        }
    }
}

fn judge_end(verdict: &mut Verdict, evidence: &Evidence) {
    let transcript = &evidence.transcript;
    for damage in &transcript.damage {
        verdict.add(Exit::Incomplete, format!("results damaged: {damage}"));
    }
    if transcript.complete {
        return;
    }
    let mut text = String::from("results truncated: no end marker that adds up");
    if let Some(line) = splat::init_said(&evidence.console) {
        text += &format!("; init said: {line}");
    }
    verdict.add(Exit::Incomplete, text);
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::path::PathBuf;
    use std::process::ExitStatus;

    use lab_protocol::Transcript;

    use super::*;
    use crate::vm::Engine;

    const CONSOLE: &str = "[    0.0] Linux version 7.3.4-lo\n\
                           [    0.0] Kernel command line: panic=-1\n\
                           [    1.0] reboot: Restarting system\n";

    fn hello() -> Record {
        Record::Hello {
            nonce: "12".into(),
            release: "7.3.4-lo".into(),
            version: "#1".into(),
            cpus: 2,
            variant: Some(Variant::Module),
        }
    }

    fn insmod(errno: i32, error: &str) -> Record {
        Record::Insmod {
            module: "rust_loopback".into(),
            errno,
            error: error.into(),
            millis: 1,
        }
    }

    fn test(name: &str, outcome: Outcome) -> Record {
        Record::Test {
            name: name.into(),
            outcome,
            detail: "why".into(),
            millis: 1,
        }
    }

    fn expected() -> Expected {
        Expected {
            variant: Variant::Module,
            release: "7.3.4-lo".into(),
            cpus: 2,
            modules: vec!["rust_loopback".into()],
            suites: Vec::new(),
            checks: vec!["guest.lo.up".into()],
        }
    }

    fn evidence(records: Vec<Record>) -> Evidence {
        Evidence {
            engine: Engine::Tcg,
            ending: Ending::Exited(ExitStatus::from_raw(0)),
            console: CONSOLE.into(),
            tasks: None,
            transcript: Transcript {
                records,
                complete: true,
                damage: Vec::new(),
            },
            complaint: String::new(),
            nonce: "12".into(),
            log: PathBuf::new(),
            time: Duration::ZERO,
        }
    }

    fn good() -> Evidence {
        evidence(vec![
            hello(),
            insmod(0, ""),
            test("guest.lo.up", Outcome::Passed),
            Record::Taint {
                bits: TAINT_ALLOWED,
            },
        ])
    }

    fn exit(evidence: &Evidence) -> Option<Exit> {
        let verdict = judge(evidence, &expected(), Path::new("/nonexistent")).unwrap();
        verdict.problems.first().map(|p| p.exit)
    }

    #[test]
    fn good_is_good() {
        assert_eq!(exit(&good()), None);
    }

    #[test]
    fn nothing_at_all_is_no_boot() {
        let mut nothing = evidence(Vec::new());
        nothing.console.clear();
        nothing.transcript.complete = false;
        assert_eq!(exit(&nothing), Some(Exit::Boot));
    }

    #[test]
    fn any_missing_record_is_red() {
        for index in 0..4 {
            let mut evidence = good();
            evidence.transcript.records.remove(index);
            assert!(exit(&evidence).is_some(), "without record {index}");
        }
    }

    #[test]
    fn exit_status_zero_does_not_hide_a_panic() {
        let mut evidence = good();
        evidence.console += "[    1.1] Kernel panic - not syncing: Attempted to kill init!\n";
        assert_eq!(exit(&evidence), Some(Exit::GuestPanic));
    }

    #[test]
    fn an_orderly_end_is_needed() {
        let mut evidence = good();
        evidence.console = "[    0.0] Linux version\n".into();
        assert_eq!(exit(&evidence), Some(Exit::Incomplete));
        evidence.ending = Ending::Exited(ExitStatus::from_raw(1 << 8));
        assert_eq!(exit(&evidence), Some(Exit::Qemu));
    }

    #[test]
    fn what_lingers_must_have_said_all() {
        let mut evidence = good();
        evidence.ending = Ending::Lingering;
        assert_eq!(exit(&evidence), None);
        evidence.transcript.complete = false;
        assert_eq!(exit(&evidence), Some(Exit::Incomplete));
    }

    #[test]
    fn what_ended_badly_is_named() {
        let mut evidence = good();
        evidence.engine = Engine::Uml;
        evidence.ending = Ending::Exited(ExitStatus::from_raw(1 << 8));
        let verdict = judge(&evidence, &expected(), Path::new("/nonexistent")).unwrap();
        let text = &verdict.problems[0].text;
        assert!(text.starts_with("User Mode Linux ended badly"), "{text}");
    }

    #[test]
    fn another_boots_results_are_refused() {
        let mut evidence = good();
        evidence.nonce = "13".into();
        assert_eq!(exit(&evidence), Some(Exit::Boot));
        let mut evidence = good();
        evidence.transcript.records[0] = Record::Hello {
            nonce: "12".into(),
            release: "6.1.0".into(),
            version: String::new(),
            cpus: 2,
            variant: Some(Variant::Module),
        };
        assert_eq!(exit(&evidence), Some(Exit::Boot));
    }

    #[test]
    fn another_variant_s_kernel_is_refused_whatever_its_release() {
        for found in [Some(Variant::C), None] {
            for rename in [false, true] {
                let mut evidence = good();
                let Record::Hello {
                    variant, release, ..
                } = &mut evidence.transcript.records[0]
                else {
                    unreachable!()
                };
                *variant = found;
                if rename {
                    *release = "7.3.4-lo-c".into();
                }
                assert_eq!(exit(&evidence), Some(Exit::OtherVariant));
            }
        }
        let text = of_another_variant(Some(Variant::C), Variant::Module);
        assert!(text.contains("is c (CONFIG_NET_LOOPBACK_C)"), "{text}");
        assert!(
            text.contains("of module (CONFIG_NET_LOOPBACK_LATE)"),
            "{text}"
        );
    }

    #[test]
    fn a_cpu_that_did_not_come_up_is_missed() {
        let mut evidence = good();
        let Record::Hello { cpus, .. } = &mut evidence.transcript.records[0] else {
            unreachable!()
        };
        *cpus = 1;
        assert_eq!(exit(&evidence), Some(Exit::Boot));
    }

    #[test]
    fn taint_is_a_splat() {
        for bit in [0, 7, 9, 11] {
            let mut evidence = good();
            evidence.transcript.records[3] = Record::Taint { bits: 1 << bit };
            assert_eq!(exit(&evidence), Some(Exit::Splat), "bit {bit}");
        }
    }

    #[test]
    fn a_stale_module_is_told_from_a_failing_one() {
        let mut evidence = good();
        evidence.transcript.records[1] = insmod(8, "Exec format error");
        assert_eq!(exit(&evidence), Some(Exit::TestFailed));
        evidence.console += "[    1.0] rust_loopback: version magic 'a' should be 'b'\n";
        assert_eq!(exit(&evidence), Some(Exit::StaleModule));
    }

    #[test]
    fn failed_twice_and_unasked_are_red() {
        let mut failed = good();
        failed.transcript.records[2] = test("guest.lo.up", Outcome::Failed);
        assert_eq!(exit(&failed), Some(Exit::TestFailed));
        let mut twice = good();
        let records = &mut twice.transcript.records;
        records.insert(3, test("guest.lo.up", Outcome::Passed));
        assert_eq!(exit(&twice), Some(Exit::Incomplete));
        let mut odd = good();
        let records = &mut odd.transcript.records;
        records.insert(3, test("guest.lo.odd", Outcome::Passed));
        assert_eq!(exit(&odd), Some(Exit::Incomplete));
    }

    #[test]
    fn a_suite_that_must_report_cannot_hide_behind_others() {
        let suite = |name: &str| Suite {
            name: name.into(),
            cases: vec!["a".into()],
            ..Suite::default()
        };
        let mut expected = expected();
        expected.suites = vec![suite("lo_setup")];
        let mut evidence = good();
        let results =
            "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: other\n    1..1\n    \
                       ok 1 a\nok 1 other\n";
        evidence.transcript.records.push(Record::Kunit {
            suite: "other".into(),
            results: results.into(),
        });
        let verdict = judge(&evidence, &expected, Path::new("/nonexistent")).unwrap();
        assert_eq!(verdict.problems[0].exit, Exit::Incomplete);
        let failed = verdict.tests.iter().find(|t| t.name == "kunit.lo_setup.a");
        assert_eq!(failed.unwrap().outcome, Outcome::Failed);
    }

    /// A boot whose one suite reports these cases; of them, those that begin with `own_` are ours,
    /// and `own_0` is expected.
    fn shared_suite(cases: &[&str]) -> Verdict {
        let mut expected = expected();
        expected.suites = vec![Suite {
            name: "shared".into(),
            cases: vec!["own_0".into()],
            owned: vec!["own_".into()],
            ..Suite::default()
        }];
        let mut results = format!(
            "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: shared\n    1..{}\n",
            cases.len()
        );
        for (index, case) in cases.iter().enumerate() {
            let (not, name) = match case.strip_prefix('!') {
                Some(name) => ("not ", name),
                None => ("", *case),
            };
            results += &format!("    {not}ok {} {name}\n", index + 1);
        }
        let failed = cases.iter().any(|case| case.starts_with('!'));
        results += if failed {
            "not ok 1 shared\n"
        } else {
            "ok 1 shared\n"
        };
        let mut evidence = good();
        evidence.transcript.records.push(Record::Kunit {
            suite: "shared".into(),
            results,
        });
        let mut verdict = judge(&evidence, &expected, Path::new("/nonexistent")).unwrap();
        // There is no second opinion to be had here.
        verdict.problems.retain(|p| !p.text.contains("kunit.py"));
        verdict
    }

    fn outcome(verdict: &Verdict, test: &str) -> Option<Outcome> {
        verdict
            .tests
            .iter()
            .find(|t| t.name == test)
            .map(|t| t.outcome)
    }

    #[test]
    fn cases_of_others_in_a_shared_suite_are_not_ours_to_count() {
        let verdict = shared_suite(&["alien_0", "own_0", "alien_1"]);
        assert_eq!(verdict.problems, []);
        assert_eq!(
            outcome(&verdict, "kunit.shared.own_0"),
            Some(Outcome::Passed)
        );
        assert_eq!(outcome(&verdict, "kunit.shared.alien_0"), None);
    }

    #[test]
    fn a_failing_case_of_others_is_red_and_shown() {
        let verdict = shared_suite(&["!alien_0", "own_0"]);
        assert_eq!(verdict.problems[0].exit, Exit::TestFailed);
        assert_eq!(
            outcome(&verdict, "kunit.shared.alien_0"),
            Some(Outcome::Failed)
        );
    }

    #[test]
    fn in_a_shared_suite_too_ours_must_report_and_be_known() {
        let verdict = shared_suite(&["alien_0"]);
        assert_eq!(verdict.problems[0].exit, Exit::Incomplete);
        assert_eq!(
            outcome(&verdict, "kunit.shared.own_0"),
            Some(Outcome::Failed)
        );
        let verdict = shared_suite(&["own_0", "own_1"]);
        assert_eq!(verdict.problems[0].exit, Exit::Incomplete);
    }

    #[test]
    fn the_gravest_decides() {
        let mut verdict = Verdict::default();
        for exit in PRECEDENCE.iter().rev() {
            verdict.add(*exit, "");
        }
        verdict.sort();
        let order: Vec<Exit> = verdict.problems.iter().map(|p| p.exit).collect();
        assert_eq!(order, PRECEDENCE);
    }

    #[test]
    fn what_a_hanging_guest_told_is_passed_on() {
        let mut evidence = good();
        evidence.ending = Ending::Quiet(Duration::from_secs(1));
        evidence.tasks = Some("init (D) in rcu_barrier".into());
        let verdict = judge(&evidence, &expected(), Path::new("/nonexistent")).unwrap();
        let text = &verdict.problems[0].text;
        assert!(text.ends_with("; init (D) in rcu_barrier"), "{text}");
    }

    #[test]
    fn all_at_once_is_a_panic() {
        let mut evidence = good();
        evidence.console += "[    1.1] BUG: x\n[    1.1] Kernel panic - not syncing: x\n";
        evidence.ending = Ending::Quiet(Duration::from_secs(1));
        evidence.transcript.complete = false;
        assert_eq!(exit(&evidence), Some(Exit::GuestPanic));
        evidence.console = evidence.console.replace("Kernel panic", "");
        assert_eq!(exit(&evidence), Some(Exit::Timeout));
    }
}
