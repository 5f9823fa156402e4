// SPDX-License-Identifier: GPL-2.0

//! Sequences of operations as a file: `= <name>` begins one, the lines after it are its operations.

use std::fmt;

use crate::generate;
use crate::Operation;

/// How the line begins that a sequence begins with.
const HEAD: &str = "= ";

/// Operations that are done one after the other, from a state that nothing else has touched.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// What it is called.
    pub name: String,
    /// What is done.
    pub operations: Vec<Operation>,
}

/// Several of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script(pub Vec<Sequence>);

impl Script {
    /// `count` operations from `seed`, in sequences of no more than `length`. Each is called after
    /// the seed that it comes from.
    pub fn generate(seed: u64, count: usize, length: usize) -> Self {
        let mut seeds = crate::rng::Rng::new(seed);
        let mut sequences: Vec<Sequence> = Vec::new();
        let mut left = count;
        while left > 0 {
            let seed = seeds.draw();
            let operations = generate(seed, left.min(length));
            left -= operations.len();
            sequences.push(Sequence {
                name: format!("{seed:016x}"),
                operations,
            });
        }
        Self(sequences)
    }

    /// Reads what [`fmt::Display`] wrote. Empty lines and those with a `#` in front say nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut sequences: Vec<Sequence> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix(HEAD) {
                sequences.push(Sequence {
                    name: name.into(),
                    operations: Vec::new(),
                });
                continue;
            }
            let operation = Operation::parse(line)?;
            match sequences.last_mut() {
                Some(sequence) => sequence.operations.push(operation),
                None => return Err(format!("no sequence has begun before: {line}")),
            }
        }
        Ok(Self(sequences))
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|one| one.operations.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sequence in &self.0 {
            writeln!(f, "{HEAD}{}", sequence.name)?;
            for operation in &sequence.operations {
                writeln!(f, "{operation}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same() {
        let one = Script::generate(7, 2000, 40);
        assert_eq!(one.len(), 2000);
        assert_eq!(one, Script::generate(7, 2000, 40));
        assert_ne!(one, Script::generate(8, 2000, 40));
        // More of it begins like less of it.
        let more = Script::generate(7, 4000, 40);
        assert_eq!(one.0[..], more.0[..one.0.len()]);
    }

    #[test]
    fn text_is_read_as_it_was_written() {
        let script = Script::generate(3, 20_000, 40);
        assert_eq!(Script::parse(&script.to_string()).unwrap(), script);
    }

    #[test]
    fn what_is_no_operation_is_refused() {
        let text = "# why\n\n= x\nip netns add b\n";
        assert_eq!(Script::parse(text).unwrap().len(), 1);
        assert!(Script::parse("ip netns add b").is_err());
        assert!(Script::parse("= x\nrm -rf /").is_err());
    }
}
