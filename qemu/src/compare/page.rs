// SPDX-License-Identifier: GPL-2.0

//! A comparison as a page: what was compared, how much of it is equal, and each difference in full.
//! One file, which needs nothing else.

use std::collections::BTreeMap;

use lab_protocol::Part;
use maud::html;
use maud::Markup;
use maud::PreEscaped;

use super::summary::Comparison;
use super::summary::Difference;
use super::summary::PartOutcome;
use super::summary::VariantOutcome;
use crate::document::document;

const TITLE: &str = "lo: Rust beside C";
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page.
pub fn page(comparison: &Comparison) -> String {
    let body = html! {
        header {
            h1 { (TITLE) }
            p { (verdict(comparison)) }
            (kernels(comparison))
        }
        main {
            (overview(comparison))
            (differences(comparison))
            h2 { "What was compared" }
            p {
                "Each line is a group of facts; open it to see them. "
                input #search type="search" placeholder="find a fact" aria-label="find a fact";
            }
            @for part in &comparison.parts { (facts(part)) }
        }
        script { (PreEscaped(SCRIPT)) }
    };
    document(TITLE, STYLE, body)
}

fn verdict(comparison: &Comparison) -> Markup {
    let facts: usize = comparison.parts.iter().map(|part| part.facts.len()).sum();
    let (mut unknown, mut known) = (0, 0);
    for difference in all(comparison) {
        match difference.reason {
            Some(_) => known += 1,
            None => unknown += 1,
        }
    }
    let class = if unknown == 0 { "equal" } else { "different" };
    html! {
        strong class=(class) { (unknown) " unexplained differences" }
        ", " (known) " with a reason, among " (facts) " facts of each kernel."
    }
}

fn all(comparison: &Comparison) -> impl Iterator<Item = &Difference> {
    let variants = comparison.parts.iter().flat_map(|part| &part.variants);
    variants.flat_map(|one| &one.differences)
}

fn kernels(comparison: &Comparison) -> Markup {
    html! {
        dl {
            @for kernel in &comparison.kernels {
                dt { (kernel.variant) }
                dd { (kernel.release) }
            }
        }
    }
}

/// A bar for each part and variant.
fn overview(comparison: &Comparison) -> Markup {
    html! {
        table.overview {
            thead { tr { th { "part" } th { "facts" } th { "variant" } th { "equal to C" } th {} } }
            tbody {
                @for part in &comparison.parts {
                    @for (index, one) in part.variants.iter().enumerate() {
                        @let share = Share::of(part.facts.len(), &one.differences);
                        tr {
                            @if index == 0 {
                                th rowspan=(part.variants.len()) { a href={ "#" (part.part) } { (part.part) } }
                                td.number rowspan=(part.variants.len()) { (part.facts.len()) }
                            }
                            td { (one.variant) }
                            td { (share.bar()) }
                            td { (share.words()) }
                        }
                    }
                }
            }
        }
    }
}

/// How much of something is equal.
#[derive(Clone, Copy, Default)]
struct Share {
    total: usize,
    known: usize,
    unknown: usize,
}

impl Share {
    fn of(facts: usize, differences: &[Difference]) -> Self {
        // What only the other one has is none of the oracle's facts.
        let more = differences
            .iter()
            .filter(|d| d.unequal.oracle.is_none())
            .count();
        let known = differences.iter().filter(|d| d.reason.is_some()).count();
        Self {
            total: facts + more,
            known,
            unknown: differences.len() - known,
        }
    }

    fn bar(self) -> Markup {
        let equal = self.total - self.known - self.unknown;
        let piece = |class: &str, count: usize| {
            html! {
                @if count > 0 { span class=(class) style={ "flex-grow:" (count) } {} }
            }
        };
        html! {
            div.bar role="img" aria-label=(self.words()) {
                (piece("equal", equal)) (piece("known", self.known)) (piece("different", self.unknown))
            }
        }
    }

    fn words(self) -> String {
        let mut words = match self.unknown {
            0 => "all".into(),
            count => format!("all but {count}"),
        };
        if self.known > 0 {
            words += &format!(", {} for a reason", self.known);
        }
        words
    }
}

fn differences(comparison: &Comparison) -> Markup {
    html! {
        @for part in &comparison.parts {
            @if !part.unsteady.is_empty() {
                h2.different { "Not the same in two boots of C: " (part.part) }
                table.full {
                    @for it in &part.unsteady {
                        (pair(&it.key, it.oracle.as_deref(), it.other.as_deref(), "again", None))
                    }
                }
            }
        }
        @for (part, one) in variants(comparison) {
            @if !one.differences.is_empty() {
                h2 { (part) ": " (one.variant) " differs" }
                table.full {
                    @for d in &one.differences {
                        @let name = one.variant.name();
                        @let it = &d.unequal;
                        (pair(&it.key, it.oracle.as_deref(), it.other.as_deref(), name, d.reason.as_deref()))
                    }
                }
            }
        }
        @for (title, keys) in [
            ("Rules that nothing needs", &comparison.unused),
            ("Known differences that are not there any more", &comparison.unseen),
        ] {
            @if !keys.is_empty() {
                h2.different { (title) }
                ul { @for key in keys { li { code { (key) } } } }
            }
        }
    }
}

fn variants(comparison: &Comparison) -> impl Iterator<Item = (Part, &VariantOutcome)> {
    let of = |part: &'_ PartOutcome| part.part;
    comparison
        .parts
        .iter()
        .flat_map(move |part| part.variants.iter().map(move |one| (of(part), one)))
}

