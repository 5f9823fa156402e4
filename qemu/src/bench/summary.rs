// SPDX-License-Identifier: GPL-2.0

//! What the figures say: each workload's rows, side by side, and whether the bars hold.

use lab_protocol::Variant;

use super::figures::Figures;
use super::figures::Mix;
use super::figures::Time;
use super::repeat;
use super::standing::Pair;
use super::standing::Standing;
use super::statistics;
use super::statistics::Exact;
use super::statistics::Ratio;

/// What the others are set beside.
pub const ORACLE: Variant = Variant::C;
/// The others.
pub const RUST: [Variant; 2] = [Variant::Module, Variant::Builtin];
/// All, in the order in which they are shown.
pub const ORDER: [Variant; 3] = [Variant::C, Variant::Module, Variant::Builtin];

/// The workload that does nothing: what is counted there is the counting itself.
const NOTHING: &str = "nothing";
/// How sure an interval is.
pub const CONFIDENCE: f64 = 0.95;
/// How much larger than C's the module's text may be.
const TEXT_BAR: f64 = 1.2;

/// The names of workloads, and what they do.
const WORKLOADS: [(&str, &str); 17] = [
    (NOTHING, "nothing: the counting itself"),
    ("udp_1", "UDP, 1 byte sent and received"),
    ("udp_1400", "UDP, 1,400 bytes sent and received"),
    ("udp_65000", "UDP, 65,000 bytes sent and received"),
    ("tcp_rr_1", "TCP, 1 byte there and one back"),
    ("tcp_stream", "TCP stream, 1 MiB by 64 KiB"),
    ("tcp_stream_bulk", "TCP stream, 1 MiB by 512 KiB"),
    ("tcp_stream_big", "TCP stream, 1 MiB by 512 KiB, BIG TCP"),
    ("ping", "ping: echo and reply"),
    ("raw_packet", "raw packet sent"),
    ("pktgen", "pktgen, one packet"),
    ("stats_netlink", "statistics by netlink"),
    ("stats_sysfs", "statistics by sysfs"),
    ("netns_create", "network namespace created"),
    ("netns_destroy", "network namespace destroyed"),
    ("module_load", "module loaded"),
    ("module_unload", "module unloaded"),
];

/// What a workload does, in words; its name, if nothing more is known.
pub fn words(workload: &str) -> &str {
    let known = WORKLOADS.iter().find(|(name, _)| *name == workload);
    known.map_or(workload, |(_, words)| words)
}

/// Whose instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The kernel's.
    Kernel,
    /// All: those in user space, too.
    All,
}

/// A workload's counts, all variants side by side.
#[derive(Clone, Debug)]
pub struct CountRow<'a> {
    /// Which workload.
    pub workload: &'a str,
    /// With how many possible CPUs.
    pub possible_cpus: u32,
    /// How many units an operation has.
    pub units: u64,
    /// By how many instructions an operation differs between two boots of the same kernel.
    boots: u64,
    cells: Vec<(Variant, [Exact; 2])>,
}

impl CountRow<'_> {
    /// What was counted of a variant.
    pub fn of(&self, variant: Variant, whose: Whose) -> Option<Exact> {
        let (_, pair) = self.cells.iter().find(|(one, _)| *one == variant)?;
        Some(match whose {
            Whose::Kernel => pair[0],
            Whose::All => pair[1],
        })
    }

    /// The median operation of a variant, by that of C. Where nothing is counted there is none.
    pub fn ratio(&self, variant: Variant, whose: Whose) -> Option<f64> {
        let over = self.of(variant, whose)?.median;
        let under = self.of(ORACLE, whose)?.median;
        (under > 0).then(|| over as f64 / under as f64)
    }

    /// The least operation of a variant, by that of C.
    pub fn least_ratio(&self, variant: Variant, whose: Whose) -> Option<f64> {
        let over = self.of(variant, whose)?.least;
        let under = self.of(ORACLE, whose)?.least;
        (under > 0).then(|| over as f64 / under as f64)
    }

    /// How many more instructions than C's a unit takes.
    pub fn more(&self, variant: Variant, whose: Whose) -> Option<f64> {
        let over = self.of(variant, whose)?.median as f64;
        let under = self.of(ORACLE, whose)?.median as f64;
        Some((over - under) / self.units as f64)
    }

    /// A variant's counts beside those of C. Where nothing is counted there are none.
    pub fn pair(&self, variant: Variant, whose: Whose) -> Option<Pair> {
        self.ratio(variant, whose)?;
        Some(Pair {
            ours: self.of(variant, whose)?,
            theirs: self.of(ORACLE, whose)?,
            boots: self.boots,
        })
    }

    /// How a variant stands to C.
    pub fn standing(&self, variant: Variant, whose: Whose) -> Option<Standing> {
        Some(self.pair(variant, whose)?.standing())
    }

    /// Whether operations of the same kernel differ, so that the median is not all there is to say.
    pub fn varies(&self, whose: Whose) -> bool {
        let mut pairs = RUST.iter().filter_map(|one| self.pair(*one, whose));
        pairs.any(|pair| !pair.is_exact())
    }

    /// Whether it is one to be judged, not the calibration.
    pub fn counts(&self) -> bool {
        self.workload != NOTHING
    }

    /// Its name, with its CPUs.
    pub fn name(&self) -> String {
        format!("{}, {}", self.workload, cpus(self.possible_cpus))
    }
}

