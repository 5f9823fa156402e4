// SPDX-License-Identifier: GPL-2.0

//! How something grows.

use std::collections::BTreeMap;

use maud::html;
use maud::Markup;

use super::key;
use crate::bench::figures::Figures;
use crate::bench::figures::Scale;
use crate::bench::plot;
use crate::bench::plot::Line;
use crate::bench::summary::grouped;
use crate::bench::summary::number;
use crate::bench::summary::ORACLE;

/// What lines over one axis have in common: what it is, what is varied, what is measured.
type Key<'a> = (&'a str, &'a str, &'a str);

/// The section, if anything was measured.
pub fn scale(figures: &Figures) -> Option<Markup> {
    let mut groups: Vec<(Key<'_>, Vec<&Scale>)> = Vec::new();
    for scale in &figures.scale {
        let key = (scale.name.as_str(), scale.of.as_str(), scale.unit.as_str());
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, scales)) => scales.push(scale),
            None => groups.push((key, vec![scale])),
        }
    }
    if groups.is_empty() {
        return None;
    }
    Some(html! {
        @for ((name, of, unit), scales) in &groups {
            @let lines: Vec<Line> = scales.iter().map(|scale| line(scale)).collect();
            figure {
                figcaption {
                    strong { (name) } ": " (unit) " for so many " (of) " "
                    @for scale in scales { (key(scale.variant)) " " }
                }
                (plot::lines(&lines, &scale_words(name, of, unit, scales)))
                details {
                    summary { "in numbers" }
                    (scale_table(of, scales))
                }
            }
        }
    })
}

fn line(scale: &Scale) -> Line {
    Line {
        variant: scale.variant,
        points: scale.points.iter().map(|(x, y)| (*x as f64, *y)).collect(),
    }
}

fn scale_words(name: &str, of: &str, unit: &str, scales: &[&Scale]) -> String {
    let each = scales.iter().filter_map(|scale| {
        let ((from, first), (to, last)) = (scale.points.first()?, scale.points.last()?);
        let variant = scale.variant;
        Some(format!(
            "{variant} from {} at {from} to {} at {to}",
            number(*first),
            number(*last)
        ))
    });
    format!(
        "{name}, {unit} by {of}: {}",
        each.collect::<Vec<_>>().join("; ")
    )
}

fn scale_table(of: &str, scales: &[&Scale]) -> Markup {
    let mut rows: BTreeMap<u64, BTreeMap<usize, f64>> = BTreeMap::new();
    for (index, scale) in scales.iter().enumerate() {
        for (at, value) in &scale.points {
            rows.entry(*at).or_default().insert(index, *value);
        }
    }
    html! {
        div.wide { table {
            thead { tr {
                th.number { (of) }
                @for scale in scales { th.number { (key(scale.variant)) } }
                @for scale in scales.iter().filter(|s| s.variant != ORACLE) { th.number { (key(scale.variant)) " by C" } }
            } }
            tbody {
                @for (at, values) in &rows {
                    tr {
                        td.number { (grouped(*at)) }
                        @for index in 0..scales.len() { td.number { (values.get(&index).map_or("–".into(), |v| number(*v))) } }
                        @for (index, _) in scales.iter().enumerate().filter(|(_, s)| s.variant != ORACLE) {
                            td.number { (by_c(scales, values, index).map_or("–".into(), |r| format!("{r:.4}"))) }
                        }
                    }
                }
            }
        } }
    }
}

/// What a line has at some place, by what C's has there.
fn by_c(scales: &[&Scale], values: &BTreeMap<usize, f64>, index: usize) -> Option<f64> {
    let c = scales.iter().position(|scale| scale.variant == ORACLE)?;
    let (over, under) = (values.get(&index)?, values.get(&c)?);
    (*under > 0.0).then(|| over / under)
}
