// SPDX-License-Identifier: GPL-2.0

//! What was measured, for a terminal.

use std::collections::BTreeMap;

use lab_protocol::Variant;

use super::base::Comparison;
use super::figures::Figures;
use super::figures::Stage;
use super::repeat;
use super::standing::Standing;
use super::statistics;
use super::summary;
use super::summary::exact_ratio;
use super::summary::grouped;
use super::summary::number;
use super::summary::CountRow;
use super::summary::Whose;
use super::summary::MIX;
use super::summary::ORACLE;
use super::summary::ORDER;
use super::summary::RUST;

/// What is above is marked with this, and that of which nobody can tell with the other.
const MARK: &str = " *";
const OPEN: &str = " ?";

/// Cells in columns: the first one to the left, the others to the right.
#[derive(Default)]
struct Table(Vec<Vec<String>>);

impl Table {
    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.push(cells.into_iter().collect());
    }

    fn lines(&self) -> Vec<String> {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::from(" ");
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                line += &match column {
                    0 => format!(" {cell:width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            line.trim_end().to_string()
        };
        self.0.iter().map(line).collect()
    }
}

/// All of it.
pub fn lines(figures: &Figures, base: Option<&Comparison>) -> Vec<String> {
    let sections = [
        counts(
            figures,
            Whose::Kernel,
            "the kernel's instructions, for a unit (such as a packet)",
        ),
        counts(
            figures,
            Whose::All,
            "all instructions, with those in user space",
        ),
        repeat::line(figures).into_iter().collect(),
        xmit(figures),
        times(figures),
        scale(figures),
        sizes(figures),
        lab(figures),
        left_out(figures),
        base.map(|base| base.lines()).unwrap_or_default(),
        bars(figures),
    ];
    let mut lines = Vec::new();
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        lines.push(String::new());
        lines.extend(section);
    }
    lines
}

fn titled(title: &str, table: &Table) -> Vec<String> {
    // What has no row but its head says nothing.
    if table.0.len() < 2 {
        return Vec::new();
    }
    let mut lines = vec![title.to_string()];
    lines.extend(table.lines());
    lines
}

fn head(first: &str, more: &[&str]) -> Vec<String> {
    let names = [first].into_iter().chain(more.iter().copied());
    let mut cells: Vec<String> = names.map(String::from).collect();
    cells.push(ORACLE.to_string());
    for variant in RUST {
        cells.extend([
            variant.to_string(),
            format!("ratio{}", " ".repeat(MARK.len())),
        ]);
    }
    cells
}

fn counts(figures: &Figures, whose: Whose, title: &str) -> Vec<String> {
    let mut table = Table::default();
    table.row(head("workload", &["CPUs"]));
    let rows = summary::count_rows(figures);
    for row in &rows {
        table.row(medians(row, whose));
        if row.varies(whose) {
            table.row(minima(row, whose));
        }
    }
    let mut lines = titled(title, &table);
    for (standing, legend) in [
        (Standing::Above, " * more than C's"),
        (
            Standing::Open,
            " ? cannot be told: operations of the same kernel differ more",
        ),
    ] {
        let is_there = |row: &CountRow<'_>| {
            let mut all = RUST.iter().filter_map(|one| row.standing(*one, whose));
            all.any(|one| one == standing)
        };
        if rows.iter().any(is_there) {
            lines.push(legend.into());
        }
    }
    lines
}

/// The median operations, for a unit.
fn medians(row: &CountRow<'_>, whose: Whose) -> Vec<String> {
    let value = |variant| match row.of(variant, whose) {
        Some(exact) => number(exact.median as f64 / row.units as f64),
        None => "-".into(),
    };
    let (workload, cpus) = (row.workload.to_string(), row.possible_cpus.to_string());
    let mut cells = vec![workload, cpus, value(ORACLE)];
    for variant in RUST {
        let ratio = row.ratio(variant, whose);
        let mark = match row.standing(variant, whose) {
            Some(Standing::Above) => MARK.into(),
            Some(Standing::Open) => OPEN.into(),
            _ => " ".repeat(MARK.len()),
        };
        cells.extend([
            value(variant),
            ratio.map_or("-".into(), exact_ratio) + &mark,
        ]);
    }
    cells
}

