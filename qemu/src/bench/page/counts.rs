// SPDX-License-Identifier: GPL-2.0

//! How many instructions operations take.

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::key;
use crate::bench::figures::Figures;
use crate::bench::repeat;
use crate::bench::standing::Standing;
use crate::bench::summary;
use crate::bench::summary::exact_ratio;
use crate::bench::summary::grouped;
use crate::bench::summary::number;
use crate::bench::summary::words;
use crate::bench::summary::CountRow;
use crate::bench::summary::Whose;
use crate::bench::summary::ORACLE;
use crate::bench::summary::ORDER;
use crate::bench::summary::RUST;

/// The section, if any were counted.
pub fn counts(figures: &Figures) -> Option<Markup> {
    let rows = summary::count_rows(figures);
    if rows.is_empty() {
        return None;
    }
    Some(html! {
        p { "For one unit, such as a packet; where an operation has several, it is divided by them. The number is the median operation's. \
            Where operations of the same kernel differ, what the least of them takes is below it." }
        @if rows.iter().any(is_open) { p.note { "?: cannot be told, as operations of the same kernel differ by more than the kernels do." } }
        (count_table(&rows, Whose::Kernel, "The kernel's"))
        (count_table(&rows, Whose::All, "All, with those in user space"))
        @if let Some(line) = repeat::line(figures) { p { (line) "." } }
        details {
            summary { "How much operations differ from each other" }
            (spread_table(&rows))
        }
    })
}

fn count_table(rows: &[CountRow<'_>], whose: Whose, title: &str) -> Markup {
    html! {
        h3 { (title) }
        div.wide { table {
            thead { tr {
                th { "operation" } th.number { "CPUs" } th.number { (key(ORACLE)) }
                @for variant in RUST { th.number { (key(variant)) } th.number { "by C" } th.number { "more" } }
            } }
            tbody {
                @for row in rows {
                    tr {
                        td title=(row.workload) { (words(row.workload)) }
                        td.number { (row.possible_cpus) }
                        td.number { (unit_count(row, ORACLE, whose)) }
                        @for variant in RUST { (beside_c(row, variant, whose)) }
                    }
                    @if row.varies(whose) { (minima(row, whose)) }
                }
            }
        } }
    }
}

fn is_open(row: &CountRow<'_>) -> bool {
    let each = [Whose::Kernel, Whose::All].map(|whose| RUST.map(|one| row.standing(one, whose)));
    each.as_flattened().contains(&Some(Standing::Open))
}

/// A variant's count, and what that is beside C's.
fn beside_c(row: &CountRow<'_>, variant: Variant, whose: Whose) -> Markup {
    let (class, mark) = match row.standing(variant, whose) {
        Some(Standing::Above) => ("number bad", ""),
        Some(Standing::Below) => ("number good", ""),
        Some(Standing::Open) => ("number", " ?"),
        Some(Standing::Same) | None => ("number", ""),
    };
    html! {
        td.number { (unit_count(row, variant, whose)) }
        td class=(class) { (row.ratio(variant, whose).map_or("–".into(), exact_ratio)) (mark) }
        td class=(class) { (row.more(variant, whose).map_or("–".into(), signed)) }
    }
}

/// The least that any operation took.
fn minima(row: &CountRow<'_>, whose: Whose) -> Markup {
    let least = |variant| {
        let exact = row.of(variant, whose);
        exact.map_or("–".into(), |e| number(e.least as f64 / row.units as f64))
    };
    html! {
        tr {
            td { "… the least of them" }
            td {}
            td.number { (least(ORACLE)) }
            @for variant in RUST {
                td.number { (least(variant)) }
                td.number { (row.least_ratio(variant, whose).map_or("–".into(), exact_ratio)) }
                td {}
            }
        }
    }
}

fn unit_count(row: &CountRow<'_>, variant: Variant, whose: Whose) -> String {
    let exact = row.of(variant, whose);
    exact.map_or("–".into(), |e| number(e.median as f64 / row.units as f64))
}

fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text.replace('-', "−")
    }
}

fn spread_table(rows: &[CountRow<'_>]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "operation" } th { "kernel" } th.number { "operations" } th.number { "different counts" }
                th.number { "least" } th.number { "median" } th.number { "most" }
            } }
            tbody {
                @for row in rows {
                    @for variant in ORDER {
                        @if let Some(exact) = row.of(variant, Whose::Kernel) {
                            tr {
                                td { (words(row.workload)) ", " (summary::cpus(row.possible_cpus)) }
                                td { (key(variant)) }
                                td.number { (exact.operations) }
                                td.number { @if exact.all_equal() { "all equal" } @else { (exact.distinct) } }
                                td.number { (grouped(exact.least)) }
                                td.number { (grouped(exact.median)) }
                                td.number { (grouped(exact.most)) }
                            }
                        }
                    }
                }
            }
        } }
    }
}
