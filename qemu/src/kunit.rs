// SPDX-License-Identifier: GPL-2.0

//! KUnit: which suites and cases there must be, by the sources of driver, abstractions and kernel;
//! which there were, by the KTAP text of each suite; and what the kernel's own parser says about
//! that text.

use std::fs;
use std::path::Path;

use lab_protocol::Outcome;
use lab_protocol::Variant;
use serde::Deserialize;
use serde::Serialize;

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::doctest;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;
use crate::toolchain::clean;

/// The kernel's parser, in its source tree.
const PARSER: &str = "tools/testing/kunit/kunit.py";

/// A suite that must report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// Its cases, in order.
    pub cases: Vec<String>,
    /// Whether it is part of the kernel, and so runs when that starts.
    pub built_in: bool,
    /// Of a suite that has cases of others, too: how the names of ours begin. Otherwise empty.
    pub owned: Vec<String>,
}

impl Suite {
    /// The names of its cases as tests of ours.
    pub fn tests(&self) -> impl Iterator<Item = String> + '_ {
        self.cases
            .iter()
            .map(|case| format!("kunit.{}.{case}", self.name))
    }

    /// Whether it has cases of others, too.
    pub fn is_shared(&self) -> bool {
        !self.owned.is_empty()
    }

    /// Whether a case of this name would be ours.
    pub fn owns(&self, case: &str) -> bool {
        !self.is_shared() || self.owned.iter().any(|prefix| case.starts_with(prefix))
    }

    /// The same suite with only those cases whose name as a test is `wanted`.
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let cases = self.cases.iter().zip(self.tests());
        Self {
            name: self.name.clone(),
            cases: cases
                .filter(|(_, test)| wanted(test))
                .map(|(case, _)| case.clone())
                .collect(),
            built_in: self.built_in,
            owned: self.owned.clone(),
        }
    }
}

/// What a suite is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// The driver, whatever that is part of.
    Driver,
    /// A module of the tests.
    Module,
    /// The kernel.
    Kernel,
}

impl Home {
    /// Whether that is part of `variant`'s kernel; none if nothing runs it there.
    fn built_in(self, variant: Variant) -> Option<bool> {
        match (self, variant) {
            (Home::Kernel, _) | (Home::Driver, Variant::Builtin) => Some(true),
            (Home::Module, _) | (Home::Driver, Variant::Module) => Some(false),
            // The module is refused before it runs any.
            (Home::Driver, Variant::C) => None,
        }
    }
}

/// Where this project's suites are.
const SOURCES: [(&str, Home); 3] = [
    ("tests/kunit", Home::Driver),
    ("tests/modules", Home::Module),
    ("linux/rust", Home::Kernel),
];

/// Suites of the kernel's own that have to do with `lo`, in its tree.
pub const UPSTREAM: [&str; 1] = ["lib/tests/blackhole_dev_kunit.c"];

/// The suites of `variant`'s kernel: this project's, what it has in the kernel's suite of doctests,
/// and those in `upstream`, which are the texts of [`UPSTREAM`]. `has` says which symbols of the
/// kernel's configuration are set: there are suites that need one.
pub fn expected(
    checkout: &Checkout,
    variant: Variant,
    upstream: &[String],
    has: &dyn Fn(&str) -> bool,
) -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for (directory, home) in SOURCES {
        let Some(built_in) = home.built_in(variant) else {
            continue;
        };
        for entry in walkdir::WalkDir::new(checkout.path(directory)).sort_by_file_name() {
            let entry = entry.map_err(crate::key::walk_failure)?;
            if entry.path().extension().is_some_and(|e| e == "rs") {
                let text = read_text(entry.path())?;
                if needs(&text).is_none_or(has) {
                    let found = parse_source(&text).into_iter();
                    suites.extend(found.map(|suite| Suite { built_in, ..suite }));
                }
            }
        }
    }
    for text in upstream {
        suites.push(parse_c_source(text)?);
    }
    suites.push(doctest::expected(checkout)?);
    Ok(suites)
}

/// Which symbol of the kernel's configuration all of a Rust source needs: `#![cfg(<symbol>)]`.
fn needs(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let symbol = line.strip_prefix("#![cfg(")?.strip_suffix(")]")?;
        symbol.starts_with("CONFIG_").then_some(symbol)
    })
}

