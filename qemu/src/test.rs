// SPDX-License-Identifier: GPL-2.0

//! `make test`: every suite, the checks in the guest, and the lab's tests of itself.

use std::path::PathBuf;
use std::time::Instant;

use lab_protocol::matches;
use lab_protocol::Outcome;
use lab_protocol::Record;

use crate::apply;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::codegen;
use crate::compile_fail;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::filter::Filter;
use crate::guest;
use crate::judge;
use crate::judge::Expected;
use crate::judge::Test;
use crate::judge::Verdict;
use crate::kunit;
use crate::kunit::Suite;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::DUMMY;
use crate::process;
use crate::report::Report;
use crate::selftest;
use crate::selftest::Fault;
use crate::toolchain::Toolchain;
use crate::ui;
use crate::ui::Stage;
use crate::vm;
use crate::vm::Boot;

/// The lab's unit tests, as one test.
const UNIT: &str = "lab.unit";

/// What of all there is has been asked for.
struct Plan {
    filter: String,
    all_suites: Vec<Suite>,
    suites: Vec<Suite>,
    checks: Vec<String>,
    faults: Vec<&'static Fault>,
    compile_fail: Vec<String>,
    codegen: bool,
    apply: bool,
    unit: bool,
}

impl Plan {
    /// `has` says which symbols of the kernel's configuration are set.
    fn make(
        checkout: &Checkout,
        filter: &str,
        checks: Vec<String>,
        has: &dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let wanted = |name: &str| matches(filter, name);
        let all_suites = kunit::expected(checkout, has)?;
        let suites = all_suites
            .iter()
            .map(|suite| suite.only(wanted))
            .filter(|suite| !suite.cases.is_empty())
            .collect();
        let plan = Self {
            filter: filter.into(),
            all_suites,
            suites,
            checks: checks.into_iter().filter(|name| wanted(name)).collect(),
            faults: selftest::ALL.iter().filter(|f| wanted(f.name)).collect(),
            compile_fail: compile_fail::all(checkout)?
                .into_iter()
                .filter(|name| wanted(name))
                .collect(),
            codegen: wanted(codegen::NAME),
            apply: wanted(apply::NAME),
            unit: wanted(UNIT),
        };
        if plan.is_empty() && !wanted(judge::KERNEL) {
            return Err(plan.nothing());
        }
        Ok(plan)
    }

    fn boots(&self) -> bool {
        !self.suites.is_empty() || !self.checks.is_empty() || self.wants_kernel()
    }

    fn wants_kernel(&self) -> bool {
        matches(&self.filter, judge::KERNEL)
    }

    fn is_empty(&self) -> bool {
        self.suites.is_empty()
            && self.checks.is_empty()
            && self.faults.is_empty()
            && self.compile_fail.is_empty()
            && !self.codegen
            && !self.apply
            && !self.unit
    }

    fn nothing(&self) -> Failure {
        let suites: Vec<String> = self
            .all_suites
            .iter()
            .map(|suite| format!("kunit.{}.*", suite.name))
            .collect();
        let why = format!(
            "tests are called guest.*, lab.*, compile_fail.*, codegen.*, series.*, {}",
            if suites.is_empty() {
                "kunit.*".into()
            } else {
                suites.join(", ")
            }
        );
        let what = format!("FILTER={} matches no test", self.filter);
        Failure::new(Exit::NoMatch, what, why)
            .hint("it is a glob over the whole name: FILTER='guest.lo.*'")
    }
}