/// So many possible CPUs, in words.
pub fn cpus(count: u32) -> String {
    match count {
        1 => "1 CPU".into(),
        n => format!("{n} CPUs"),
    }
}

/// A row for each workload and number of possible CPUs, in the order in which they were measured.
pub fn count_rows(figures: &Figures) -> Vec<CountRow<'_>> {
    let mut rows: Vec<CountRow<'_>> = Vec::new();
    for count in &figures.counts {
        let pair = (Exact::of(&count.kernel), Exact::of(&count.all));
        let (Some(kernel), Some(all)) = pair else {
            continue;
        };
        let cell = (count.variant, [kernel, all]);
        let same = |row: &&mut CountRow<'_>| {
            row.workload == count.workload && row.possible_cpus == count.possible_cpus
        };
        match rows.iter_mut().find(same) {
            Some(row) => row.cells.push(cell),
            None => rows.push(CountRow {
                workload: &count.workload,
                possible_cpus: count.possible_cpus,
                units: count.units.max(1),
                boots: repeat::most(figures, &count.workload),
                cells: vec![cell],
            }),
        }
    }
    rows
}

impl Time {
    /// The rounds of a variant; none if there are none.
    pub fn of(&self, variant: Variant) -> &[f64] {
        let found = self.rounds.iter().find(|(one, _)| *one == variant);
        found.map_or(&[], |(_, rounds)| rounds)
    }

    /// What `over` costs by what `under` does: above 1 is slower, whatever the unit.
    pub fn cost<'a>(&self, over: &'a [f64], under: &'a [f64]) -> [&'a [f64]; 2] {
        match self.more_is_better {
            true => [under, over],
            false => [over, under],
        }
    }

    /// What a variant costs by what C does.
    pub fn ratio(&self, variant: Variant) -> Option<Ratio> {
        let [over, under] = self.cost(self.of(variant), self.of(ORACLE));
        statistics::ratio(over, under, CONFIDENCE)
    }

    /// Its name, with what measured.
    pub fn name(&self) -> String {
        match self.tool.as_str() {
            "own" => format!("{} ({})", self.workload, self.engine),
            tool => format!("{} ({tool}, {})", self.workload, self.engine),
        }
    }
}

/// A kind of instructions: its name, and where it is.
type Kind = (&'static str, fn(&Mix) -> u64);

/// All there are.
pub const MIX: [Kind; 4] = [
    ("instructions", |mix| mix.instructions),
    ("calls", |mix| mix.calls),
    ("conditional branches", |mix| mix.branches),
    ("atomic operations", |mix| mix.atomics),
];

/// What of a variant's transmit function was executed for a packet of `workload`.
pub fn executed(figures: &Figures, variant: Variant, workload: &str) -> Option<Mix> {
    let xmit = figures.xmit.iter().find(|xmit| xmit.variant == variant)?;
    let found = xmit.executed.iter().find(|(name, _)| name == workload);
    found.map(|(_, mix)| *mix)
}

/// The workloads for which it is known what of the transmit functions was executed.
pub fn executed_workloads(figures: &Figures) -> Vec<&str> {
    let executed = figures.xmit.iter().flat_map(|xmit| &xmit.executed);
    once_each(executed.map(|(name, _)| name.as_str()))
}

/// Each of these, where it is first.
pub fn once_each<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut once = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// Something that is not to be exceeded.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Where it is, in words.
    pub what: &'static str,
    /// How many figures were set against it.
    pub checked: usize,
    /// Those above it.
    pub above: Vec<Named>,
    /// Those of which nobody can tell.
    pub open: Vec<Named>,
}

/// A figure that does not hold its bar, or may not.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Which one.
    pub what: String,
    /// What it is, and what it should be.
    pub value: String,
}