/// The suites that a Rust source declares: `#[kunit_tests(<suite>)]`, in the kernel crate
/// `#[macros::kunit_tests(<suite>)]`, and in the module that follows, `#[test] fn <case>`.
fn parse_source(text: &str) -> Vec<Suite> {
    let mut suites: Vec<Suite> = Vec::new();
    let mut test = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("//") {
            continue;
        }
        let attribute = line.strip_prefix("#[").and_then(|l| l.split_once(']'));
        let rest = match attribute {
            None => line,
            Some((attribute, rest)) => {
                if let Some(name) = suite_name(attribute) {
                    suites.push(Suite {
                        name: name.into(),
                        ..Suite::default()
                    });
                    test = false;
                }
                test |= attribute.trim() == "test";
                rest.trim()
            }
        };
        if let (true, Some(name), Some(suite)) = (test, function(rest), suites.last_mut()) {
            suite.cases.push(name.into());
            test = false;
        }
    }
    suites
}

/// The one suite that a C source of the kernel's declares: `.name = "<suite>"`, and
/// `KUNIT_CASE(<case>)` for each case.
fn parse_c_source(text: &str) -> Result<Suite> {
    let lines = || text.lines().map(str::trim);
    let name = |line: &str| {
        let name = line.strip_prefix(".name = \"")?.strip_suffix("\",")?;
        Some(name.to_string())
    };
    let case = |line: &str| {
        let case = line.strip_prefix("KUNIT_CASE(")?.strip_suffix("),")?;
        Some(case.to_string())
    };
    let names: Vec<String> = lines().filter_map(name).collect();
    let cases: Vec<String> = lines().filter_map(case).collect();
    match (&names[..], cases.is_empty()) {
        ([name], false) => Ok(Suite {
            name: name.clone(),
            cases,
            built_in: true,
            ..Suite::default()
        }),
        _ => Err(Failure::new(
            Exit::Source,
            "a KUnit suite of the kernel's cannot be understood",
            format!("names {names:?}, cases {cases:?} in one of {UPSTREAM:?}"),
        )
        .hint("the lab knows `.name = \"...\"` and `KUNIT_CASE(...)`, each on a line of its own")),
    }
}

fn suite_name(attribute: &str) -> Option<&str> {
    let attribute = attribute.trim();
    let name = attribute
        .strip_prefix("macros::")
        .unwrap_or(attribute)
        .strip_prefix("kunit_tests(")?;
    Some(name.strip_suffix(')')?.trim())
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let name = line.strip_prefix("fn ")?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some(&name[..end])
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it said, if it did not pass.
    pub detail: String,
}

/// A suite's report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The cases that reported.
    pub cases: Vec<Case>,
    /// What is wrong with the text itself: truncated, or contradicting itself.
    pub damage: Vec<String>,
}

/// Reads the KTAP text of the one suite `name`, as debugfs has it, strictly: what is not there
/// did not happen.
pub fn parse(name: &str, text: &str) -> Report {
    let mut report = Report::default();
    let mut plan = None;
    let mut heading = false;
    let mut verdict = None;
    let mut said: Vec<&str> = Vec::new();
    for line in text.lines() {
        if let Some(inner) = line.strip_prefix("    ").filter(|l| !l.starts_with(' ')) {
            heading |= inner.strip_prefix("# Subtest: ") == Some(name);
            if let Some(count) = inner.strip_prefix("1..") {
                plan = count.trim().parse::<usize>().ok();
            }
            if let Some((number, case)) = result(inner) {
                if number != report.cases.len() + 1 {
                    report.damage.push(format!("case out of order: {inner}"));
                }
                report.cases.push(case.explained(&said));
                said.clear();
                continue;
            }
        } else if let Some((_, case)) = result(line) {
            verdict = Some(case);
        }
        said.push(line.trim());
    }
    report.check(name, heading, plan, verdict);
    report
}