/// The least that any operation took, for a unit.
fn minima(row: &CountRow<'_>, whose: Whose) -> Vec<String> {
    let value = |variant| match row.of(variant, whose) {
        Some(exact) => number(exact.least as f64 / row.units as f64),
        None => "-".into(),
    };
    let mut cells = vec!["  at least".into(), String::new(), value(ORACLE)];
    for variant in RUST {
        let ratio = row.least_ratio(variant, whose);
        let blank = " ".repeat(MARK.len());
        cells.extend([
            value(variant),
            ratio.map_or("-".into(), exact_ratio) + &blank,
        ]);
    }
    cells
}

fn xmit(figures: &Figures) -> Vec<String> {
    let mut table = Table::default();
    let names = ORDER.map(|variant| variant.to_string());
    table.row(
        [String::from("the transmit function")]
            .into_iter()
            .chain(names),
    );
    let mut row = |name: String, value: &dyn Fn(Variant) -> Option<u64>| {
        let shown = |variant| value(variant).map_or("-".into(), grouped);
        table.row([name].into_iter().chain(ORDER.map(shown)));
    };
    let of = |variant| figures.xmit.iter().find(|xmit| xmit.variant == variant);
    if figures.xmit.is_empty() {
        return Vec::new();
    }
    row("bytes".into(), &|variant| of(variant).map(|x| x.bytes));
    for (kind, get) in MIX {
        row(format!("{kind}, listed"), &|variant| {
            of(variant).map(|x| get(&x.listed))
        });
    }
    for workload in summary::executed_workloads(figures) {
        for (kind, get) in MIX {
            row(format!("{kind}, executed for {workload}"), &|variant| {
                summary::executed(figures, variant, workload).map(|mix| get(&mix))
            });
        }
    }
    table.lines()
}

fn times(figures: &Figures) -> Vec<String> {
    let mut table = Table::default();
    table.row(head("workload", &["unit"]));
    for time in &figures.times {
        let median = |variant| match statistics::spread(time.of(variant)) {
            Some(spread) => number(spread.median),
            None => "-".into(),
        };
        let mut cells = vec![time.name(), time.unit.clone(), median(ORACLE)];
        for variant in RUST {
            let ratio = time.ratio(variant);
            let mark = match &ratio {
                Some(ratio) if ratio.is_above() => MARK.into(),
                _ => " ".repeat(MARK.len()),
            };
            let shown = ratio.map_or("-".into(), |ratio| summary::interval(&ratio));
            cells.extend([median(variant), shown + &mark]);
        }
        table.row(cells);
    }
    titled(
        "times: medians, and what they cost beside C's, with 95 % confidence",
        &table,
    )
}

fn scale(figures: &Figures) -> Vec<String> {
    let mut rows: Vec<(String, &str, BTreeMap<&str, f64>)> = Vec::new();
    for scale in &figures.scale {
        for (at, value) in &scale.points {
            let name = format!("{}: {at} {}", scale.name, scale.of);
            let found = rows.iter().position(|(other, ..)| *other == name);
            let index = found.unwrap_or(rows.len());
            if found.is_none() {
                rows.push((name, &scale.unit, BTreeMap::new()));
            }
            rows[index].2.insert(scale.variant.name(), *value);
        }
    }
    let mut table = Table::default();
    let head = ["of how many", "unit"].map(String::from);
    table.row(head.into_iter().chain(ORDER.map(|one| one.to_string())));
    for (name, unit, values) in rows {
        let value = |variant: Variant| values.get(variant.name()).copied();
        let shown = |variant| value(variant).map_or("-".into(), number);
        table.row([name, unit.into()].into_iter().chain(ORDER.map(shown)));
    }
    titled("scale", &table)
}

fn sizes(figures: &Figures) -> Vec<String> {
    let mut table = Table::default();
    table.row(["driver", "machine code", "data"].map(String::from));
    for size in &figures.sizes {
        table.row([size.name.clone(), grouped(size.text), grouped(size.data)]);
    }
    titled("bytes", &table)
}