impl Bar {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            checked: 0,
            above: Vec::new(),
            open: Vec::new(),
        }
    }

    fn check(
        &mut self,
        holds: bool,
        what: impl FnOnce() -> String,
        value: impl FnOnce() -> String,
    ) {
        self.checked += 1;
        if !holds {
            let (what, value) = (what(), value());
            self.above.push(Named { what, value });
        }
    }

    /// Sets one against it of which nobody can tell.
    fn leave_open(&mut self, what: String, value: String) {
        self.checked += 1;
        self.open.push(Named { what, value });
    }

    /// Whether it holds, in words.
    pub fn verdict(&self) -> String {
        match (self.checked, self.above.len(), self.open.len()) {
            (0, ..) => "not measured".into(),
            (n, 0, 0) => format!("holds for all {n}"),
            (n, 0, open) => format!("holds for {} of {n}, {open} cannot be told", n - open),
            (n, above, 0) => format!("{above} of {n} above"),
            (n, above, open) => format!("{above} of {n} above, {open} cannot be told"),
        }
    }
}

/// The bars, each set against what was measured.
pub fn bars(figures: &Figures) -> Vec<Bar> {
    vec![
        executed_bar(figures),
        whole_bar(figures),
        time_bar(figures),
        text_bar(figures),
    ]
}

fn executed_bar(figures: &Figures) -> Bar {
    let mut bar = Bar::new("instructions executed in the transmit function: no more than C's");
    for workload in executed_workloads(figures) {
        let Some(c) = executed(figures, ORACLE, workload) else {
            continue;
        };
        for variant in RUST {
            let Some(mix) = executed(figures, variant, workload) else {
                continue;
            };
            let (ours, theirs) = (mix.instructions, c.instructions);
            bar.check(
                ours <= theirs,
                || format!("{workload}, {variant}"),
                || format!("{ours} instead of {theirs}"),
            );
        }
    }
    bar
}

fn whole_bar(figures: &Figures) -> Bar {
    let mut bar = Bar::new("the kernel's instructions for whole operations: no more than C's");
    for row in count_rows(figures).iter().filter(|row| row.counts()) {
        for variant in RUST {
            let name = format!("{}, {variant}", row.name());
            match row.pair(variant, Whose::Kernel) {
                None => {}
                Some(pair) if pair.standing() == Standing::Open => {
                    bar.leave_open(name, pair.doubt());
                }
                Some(pair) => bar.check(
                    pair.standing() != Standing::Above,
                    || name,
                    || excess(row, variant),
                ),
            }
        }
    }
    bar
}

/// How many times C's the kernel's instructions are, and how many more.
fn excess(row: &CountRow<'_>, variant: Variant) -> String {
    let ratio = row.ratio(variant, Whose::Kernel).unwrap_or(1.0);
    let more = row.more(variant, Whose::Kernel).unwrap_or_default();
    format!("{}, {} instructions more", exact_ratio(ratio), number(more))
}

fn time_bar(figures: &Figures) -> Bar {
    let mut bar = Bar::new("time: C's or less, as far as the noise lets that be seen");
    for time in &figures.times {
        for variant in RUST {
            let Some(ratio) = time.ratio(variant) else {
                continue;
            };
            bar.check(
                !ratio.is_above(),
                || format!("{}, {variant}", time.name()),
                || interval(&ratio),
            );
        }
    }
    bar
}

fn text_bar(figures: &Figures) -> Bar {
    let mut bar =
        Bar::new("machine code of the module: at most 1.2 times that of C's driver as one");
    let text = |name: &str| {
        figures
            .sizes
            .iter()
            .find(|s| s.name == name)
            .map(|s| s.text)
    };
    if let (Some(ours), Some(theirs)) = (text("module"), text("c, as a module")) {
        bar.check(
            ours as f64 <= theirs as f64 * TEXT_BAR,
            || "module".into(),
            || {
                format!(
                    "{ours} bytes, {:.2} times {theirs}",
                    ours as f64 / theirs as f64
                )
            },
        );
    }
    bar
}

/// An exact ratio. One that is above 1 never looks as if it were not.
pub fn exact_ratio(ratio: f64) -> String {
    let shown = format!("{ratio:.4}");
    match shown.as_str() {
        "1.0000" if ratio != 1.0 => format!("{ratio:.7}"),
        _ => shown,
    }
}

/// A ratio with its interval.
pub fn interval(ratio: &Ratio) -> String {
    let Ratio { value, low, high } = ratio;
    format!("{value:.3} ({low:.3} to {high:.3})")
}

/// A number as people write it: with commas, and with as many decimals as say something.
pub fn number(value: f64) -> String {
    if value.abs() < 10.0 {
        let text = format!("{value:.3}");
        let short = text.trim_end_matches('0').trim_end_matches('.');
        return if short == "-0" { "0" } else { short }.into();
    }
    let tenths = (value.abs() * 10.0).round() as u64;
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = grouped(tenths / 10);
    match tenths % 10 {
        0 => format!("{sign}{whole}"),
        tenth => format!("{sign}{whole}.{tenth}"),
    }
}

