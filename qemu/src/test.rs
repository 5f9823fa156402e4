// SPDX-License-Identifier: GPL-2.0

//! `make test`: every suite, the checks in the guest, and the lab's tests of itself; for each variant
//! of the kernel what there is for it.

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use lab_protocol::matches;
use lab_protocol::Outcome;
use lab_protocol::Record;
use lab_protocol::Variant;

use crate::apply;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::codegen;
use crate::compare;
use crate::compare::Facts;
use crate::compile_fail;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::filter::Filter;
use crate::guest;
use crate::guest::Guest;
use crate::image;
use crate::judge;
use crate::judge::Expected;
use crate::judge::Test;
use crate::judge::Verdict;
use crate::kernel;
use crate::kunit;
use crate::kunit::Suite;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::DUMMY;
use crate::process;
use crate::report;
use crate::report::Entry;
use crate::report::Report;
use crate::rows;
use crate::selftest;
use crate::selftest::Fault;
use crate::toolchain::Toolchain;
use crate::ui;
use crate::ui::Stage;
use crate::vm;
use crate::vm::Boot;
use crate::vm::Engine;

/// The lab's unit tests, as one test.
const UNIT: &str = "lab.unit";

/// The tests that are one by itself.
pub const SINGLE: [&str; 7] = [
    UNIT,
    judge::KERNEL,
    apply::NAME,
    codegen::NAME,
    compare::RANDOM,
    image::NAME,
    rows::NAME,
];

/// How the names of KUnit's cases as tests begin.
const KUNIT: &str = "kunit.";
/// Has the kernel trace what the boot configuration behind the initramfs asks for.
const TRACE: &str = "bootconfig";

/// What of all there is for a variant has been asked for.
struct Plan {
    filter: String,
    all_suites: Vec<Suite>,
    suites: Vec<Suite>,
    checks: Vec<String>,
    faults: Vec<&'static Fault>,
    compile_fail: Vec<String>,
    codegen: bool,
    random: bool,
    image: bool,
    apply: bool,
    rows: bool,
    unit: bool,
    /// There may be suites that nobody knows of yet, and the filter may be for one of them.
    unsure: bool,
}

/// What a plan is made from.
struct Basis<'a> {
    filter: &'a str,
    variant: Variant,
    /// Whether this is the run's first variant: what does not depend on it goes with that one.
    first: bool,
    /// Whether it is the only one.
    alone: bool,
    checks: Vec<String>,
    /// The kernel's own suites; none if its source is not at hand yet.
    upstream: Option<Vec<String>>,
    /// Says which symbols of the kernel's configuration are set.
    has: &'a dyn Fn(&str) -> bool,
}

impl Plan {
    fn make(checkout: &Checkout, basis: Basis<'_>) -> Result<Self> {
        let Basis {
            filter,
            variant,
            first,
            alone,
            checks,
            upstream,
            has,
        } = basis;
        let wanted = |name: &str| matches(filter, name);
        let unsure = upstream.is_none() && may_begin_with(filter, KUNIT);
        let upstream = upstream.unwrap_or_default();
        let all_suites = kunit::expected(checkout, variant, &upstream, has)?;
        let suites = all_suites
            .iter()
            .map(|suite| suite.only(wanted))
            .filter(|suite| !suite.cases.is_empty())
            .collect();
        // The other kernels lack what only a driver that is a module needs.
        let cases = match variant {
            Variant::Module => compile_fail::all(checkout)?,
            Variant::Builtin | Variant::C => Vec::new(),
        };
        Ok(Self {
            filter: filter.into(),
            all_suites,
            suites,
            checks: checks.into_iter().filter(|name| wanted(name)).collect(),
            faults: selftest::all_for(variant, first)
                .filter(|fault| wanted(fault.name))
                .collect(),
            compile_fail: cases.into_iter().filter(|name| wanted(name)).collect(),
            codegen: codegen::is_for(variant) && wanted(codegen::NAME),
            // What the others are compared with is needed where there are others.
            random: (variant != compare::ORACLE || !alone) && wanted(compare::RANDOM),
            image: wanted(image::NAME),
            apply: first && wanted(apply::NAME),
            rows: first && wanted(rows::NAME),
            unit: first && wanted(UNIT),
            unsure,
        })
    }