impl Report {
    fn check(&mut self, name: &str, heading: bool, plan: Option<usize>, verdict: Option<Case>) {
        let mut complain = |text: String| self.damage.push(text);
        if !heading {
            complain(format!("no `# Subtest: {name}`"));
        }
        match plan {
            None => complain("no plan".into()),
            Some(plan) if plan != self.cases.len() => {
                complain(format!(
                    "{plan} cases planned, {} reported",
                    self.cases.len()
                ));
            }
            Some(_) => {}
        }
        let failed = self.cases.iter().any(|c| c.outcome == Outcome::Failed);
        match verdict {
            None => complain("the suite's own result is missing".into()),
            Some(case) if case.name != name => {
                complain(format!("the result is {}'s, not {name}'s", case.name));
            }
            Some(case) if (case.outcome == Outcome::Failed) != failed => {
                complain("the suite's result contradicts its cases".into());
            }
            Some(_) => {}
        }
    }
}

impl Case {
    /// With the lines that came before it, if it did not pass.
    fn explained(mut self, said: &[&str]) -> Self {
        if self.outcome == Outcome::Failed {
            let lines: Vec<&str> = said
                .iter()
                .filter(|line| !line.starts_with("KTAP") && !line.starts_with("1.."))
                .filter(|line| !line.starts_with("# Subtest") && !line.contains(".speed: "))
                .filter(|line| !line.starts_with("# module: "))
                .copied()
                .collect();
            self.detail = lines.join("\n");
        }
        self
    }
}