/// What was done, with its stages and the time of all of them.
pub fn works(stages: &[Stage]) -> Vec<(&str, Vec<&Stage>, f64)> {
    let mut works: Vec<(&str, Vec<&Stage>, f64)> = Vec::new();
    for stage in stages {
        match works.iter_mut().find(|(work, ..)| *work == stage.work) {
            Some((_, stages, total)) => {
                stages.push(stage);
                *total += stage.seconds;
            }
            None => works.push((&stage.work, vec![stage], stage.seconds)),
        }
    }
    works
}

fn lab(figures: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    for (work, stages, total) in works(&figures.lab) {
        let stage = |stage: &&Stage| format!("{} {:.1}", stage.stage, stage.seconds);
        let stages: Vec<String> = stages.iter().map(stage).collect();
        lines.push(format!("  {work:18} {total:7.1} s: {}", stages.join(", ")));
    }
    if !lines.is_empty() {
        lines.insert(0, "the lab itself".into());
    }
    lines
}

fn left_out(figures: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    for (what, why) in &figures.left_out {
        lines.push(format!("  {what}: {why}"));
    }
    if !lines.is_empty() {
        lines.insert(0, "left out".into());
    }
    lines
}

fn bars(figures: &Figures) -> Vec<String> {
    let mut lines = vec!["bars".to_string()];
    for bar in summary::bars(figures) {
        lines.push(format!("  {}: {}", bar.what, bar.verdict()));
        for named in bar.above.iter().chain(&bar.open) {
            lines.push(format!("    {}: {}", named.what, named.value));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let lines = counts(&sample::plain(), Whose::Kernel, "x");
        let widths: Vec<usize> = lines[1..].iter().map(|line| line.chars().count()).collect();
        let head = &lines[1];
        let end = head.find("ratio").unwrap() + "ratio".len();
        for line in &lines[2..] {
            // Each ratio ends below its title, and what is marked is so behind it.
            assert!(line.len() <= widths[0] + MARK.len(), "{line}");
            assert!(!line.as_bytes()[end - 1].is_ascii_whitespace(), "{line}");
        }
        assert!(
            lines.iter().any(|line| line.contains("1,211")),
            "{lines:#?}"
        );
    }

    #[test]
    fn what_is_above_1_is_marked_and_nothing_else() {
        let plain = counts(&sample::plain(), Whose::Kernel, "x").join("\n");
        assert!(!plain.contains('*'), "{plain}");
        let extreme = counts(&sample::extreme(), Whose::Kernel, "x").join("\n");
        assert!(extreme.contains("39.9651 *"), "{extreme}");
        assert!(extreme.contains("* more than C's"));
    }

    #[test]
    fn what_varies_has_its_minimum_and_may_be_open() {
        let figures = sample::noisy();
        let text = counts(&figures, Whose::Kernel, "x").join("\n");
        assert!(text.contains(" ? cannot be told"), "{text}");
        assert!(text.contains("1.0010 ?"), "{text}");
        let minima = text.lines().filter(|line| line.contains("  at least"));
        assert_eq!(minima.count(), 2, "{text}");
        assert!(!text.contains('*'), "{text}");
        let text = bars(&figures).join("\n");
        assert!(
            text.contains("module: cannot be told: differs by"),
            "{text}"
        );
    }

    #[test]
    fn what_was_not_measured_takes_no_room() {
        let lines = lines(&Figures::default(), None);
        let text = lines.join("\n");
        assert!(text.trim_start().starts_with("bars"), "{text}");
        assert!(text.contains("not measured"));
    }

    #[test]
    fn all_sections_are_there() {
        let text = lines(&sample::extreme(), None).join("\n");
        for part in [
            "the kernel's instructions",
            "with those in user space",
            "c booted twice: 1 of 2 workloads",
            "executed for udp_1",
            "udp_1 (sockperf, uml)",
            "netns.create: 2000 namespaces",
            "c, as a module",
            "cold run",
            "left out",
            "udp_1, 4 CPUs, module",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