    fn boots(&self) -> bool {
        !self.suites.is_empty() || !self.checks.is_empty() || self.wants_kernel()
    }

    fn wants_kernel(&self) -> bool {
        matches(&self.filter, judge::KERNEL)
    }

    fn is_empty(&self) -> bool {
        !self.boots()
            && self.faults.is_empty()
            && self.compile_fail.is_empty()
            && !self.codegen
            && !self.random
            && !self.image
            && !self.apply
            && !self.rows
            && !self.unit
            && !self.unsure
    }
}

/// Whether `pattern` matches any name that begins with `start`.
fn may_begin_with(pattern: &str, start: &str) -> bool {
    let mut pattern = pattern.chars();
    for c in start.chars() {
        match pattern.next() {
            Some('*') => return true,
            Some(p) if p == c || p == '?' => {}
            _ => return false,
        }
    }
    true
}

/// A filter that matches nothing.
fn nothing(checkout: &Checkout, options: &Options, filter: &str) -> Result<Failure> {
    let upstream = kernel::peek(checkout, options, &kunit::UPSTREAM)?.unwrap_or_default();
    let suites = kunit::expected(checkout, options.variant, &upstream, &|_| true)?;
    let suites: Vec<String> = suites
        .iter()
        .map(|suite| format!("{KUNIT}{}.*", suite.name))
        .collect();
    let why = format!(
        "tests are called guest.*, lab.*, compile_fail.*, codegen.*, image.*, series.*, readme.*, compare.*, {}",
        suites.join(", ")
    );
    let what = match &options.tested[..] {
        [one] => format!("FILTER={filter} matches no test for VARIANT={one}"),
        _ => format!("FILTER={filter} matches no test"),
    };
    Ok(Failure::new(Exit::NoMatch, what, why)
        .hint("it is a glob over the whole name: FILTER='guest.lo.*'"))
}

/// Does it, for one variant after the other.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let start = Instant::now();
    let toolchain = Toolchain::load(&Cache::open()?)?;
    let guest = guest::build(checkout, &toolchain, options.verbose)?;
    let mut runs = Vec::new();
    let mut accel = options.accel;
    for (index, variant) in options.tested.iter().enumerate() {
        let options = Options {
            accel,
            ..options.with(*variant)
        };
        let Some(run) = run_variant(checkout, &options, &guest, index == 0)? else {
            continue;
        };
        // Once is enough to find out, and to say why.
        if let Some(engine) = run.engine {
            accel = engine.into();
        }
        runs.push(run);
    }
    compare_random(checkout, options, &guest, &mut runs)?;
    if let (Some(filter), true) = (&options.filter, runs.is_empty()) {
        return Err(nothing(checkout, options, filter)?);
    }
    let exits = runs.iter().map(|run| run.outcomes.exit);
    let exit = exits.clone().find(|exit| *exit != Exit::Ok);
    let exit = exit.unwrap_or(Exit::Ok);
    let report = report(options, runs, exit, start.elapsed());
    report.save(checkout)?;
    ui::line(&format!(
        "\nresults in build/results/results.json and junit.xml\n{}",
        report.summary()
    ));
    match exit {
        Exit::Ok => Ok(()),
        // All has been said.
        exit => Err(Failure::new(exit, "", "")),
    }
}

/// One variant's part of a run.
struct Run {
    variant: Variant,
    /// Its kernel's release; empty if there is none.
    release: String,
    /// What executed its guest, if it got that far.
    engine: Option<Engine>,
    outcomes: Outcomes,
    /// What came of random operations, if they were asked for; or why nothing did.
    random: Option<std::result::Result<Facts, String>>,
}

impl Run {
    /// Adds that something could not be built, and says so.
    fn tell(&mut self, failure: Failure) -> Result {
        let text = failure.to_string();
        self.outcomes.add_failure(failure)?;
        ui::line(&text);
        Ok(())
    }
}