/// Parses `[not ]ok <number> <name>[ # <directive>]`.
fn result(line: &str) -> Option<(usize, Case)> {
    let (passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ')?;
    let (name, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
    let skipped = directive.starts_with("SKIP");
    let outcome = match (passed, skipped) {
        (false, _) => Outcome::Failed,
        (true, true) => Outcome::Skipped,
        (true, false) => Outcome::Passed,
    };
    let case = Case {
        name: name.trim().into(),
        outcome,
        detail: directive.trim_start_matches("SKIP").trim().into(),
    };
    Some((number.parse().ok()?, case))
}

/// What the kernel's own parser says about one suite's text: nothing if it is content, else its
/// complaint. It is a second opinion; neither it nor [`parse`] alone can make a run green.
pub fn second_opinion(source: &Path, text: &str) -> Result<Option<String>> {
    let parser = source.join(PARSER);
    let file = tempfile::NamedTempFile::new()
        .map_err(|e| Failure::io("write", Path::new("a temporary file"), e))?;
    fs::write(file.path(), text).map_err(|e| Failure::io("write", file.path(), e))?;
    let mut command = clean("python3");
    command
        .arg("-B")
        .arg(&parser)
        .args(["parse", "--failed"])
        .arg(file.path());
    match process::output(&mut command, Exit::TestFailed) {
        Ok(_) => Ok(None),
        Err(failure) if failure.exit == Exit::TestFailed => Ok(Some(failure.why)),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
use kernel::prelude::*;

// #[kunit_tests(commented_out)]
#[kunit_tests(lo_setup)]
mod setup {
    use super::*;

    fn helper() -> u32 { 1 }

    #[test]
    fn flags_are_as_in_c() -> Result {
        Ok(())
    }

    /// A comment.
    #[test]
    #[allow(clippy::foo)]
    fn mtu() {}
}

#[macros::kunit_tests(lo_xmit)]
mod xmit {
    #[test] fn one() {}
    // #[test]
    fn not_a_test() {}
}
"#;

    #[test]
    fn sources_are_understood() {
        let suites = parse_source(SOURCE);
        let names: Vec<&str> = suites.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["lo_setup", "lo_xmit"]);
        assert_eq!(suites[0].cases, ["flags_are_as_in_c", "mtu"]);
        assert_eq!(suites[1].cases, ["one"]);
        let tests: Vec<String> = suites[1].tests().collect();
        assert_eq!(tests, ["kunit.lo_xmit.one"]);
    }

    #[test]
    fn c_sources_are_understood() {
        let source = "static struct kunit_case x_cases[] = {\n\tKUNIT_CASE(x_first),\n\
                      \tKUNIT_CASE(x_second),\n\t{},\n};\n\
                      static struct kunit_suite x_suite = {\n\t.name = \"x\",\n\
                      \t.test_cases = x_cases,\n};\n";
        let suite = parse_c_source(source).unwrap();
        assert_eq!(suite.name, "x");
        assert_eq!(suite.cases, ["x_first", "x_second"]);
        assert!(suite.built_in);
        // What is not understood must not pass for a suite without cases.
        for gone in [".name", "KUNIT_CASE"] {
            assert!(parse_c_source(&source.replace(gone, "x")).is_err());
        }
        assert!(parse_c_source(&source.repeat(2)).is_err());
    }

    fn checkout() -> (tempfile::TempDir, Checkout) {
        let dir = tempfile::tempdir().unwrap();
        for (path, suite) in [
            ("tests/kunit/a.rs", "of_driver"),
            ("tests/modules/m/b.rs", "of_module"),
            ("linux/rust/c.rs", "of_kernel"),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = format!("#[kunit_tests({suite})]\nmod m {{\n#[test]\nfn x() {{}}\n}}\n");
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(dir.path().join("linux/rust/kernel")).unwrap();
        let root = dir.path().into();
        (dir, Checkout { root })
    }

    #[test]
    fn each_variant_has_the_suites_that_run_there() {
        let (_dir, checkout) = checkout();
        let built_in = |variant, name: &str| {
            let suites = expected(&checkout, variant, &[], &|_| true).unwrap();
            let found = suites.into_iter().find(|suite| suite.name == name);
            found.map(|suite| suite.built_in)
        };
        assert_eq!(built_in(Variant::Module, "of_driver"), Some(false));
        assert_eq!(built_in(Variant::Builtin, "of_driver"), Some(true));
        assert_eq!(built_in(Variant::C, "of_driver"), None);
        for variant in Variant::ALL {
            assert_eq!(built_in(variant, "of_module"), Some(false));
            assert_eq!(built_in(variant, "of_kernel"), Some(true));
        }
    }

    #[test]
    fn what_a_source_needs_is_seen() {
        assert_eq!(
            needs("//! x\n#![cfg(CONFIG_A)]\nuse x;\n"),
            Some("CONFIG_A")
        );
        assert_eq!(needs(SOURCE), None);
        assert_eq!(needs("// #![cfg(CONFIG_A)]\n#[cfg(CONFIG_B)]\n"), None);
        assert_eq!(needs("#![cfg(not(CONFIG_A))]\n"), None);
    }

    const KTAP: &str = "\
KTAP version 1
1..1
    KTAP version 1
    # Subtest: s
    1..3
    ok 1 first
    # second: EXPECTATION FAILED at x.c:24
    Expected kind != \"case\", but
        kind == \"case\"
    not ok 2 second
    ok 3 third # SKIP not here
    # module: m
# s: pass:1 fail:1 skip:1 total:3
# Totals: pass:1 fail:1 skip:1 total:3
not ok 1 s
";

    #[test]
    fn a_whole_report_is_read() {
        let report = parse("s", KTAP);
        assert_eq!(report.damage, Vec::<String>::new());
        let outcomes: Vec<_> = report.cases.iter().map(|c| c.outcome).collect();
        let wanted = [Outcome::Passed, Outcome::Failed, Outcome::Skipped];
        assert_eq!(outcomes, wanted);
        assert!(report.cases[1].detail.contains("x.c:24"));
        assert_eq!(report.cases[2].detail, "not here");
    }

    #[test]
    fn every_truncation_is_seen() {
        let lines: Vec<&str> = KTAP.split_inclusive('\n').collect();
        for count in 0..lines.len() {
            let report = parse("s", &lines[..count].concat());
            assert!(!report.damage.is_empty(), "{count} lines");
        }
    }

    #[test]
    fn contradictions_are_seen() {
        for (from, to) in [
            ("not ok 1 s", "ok 1 s"),
            ("not ok 1 s", "not ok 1 t"),
            ("1..3", "1..4"),
            ("1..3", "1..2"),
            ("ok 3 third", "ok 4 third"),
            ("    ok 1 first\n", ""),
            ("# Subtest: s", "# Subtest: t"),
        ] {
            let report = parse("s", &KTAP.replacen(from, to, 1));
            assert!(!report.damage.is_empty(), "{from} -> {to}");
        }
    }

    #[test]
    fn a_glued_line_does_not_pass() {
        let report = parse("s", &KTAP.replace("    ok 1 first", "    ok 1 firstoops"));
        assert!(report.cases.iter().all(|case| case.name != "first"));
        let report = parse("s", &KTAP.replace("    ok 1 first", "noise    ok 1 first"));
        assert!(!report.damage.is_empty());
    }
}
