// SPDX-License-Identifier: GPL-2.0

//! `BASE`: an earlier run's figures beside this one's. What got slower, and how certain that is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lab_protocol::Variant;
use serde::Serialize;

use super::figures::Figures;
use super::figures::Time;
use super::repeat;
use super::standing::Pair;
use super::standing::Standing;
use super::statistics;
use super::statistics::Exact;
use super::statistics::Ratio;
use super::summary::exact_ratio;
use super::summary::interval;
use super::summary::number;
use super::summary::ORACLE;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// How sure an interval is here: of so many comparisons, one in twenty would often be wrong.
const CONFIDENCE: f64 = 0.99;

/// How many names there is room for in a line.
const FEW: usize = 5;

/// Reads the figures of an earlier run.
pub fn load(path: &Path) -> Result<Figures> {
    let fail = |error: &dyn std::fmt::Display| {
        let what = format!("BASE={} cannot be read", path.display());
        Failure::new(Exit::Usage, what, error)
            .hint("BASE is the build/report/bench.json of an earlier run")
    };
    let text = fs::read(path).map_err(|e| fail(&e))?;
    serde_json::from_slice(&text).map_err(|e| fail(&e))
}

/// How certain a change is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "certainty")]
pub enum Certainty {
    /// The figures are exact: what differs has changed.
    Exact,
    /// The figures vary; the factor lies in this interval.
    Interval(Ratio),
    /// Counts of operations that differ from each other, too.
    Operations {
        /// By how much, in words.
        noise: String,
    },
    /// Each was measured once: nobody knows how much of it is chance.
    Unknown,
}

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// It costs more.
    Slower,
    /// It costs less.
    Faster,
    /// It may be either.
    Open,
    /// It is the same.
    Same,
}

/// A figure that both runs have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which one.
    pub what: String,
    /// What it was.
    pub before: f64,
    /// What it is.
    pub after: f64,
    /// How many times as much it costs; what more of is better is turned over.
    pub factor: f64,
    /// How certain that is.
    #[serde(flatten)]
    pub certainty: Certainty,
    /// What that comes to.
    pub trend: Trend,
}

impl Trend {
    /// That of a figure that is exact.
    fn exact(factor: f64) -> Self {
        match factor {
            f if f > 1.0 => Self::Slower,
            f if f < 1.0 => Self::Faster,
            _ => Self::Same,
        }
    }

    /// That of a factor with its interval.
    fn within(ratio: &Ratio) -> Self {
        match ratio {
            r if r.is_above() => Self::Slower,
            r if r.is_below() => Self::Faster,
            _ => Self::Open,
        }
    }

    /// That of counts.
    fn of(standing: Standing) -> Self {
        match standing {
            Standing::Above => Self::Slower,
            Standing::Below => Self::Faster,
            Standing::Same => Self::Same,
            Standing::Open => Self::Open,
        }
    }
}

impl Change {
    /// By how much it changed, in either direction.
    fn size(&self) -> f64 {
        self.factor.ln().abs()
    }

    /// How certain it is, in words.
    pub fn words(&self) -> String {
        match &self.certainty {
            Certainty::Exact => format!("{} times, certain", exact_ratio(self.factor)),
            Certainty::Operations { noise } => {
                let open = match self.trend {
                    Trend::Open => "cannot be told: ",
                    _ => "though ",
                };
                format!("{} times, {open}{noise}", exact_ratio(self.factor))
            }
            Certainty::Interval(ratio) => format!("{} times, 99 % confidence", interval(ratio)),
            Certainty::Unknown => format!("{:.3} times, measured once", self.factor),
        }
    }
}

/// Two runs beside each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// What both have: what got slower comes first, and of that the largest changes.
    pub changes: Vec<Change>,
    /// What only the earlier run has.
    pub only_before: Vec<String>,
    /// What only this one has.
    pub only_after: Vec<String>,
}

