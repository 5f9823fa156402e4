// SPDX-License-Identifier: GPL-2.0

//! What operations take, round by round.

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::glance::ratio_head;
use super::key;
use crate::bench::figures::Figures;
use crate::bench::figures::Time;
use crate::bench::plot;
use crate::bench::plot::RatioAxis;
use crate::bench::statistics;
use crate::bench::summary;
use crate::bench::summary::number;
use crate::bench::summary::words;
use crate::bench::summary::ORACLE;
use crate::bench::summary::ORDER;

/// What was done, and by which tool.
pub fn time_title(time: &Time) -> String {
    let tool = match time.tool.as_str() {
        "own" => String::new(),
        tool => format!(" ({tool})"),
    };
    format!("{}{tool}", words(&time.workload))
}

/// The section, if time was measured.
pub fn times(figures: &Figures) -> Option<Markup> {
    if figures.times.is_empty() {
        return None;
    }
    let costs: Vec<f64> = figures.times.iter().flat_map(all_costs).collect();
    let axis = RatioAxis::of(costs);
    Some(html! {
        p {
            "Each dot is a round, in their order from top to bottom, by the median of C; the stroke is the median. Right is slower. \
            The rounds of the kernels took turns."
        }
        div.ratios {
            (ratio_head(axis))
            @for time in &figures.times {
                div.row.group { span.title { (time_title(time)) " " small { (time.engine) ", " (time.unit) } } }
                @for variant in ORDER { (rounds(axis, time, variant)) }
            }
        }
        h3 { "In numbers" }
        (time_table(&figures.times))
    })
}

fn time_table(times: &[Time]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "operation" } th { "kernel" } th { "unit" } th.number { "median" } th.number { "middle half" }
                th.number { "cost by C's (95 % confidence)" }
            } }
            tbody {
                @for time in times {
                    @for variant in ORDER { (time_line(time, variant)) }
                }
            }
        } }
    }
}

fn time_line(time: &Time, variant: Variant) -> Markup {
    let Some(spread) = statistics::spread(time.of(variant)) else {
        return html! {};
    };
    let ratio = (variant != ORACLE).then(|| time.ratio(variant)).flatten();
    let class = match &ratio {
        Some(ratio) if ratio.is_above() => "number bad",
        Some(ratio) if ratio.is_below() => "number good",
        _ => "number",
    };
    html! {
        tr {
            td { @if variant == ORDER[0] { (time_title(time)) } }
            td { (key(variant)) }
            td { (time.unit) }
            td.number { (number(spread.median)) }
            td.number { (number(spread.lower)) "–" (number(spread.upper)) }
            td class=(class) { (ratio.map_or(String::new(), |r| summary::interval(&r))) }
        }
    }
}

fn costs(time: &Time, variant: Variant) -> Vec<f64> {
    let Some(c) = statistics::spread(time.of(ORACLE)) else {
        return Vec::new();
    };
    let cost = |value: &f64| match time.more_is_better {
        true => c.median / value,
        false => value / c.median,
    };
    time.of(variant).iter().map(cost).collect()
}

fn all_costs(time: &Time) -> Vec<f64> {
    ORDER
        .into_iter()
        .flat_map(|variant| costs(time, variant))
        .collect()
}

fn rounds(axis: RatioAxis, time: &Time, variant: Variant) -> Markup {
    let costs = costs(time, variant);
    let Some(spread) = statistics::spread(&costs) else {
        return html! {};
    };
    let label = format!(
        "{}, {variant}: {} rounds from {:.3} to {:.3} by the median of C, median {:.3}",
        time_title(time),
        costs.len(),
        spread.least,
        spread.most,
        spread.median
    );
    html! {
        div.row {
            span.title { (key(variant)) }
            span.plotted { (plot::rounds_row(axis, variant, &costs, spread.median, &label)) }
            span.values { span class={ "value " (variant) } { (format!("{:.3}", spread.median)) } }
        }
    }
}
