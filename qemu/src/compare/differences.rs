// SPDX-License-Identifier: GPL-2.0

//! Where a Rust `lo` is known to differ from C's: `tests/compare/differences.toml`, with the reasons.

use std::collections::BTreeSet;

use lab_protocol::matches;
use lab_protocol::Variant;
use serde::Deserialize;

use super::load;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

const FILE: &str = "tests/compare/differences.toml";

/// One of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// The facts that differ: a glob over their keys.
    keys: String,
    /// In which variants.
    variants: Vec<Variant>,
    /// Why, and why that stays.
    why: String,
}

/// All of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differences {
    #[serde(default)]
    difference: Vec<Difference>,
}

impl Differences {
    /// Reads the checkout's.
    pub fn load(checkout: &Checkout) -> Result<Self> {
        let this: Self = load(&checkout.path(FILE), FILE)?;
        this.check()?;
        Ok(this)
    }

    fn check(&self) -> Result {
        for difference in &self.difference {
            if difference.why.trim().is_empty() {
                let what = format!("{FILE}: {} has no reason", difference.keys);
                let why = "a difference without one is a bug";
                return Err(Failure::new(Exit::Usage, what, why));
            }
        }
        Ok(())
    }

    /// The reason why `variant` differs at `key`, with its number; none if there is none.
    pub fn reason(&self, variant: Variant, key: &str) -> Option<(usize, &str)> {
        self.difference
            .iter()
            .enumerate()
            .find(|(_, it)| it.variants.contains(&variant) && matches(&it.keys, key))
            .map(|(index, it)| (index, it.why.trim()))
    }

    /// Those that are not among `seen`, by their keys.
    pub fn unseen(&self, seen: &BTreeSet<usize>) -> Vec<String> {
        self.difference
            .iter()
            .enumerate()
            .filter(|(index, _)| !seen.contains(index))
            .map(|(_, difference)| difference.keys.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        "[[difference]]\nkeys = 'a.*'\nvariants = ['module']\nwhy = 'it comes late'\n";

    #[test]
    fn a_reason_is_for_a_variant_and_for_keys() {
        let it: Differences = toml::from_str(ONE).unwrap();
        assert!(it.check().is_ok());
        assert_eq!(
            it.reason(Variant::Module, "a.b"),
            Some((0, "it comes late"))
        );
        assert_eq!(it.reason(Variant::Builtin, "a.b"), None);
        assert_eq!(it.reason(Variant::Module, "b"), None);
        assert_eq!(it.unseen(&BTreeSet::new()), ["a.*"]);
        assert!(it.unseen(&BTreeSet::from([0])).is_empty());
    }

    #[test]
    fn nothing_differs_without_a_reason() {
        let it: Differences = toml::from_str(&ONE.replace("it comes late", "")).unwrap();
        assert!(it.check().is_err());
    }

    #[test]
    fn this_checkout_s_can_be_read() {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        Differences::load(&Checkout { root }).unwrap();
    }
}
