// SPDX-License-Identifier: GPL-2.0

//! `tests/compare/upstream.toml`: upstream's tests that are run, and those that are not.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use lab_protocol::Job;
use lab_protocol::Part;
use regex::Regex;
use serde::Deserialize;

use super::super::load;
use super::verdicts::Reading;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// The list.
pub const FILE: &str = "tests/compare/upstream.toml";

/// How a test tells of its sub-tests.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reads {
    /// In KTAP.
    Tap,
    /// In lines such as `TEST: <name> [ OK ]` or `PASS: <name>`.
    Words,
    /// By a heading each, and by ending at the first failure.
    Steps,
    /// By its exit status.
    Exit,
}

/// A verdict that is not a good one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bad {
    /// It could not be tried.
    Skip,
    /// It went wrong.
    Fail,
}

impl Bad {
    /// How facts begin that have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Sub-tests that are not good on the oracle either.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Which: a glob.
    sub: String,
    /// How they end.
    pub verdict: Bad,
    /// Whether that depends on the age of Debian's tools, and so need not happen.
    #[serde(default)]
    pub sometimes: bool,
    /// Why.
    why: String,
}

/// A test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What it is called here.
    name: String,
    /// A command line for bash.
    run: String,
    /// Arguments for that, `"$@"` there, by what a run with them is called; without any, there is
    /// one run.
    #[serde(default)]
    modes: BTreeMap<String, String>,
    /// How it tells of its sub-tests.
    reads: Reads,
    /// What a heading looks like: a regular expression whose group is the name.
    step: Option<String>,
    /// What a line below a heading looks like that says that it went wrong.
    bad: Option<String>,
    /// Whether a heading that comes again is another attempt at the same.
    #[serde(default)]
    retries: bool,
    /// What has to be built for it.
    #[serde(default)]
    pub programs: Vec<String>,
    /// What has to be there besides.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether it runs in the first network namespace.
    #[serde(default)]
    first_namespace: bool,
    /// How long each run may take.
    pub seconds: u64,
    /// What of it is not good.
    #[serde(default)]
    known: Vec<Known>,
}

impl Test {
    /// Its runs.
    pub fn jobs(&self) -> Vec<Job> {
        if self.modes.is_empty() {
            return vec![self.job(self.name.clone(), "")];
        }
        self.modes
            .iter()
            .map(|(mode, arguments)| self.job(format!("{}.{mode}", self.name), arguments))
            .collect()
    }

    fn job(&self, name: String, arguments: &str) -> Job {
        let words = ["bash", "-c", &self.run, &name].into_iter();
        let words = words.chain(arguments.split_whitespace());
        Job {
            words: words.map(String::from).collect(),
            name,
            first_namespace: self.first_namespace,
            seconds: self.seconds,
        }
    }

    /// How its output is read.
    pub fn reading(&self) -> Result<Reading> {
        let usage = |what: &str, why: String| {
            Failure::new(Exit::Usage, format!("{FILE}: {}: {what}", self.name), why)
        };
        let regex =
            |text: &String| Regex::new(text).map_err(|e| usage("bad pattern", e.to_string()));
        let step = self.step.as_ref().map(regex).transpose()?;
        let bad = self.bad.as_ref().map(regex).transpose()?;
        match (self.reads, step, bad) {
            (Reads::Tap, None, None) => Ok(Reading::Tap),
            (Reads::Words, None, None) => Ok(Reading::Words),
            (Reads::Exit, None, None) => Ok(Reading::Exit),
            (Reads::Steps, Some(step), bad) if step.captures_len() == 2 => Ok(Reading::Steps {
                step,
                bad,
                retries: self.retries,
            }),
            _ => Err(usage(
                "step and bad do not fit what it reads",
                "steps, and only they, have a heading with one group".into(),
            )),
        }
    }

    fn check(&self) -> Result {
        self.reading()?;
        let because = |what: &str, why: &str| {
            let what = format!("{FILE}: {} {what}", self.name);
            Err(Failure::new(Exit::Usage, what, why))
        };
        if self.run.trim().is_empty() || self.seconds == 0 {
            return because("cannot be run", "it has no program or no time");
        }
        if self.modes.is_empty() == self.run.contains("\"$@\"") {
            return because(
                "has modes or uses them, not both",
                "arguments would be lost",
            );
        }
        if self.known.iter().any(|known| known.why.trim().is_empty()) {
            return because("fails for no reason", "without one that is a bug");
        }
        Ok(())
    }
}

