// SPDX-License-Identifier: GPL-2.0

//! What differs from boot to boot, whatever the kernel: `tests/compare/rules.toml` says where it
//! stands, what it looks like, and what takes its place.

use std::collections::BTreeSet;

use lab_protocol::matches;
use regex::Regex;
use serde::Deserialize;

use super::load;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

const FILE: &str = "tests/compare/rules.toml";

/// One of them, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The facts that it is for: a glob over their keys.
    keys: String,
    /// What it replaces: a regular expression.
    pattern: String,
    /// What it puts there.
    becomes: String,
    /// Why that differs.
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    rule: Vec<Written>,
}

#[derive(Debug)]
struct Rule {
    written: Written,
    pattern: Regex,
}

/// All of them, in order.
#[derive(Debug)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Reads the checkout's.
    pub fn load(checkout: &Checkout) -> Result<Self> {
        Self::compile(load(&checkout.path(FILE), FILE)?)
    }

    fn compile(list: List) -> Result<Self> {
        let mut rules = Vec::new();
        for written in list.rule {
            let what = |what: &str| format!("{FILE}: the rule for {} {what}", written.keys);
            let pattern = Regex::new(&written.pattern)
                .map_err(|e| Failure::new(Exit::Usage, what("has a bad pattern"), e))?;
            if written.why.trim().is_empty() {
                let why = "a value that nobody can account for may be a difference";
                return Err(Failure::new(Exit::Usage, what("gives no reason"), why));
            }
            rules.push(Rule { written, pattern });
        }
        Ok(Self(rules))
    }

    /// What `value`, at `key`, becomes. Adds to `used` the numbers of those that change it.
    pub fn apply(&self, key: &str, value: &str, used: &mut BTreeSet<usize>) -> String {
        let mut value = value.to_string();
        for (index, rule) in self.0.iter().enumerate() {
            if !matches(&rule.written.keys, key) || !rule.pattern.is_match(&value) {
                continue;
            }
            used.insert(index);
            value = rule
                .pattern
                .replace_all(&value, rule.written.becomes.as_str())
                .into_owned();
        }
        value
    }

    /// Those that are not among `used`, by their keys.
    pub fn unused(&self, used: &BTreeSet<usize>) -> Vec<String> {
        self.0
            .iter()
            .enumerate()
            .filter(|(index, _)| !used.contains(index))
            .map(|(_, rule)| rule.written.keys.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<Rules> {
        Rules::compile(toml::from_str(text).unwrap())
    }

    const ONE: &str =
        "[[rule]]\nkeys = 'a.*'\npattern = '\\b\\d+ms'\nbecomes = '<time>'\nwhy = 'a clock'\n";

    #[test]
    fn only_what_is_named_is_replaced() {
        let rules = rules(&format!("{ONE}{}", ONE.replace("a.*", "z"))).unwrap();
        let mut used = BTreeSet::new();
        assert_eq!(
            rules.apply("a.b", "in 12ms or 3ms", &mut used),
            "in <time> or <time>"
        );
        assert_eq!(rules.apply("b.a", "in 12ms", &mut used), "in 12ms");
        assert_eq!(rules.unused(&used), ["z"]);
    }

    #[test]
    fn a_rule_needs_a_reason_and_a_pattern() {
        assert!(rules("").is_ok());
        assert!(rules(&ONE.replace("a clock", " ")).is_err());
        assert!(rules(&ONE.replace("\\b", "(")).is_err());
    }

    #[test]
    fn this_checkout_s_can_be_read() {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        Rules::load(&Checkout { root }).unwrap();
    }
}
