// SPDX-License-Identifier: GPL-2.0

//! How long the lab takes.

use maud::html;
use maud::Markup;

use crate::bench::figures::Figures;
use crate::bench::figures::Stage;
use crate::bench::plot;
use crate::bench::summary;
use crate::bench::table;

/// How many colours stages have.
const STAGE_COLOURS: usize = 8;
/// Works that take this many times as long as the shortest are drawn by themselves.
const LONGER: f64 = 12.0;

/// The section, if that was measured.
pub fn lab(figures: &Figures) -> Option<Markup> {
    if figures.lab.is_empty() {
        return None;
    }
    let names = summary::once_each(figures.lab.iter().map(|stage| stage.stage.as_str()));
    let colour = |stage: &str| names.iter().position(|n| *n == stage).unwrap_or(0) % STAGE_COLOURS;
    let works = table::works(&figures.lab);
    Some(html! {
        p.legend { @for name in &names { span.entry { span class={ "swatch stage" (colour(name)) } {} " " (name) } " " } }
        @for (whole, works) in by_length(works) {
            p.note { "The full width is " (format!("{whole:.1}")) " seconds." }
            div.ratios {
                @for (work, stages, total) in works {
                    @let pieces: Vec<_> = stages.iter().map(|s| (s.stage.clone(), colour(&s.stage), s.seconds)).collect();
                    @let spoken: Vec<String> = stages.iter().map(|s| format!("{} {:.1} s", s.stage, s.seconds)).collect();
                    div.row {
                        span.title { (work) }
                        span.plotted { (plot::stacked(&pieces, whole, "s", &format!("{work}: {total:.1} s: {}", spoken.join(", ")))) }
                        span.values { span.value { (format!("{total:.1} s")) } }
                    }
                }
            }
        }
        details {
            summary { "in numbers" }
            div.wide { table {
                thead { tr { th { "work" } th { "stage" } th.number { "seconds" } } }
                tbody { @for stage in &figures.lab { tr { td { (stage.work) } td { (stage.stage) } td.number { (format!("{:.2}", stage.seconds)) } } } }
            } }
        }
    })
}

type Work<'a> = (&'a str, Vec<&'a Stage>, f64);

/// Works in groups of about the same length, each with its longest.
fn by_length(mut works: Vec<Work<'_>>) -> Vec<(f64, Vec<Work<'_>>)> {
    works.sort_by(|a, b| a.2.total_cmp(&b.2));
    let mut groups: Vec<(f64, Vec<Work<'_>>)> = Vec::new();
    for work in works {
        let fits = |group: &&mut (f64, Vec<Work<'_>>)| work.2 <= group.1[0].2 * LONGER;
        match groups.last_mut().filter(fits) {
            Some((whole, group)) => {
                *whole = work.2;
                group.push(work);
            }
            None => groups.push((work.2, vec![work])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample;

    #[test]
    fn long_works_do_not_hide_short_ones() {
        let figures = sample::plain();
        let groups = by_length(table::works(&figures.lab));
        let names: Vec<Vec<&str>> = groups
            .iter()
            .map(|(_, works)| works.iter().map(|work| work.0).collect())
            .collect();
        assert_eq!(
            names[0],
            ["warm run", "edit driver", "edit patch", "edit abstraction"]
        );
        assert_eq!(names[1], ["cold run"]);
    }
}