/// Does what is asked for of `options.variant`; nothing if nothing is.
fn run_variant(
    checkout: &Checkout,
    options: &Options,
    guest: &Guest,
    first: bool,
) -> Result<Option<Run>> {
    let variant = options.variant;
    let filter = options.filter.as_deref().unwrap_or("*");
    let basis = |upstream, has| -> Result<Basis<'_>> {
        Ok(Basis {
            filter,
            variant,
            first,
            alone: options.tested.len() == 1,
            checks: guest.list(variant)?,
            upstream,
            has,
        })
    };
    // A filter that matches nothing is worth no kernel build.
    let upstream = kernel::peek(checkout, options, &kunit::UPSTREAM)?;
    if Plan::make(checkout, basis(upstream, &|_| true)?)?.is_empty() {
        return Ok(None);
    }
    let mut run = Run {
        variant,
        release: String::new(),
        engine: None,
        outcomes: Outcomes::default(),
        random: None,
    };
    let ready = match Ready::with_guest(checkout, options, guest) {
        Ok(ready) => ready,
        Err(failure) => {
            run.tell(failure)?;
            return Ok(Some(run));
        }
    };
    run.release.clone_from(&ready.kernel.release);
    run.engine = Some(ready.engine());
    let config = ready.kernel.config()?;
    let upstream = ready.kernel.pristine_texts(&kunit::UPSTREAM)?;
    let has = |symbol: &str| config.contains(symbol);
    let plan = Plan::make(checkout, basis(Some(upstream), &has)?)?;
    if plan.is_empty() {
        return Ok(None);
    }
    if let Err(failure) = carry_out(checkout, options, &ready, &plan, &mut run.outcomes) {
        run.tell(failure)?;
    }
    if plan.random {
        run.random = Some(random(checkout, options, &ready)?);
    }
    Ok(Some(run))
}

/// Has random operations done; what came of them, or why nothing did.
fn random(
    checkout: &Checkout,
    options: &Options,
    ready: &Ready,
) -> Result<std::result::Result<Facts, String>> {
    match compare::random_facts(checkout, options, ready) {
        Ok(facts) => Ok(Ok(facts)),
        Err(failure) if failure.exit == Exit::Interrupted => Err(failure),
        Err(failure) => Ok(Err(failure.to_string())),
    }
}

/// Sets what came of random operations beside what came of them with the C driver. If that one was
/// not among the tested, it is used if it is there.
fn compare_random(
    checkout: &Checkout,
    options: &Options,
    guest: &Guest,
    runs: &mut [Run],
) -> Result {
    if runs.iter().all(|run| run.random.is_none()) {
        return Ok(());
    }
    let oracle = options.with(compare::ORACLE);
    let tested = runs.iter_mut().find(|run| run.variant == compare::ORACLE);
    let oracle = match tested.and_then(|run| run.random.take()) {
        Some(facts) => Some(facts),
        None if kernel::is_built(checkout, &oracle)? => {
            let ready = Ready::with_guest(checkout, &oracle, guest)?;
            Some(random(checkout, options, &ready)?)
        }
        None => None,
    };
    for run in runs {
        let Some(facts) = run.random.take() else {
            continue;
        };
        let (outcome, detail) = match (&oracle, facts) {
            (None, _) => (
                Outcome::Skipped,
                "there is no kernel with the C driver to compare with: make kernel VARIANT=c"
                    .into(),
            ),
            (_, Err(why)) => (Outcome::Failed, why),
            (Some(Err(why)), _) => (Outcome::Failed, why.clone()),
            (Some(Ok(oracle)), Ok(facts)) => {
                match compare::unlike(checkout, oracle, &facts, run.variant)? {
                    None => (Outcome::Passed, String::new()),
                    Some(what) => (Outcome::Failed, what),
                }
            }
        };
        let test = Test {
            name: compare::RANDOM.into(),
            outcome,
            detail,
            time: None,
        };
        complain(
            &test,
            run.variant,
            "make compare FILTER=random, which finds out what it takes",
        );
        run.outcomes.add(test);
    }
    Ok(())
}

