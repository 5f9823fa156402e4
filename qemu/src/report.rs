// SPDX-License-Identifier: GPL-2.0

//! What is left of a test run: `build/results/results.json`, `build/results/junit.xml`, and the
//! last line.

use std::time::Duration;

use lab_protocol::Outcome;
use serde::Serialize;

use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::judge::Test;

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The kernel's release.
    pub release: String,
    /// The kernel's variant.
    pub variant: String,
    /// What executed the guest.
    pub accel: String,
    /// The guest's CPUs.
    pub cpus: u32,
    /// The lab's exit code.
    pub exit: u8,
    /// How long it all took, in seconds.
    pub seconds: f64,
    /// Every test.
    pub tests: Vec<Test>,
}

impl Report {
    fn count(&self, outcome: Outcome) -> usize {
        let same = |test: &&Test| test.outcome == outcome;
        self.tests.iter().filter(same).count()
    }

    /// The last line.
    pub fn summary(&self) -> String {
        let (passed, failed) = (self.count(Outcome::Passed), self.count(Outcome::Failed));
        match self.count(Outcome::Skipped) {
            0 => format!("{passed} passed, {failed} failed"),
            skipped => format!("{passed} passed, {failed} failed, {skipped} skipped"),
        }
    }

    /// Writes both files.
    pub fn save(&self, checkout: &Checkout) -> Result {
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| Failure::new(Exit::Internal, "cannot write the results", e))?;
        write(&checkout.build("results/results.json"), &json)?;
        write(
            &checkout.build("results/junit.xml"),
            self.junit().as_bytes(),
        )
    }

    fn junit(&self) -> String {
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rust-loopback\" \
             tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">\n",
            self.tests.len(),
            self.count(Outcome::Failed),
            self.count(Outcome::Skipped),
            self.seconds
        );
        for suite in self.suites() {
            let tests: Vec<&Test> = self.tests.iter().filter(|t| split(t).0 == suite).collect();
            let count = |outcome| tests.iter().filter(|t| t.outcome == outcome).count();
            xml += &format!(
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
                escape(suite),
                tests.len(),
                count(Outcome::Failed),
                count(Outcome::Skipped)
            );
            for test in tests {
                xml += &case(test);
            }
            xml += "  </testsuite>\n";
        }
        xml + "</testsuites>\n"
    }

    /// The suites, in the order in which they first appear.
    fn suites(&self) -> Vec<&str> {
        let mut suites = Vec::new();
        for test in &self.tests {
            let (suite, _) = split(test);
            if !suites.contains(&suite) {
                suites.push(suite);
            }
        }
        suites
    }
}

/// A test's name, split into suite and case: at its last dot.
fn split(test: &Test) -> (&str, &str) {
    test.name.rsplit_once('.').unwrap_or(("lab", &test.name))
}

fn case(test: &Test) -> String {
    let (suite, name) = split(test);
    let time = test.time.unwrap_or(Duration::ZERO).as_secs_f64();
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{time:.3}\"",
        escape(suite),
        escape(name)
    );
    let detail = escape(&test.detail);
    let first = escape(test.detail.lines().next().unwrap_or_default());
    match test.outcome {
        Outcome::Passed => format!("{head}/>\n"),
        Outcome::Failed => format!(
            "{head}>\n      <failure message=\"{first}\">{detail}</failure>\n    </testcase>\n"
        ),
        Outcome::Skipped => {
            format!("{head}>\n      <skipped message=\"{first}\"/>\n    </testcase>\n")
        }
    }
}

/// Text as XML allows it, in elements and in attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\n' | '\t' => out.push(c),
            // Not even as a reference may these be in XML 1.0.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, outcome: Outcome, detail: &str) -> Test {
        Test {
            name: name.into(),
            outcome,
            detail: detail.into(),
            time: None,
        }
    }

    fn report() -> Report {
        Report {
            release: "7.3.4-lo".into(),
            variant: "module".into(),
            accel: "tcg".into(),
            cpus: 2,
            exit: 21,
            seconds: 1.5,
            tests: vec![
                test("guest.lo.up", Outcome::Passed, ""),
                test(
                    "guest.lo.addr",
                    Outcome::Failed,
                    "a < b & \"c\"\u{1b}[0m\n]]>",
                ),
                test("lab.unit", Outcome::Skipped, "no"),
            ],
        }
    }

    #[test]
    fn the_last_line() {
        let mut report = report();
        assert_eq!(report.summary(), "1 passed, 1 failed, 1 skipped");
        report.tests.pop();
        assert_eq!(report.summary(), "1 passed, 1 failed");
    }

    #[test]
    fn junit_is_escaped() {
        let xml = report().junit();
        let detail = "a &lt; b &amp; &quot;c&quot;\u{fffd}[0m";
        assert!(xml.contains(&format!("message=\"{detail}\"")), "{xml}");
        assert!(
            xml.contains(&format!(">{detail}\n]]&gt;</failure>")),
            "{xml}"
        );
        assert!(xml.contains("<testsuite name=\"guest.lo\" tests=\"2\" failures=\"1\""));
        assert!(xml.contains("<skipped message=\"no\"/>"));
        assert!(!xml.contains('\u{1b}'));
    }
}
