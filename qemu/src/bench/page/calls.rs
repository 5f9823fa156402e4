// SPDX-License-Identifier: GPL-2.0

//! Where the instructions of an operation go.

use std::collections::BTreeMap;

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::key;
use crate::bench::figures::Figures;
use crate::bench::figures::Trace;
use crate::bench::icicle;
use crate::bench::icicle::Frame;
use crate::bench::summary;
use crate::bench::summary::grouped;
use crate::bench::summary::words;
use crate::bench::summary::ORDER;

/// The workload whose calls are shown at once; those of the others unfold.
const PACKET: &str = "udp_1";
/// How many functions the table beside the calls has.
const FUNCTIONS: usize = 15;

/// Whether a function is the driver's, C's or Rust's.
fn is_driver(name: &str) -> bool {
    name.starts_with("loopback_") || name.contains("rust_loopback")
}

/// The section, if any were traced.
pub fn calls(figures: &Figures) -> Option<Markup> {
    let mut workloads = summary::once_each(figures.traces.iter().map(|t| t.workload.as_str()));
    workloads.sort_by_key(|name| *name != PACKET);
    if workloads.is_empty() {
        return None;
    }
    Some(html! {
        p {
            "One operation, from left to right as functions called each other: each box is a function, as wide as the instructions of it \
            and of what it called. All kernels are drawn to one scale. "
            span.swatch.driver {} " the driver itself, "
            span.swatch.called {} " what it called, "
            span.swatch.odd {} " the rest."
        }
        @for (index, workload) in workloads.iter().enumerate() {
            details open[index == 0] {
                summary { (words(workload)) }
                (calls_of(figures, workload))
            }
        }
    })
}

fn calls_of(figures: &Figures, workload: &str) -> Markup {
    let of = |variant| {
        figures
            .traces
            .iter()
            .find(move |t: &&Trace| t.workload == workload && t.variant == variant)
    };
    let trees: Vec<(Variant, Frame)> = ORDER
        .into_iter()
        .filter_map(|variant| Some((variant, Frame::tree(&of(variant)?.stacks))))
        .collect();
    let whole = trees.iter().map(|(_, tree)| tree.total).max().unwrap_or(0);
    html! {
        @for (variant, tree) in &trees {
            @let share = DriverShare::of(tree);
            @let text = share.words(tree.total);
            h3 { (key(*variant)) }
            p { (text) }
            (icicle::icicle(tree, whole, &is_driver, &format!("{}, {variant}: {text}", words(workload))))
        }
        (function_table(&trees))
    }
}

/// How many of an operation's instructions are the driver's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct DriverShare {
    own: u64,
    with_called: u64,
}

impl DriverShare {
    fn of(root: &Frame) -> Self {
        let mut share = Self::default();
        share.add(root, false);
        share
    }

    fn add(&mut self, frame: &Frame, within: bool) {
        let itself = is_driver(&frame.name);
        if itself {
            self.own += frame.own;
        }
        if itself && !within {
            self.with_called += frame.total;
        }
        for callee in &frame.callees {
            self.add(callee, within || itself);
        }
    }

    fn words(self, all: u64) -> String {
        format!(
            "{} instructions, of which the driver has {} itself ({:.1} %), and {} ({:.1} %) with what it calls.",
            grouped(all),
            grouped(self.own),
            icicle::share_of(self.own, all),
            grouped(self.with_called),
            icicle::share_of(self.with_called, all)
        )
    }
}

/// The functions with the most instructions of their own; those of the driver in any case.
fn function_table(trees: &[(Variant, Frame)]) -> Markup {
    let mut functions: BTreeMap<String, BTreeMap<usize, u64>> = BTreeMap::new();
    for (index, (_, tree)) in trees.iter().enumerate() {
        collect(tree, index, &mut functions);
    }
    let mut rows: Vec<_> = functions.into_iter().collect();
    rows.sort_by_key(|(name, own)| {
        let most = own.values().max().copied().unwrap_or(0);
        (!is_driver(name), std::cmp::Reverse(most))
    });
    rows.truncate(FUNCTIONS);
    html! {
        details {
            summary { "The functions with the most instructions of their own" }
            div.wide { table {
                thead { tr { th { "function" } @for (variant, _) in trees { th.number { (key(*variant)) } } } }
                tbody {
                    @for (name, own) in &rows {
                        tr.driver[is_driver(name)] {
                            td { code { (name) } }
                            @for index in 0..trees.len() { td.number { (own.get(&index).map_or("–".into(), |n| grouped(*n))) } }
                        }
                    }
                }
            } }
        }
    }
}

fn collect(frame: &Frame, index: usize, functions: &mut BTreeMap<String, BTreeMap<usize, u64>>) {
    if frame.own > 0 && !frame.name.is_empty() {
        let of = functions.entry(frame.name.clone()).or_default();
        *of.entry(index).or_default() += frame.own;
    }
    for callee in &frame.callees {
        collect(callee, index, functions);
    }
}
