// SPDX-License-Identifier: GPL-2.0

//! What was seen of one kernel, and what of that another one does not have, or has otherwise.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use lab_protocol::Record;
use serde::Serialize;

use super::rules::Rules;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// The facts of one boot, by their keys.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts(BTreeMap<String, String>);

/// A fact that is not the same in two kernels; none where it is missing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unequal {
    /// Its key.
    pub key: String,
    /// What the oracle has there.
    pub oracle: Option<String>,
    /// What the other one has there.
    pub other: Option<String>,
}

impl Facts {
    /// Those among `records`.
    pub fn of(records: &[Record]) -> Result<Self> {
        let mut facts = BTreeMap::new();
        for record in records {
            let Record::Fact { key, value } = record else {
                continue;
            };
            if facts.insert(key.clone(), value.clone()).is_some() {
                let what = format!("the guest has two facts called {key}");
                return Err(Failure::new(
                    Exit::Internal,
                    what,
                    "one would hide the other",
                ));
            }
        }
        if facts.is_empty() {
            let why = "two kernels of which nothing is known are not equal";
            return Err(Failure::new(
                Exit::Incomplete,
                "the guest has no facts",
                why,
            ));
        }
        Ok(Self(facts))
    }

    /// Their keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Replaces what must differ from boot to boot. The numbers of the rules that had something to
    /// replace.
    pub fn normalise(&mut self, rules: &Rules) -> BTreeSet<usize> {
        let mut used = BTreeSet::new();
        for (key, value) in &mut self.0 {
            *value = rules.apply(key, value, &mut used);
        }
        used
    }

    /// Sets `other` beside these.
    pub fn compare(&self, other: &Self) -> Vec<Unequal> {
        let keys: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let unequal = |key: &&String| self.0.get(*key) != other.0.get(*key);
        keys.into_iter()
            .filter(unequal)
            .map(|key| Unequal {
                key: key.clone(),
                oracle: self.0.get(key).cloned(),
                other: other.0.get(key).cloned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Vec<Record> {
        let fact = |(key, value): &(&str, &str)| Record::Fact {
            key: key.to_string(),
            value: value.to_string(),
        };
        pairs.iter().map(fact).collect()
    }

    #[test]
    fn none_or_two_of_one_name_are_an_error() {
        assert_eq!(Facts::of(&[]).unwrap_err().exit, Exit::Incomplete);
        let twice = Facts::of(&facts(&[("a", "1"), ("a", "1")]));
        assert_eq!(twice.unwrap_err().exit, Exit::Internal);
        assert_eq!(
            Facts::of(&facts(&[("a", "1"), ("b", "1")])).unwrap().len(),
            2
        );
    }

    #[test]
    fn what_is_missing_or_different_is_unequal() {
        let c = Facts::of(&facts(&[("a", "1"), ("b", "2"), ("c", "3")])).unwrap();
        let other = Facts::of(&facts(&[("a", "1"), ("b", "x"), ("d", "4")])).unwrap();
        assert!(c.compare(&c).is_empty());
        let unequal = |key: &str, oracle: Option<&str>, other: Option<&str>| Unequal {
            key: key.into(),
            oracle: oracle.map(Into::into),
            other: other.map(Into::into),
        };
        assert_eq!(
            c.compare(&other),
            [
                unequal("b", Some("2"), Some("x")),
                unequal("c", Some("3"), None),
                unequal("d", None, Some("4")),
            ]
        );
    }
}
