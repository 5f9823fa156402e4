// SPDX-License-Identifier: GPL-2.0

//! What a test's output says of its sub-tests.

use std::collections::BTreeMap;

use lab_protocol::End;
use regex::Regex;

use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// A sub-test went well.
pub const PASS: &str = "pass";
/// One went wrong, as its author knows.
pub const XFAIL: &str = "xfail";
/// What stands for the sub-tests of a test that has not told of any.
pub const NONE: &str = "sub-tests";

const FAIL: &str = "fail";
const SKIP: &str = "skip";

/// The sub-test that every test has: how it ended.
const EXIT: &str = "exit";

/// What upstream's tests return that could not be tried.
const EXIT_SKIP: i32 = 4;

/// How to read an output.
#[derive(Clone, Debug)]
pub enum Reading {
    /// As KTAP.
    Tap,
    /// As lines such as `TEST: <name> [ OK ]` or `PASS: <name>`.
    Words,
    /// As headings: what is below one went well if nothing there is bad, and if the test went on.
    Steps {
        /// A heading, with its name in a group.
        step: Regex,
        /// A line below one that says that something went wrong.
        bad: Option<Regex>,
        /// Whether a heading that comes again is another attempt at the same.
        retries: bool,
    },
    /// Not at all: the exit status says it.
    Exit,
}

/// What the lines look like that tell something.
#[derive(Debug)]
pub struct Reader {
    tap: Regex,
    plan: Regex,
    brackets: Regex,
    colon: Regex,
    uuid: Regex,
}

