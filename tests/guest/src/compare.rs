// SPDX-License-Identifier: GPL-2.0

//! What can be seen of `lo`, as facts: the lab sets those of one kernel beside another one's. What
//! they ought to be is not known here.

mod behaviour;
pub mod random;
pub mod raw;
mod state;
mod upstream;
pub mod wire;
mod words;

use std::collections::BTreeSet;
use std::time::Instant;

use lab_protocol::Outcome;
use lab_protocol::Part;
use lab_protocol::Record;

use crate::report::Reporter;

/// Sends facts, each below its part's name.
#[derive(Debug)]
pub struct Book<'a> {
    reporter: &'a mut Reporter,
    part: Part,
    keys: BTreeSet<String>,
}

impl Book<'_> {
    /// Says that what is called `name` begins: if the kernel does not survive it, that is known.
    pub fn begin(&mut self, name: &str) -> Result<(), String> {
        let name = format!("compare.{}: {name}", self.part);
        self.reporter.send(&Record::Begin { name })
    }

    /// Sends that at `key` there is `value`. No two facts have the same key.
    pub fn note(&mut self, key: &str, value: impl Into<String>) -> Result<(), String> {
        let fact = self.fact(key, value.into())?;
        self.reporter.send(&fact)
    }

    /// Sends many facts, together.
    pub fn note_all(
        &mut self,
        facts: impl Iterator<Item = (String, String)>,
    ) -> Result<(), String> {
        let facts: Result<Vec<_>, _> = facts.map(|(key, value)| self.fact(&key, value)).collect();
        self.reporter.send_all(&facts?)
    }

    fn fact(&mut self, key: &str, value: String) -> Result<Record, String> {
        let key = format!("{}.{key}", self.part);
        if !self.keys.insert(key.clone()) {
            return Err(format!("two facts are called {key}"));
        }
        Ok(Record::Fact { key, value })
    }
}

/// Sends all facts of `part`, between the records of a check of that name.
pub fn run(part: Part, reporter: &mut Reporter) -> Result<(), String> {
    let name = format!("compare.{part}");
    reporter.send(&Record::Begin { name: name.clone() })?;
    let start = Instant::now();
    let mut book = Book {
        reporter,
        part,
        keys: BTreeSet::new(),
    };
    let looked = match part {
        Part::State => state::look(&mut book),
        Part::Behaviour => behaviour::look(&mut book),
        Part::Random => random::look(&mut book),
        Part::Upstream => upstream::run(book.reporter),
    };
    let (outcome, detail) = match looked {
        Ok(()) => (Outcome::Passed, String::new()),
        Err(why) => (Outcome::Failed, why),
    };
    book.reporter.send(&Record::Test {
        name,
        outcome,
        detail,
        millis: start.elapsed().as_millis() as u64,
    })
}