/// A figure of one run, by what it is compared.
enum Figure<'a> {
    Exact(f64),
    /// Instructions of operations.
    Counted(Counted),
    /// What a variant's rounds cost by those of C in the same run: what a busy machine does to both
    /// is no change.
    BesideC(&'a Time, Variant),
    /// C's own rounds.
    Rounds(&'a Time, Variant),
    Once {
        value: f64,
        more_is_better: bool,
    },
}

/// Instructions of a workload's operations.
struct Counted {
    exact: Exact,
    units: u64,
    /// By how many an operation differs between two boots of the same kernel.
    boots: u64,
}

impl Comparison {
    /// `after` beside `before`.
    pub fn of(before: &Figures, after: &Figures) -> Self {
        let (old, new) = (by_name(before), by_name(after));
        let missing = |from: &BTreeMap<String, Figure<'_>>, to: &BTreeMap<String, Figure<'_>>| {
            let names = from.keys().filter(|name| !to.contains_key(*name));
            names.cloned().collect()
        };
        let both = old
            .iter()
            .filter_map(|(name, old)| Some((name, old, new.get(name)?)));
        let mut changes: Vec<Change> = both
            .filter_map(|(name, old, new)| change(name, old, new))
            .collect();
        changes.sort_by(|a, b| {
            let size = b.size().total_cmp(&a.size());
            a.trend.cmp(&b.trend).then(size)
        });
        Self {
            changes,
            only_before: missing(&old, &new),
            only_after: missing(&new, &old),
        }
    }

    /// Those with this trend.
    pub fn with(&self, trend: Trend) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| change.trend == trend)
    }

    /// How many of each there are.
    pub fn line(&self) -> String {
        let count = |trend| self.with(trend).count();
        format!(
            "{} slower, {} faster, {} the same, {} without a clear difference",
            count(Trend::Slower),
            count(Trend::Faster),
            count(Trend::Same),
            count(Trend::Open)
        )
    }

    /// For a terminal: what is certain, and how much else there is.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("since BASE: {}", self.line())];
        for (trend, title) in [(Trend::Slower, "slower"), (Trend::Faster, "faster")] {
            for change in self.with(trend) {
                lines.push(format!(
                    "  {title}  {}: {} to {}, {}",
                    change.what,
                    number(change.before),
                    number(change.after),
                    change.words()
                ));
            }
        }
        for (title, names) in [
            ("only in BASE", &self.only_before),
            ("not in BASE", &self.only_after),
        ] {
            if !names.is_empty() {
                lines.push(format!("  {title}: {}", listed(names)));
            }
        }
        lines
    }
}

/// Names, or how many there are: a run of one part lacks all others.
fn listed(names: &[String]) -> String {
    match names.len() {
        0..=FEW => names.join("; "),
        many => format!("{many} figures; the page names them"),
    }
}

/// What it was, what it is, how many times as much that costs, how certain that is, and what it comes
/// to.
type Parts = (f64, f64, f64, Certainty, Trend);

fn change(name: &str, old: &Figure<'_>, new: &Figure<'_>) -> Option<Change> {
    let (before, after, factor, certainty, trend) = match (old, new) {
        (Figure::Exact(before), Figure::Exact(after)) => {
            let factor = factor(*before, *after);
            let trend = Trend::exact(factor);
            (*before, *after, factor, Certainty::Exact, trend)
        }
        (Figure::Counted(old), Figure::Counted(new)) => counted(old, new),
        (Figure::BesideC(old, variant), Figure::BesideC(new, _)) => beside_c(old, new, *variant)?,
        (Figure::Rounds(old, variant), Figure::Rounds(new, _)) => itself(old, new, *variant)?,
        (
            Figure::Once { value: before, .. },
            Figure::Once {
                value: after,
                more_is_better,
            },
        ) => {
            let factor = match more_is_better {
                true => factor(*after, *before),
                false => factor(*before, *after),
            };
            (*before, *after, factor, Certainty::Unknown, Trend::Open)
        }
        _ => return None,
    };
    Some(Change {
        what: name.into(),
        before,
        after,
        factor,
        certainty,
        trend,
    })
}

fn counted(old: &Counted, new: &Counted) -> Parts {
    let pair = Pair {
        ours: new.exact,
        theirs: old.exact,
        boots: old.boots.max(new.boots),
    };
    let value = |one: &Counted| one.exact.median as f64 / one.units as f64;
    let (before, after) = (value(old), value(new));
    let certainty = match pair.is_exact() {
        true => Certainty::Exact,
        false => Certainty::Operations {
            noise: pair.noise(),
        },
    };
    let trend = Trend::of(pair.standing());
    (before, after, factor(before, after), certainty, trend)
}

/// Nothing that stays nothing has not changed.
fn factor(before: f64, after: f64) -> f64 {
    if before == after {
        1.0
    } else {
        after / before
    }
}

fn beside_c(old: &Time, new: &Time, variant: Variant) -> Option<Parts> {
    let then = old.cost(old.of(variant), old.of(ORACLE));
    let now = new.cost(new.of(variant), new.of(ORACLE));
    let ratio = statistics::growth(now, then, CONFIDENCE)?;
    let value = |time: &Time| Some(time.ratio(variant)?.value);
    let (certainty, trend) = (Certainty::Interval(ratio), Trend::within(&ratio));
    Some((value(old)?, value(new)?, ratio.value, certainty, trend))
}

