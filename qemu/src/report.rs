// SPDX-License-Identifier: GPL-2.0

//! What is left of a test run: `build/results/results.json`, `build/results/junit.xml`, and the
//! last line.

use std::time::Duration;

use lab_protocol::Outcome;
use lab_protocol::Variant;
use serde::Serialize;

use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::judge::Test;

/// A kernel that was tested.
#[derive(Debug, Serialize)]
pub struct Kernel {
    /// Its variant.
    pub variant: Variant,
    /// Its release; empty if it could not be built.
    pub release: String,
    /// What executed its guest, if it got that far.
    pub accel: Option<&'static str>,
    /// What the lab's exit code would be, had it been alone.
    pub exit: u8,
}

/// A test, and of which variant.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The variant.
    pub variant: Variant,
    /// The test.
    #[serde(flatten)]
    pub test: Test,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The kernels, in order.
    pub kernels: Vec<Kernel>,
    /// The guest's CPUs.
    pub cpus: u32,
    /// The lab's exit code.
    pub exit: u8,
    /// How long it all took, in seconds.
    pub seconds: f64,
    /// Every test.
    pub tests: Vec<Entry>,
}

impl Report {
    fn count(&self, outcome: Outcome) -> usize {
        count(self.tests.iter(), outcome)
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
        for kernel in &self.kernels {
            let of_it = |entry: &&Entry| entry.variant == kernel.variant;
            let tests = || self.tests.iter().filter(of_it);
            xml += &format!(
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
                kernel.variant,
                tests().count(),
                count(tests(), Outcome::Failed),
                count(tests(), Outcome::Skipped)
            );
            tests().for_each(|entry| xml += &case(entry));
            xml += "  </testsuite>\n";
        }
        xml + "</testsuites>\n"
    }
}

fn count<'a>(entries: impl Iterator<Item = &'a Entry>, outcome: Outcome) -> usize {
    entries
        .filter(|entry| entry.test.outcome == outcome)
        .count()
}

/// A test's name, split into class and name: at its last dot.
fn split(test: &Test) -> (&str, &str) {
    test.name.rsplit_once('.').unwrap_or(("lab", &test.name))
}

fn case(Entry { variant, test }: &Entry) -> String {
    let (class, name) = split(test);
    let time = test.time.unwrap_or(Duration::ZERO).as_secs_f64();
    let head = format!(
        "    <testcase classname=\"{variant}.{}\" name=\"{}\" time=\"{time:.3}\"",
        escape(class),
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

    fn entry(variant: Variant, name: &str, outcome: Outcome, detail: &str) -> Entry {
        let test = Test {
            name: name.into(),
            outcome,
            detail: detail.into(),
            time: None,
        };
        Entry { variant, test }
    }

    fn kernel(variant: Variant) -> Kernel {
        Kernel {
            variant,
            release: "7.3.4-lo".into(),
            accel: Some("tcg"),
            exit: 0,
        }
    }

    fn report() -> Report {
        let odd = "a < b & \"c\"\u{1b}[0m\n]]>";
        Report {
            kernels: vec![kernel(Variant::Module), kernel(Variant::C)],
            cpus: 2,
            exit: 21,
            seconds: 1.5,
            tests: vec![
                entry(Variant::Module, "guest.lo.up", Outcome::Passed, ""),
                entry(Variant::Module, "guest.lo.addr", Outcome::Failed, odd),
                entry(Variant::C, "guest.lo.up", Outcome::Passed, ""),
                entry(Variant::C, "guest.kernel.leaks", Outcome::Skipped, "no"),
            ],
        }
    }

    #[test]
    fn the_last_line_is_over_all_variants() {
        let mut report = report();
        assert_eq!(report.summary(), "2 passed, 1 failed, 1 skipped");
        report.tests.pop();
        assert_eq!(report.summary(), "2 passed, 1 failed");
    }

    #[test]
    fn each_test_says_its_variant() {
        let json = serde_json::to_value(report()).unwrap();
        let tests = json["tests"].as_array().unwrap();
        assert_eq!(tests[1]["variant"], "module");
        assert_eq!(tests[1]["name"], "guest.lo.addr");
        assert_eq!(tests[2]["variant"], "c");
        assert_eq!(json["kernels"][1]["variant"], "c");
        let xml = report().junit();
        for line in [
            "<testsuite name=\"module\" tests=\"2\" failures=\"1\" skipped=\"0\">",
            "<testsuite name=\"c\" tests=\"2\" failures=\"0\" skipped=\"1\">",
            "<testcase classname=\"module.guest.lo\" name=\"up\"",
            "<testcase classname=\"c.guest.lo\" name=\"up\"",
        ] {
            assert_eq!(xml.matches(line).count(), 1, "{line} in {xml}");
        }
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
        assert!(xml.contains("<skipped message=\"no\"/>"));
        assert!(!xml.contains('\u{1b}'));
    }
}