/// A whole number, with commas.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_row_has_all_variants_side_by_side() {
        let figures = sample::plain();
        let rows = count_rows(&figures);
        let row = rows.iter().find(|row| row.workload == "pktgen").unwrap();
        assert_eq!(row.units, 1000);
        assert!(ORDER.iter().all(|v| row.of(*v, Whose::All).is_some()));
        let ratio = row.ratio(Variant::Module, Whose::Kernel).unwrap();
        assert!(ratio > 0.5 && ratio < 1.5);
        let load = rows.iter().find(|row| row.workload == "module_load");
        assert!(load.unwrap().ratio(Variant::Module, Whose::All).is_none());
    }

    #[test]
    fn one_instruction_more_is_above_its_bar() {
        let mut figures = sample::plain();
        figures.counts.retain(|count| count.workload == "udp_1");
        for count in &mut figures.counts {
            let one_more = u64::from(count.variant == Variant::Builtin);
            count.kernel = vec![1_000_000 + one_more; 3];
        }
        let bar = whole_bar(&figures);
        assert_eq!(bar.above.len(), 1, "{bar:?}");
        assert!(bar.above[0].what.contains("builtin"));
        assert!(bar.above[0]
            .value
            .starts_with("1.0000010, 1 instructions more"));
        assert_eq!(bar.verdict(), format!("1 of {} above", bar.checked));
    }

    #[test]
    fn a_little_more_is_open_where_operations_differ() {
        let mut figures = sample::noisy();
        figures
            .counts
            .retain(|count| count.workload == "netns_create" && count.variant != Variant::Builtin);
        let row = &count_rows(&figures)[0];
        assert!(row.varies(Whose::Kernel));
        let bar = whole_bar(&figures);
        assert!(bar.above.is_empty(), "{bar:?}");
        assert_eq!(bar.open.len(), 1, "{bar:?}");
        assert!(bar.open[0].value.starts_with("cannot be told: differs by"));
        assert_eq!(bar.verdict(), "holds for 0 of 1, 1 cannot be told");
    }

    #[test]
    fn what_no_second_boot_repeats_is_open_within_that() {
        let mut figures = sample::plain();
        figures
            .counts
            .retain(|count| count.workload == "netns_destroy");
        for count in &mut figures.counts {
            let more = u64::from(count.variant == Variant::Builtin);
            count.kernel = vec![1000 + more; 3];
        }
        assert_eq!(whole_bar(&figures).open.len(), 1);
        figures.repeats.clear();
        assert_eq!(whole_bar(&figures).above.len(), 1);
    }

    #[test]
    fn each_bar_sees_what_is_above_it_and_nothing_else() {
        let good = bars(&sample::plain());
        assert!(good.iter().all(|bar| bar.checked > 0), "{good:?}");
        assert!(good.iter().all(|bar| bar.above.is_empty()), "{good:?}");
        let bad = bars(&sample::extreme());
        assert!(bad.iter().all(|bar| !bar.above.is_empty()), "{bad:?}");
        let none = bars(&Figures::default());
        assert!(none.iter().all(|bar| bar.verdict() == "not measured"));
    }

    #[test]
    fn more_throughput_costs_less() {
        let time = Time {
            workload: "x".into(),
            tool: "iperf3".into(),
            engine: "uml".into(),
            unit: "Mbit/s".into(),
            more_is_better: true,
            rounds: vec![
                (Variant::C, vec![100.0; 7]),
                (Variant::Module, vec![200.0; 7]),
            ],
        };
        let ratio = time.ratio(Variant::Module).unwrap();
        assert_eq!((ratio.value, ratio.is_below()), (0.5, true));
        assert!(time.ratio(Variant::Builtin).is_none());
    }

    #[test]
    fn numbers_are_readable() {
        for (value, shown) in [
            (0.0, "0"),
            (999.0, "999"),
            (1_234_567.0, "1,234,567"),
            (1234.56, "1,234.6"),
            (-1000.0, "-1,000"),
            (-0.01, "-0.01"),
            (-0.000_01, "0"),
            (1.5, "1.5"),
            (0.998_34, "0.998"),
        ] {
            assert_eq!(number(value), shown);
        }
        assert_eq!(exact_ratio(1.0), "1.0000");
        assert_eq!(exact_ratio(1.000_01), "1.0000100");
        assert_eq!(exact_ratio(0.5), "0.5000");
    }
}