fn itself(old: &Time, new: &Time, variant: Variant) -> Option<Parts> {
    let [over, under] = new.cost(new.of(variant), old.of(variant));
    let ratio = statistics::ratio(over, under, CONFIDENCE)?;
    let median = |time: &Time| Some(statistics::spread(time.of(variant))?.median);
    let (certainty, trend) = (Certainty::Interval(ratio), Trend::within(&ratio));
    Some((median(old)?, median(new)?, ratio.value, certainty, trend))
}

fn by_name(figures: &Figures) -> BTreeMap<String, Figure<'_>> {
    let mut all = BTreeMap::new();
    counts(figures, &mut all);
    for time in &figures.times {
        for (variant, _) in &time.rounds {
            let name = time.name();
            match *variant == ORACLE || time.of(ORACLE).is_empty() {
                true => all.insert(
                    format!(
                        "time: {name}, {variant} itself in {}, or the machine",
                        time.unit
                    ),
                    Figure::Rounds(time, *variant),
                ),
                false => all.insert(
                    format!("time: {name}, {variant} beside C"),
                    Figure::BesideC(time, *variant),
                ),
            };
        }
    }
    for scale in &figures.scale {
        for (at, value) in &scale.points {
            let name = format!("{} at {at} {}, {}", scale.name, scale.of, scale.variant);
            let figure = Figure::Once {
                value: *value,
                more_is_better: scale.unit.ends_with("/s"),
            };
            all.insert(format!("{}: {name}", scale.unit), figure);
        }
    }
    for (work, _, total) in super::table::works(&figures.lab) {
        let figure = Figure::Once {
            value: total,
            more_is_better: false,
        };
        all.insert(format!("seconds: {work}"), figure);
    }
    all
}