/// A test that is not run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOut {
    /// Its file.
    name: String,
    /// Why.
    why: String,
}

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The tests that are run, in order.
    pub test: Vec<Test>,
    #[serde(default)]
    left_out: Vec<LeftOut>,
}

impl Table {
    /// Reads the checkout's.
    pub fn load(checkout: &Checkout) -> Result<Self> {
        let this: Self = load(&checkout.path(FILE), FILE)?;
        this.check()?;
        Ok(this)
    }

    fn check(&self) -> Result {
        self.test.iter().try_for_each(Test::check)?;
        let mut names = BTreeSet::new();
        let left_out = self.left_out.iter().map(|one| &one.name);
        for name in self.test.iter().map(|test| &test.name).chain(left_out) {
            if !names.insert(name) {
                let what = format!("{FILE}: {name} is there twice");
                return Err(Failure::new(Exit::Usage, what, "one of them would be lost"));
            }
        }
        match self.left_out.iter().find(|one| one.why.trim().is_empty()) {
            None => Ok(()),
            Some(one) => {
                let what = format!("{FILE}: {} is left out for no reason", one.name);
                Err(Failure::new(Exit::Usage, what, "then it can be run"))
            }
        }
    }

    /// What is known not to be good, each with the glob over the keys of its facts.
    pub fn all_known(&self) -> impl Iterator<Item = (String, &Known)> {
        self.test.iter().flat_map(|test| {
            let keys = |known: &Known| format!("{}.{}.{}", Part::Upstream, test.name, known.sub);
            test.known.iter().map(move |known| (keys(known), known))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "[[test]]\nname = 'a'\nrun = './a -x'\nreads = 'exit'\nseconds = 5\n";

    fn table(text: &str) -> Result<Table> {
        let table: Table = toml::from_str(text).unwrap();
        table.check().map(|()| table)
    }

    #[test]
    fn each_mode_is_a_run() {
        let one = &table(ONE).unwrap().test[0];
        assert_eq!(one.jobs().len(), 1);
        assert_eq!(one.jobs()[0].words, ["bash", "-c", "./a -x", "a"]);
        let modes = ONE.replace("-x'", "\"$@\"'\nmodes = { v4 = '-4', v6 = '-6 y' }");
        let jobs = table(&modes).unwrap().test[0].jobs();
        assert_eq!(jobs[0].name, "a.v4");
        assert_eq!(jobs[1].words[3..], ["a.v6", "-6", "y"]);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (from, to) in [
            ("reads = 'exit'", "reads = 'steps'"),
            ("reads = 'exit'", "reads = 'steps'\nstep = 'no group'"),
            ("reads = 'exit'", "reads = 'steps'\nstep = '('"),
            ("reads = 'exit'", "reads = 'tap'\nstep = '^(x)'"),
            ("seconds = 5", "seconds = 0"),
            ("./a -x", " "),
            ("./a -x", "./a \"$@\""),
            ("seconds = 5", "seconds = 5\nmodes = { v4 = '-4' }"),
        ] {
            let text = ONE.replace(from, to);
            assert_eq!(table(&text).unwrap_err().exit, Exit::Usage, "{text}");
        }
        let steps = ONE.replace("reads = 'exit'", "reads = 'steps'\nstep = '^(x)'");
        assert!(table(&steps).is_ok());
    }

    #[test]
    fn reasons_are_given_and_names_are_unlike() {
        assert!(table(&format!("{ONE}{ONE}")).is_err());
        let known = "[[test.known]]\nsub = 'x'\nverdict = 'skip'\nwhy = ''\n";
        assert!(table(&format!("{ONE}{known}")).is_err());
        let known = known.replace("''", "'no such tool'");
        let found = table(&format!("{ONE}{known}")).unwrap();
        let keys: Vec<String> = found.all_known().map(|(keys, _)| keys).collect();
        assert_eq!(keys, ["upstream.a.x"]);
        let left_out = "[[left_out]]\nname = 'b'\nwhy = ' '\n";
        assert!(table(&format!("{ONE}{left_out}")).is_err());
        let left_out = "[[left_out]]\nname = 'a'\nwhy = 'so'\n";
        assert!(table(&format!("{ONE}{left_out}")).is_err());
    }

    #[test]
    fn this_checkout_s_can_be_read() {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        Table::load(&Checkout { root }).unwrap();
    }
}