fn carry_out(
    checkout: &Checkout,
    options: &Options,
    ready: &Ready,
    plan: &Plan,
    outcomes: &mut Outcomes,
) -> Result {
    if plan.boots() {
        outcomes.add_boot(boot(checkout, ready, plan)?, plan.wants_kernel());
    }
    for test in compile_fail::run(checkout, &ready.kernel, &plan.compile_fail)? {
        outcomes.add(test);
    }
    if plan.codegen {
        outcomes.add(codegen::run(checkout, &ready.kernel, &ready.driver)?);
    }
    if plan.image {
        outcomes.add(image::run(checkout, &ready.kernel)?);
    }
    if plan.apply {
        outcomes.add(apply::run(checkout, &ready.kernel, options)?);
    }
    if plan.rows {
        outcomes.add(rows::run(checkout, &ready.kernel, &ready.guest)?);
    }
    if plan.unit {
        outcomes.add(unit(checkout, ready)?);
    }
    for test in selftest::run(checkout, ready, &plan.faults, &plan.all_suites)? {
        outcomes.add(test);
    }
    Ok(())
}

fn report(options: &Options, runs: Vec<Run>, exit: Exit, time: Duration) -> Report {
    let kernel = |run: &Run| report::Kernel {
        variant: run.variant,
        release: run.release.clone(),
        accel: run.engine.map(Engine::name),
        exit: run.outcomes.exit.code(),
    };
    let entries = |run: Run| {
        let tests = run.outcomes.tests.into_iter();
        tests.map(move |test| Entry {
            variant: run.variant,
            test,
        })
    };
    Report {
        kernels: runs.iter().map(kernel).collect(),
        cpus: options.cpus,
        exit: exit.code(),
        seconds: time.as_secs_f64(),
        tests: runs.into_iter().flat_map(entries).collect(),
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

    /// Adds that something could not be built: that need not be so with other variants. All else is
    /// the end of the run.
    fn add_failure(&mut self, failure: Failure) -> Result {
        if failure.exit != Exit::Build {
            return Err(failure);
        }
        if self.exit == Exit::Ok {
            self.exit = failure.exit;
        }
        self.tests.push(Test {
            name: judge::KERNEL.into(),
            outcome: Outcome::Failed,
            detail: format!("{}\n{}", failure.what, failure.why),
            time: None,
        });
        Ok(())
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

/// Prints what a failing test of `variant` has to say, and where there is more.
pub fn complain(test: &Test, variant: Variant, log: &str) {
    if test.outcome != Outcome::Failed {
        return;
    }
    ui::line(&format!("  FAILED     {} ({variant})", test.name));
    for line in test.detail.lines() {
        ui::line(&format!("             {line}"));
    }
    ui::line(&format!("             look into {log}"));
}

/// The boot that runs the suites and the checks, and further ones for suites that cannot run with
/// others.
fn boot(checkout: &Checkout, ready: &Ready, plan: &Plan) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let name = format!("test-{}", ready.kernel.variant);
    let filters = Filter::choose(&plan.suites, &plan.all_suites, ready.kernel.debug);
    for (index, filter) in filters.into_iter().enumerate() {
        let (mut boot, checks, expected) = if index == 0 {
            let mut boot = ready.boot(&name, "test");
            boot.words.push(format!("lab.extra={DUMMY}"));
            boot.words.push(TRACE.into());
            let files = [ready.driver_file(), DUMMY];
            let expected = ready.expected(&files, filter.reporting, plan.checks.clone());
            (boot, check_filter(plan), expected)
        } else {
            let boot = ready.boot_with(&format!("{name}-{index}"), "test", "");
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
    let variant = ready.kernel.variant;
    stage.done(&format!(
        "{}: {}",
        describe(boot, variant),
        tally(&verdict.tests)
    ));
    let log = checkout.show(&evidence.log);
    for test in &verdict.tests {
        complain(test, variant, &log);
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

/// A boot of `variant`'s kernel in a few words.
pub fn describe(boot: &Boot, variant: Variant) -> String {
    format!("{variant}, {}, {} CPUs", boot.engine.name(), boot.cpus)
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
    complain(&test, ready.kernel.variant, &shown);
    Ok(test)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is planned in this very checkout, if all the kernel's symbols are set.
    fn plan(filter: &str, variant: Variant, first: bool, upstream: Option<&str>) -> Plan {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let basis = Basis {
            filter,
            variant,
            first,
            alone: false,
            checks: vec!["guest.lo.up".into()],
            upstream: upstream.map(|text| vec![text.to_string()]),
            has: &|_| true,
        };
        Plan::make(&Checkout { root }, basis).unwrap()
    }

    const SUITE: &str = ".name = \"hole\",\nKUNIT_CASE(one),\n";

    #[test]
    fn each_variant_has_its_tests_and_the_first_one_those_of_none() {
        for variant in Variant::ALL {
            for first in [true, false] {
                let plan = plan("*", variant, first, Some(SUITE));
                let is_module = variant == Variant::Module;
                assert_eq!(plan.compile_fail.is_empty(), !is_module, "{variant}");
                assert_eq!(plan.codegen, variant != Variant::C, "{variant}");
                assert!(plan.random);
                assert_eq!((plan.unit, plan.apply, plan.rows), (first, first, first));
                assert!(plan.image);
                assert_eq!(plan.faults.len() > 1, first, "{variant}");
                let has = |name| plan.suites.iter().any(|suite| suite.name == name);
                assert_eq!(
                    has("rust_loopback_xmit"),
                    variant != Variant::C,
                    "{variant}"
                );
                assert!(has("hole") && has("rust_doctests_kernel"), "{variant}");
            }
        }
    }

    #[test]
    fn a_variant_of_which_nothing_is_wanted_is_left_out() {
        for (filter, wanted) in [
            (
                "kunit.rust_loopback_xmit.*",
                &[Variant::Module, Variant::Builtin][..],
            ),
            ("compile_fail.control", &[Variant::Module]),
            ("lab.unit", &[Variant::Module]),
            ("lab.fault.variant", &Variant::ALL),
            ("kunit.hole.one", &Variant::ALL),
            ("image.*", &Variant::ALL),
            ("guest.kernel", &Variant::ALL),
            ("kunit.hole.two", &[]),
            ("guest", &[]),
        ] {
            let is_wanted = |variant: &Variant| {
                !plan(filter, *variant, *variant == Variant::Module, Some(SUITE)).is_empty()
            };
            let found: Vec<Variant> = Variant::ALL.into_iter().filter(is_wanted).collect();
            assert_eq!(found, wanted, "{filter}");
        }
    }

    #[test]
    fn what_may_be_a_suite_that_nobody_has_seen_yet_is_not_left_out() {
        let is_empty = |filter| plan(filter, Variant::C, false, None).is_empty();
        for filter in ["kunit.hole.one", "k*hole*", "*one", "?unit.*"] {
            assert!(!is_empty(filter), "{filter}");
        }
        for filter in ["kunit", "kunit_*", "compile_fail.*", "lab.unit", ""] {
            assert!(is_empty(filter), "{filter}");
        }
    }

    #[test]
    fn what_cannot_be_built_is_red_and_all_else_ends_the_run() {
        let mut outcomes = Outcomes::default();
        let failure = |exit| Failure::new(exit, "what", "why");
        outcomes.add_failure(failure(Exit::Build)).unwrap();
        assert_eq!(outcomes.exit, Exit::Build);
        assert_eq!(outcomes.tests[0].outcome, Outcome::Failed);
        assert_eq!(outcomes.tests[0].detail, "what\nwhy");
        for exit in [Exit::Interrupted, Exit::DiskFull, Exit::Boot] {
            assert!(outcomes.add_failure(failure(exit)).is_err());
        }
    }

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
