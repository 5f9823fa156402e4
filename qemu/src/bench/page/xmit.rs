// SPDX-License-Identifier: GPL-2.0

//! The transmit functions, side by side.

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::key;
use crate::bench::figures::Figures;
use crate::bench::figures::Mix;
use crate::bench::summary;
use crate::bench::summary::grouped;
use crate::bench::summary::words;
use crate::bench::summary::MIX;
use crate::bench::summary::ORACLE;
use crate::bench::summary::ORDER;

/// The section, if they are known.
pub fn xmit(figures: &Figures) -> Option<Markup> {
    if figures.xmit.is_empty() {
        return None;
    }
    let of = |variant| figures.xmit.iter().find(|xmit| xmit.variant == variant);
    let row = |name: &str, value: &dyn Fn(Variant) -> Option<u64>| {
        let c = value(ORACLE);
        html! {
            tr {
                td { (name) }
                @for variant in ORDER {
                    @let own = value(variant);
                    @let class = match (own, c) { (Some(own), Some(c)) if own > c => "number bad", (Some(own), Some(c)) if own < c => "number good", _ => "number" };
                    td class=(class) { (own.map_or("–".into(), grouped)) }
                }
            }
        }
    };
    let kinds = |title: &str, mix: &dyn Fn(Variant) -> Option<Mix>| {
        html! {
            tr.group { th colspan="4" { (title) } }
            @for (kind, get) in MIX { (row(kind, &|variant| mix(variant).map(|mix| get(&mix)))) }
        }
    };
    Some(html! {
        p { "What is listed is the whole function, but for instructions that only fill space; what is executed is what one packet goes through, without the functions that are called." }
        div.wide { table {
            thead { tr { th {} @for variant in ORDER { th.number { (key(variant)) } } } }
            tbody {
                (row("length in bytes", &|variant| of(variant).map(|x| x.bytes)))
                (kinds("listed", &|variant| of(variant).map(|x| x.listed)))
                @for workload in summary::executed_workloads(figures) {
                    (kinds(&format!("executed: {}", words(workload)), &|variant| summary::executed(figures, variant, workload)))
                }
            }
        } }
        dl { @for xmit in &figures.xmit { dt { (key(xmit.variant)) } dd { code { (xmit.symbol) } } } }
    })
}