/// Does it.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let start = Instant::now();
    if let Some(filter) = &options.filter {
        // A filter that matches nothing is worth no kernel build.
        let toolchain = Toolchain::load(&Cache::open()?)?;
        let guest = guest::build(checkout, &toolchain, options.verbose)?;
        Plan::make(checkout, filter, guest.list()?, &|_| true)?;
    }
    let ready = Ready::make(checkout, options)?;
    let filter = options.filter.as_deref().unwrap_or("*");
    let config = ready.kernel.config()?;
    let has = |symbol: &str| config.contains(symbol);
    let plan = Plan::make(checkout, filter, ready.guest.list()?, &has)?;
    let mut outcome = Outcomes::default();
    if plan.boots() {
        outcome.add_boot(boot(checkout, &ready, &plan)?, plan.wants_kernel());
    }
    for test in compile_fail::run(checkout, &ready.kernel, &plan.compile_fail)? {
        outcome.add(test);
    }
    if plan.codegen {
        let test = codegen::run(checkout, &ready.kernel, &ready.driver, options)?;
        outcome.add(test);
    }
    if plan.apply {
        outcome.add(apply::run(checkout, &ready.kernel, options)?);
    }
    if plan.unit {
        outcome.add(unit(checkout, &ready)?);
    }
    for test in selftest::run(checkout, &ready, &plan.faults, &plan.all_suites)? {
        outcome.add(test);
    }
    let engine = ready.boot("", "").engine;
    let report = Report {
        release: ready.kernel.release.clone(),
        variant: ready.kernel.variant.clone(),
        accel: engine.name().into(),
        cpus: options.cpus,
        exit: outcome.exit.code(),
        seconds: start.elapsed().as_secs_f64(),
        tests: outcome.tests,
    };
    report.save(checkout)?;
    ui::line(&format!(
        "\nresults in build/results/results.json and junit.xml\n{}",
        report.summary()
    ));
    match outcome.exit {
        Exit::Ok => Ok(()),
        // All has been said.
        exit => Err(Failure::new(exit, "", "")),
    }
}

/// What has come out so far.
struct Outcomes {
    exit: Exit,
    tests: Vec<Test>,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self {
            exit: Exit::Ok,
            tests: Vec::new(),
        }
    }
}

impl Outcomes {
    fn add(&mut self, test: Test) {
        if test.outcome == Outcome::Failed && self.exit == Exit::Ok {
            self.exit = Exit::TestFailed;
        }
        self.tests.push(test);
    }

    /// Adds a boot's tests, and one for the kernel as a whole if it is asked for or red.
    fn add_boot(&mut self, verdict: Verdict, wants_kernel: bool) {
        if let Some(problem) = verdict.problems.first() {
            self.exit = problem.exit;
        }
        // What a failing test says for itself needs no second test to say it.
        let rest: Vec<&str> = verdict
            .problems
            .iter()
            .filter(|problem| problem.exit != Exit::TestFailed)
            .map(|problem| problem.text.as_str())
            .collect();
        let failed = verdict.tests.iter().any(|t| t.outcome == Outcome::Failed);
        let unsaid = !verdict.problems.is_empty() && !failed;
        let red = !rest.is_empty() || unsaid;
        let detail = if rest.is_empty() && unsaid {
            let texts: Vec<&str> = verdict.problems.iter().map(|p| p.text.as_str()).collect();
            texts.join("\n")
        } else {
            rest.join("\n")
        };
        self.tests.extend(verdict.tests);
        if red || wants_kernel {
            self.tests.push(Test {
                name: judge::KERNEL.into(),
                outcome: if red {
                    Outcome::Failed
                } else {
                    Outcome::Passed
                },
                detail,
                time: None,
            });
        }
    }
}

/// Prints what a failing test has to say, and where there is more.
pub fn complain(test: &Test, log: &str) {
    if test.outcome != Outcome::Failed {
        return;
    }
    ui::line(&format!("  FAILED     {}", test.name));
    for line in test.detail.lines() {
        ui::line(&format!("             {line}"));
    }
    ui::line(&format!("             look into {log}"));
}

/// The boot that runs the suites and the checks, and further ones for suites that cannot run with
/// others.
fn boot(checkout: &Checkout, ready: &Ready, plan: &Plan) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let filters = Filter::choose(&plan.suites, &plan.all_suites, ready.kernel.debug);
    for (index, filter) in filters.into_iter().enumerate() {
        let (mut boot, checks, expected) = if index == 0 {
            let mut boot = ready.boot("test", "test");
            boot.words.push(format!("lab.extra={DUMMY}"));
            let files = [ready.driver_file(), DUMMY];
            let expected = ready.expected(&files, filter.reporting, plan.checks.clone());
            (boot, check_filter(plan), expected)
        } else {
            let boot = ready.boot_with(&format!("test-{index}"), "test", "");
            (boot, "-", ready.expected(&[], filter.reporting, Vec::new()))
        };
        boot.words.extend(filter.words);
        boot.words.push(format!("lab.filter={checks}"));
        verdict.merge(boot_one(checkout, ready, &boot, &expected, &plan.filter)?);
    }
    Ok(verdict)
}