/// One difference: what is where, above each other so that long values can be compared.
fn pair(
    key: &str,
    oracle: Option<&str>,
    other: Option<&str>,
    name: &str,
    reason: Option<&str>,
) -> Markup {
    let class = if reason.is_some() {
        "known"
    } else {
        "different"
    };
    html! {
        tbody class=(class) {
            tr { th colspan="2" { code { (key) } } }
            tr { td { "c" } td { (value(oracle)) } }
            tr { td { (name) } td { (value(other)) } }
            @if let Some(reason) = reason { tr { td { "why" } td { (reason) } } }
        }
    }
}

fn value(value: Option<&str>) -> Markup {
    html! {
        @match value {
            Some(value) => pre { (value) },
            None => em { "nothing" },
        }
    }
}

/// All facts of a part, group by group.
fn facts(part: &PartOutcome) -> Markup {
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for (key, value) in part.facts.iter() {
        let (group, rest) = split(key, depth(part.part));
        groups.entry(group).or_default().facts.push((rest, value));
    }
    for one in &part.variants {
        for difference in &one.differences {
            let (group, _) = split(&difference.unequal.key, depth(part.part));
            let found = &mut groups.entry(group).or_default().differences;
            found.push((one.variant.name(), difference));
        }
    }
    html! {
        section id=(part.part) {
            h3 { (part.part) }
            @for (name, group) in &groups { (group.show(name, part)) }
        }
    }
}

/// How many words of a key, after the part's name, name its group.
fn depth(part: Part) -> usize {
    match part {
        Part::State => 3,
        Part::Behaviour | Part::Upstream | Part::Random => 1,
    }
}

/// A key's group, and the rest of it.
fn split(key: &str, depth: usize) -> (String, &str) {
    let rest = key.split_once('.').map_or(key, |(_, rest)| rest);
    match rest.match_indices('.').nth(depth - 1) {
        Some((at, _)) => (rest[..at].into(), &rest[at + 1..]),
        None => (rest.into(), ""),
    }
}

#[derive(Default)]
struct Group<'a> {
    facts: Vec<(&'a str, &'a str)>,
    differences: Vec<(&'static str, &'a Difference)>,
}

impl Group<'_> {
    fn show(&self, name: &str, part: &PartOutcome) -> Markup {
        html! {
            details {
                summary {
                    code { (name) }
                    span.number { (self.facts.len()) }
                    @for one in &part.variants {
                        @let own = self.of(one.variant.name());
                        span.variant { (one.variant) }
                        (Share::of(self.facts.len(), &own).bar())
                    }
                }
                table {
                    @for (key, value) in &self.facts { tr { td { code { (key) } } td { pre { (value) } } } }
                }
            }
        }
    }

    fn of(&self, variant: &str) -> Vec<Difference> {
        let own = self.differences.iter().filter(|(name, _)| *name == variant);
        own.map(|(_, difference)| (*difference).clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use lab_protocol::Record;
    use lab_protocol::Variant;
    use std::collections::BTreeSet;

    use super::super::differences::Differences;
    use super::super::facts::Facts;
    use super::super::summary::Kernel;
    use super::*;

    fn facts(mtu: &str) -> Facts {
        let fact = |key: &str, value: &str| Record::Fact {
            key: key.into(),
            value: value.into(),
        };
        Facts::of(&[
            fact("state.init.up.ip.mtu", mtu),
            fact("state.init.up.ip.name", "<lo>"),
        ])
        .unwrap()
    }

    fn shown(other: &Facts, reasons: &str) -> String {
        let c = facts("65536");
        let mut part = PartOutcome::new(Part::State, c.clone(), BTreeSet::new(), Vec::new());
        let known: Differences = toml::from_str(reasons).unwrap();
        part.add(Variant::Module, c.compare(other), &known);
        let kernel = Kernel {
            variant: Variant::C,
            release: "7.3.4-c".into(),
        };
        page(&Comparison {
            kernels: vec![kernel],
            parts: vec![part],
            unused: Vec::new(),
            unseen: Vec::new(),
        })
    }

    #[test]
    fn what_is_equal_is_shown_as_such() {
        let page = shown(&facts("65536"), "");
        assert!(page.contains("0 unexplained differences"));
        assert!(page.contains("7.3.4-c"));
        // What is from the guest is text, not markup.
        assert!(page.contains("&lt;lo&gt;") && !page.contains("<lo>"));
        assert!(!page.contains("module differs"));
    }

    #[test]
    fn a_difference_is_shown_in_full() {
        let page = shown(&facts("1500"), "");
        assert!(page.contains("1 unexplained differences"));
        assert!(page.contains("state: module differs"));
        for value in ["state.init.up.ip.mtu", "65536", "1500", "all but 1"] {
            assert!(page.contains(value), "{value}");
        }
        let reasons =
            "[[difference]]\nkeys = '*.mtu'\nvariants = ['module']\nwhy = 'a test & so'\n";
        let page = shown(&facts("1500"), reasons);
        assert!(page.contains("0 unexplained differences"));
        assert!(page.contains("a test &amp; so"));
    }

    #[test]
    fn keys_fall_into_groups() {
        assert_eq!(split("state.a.b.c.d.e", 3), ("a.b.c".into(), "d.e"));
        assert_eq!(split("state.a", 3), ("a".into(), ""));
        assert_eq!(split("random.7.1", 1), ("7".into(), "1"));
    }
}
