// SPDX-License-Identifier: GPL-2.0

//! What came out of a comparison.

use std::collections::BTreeSet;

use lab_protocol::Part;
use lab_protocol::Variant;
use serde::Serialize;

use super::differences::Differences;
use super::facts::Facts;
use super::facts::Unequal;
use super::random::Shrunk;
use super::rules::Rules;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// How many differences a message names.
const NAMED: usize = 5;

/// A difference, with its reason if it is a known one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What differs.
    #[serde(flatten)]
    pub unequal: Unequal,
    /// Why.
    pub reason: Option<String>,
}

/// What of a variant differs.
#[derive(Clone, Debug, Serialize)]
pub struct VariantOutcome {
    /// The variant.
    pub variant: Variant,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// A part, for all variants.
#[derive(Clone, Debug, Serialize)]
pub struct PartOutcome {
    /// The part.
    pub part: Part,
    /// What the oracle has.
    pub facts: Facts,
    /// What differs between two boots of the oracle.
    pub unsteady: Vec<Unequal>,
    /// What the oracle itself does not do well.
    pub amiss: Vec<String>,
    /// The others.
    pub variants: Vec<VariantOutcome>,
    /// What some of it was cut down to, where that can be done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shrunk: Vec<Shrunk>,
    /// The numbers of the rules that were applied, and of the differences that were seen.
    #[serde(skip)]
    used: BTreeSet<usize>,
    #[serde(skip)]
    seen: BTreeSet<usize>,
}

impl PartOutcome {
    /// A part of which the oracle has `facts`, which needed the rules `used`; another boot of it
    /// differed in `unsteady`.
    pub fn new(part: Part, facts: Facts, used: BTreeSet<usize>, unsteady: Vec<Unequal>) -> Self {
        Self {
            part,
            facts,
            unsteady,
            amiss: Vec::new(),
            variants: Vec::new(),
            shrunk: Vec::new(),
            used,
            seen: BTreeSet::new(),
        }
    }

    /// A line for each variant.
    pub fn lines(&self) -> Vec<String> {
        let line = |one: &VariantOutcome| {
            let known = one.differences.iter().filter(|d| d.reason.is_some());
            let known = known.count();
            let unknown = one.differences.len() - known;
            let (part, variant, facts) = (self.part, one.variant, self.facts.len());
            format!(
                "  {part:10} {variant:8} {facts:>6} facts, {unknown} different, {known} more for a known reason"
            )
        };
        self.variants.iter().map(line).collect()
    }

    /// Adds what was `found` of `variant`.
    pub fn add(&mut self, variant: Variant, found: Vec<Unequal>, known: &Differences) {
        let mut differences = Vec::new();
        for unequal in found {
            let reason = known.reason(variant, &unequal.key);
            self.seen.extend(reason.map(|(index, _)| index));
            let reason = reason.map(|(_, why)| why.to_string());
            differences.push(Difference { unequal, reason });
        }
        self.variants.push(VariantOutcome {
            variant,
            differences,
        });
    }
}

/// A kernel that was booted.
#[derive(Clone, Debug, Serialize)]
pub struct Kernel {
    /// Its variant.
    pub variant: Variant,
    /// Its release.
    pub release: String,
}

/// All of it.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The kernels, the oracle first.
    pub kernels: Vec<Kernel>,
    /// The parts, in order.
    pub parts: Vec<PartOutcome>,
    /// Rules that nothing needed.
    pub unused: Vec<String>,
    /// Known differences that were not there.
    pub unseen: Vec<String>,
}

impl Comparison {
    /// Of these kernels in these parts; if that is the `whole` of it, what of the lists was not needed
    /// is told.
    pub fn of(
        kernels: Vec<Kernel>,
        parts: Vec<PartOutcome>,
        rules: &Rules,
        known: &Differences,
        whole: bool,
    ) -> Self {
        let all = |of: fn(&PartOutcome) -> &BTreeSet<usize>| -> BTreeSet<usize> {
            parts.iter().flat_map(of).copied().collect()
        };
        let (unused, unseen) = match whole {
            true => (
                rules.unused(&all(|part| &part.used)),
                known.unseen(&all(|part| &part.seen)),
            ),
            false => (Vec::new(), Vec::new()),
        };
        Self {
            kernels,
            parts,
            unused,
            unseen,
        }
    }

    /// A line for each part and variant.
    pub fn table(&self) -> Vec<String> {
        self.parts.iter().flat_map(PartOutcome::lines).collect()
    }

    /// Green only if nothing differs but what is known to.
    pub fn judge(&self) -> Result {
        let mut why = Vec::new();
        for part in &self.parts {
            let unsteady = part.unsteady.iter();
            why.extend(unsteady.map(|it| format!("two boots of c differ: {}", describe(it))));
            why.extend(part.amiss.iter().cloned());
            for one in &part.variants {
                let unknown = one.differences.iter().filter(|d| d.reason.is_none());
                why.extend(unknown.map(|d| format!("{}: {}", one.variant, describe(&d.unequal))));
            }
        }
        let unused = self.unused.iter();
        why.extend(unused.map(|keys| format!("no fact needs the rule for {keys}")));
        let unseen = self.unseen.iter();
        why.extend(unseen.map(|keys| format!("nothing differs at {keys} any more")));
        if why.is_empty() {
            return Ok(());
        }
        let more = why.len().saturating_sub(NAMED);
        why.truncate(NAMED);
        if more > 0 {
            why.push(format!("and {more} more"));
        }
        let what = "the variants are not equal";
        Err(Failure::new(Exit::TestFailed, what, why.join("\n"))
            .hint("mend it, or give the reason in tests/compare/differences.toml"))
    }
}

/// A difference in words.
pub fn describe(unequal: &Unequal) -> String {
    let shown = |value: &Option<String>| match value {
        Some(value) => format!("{value:?}"),
        None => "nothing".into(),
    };
    let (oracle, other) = (shown(&unequal.oracle), shown(&unequal.other));
    format!("{}: {oracle} in c, {other} here", unequal.key)
}