/// One such boot; tests that `filter` does not match do not count.
fn boot_one(
    checkout: &Checkout,
    ready: &Ready,
    boot: &Boot,
    expected: &Expected,
    filter: &str,
) -> Result<Verdict> {
    let mut stage = Stage::start("boot", "running suites and checks in the guest");
    let total = expected.checks.len().max(1) as f64;
    let mut done = 0.0;
    let evidence = vm::boot(checkout, boot, &mut |record| {
        if let Record::Test { .. } = record {
            done += 1.0;
        }
        if let Record::Begin { name } = record {
            stage.update(Some(done / total), None, name);
        }
        Ok(())
    })?;
    let mut verdict = judge::judge(&evidence, expected, &ready.kernel.source)?;
    retain(&mut verdict, filter);
    let engine = boot.engine.name();
    let tally = tally(&verdict.tests);
    stage.done(&format!("{engine}, {} CPUs: {tally}", boot.cpus));
    let log = checkout.show(&evidence.log);
    for test in &verdict.tests {
        complain(test, &log);
    }
    for problem in &verdict.problems {
        if problem.exit != Exit::TestFailed {
            ui::line(&format!(
                "  PROBLEM    {}",
                problem.text.replace('\n', "\n             ")
            ));
        }
    }
    if !verdict.problems.is_empty() {
        ui::line(&format!("             console in {log}"));
    }
    Ok(verdict)
}

/// How many of `tests` came out how, in words.
pub fn tally(tests: &[Test]) -> String {
    let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
    let passed = format!("{} of {} passed", count(Outcome::Passed), tests.len());
    match count(Outcome::Skipped) {
        0 => passed,
        skipped => format!("{passed}, {skipped} skipped"),
    }
}

/// A suite that could not be run in part was run as a whole; only what was asked for counts, but
/// what failed fails.
fn retain(verdict: &mut Verdict, filter: &str) {
    verdict
        .tests
        .retain(|test| matches(filter, &test.name) || test.outcome == Outcome::Failed);
}

/// The guest's filter: it must not see a filter that would select nothing as none at all.
fn check_filter(plan: &Plan) -> &str {
    if plan.checks.is_empty() {
        return "-";
    }
    &plan.filter
}

/// Runs the unit tests of the lab and of the guest's init.
fn unit(checkout: &Checkout, ready: &Ready) -> Result<Test> {
    let start = Instant::now();
    let mut stage = Stage::start("unit", "running the lab's unit tests");
    let log = checkout.log("unit")?;
    crate::checkout::remove(&log)?;
    let mut command = ready.kernel.toolchain.cargo()?;
    command
        .args(["test", "--quiet", "--locked", "--workspace", "--target-dir"])
        .arg(checkout.build("lab"))
        .arg("--manifest-path")
        .arg(checkout.path("qemu/Cargo.toml"));
    let finished = process::run_logged(&mut command, &log, false, None, &mut |_| stage.tick())?;
    let passed = finished.status.success();
    let mut test = Test {
        name: UNIT.into(),
        outcome: Outcome::Passed,
        detail: String::new(),
        time: Some(start.elapsed()),
    };
    if passed {
        stage.done("passed");
        return Ok(test);
    }
    stage.fail();
    let shown = checkout.show(&log);
    test.outcome = Outcome::Failed;
    test.detail = crate::build::failure("the unit tests", &log, &PathBuf::from(&shown)).why;
    complain(&test, &shown);
    Ok(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_tests_are_told() {
        let test = |outcome| Test {
            name: "x".into(),
            outcome,
            detail: String::new(),
            time: None,
        };
        let mut tests = vec![test(Outcome::Passed), test(Outcome::Failed)];
        assert_eq!(tally(&tests), "1 of 2 passed");
        tests.push(test(Outcome::Skipped));
        assert_eq!(tally(&tests), "1 of 3 passed, 1 skipped");
    }

    #[test]
    fn a_kernel_that_is_not_well_is_a_failed_test() {
        let mut outcomes = Outcomes::default();
        let problem = judge::Problem {
            exit: Exit::Splat,
            text: "WARNING".into(),
        };
        let verdict = Verdict {
            problems: vec![problem],
            tests: Vec::new(),
        };
        outcomes.add_boot(verdict, false);
        assert_eq!(outcomes.exit, Exit::Splat);
        assert_eq!(outcomes.tests[0].name, judge::KERNEL);
        assert_eq!(outcomes.tests[0].outcome, Outcome::Failed);
    }
}