impl Reader {
    /// One that knows them.
    pub fn new() -> Result<Self> {
        let regex = |pattern| {
            Regex::new(pattern).map_err(|e| Failure::new(Exit::Internal, "a bad pattern", e))
        };
        Ok(Self {
            tap: regex(r"^\s*(not )?ok \d+(?: -)?\s*(.*?)(?:\s*# (SKIP|XFAIL)\b\s*(.*))?$")?,
            plan: regex(r"^\s*1\.\.(\d+)\b")?,
            brackets: regex(r"(?i)^\s*(?:TEST: )?(\S.*?)\s*\[\s*(OK|PASS|FAIL|SKIP|XFAIL)\s*\]")?,
            colon: regex(r"^\s*\[?(OK|PASS|FAIL|SKIP|XFAIL)(?:\]|:)\s*(.+)$")?,
            uuid: regex(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")?,
        })
    }

    /// Each sub-test, with its verdict; the last one is how the test ended.
    pub fn read(&self, reading: &Reading, output: &str, end: End) -> Vec<(String, String)> {
        let mut found = match reading {
            Reading::Tap => self.tap(output),
            Reading::Words => self.words(output),
            Reading::Steps { step, bad, retries } => {
                steps(output, step, bad.as_ref(), *retries, end)
            }
            Reading::Exit => Vec::new(),
        };
        if found.is_empty() && !matches!(reading, Reading::Exit) {
            found.push((NONE.into(), format!("{FAIL} (it told of none)")));
        }
        found.push((EXIT.into(), ended(end)));
        self.number(found)
    }

    fn tap(&self, output: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut planned = 0;
        for line in output.lines() {
            if let Some(plan) = self.plan.captures(line) {
                planned += plan[1].parse().unwrap_or(0);
            }
            let Some(it) = self.tap.captures(line) else {
                continue;
            };
            let text = |group| it.get(group).map_or("", |text| text.as_str());
            let (mut name, reason) = (text(2), text(4));
            // Some say what was skipped where the reason belongs.
            if name.is_empty() {
                name = reason;
            }
            let verdict = match (text(1), text(3)) {
                (_, "SKIP") => with_reason(SKIP, reason),
                (_, "XFAIL") => XFAIL.into(),
                ("", _) => PASS.into(),
                _ => FAIL.into(),
            };
            found.push((name.to_string(), verdict));
        }
        // A plan for tests in tests counts those of each level.
        if !found.is_empty() && found.len() != planned {
            let count = found.len();
            found.push(("plan".into(), format!("{FAIL} ({count} of {planned})")));
        }
        found
    }

    fn words(&self, output: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for line in output.lines() {
            let (name, word) = match (self.brackets.captures(line), self.colon.captures(line)) {
                (Some(it), _) => (it[1].to_string(), it[2].to_string()),
                (None, Some(it)) => (it[2].to_string(), it[1].to_string()),
                (None, None) => continue,
            };
            let verdict = match word.to_ascii_uppercase().as_str() {
                "OK" | "PASS" => PASS,
                "SKIP" => SKIP,
                "XFAIL" => XFAIL,
                _ => FAIL,
            };
            found.push((name, verdict.into()));
        }
        found
    }

    /// Makes the names fit to be part of a key, and unlike each other.
    fn number(&self, found: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut times = BTreeMap::new();
        let unlike = |(name, value): (String, String)| {
            let name = self.uuid.replace_all(&name, "<uuid>");
            let name = name.replace(['*', '?'], "-");
            let name = name.split_whitespace().collect::<Vec<_>>().join("_");
            let count = times.entry(name.clone()).or_insert(0);
            *count += 1;
            match *count {
                1 => (name, value),
                count => (format!("{name}.{count}"), value),
            }
        };
        found.into_iter().map(unlike).collect()
    }
}

fn ended(end: End) -> String {
    match end {
        End::Exit(0) => PASS.into(),
        End::Exit(EXIT_SKIP) => SKIP.into(),
        End::Exit(status) => format!("{FAIL} (exit status {status})"),
        End::Signal(signal) => format!("{FAIL} (signal {signal})"),
        End::Late => format!("{FAIL} (no end in time)"),
    }
}

fn with_reason(verdict: &str, reason: &str) -> String {
    match reason.trim() {
        "" => verdict.into(),
        reason => format!("{verdict} ({reason})"),
    }
}

fn steps(
    output: &str,
    step: &Regex,
    bad: Option<&Regex>,
    retries: bool,
    end: End,
) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in output.lines() {
        if let Some(heading) = step.captures(line) {
            let name = heading.get(1).map_or("", |name| name.as_str());
            found.retain(|(other, _)| !retries || other != name);
            found.push((name.into(), PASS.into()));
        }
        if bad.is_some_and(|bad| bad.is_match(line)) {
            if let Some((_, verdict)) = found.last_mut() {
                *verdict = FAIL.into();
            }
        }
    }
    // Where failures have lines of their own, the exit status only repeats them.
    if bad.is_none() && end != End::Exit(0) {
        if let Some((_, verdict)) = found.last_mut() {
            *verdict = FAIL.into();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regex(pattern: &str) -> Regex {
        Regex::new(pattern).unwrap()
    }

    fn read_all(reading: &Reading, output: &str, end: End) -> Vec<String> {
        let pairs = Reader::new()
            .unwrap()
            .read(reading, output, end)
            .into_iter();
        pairs
            .map(|(name, value)| format!("{name} = {value}"))
            .collect()
    }

    #[test]
    fn ktap_is_read_line_by_line() {
        let output = "TAP version 13\n1..6\n# Starting\nok 1 global.a b\nnot ok 2 c\n\
            ok 3 d # SKIP no tool\nok 4 # SKIP no e\nnot ok 5 - f # XFAIL known\nok 6 a?*\n\
            # Totals: pass:2\n";
        assert_eq!(
            read_all(&Reading::Tap, output, End::Exit(1)),
            [
                "global.a_b = pass",
                "c = fail",
                "d = skip (no tool)",
                "no_e = skip (no e)",
                "f = xfail",
                "a-- = pass",
                "exit = fail (exit status 1)",
            ]
        );
    }

    #[test]
    fn ktap_of_tests_in_tests_has_a_plan_for_each() {
        let output = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..2\n\
            \x20   ok 1 a\n    ok 2 b\n# s: pass:2\nok 1 s\n";
        let wanted = ["a = pass", "b = pass", "s = pass", "exit = pass"];
        assert_eq!(read_all(&Reading::Tap, output, End::Exit(0)), wanted);
    }

    #[test]
    fn a_plan_that_is_not_kept_is_a_failure() {
        let wanted = [
            "a = pass",
            "plan = fail (1 of 2)",
            "exit = fail (signal 11)",
        ];
        let output = "1..2\nok 1 a\n";
        assert_eq!(read_all(&Reading::Tap, output, End::Signal(11)), wanted);
        let wanted = ["a = pass", "plan = fail (1 of 0)", "exit = pass"];
        assert_eq!(read_all(&Reading::Tap, "ok 1 a\n", End::Exit(0)), wanted);
    }

    #[test]
    fn words_stand_behind_or_before_the_name() {
        let output = "TEST: IPv4 a, b          [ OK ]\nTEST: c   [FAIL]\n    rc=1\n\
            TEST: d [SKIP]\nTEST: d [XFAIL]\nPASS: alias 0a1b2c3d-0000-1111-2222-0123456789ab\n\
            FAIL: f: g\nSKIP: h\n[PASS] i\nnothing\n\
            j[fail] expected 1\nk  [ ok ]\n";
        let found = read_all(&Reading::Words, output, End::Exit(1));
        assert_eq!(
            found,
            [
                "IPv4_a,_b = pass",
                "c = fail",
                "d = skip",
                "d.2 = xfail",
                "alias_<uuid> = pass",
                "f:_g = fail",
                "h = skip",
                "i = pass",
                "j = fail",
                "k = pass",
                "exit = fail (exit status 1)",
            ]
        );
    }

    #[test]
    fn the_last_step_is_the_one_that_failed() {
        let reading = Reading::Steps {
            step: regex("^(raw.*|dgram)$"),
            bad: None,
            retries: false,
        };
        let output = "dgram\ntx: 128\nraw min size\nraw\nsendto: Message too long\n";
        let wanted = [
            "dgram = pass",
            "raw_min_size = pass",
            "raw = pass",
            "exit = pass",
        ];
        assert_eq!(read_all(&reading, output, End::Exit(0)), wanted);
        let failed = read_all(&reading, output, End::Late);
        assert_eq!(failed[1..3], ["raw_min_size = pass", "raw = fail"]);
        assert_eq!(failed[3], "exit = fail (no end in time)");
    }

    #[test]
    fn a_bad_line_is_the_failure_of_the_step_above() {
        let reading = Reading::Steps {
            step: regex("^Starting (.*)$"),
            bad: Some(regex("^Failure")),
            retries: false,
        };
        let output = "Failure early\nStarting 1\nFailure in 1\nStarting 2\n";
        let wanted = ["1 = fail", "2 = pass", "exit = fail (exit status 1)"];
        assert_eq!(read_all(&reading, output, End::Exit(1)), wanted);
    }

    #[test]
    fn the_last_attempt_counts() {
        let reading = |retries| Reading::Steps {
            step: regex("^(test .)"),
            bad: Some(regex("^warning")),
            retries,
        };
        let output = "test 0 ports 1\nwarning\ntest 0 ports 2\ntest 1\n";
        let wanted = ["test_0 = pass", "test_1 = pass", "exit = pass"];
        assert_eq!(read_all(&reading(true), output, End::Exit(0)), wanted);
        let wanted = ["test_0 = fail", "test_0.2 = pass", "test_1 = pass"];
        assert_eq!(read_all(&reading(false), output, End::Exit(0))[..3], wanted);
    }

    #[test]
    fn a_test_that_tells_of_nothing_has_failed() {
        for reading in [Reading::Tap, Reading::Words] {
            let found = read_all(&reading, "SUCCESS\n", End::Exit(0));
            assert_eq!(found, ["sub-tests = fail (it told of none)", "exit = pass"]);
        }
        assert_eq!(read_all(&Reading::Exit, "x", End::Exit(4)), ["exit = skip"]);
    }
}