fn counts<'a>(figures: &'a Figures, all: &mut BTreeMap<String, Figure<'a>>) {
    for count in &figures.counts {
        let Some(exact) = Exact::of(&count.kernel) else {
            continue;
        };
        let cpus = super::summary::cpus(count.possible_cpus);
        let mut name = format!("{}, {}, {cpus}", count.workload, count.variant);
        // Operations of other sizes are others.
        if count.units > 1 {
            name += &format!(", {} units", count.units);
        }
        let counted = Counted {
            exact,
            units: count.units.max(1),
            boots: repeat::most(figures, &count.workload),
        };
        let figure = Figure::Counted(counted);
        all.insert(format!("kernel instructions: {name}"), figure);
    }
    for xmit in &figures.xmit {
        for (workload, mix) in &xmit.executed {
            let name = format!(
                "instructions in the transmit function: {workload}, {}",
                xmit.variant
            );
            all.insert(name, Figure::Exact(mix.instructions as f64));
        }
    }
    for size in &figures.sizes {
        all.insert(
            format!("bytes of machine code: {}", size.name),
            Figure::Exact(size.text as f64),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn nothing_changed_is_nothing_slower() {
        let figures = sample::plain();
        let comparison = Comparison::of(&figures, &figures);
        assert_eq!(comparison.with(Trend::Slower).count(), 0);
        assert_eq!(comparison.with(Trend::Faster).count(), 0);
        assert!(comparison.with(Trend::Same).count() > 30);
        assert!(comparison.only_before.is_empty() && comparison.only_after.is_empty());
    }

    #[test]
    fn what_got_slower_is_first_and_the_worst_of_it() {
        let (before, after) = (sample::plain(), sample::extreme());
        let comparison = Comparison::of(&before, &after);
        let first = &comparison.changes[0];
        assert_eq!(first.trend, Trend::Slower);
        assert_eq!(first.certainty, Certainty::Exact);
        assert!(first.what.contains("udp_1, module"), "{first:?}");
        let sizes: Vec<f64> = comparison.with(Trend::Slower).map(Change::size).collect();
        assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]));
        let text = comparison.lines().join("\n");
        assert!(
            text.contains("time: udp_1 (sockperf, uml), module beside C"),
            "{text}"
        );
        assert!(text.contains("99 % confidence"));
        // The other way round, the same things got faster.
        let back = Comparison::of(&after, &before);
        assert_eq!(back.with(Trend::Faster).count(), sizes.len());
    }

    #[test]
    fn a_single_instruction_counts() {
        let before = sample::plain();
        let mut after = before.clone();
        let mut counts = after.counts.iter_mut();
        let count = counts.find(|count| count.workload == "udp_1");
        count.unwrap().kernel.iter_mut().for_each(|n| *n -= 1);
        let comparison = Comparison::of(&before, &after);
        assert_eq!(comparison.with(Trend::Faster).count(), 1);
        assert_eq!(comparison.with(Trend::Slower).count(), 0);
    }

    #[test]
    fn a_little_is_open_where_operations_differ() {
        let before = sample::noisy();
        let mut after = before.clone();
        let changed = |figures: &mut Figures, more: u64| {
            let mut counts = figures.counts.iter_mut();
            let count = counts.find(|count| count.workload == "netns_create");
            count.unwrap().kernel.iter_mut().for_each(|n| *n += more);
        };
        changed(&mut after, 20);
        let comparison = Comparison::of(&before, &after);
        assert_eq!(comparison.with(Trend::Slower).count(), 0);
        let is_named = |change: &&Change| change.what.contains("netns_create, c");
        let change = comparison.with(Trend::Open).find(is_named).unwrap();
        let words = "1.0002 times, cannot be told: its operations differ by 2.0 %";
        assert_eq!(change.words(), words);
        changed(&mut after, 4000);
        let comparison = Comparison::of(&before, &after);
        let slower: Vec<_> = comparison.with(Trend::Slower).collect();
        assert_eq!(slower.len(), 1, "{slower:#?}");
        assert!(!slower[0].words().contains("certain"), "{slower:#?}");
        // The words are there for programs, too.
        assert!(serde_json::to_string(&comparison)
            .unwrap()
            .contains("\"certainty\":\"operations\""));
    }

    #[test]
    fn what_no_second_boot_repeats_is_open() {
        let before = sample::plain();
        let mut after = before.clone();
        let mut counts = after.counts.iter_mut();
        let count = counts.find(|count| count.workload == "netns_destroy");
        count.unwrap().kernel.iter_mut().for_each(|n| *n += 14);
        let comparison = Comparison::of(&before, &after);
        assert_eq!(comparison.with(Trend::Slower).count(), 0);
        let [before, after] = [before, after].map(|figures| Figures {
            repeats: Vec::new(),
            ..figures
        });
        let comparison = Comparison::of(&before, &after);
        assert_eq!(comparison.with(Trend::Slower).count(), 1);
    }

    #[test]
    fn what_was_measured_once_is_open() {
        let once = |value, more_is_better| Figure::Once {
            value,
            more_is_better,
        };
        for (old, new, more_is_better, factor) in [
            (2.0, 3.0, false, 1.5),
            (3.0, 2.0, true, 1.5),
            (0.0, 0.0, false, 1.0),
        ] {
            let (old, new) = (once(old, more_is_better), once(new, more_is_better));
            let change = change("x", &old, &new).unwrap();
            assert_eq!((change.factor, change.trend), (factor, Trend::Open));
        }
    }

    #[test]
    fn a_slower_machine_slows_c_only() {
        let before = sample::plain();
        let mut after = before.clone();
        for time in &mut after.times {
            let factor = if time.more_is_better { 0.5 } else { 2.0 };
            let rounds = time.rounds.iter_mut().flat_map(|(_, rounds)| rounds);
            rounds.for_each(|value| *value *= factor);
        }
        let comparison = Comparison::of(&before, &after);
        let slower: Vec<_> = comparison.with(Trend::Slower).collect();
        assert_eq!(slower.len(), before.times.len(), "{slower:#?}");
        assert!(slower.iter().all(|c| c.what.contains(", c itself")));
    }

    #[test]
    fn what_is_there_once_is_named() {
        let before = sample::plain();
        let mut after = before.clone();
        after.sizes.clear();
        let comparison = Comparison::of(&before, &after);
        assert_eq!(comparison.only_before.len(), 3);
        let last = |comparison: &Comparison| comparison.lines().pop().unwrap();
        assert!(last(&comparison).contains("only in BASE: bytes of machine code: "));
        let comparison = Comparison::of(&before, &Figures::default());
        assert!(last(&comparison).ends_with("figures; the page names them"));
    }

    #[test]
    fn a_base_that_cannot_be_read_is_a_usage_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.json");
        assert_eq!(load(&path).unwrap_err().exit, Exit::Usage);
        fs::write(&path, "{\"kernels\": 7}").unwrap();
        let failure = load(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.contains("base.json"));
        let text = serde_json::to_vec(&sample::plain()).unwrap();
        fs::write(&path, text).unwrap();
        assert_eq!(load(&path).unwrap(), sample::plain());
    }
}
