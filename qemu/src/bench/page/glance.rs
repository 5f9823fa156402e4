// SPDX-License-Identifier: GPL-2.0

//! All ratios at a glance: instructions and time.

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::key;
use super::times::time_title;
use crate::bench::figures::Figures;
use crate::bench::figures::Time;
use crate::bench::plot;
use crate::bench::plot::Dot;
use crate::bench::plot::RatioAxis;
use crate::bench::summary;
use crate::bench::summary::exact_ratio;
use crate::bench::summary::words;
use crate::bench::summary::CountRow;
use crate::bench::summary::Whose;
use crate::bench::summary::ORACLE;
use crate::bench::summary::RUST;

/// The section, if there are ratios.
pub fn glance(figures: &Figures) -> Option<Markup> {
    let rows = summary::count_rows(figures);
    let rows: Vec<&CountRow<'_>> = rows.iter().filter(|row| compared(row)).collect();
    let times: Vec<(&Time, Vec<Dot>)> = figures
        .times
        .iter()
        .map(|time| (time, time_dots(time)))
        .filter(|(_, dots)| !dots.is_empty())
        .collect();
    if rows.is_empty() && times.is_empty() {
        return None;
    }
    Some(html! {
        p {
            "Each dot is what Rust takes by what C takes: left of the line at 1.0 is less than C, right of it is more. "
            (key(Variant::Module)) " is the driver as a module, " (key(Variant::Builtin)) " the one that is part of the kernel."
        }
        @if !rows.is_empty() { (counted(&rows)) }
        @if !times.is_empty() { (timed(&times)) }
    })
}

fn counted(rows: &[&CountRow<'_>]) -> Markup {
    let all: Vec<Vec<Dot>> = rows.iter().map(|row| count_dots(row)).collect();
    let axis = axis(all.iter().flatten());
    let many_cpus = differ(rows.iter().map(|row| row.possible_cpus));
    let title = |row: &CountRow<'_>| match many_cpus {
        true => format!(
            "{}, {}",
            words(row.workload),
            summary::cpus(row.possible_cpus)
        ),
        false => words(row.workload).to_string(),
    };
    let value = |dot: &Dot| exact_ratio(dot.ratio);
    html! {
        h3 { "Instructions of the kernel" }
        p.note {
            "Exact. The dot is the median operation; the bar is the middle half of all operations."
        }
        div.ratios {
            (ratio_head(axis))
            @for (row, dots) in rows.iter().zip(&all) { (ratio_row(axis, &title(row), dots, &value)) }
        }
    }
}

fn timed(times: &[(&Time, Vec<Dot>)]) -> Markup {
    let axis = axis(times.iter().flat_map(|(_, dots)| dots));
    let value = |dot: &Dot| format!("{:.3}", dot.ratio);
    html! {
        h3 { "Time" }
        p.note {
            "The dot is the ratio of medians, the bar its 95 % confidence interval. Throughput is turned over: right is slower here, too."
        }
        div.ratios {
            (ratio_head(axis))
            @for (time, dots) in times { (ratio_row(axis, &time_title(time), dots, &value)) }
        }
    }
}

fn compared(row: &CountRow<'_>) -> bool {
    row.counts() && RUST.iter().any(|v| row.ratio(*v, Whose::Kernel).is_some())
}

fn differ(values: impl Iterator<Item = u32>) -> bool {
    let mut values = values.collect::<Vec<_>>();
    values.dedup();
    values.len() > 1
}

fn count_dots(row: &CountRow<'_>) -> Vec<Dot> {
    let dot = |variant| {
        let ratio = row.ratio(variant, Whose::Kernel)?;
        let exact = row.of(variant, Whose::Kernel)?;
        let c = row.of(ORACLE, Whose::Kernel)?;
        let by = |count: u64| count as f64 / c.median as f64;
        Some(Dot {
            variant,
            ratio,
            low: by(exact.quartiles.0),
            high: by(exact.quartiles.1),
        })
    };
    RUST.into_iter().filter_map(dot).collect()
}

fn time_dots(time: &Time) -> Vec<Dot> {
    let dot = |variant| {
        let ratio = time.ratio(variant)?;
        Some(Dot {
            variant,
            ratio: ratio.value,
            low: ratio.low,
            high: ratio.high,
        })
    };
    RUST.into_iter().filter_map(dot).collect()
}

fn axis<'a>(dots: impl Iterator<Item = &'a Dot>) -> RatioAxis {
    RatioAxis::of(dots.flat_map(|dot| [dot.low, dot.ratio, dot.high]))
}

/// What the rows below it have in common.
pub fn ratio_head(axis: RatioAxis) -> Markup {
    html! {
        div.row.head {
            span {}
            span.plotted { (plot::ratio_head(axis)) }
            span {}
        }
    }
}

fn ratio_row(axis: RatioAxis, title: &str, dots: &[Dot], value: &dyn Fn(&Dot) -> String) -> Markup {
    let spoken: Vec<String> = dots
        .iter()
        .map(|dot| format!("{} {}", dot.variant, value(dot)))
        .collect();
    let label = format!("{title}: {}, by C", spoken.join(", "));
    html! {
        div.row {
            span.title { (title) }
            span.plotted { (plot::ratio_row(axis, dots, &label)) }
            span.values {
                @for dot in dots { span class={ "value " (dot.variant) } { (value(dot)) } }
            }
        }
    }
}
