// SPDX-License-Identifier: GPL-2.0

//! Faults that the lab's self-tests ask this init to commit, to see that the lab notices.

use lab_protocol::Record;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// None: every honest run.
    None,
    /// Stop in the middle of the checks and restart.
    Truncated,
    /// Cut the text of a KUnit suite in the middle.
    TruncatedSuite,
    /// Panic after the last check, before the end marker.
    PanicLate,
    /// Panic after the end marker.
    PanicEnd,
}

impl Sabotage {
    /// Parses `lab.sabotage=`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::None),
            "truncated" => Ok(Self::Truncated),
            "truncated-suite" => Ok(Self::TruncatedSuite),
            "panic-late" => Ok(Self::PanicLate),
            "panic-end" => Ok(Self::PanicEnd),
            other => Err(format!("unknown lab.sabotage={other:?}")),
        }
    }

    /// Damages a suite's record if that is what was asked for.
    pub fn damage(self, record: Record) -> Record {
        match (self, record) {
            (Self::TruncatedSuite, Record::Kunit { suite, results }) => Record::Kunit {
                suite,
                results: cut(&results),
            },
            (_, record) => record,
        }
    }

    /// Panics the kernel if `self` is `when`: a kernel does that when its init exits.
    pub fn panic_if(self, when: Self) {
        if self == when {
            std::process::exit(1);
        }
    }
}

/// The first half of a text, by lines.
fn cut(text: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[..lines.len() / 2].concat()
}
