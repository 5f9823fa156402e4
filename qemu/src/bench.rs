// SPDX-License-Identifier: GPL-2.0

//! `make bench`: what the Rust `lo` costs next to C's.

mod base;
mod boot;
mod code;
mod count;
mod figures;
mod flows;
mod icicle;
mod lab_speed;
mod namespaces;
mod native;
mod object_file;
mod operations;
mod page;
mod pktgen;
mod plot;
mod plugin;
mod repeat;
#[cfg(test)]
mod sample;
mod standing;
mod statistics;
mod summary;
mod symbols;
mod table;
mod tally;
mod trace;

use lab_protocol::matches;
use lab_protocol::Variant;

use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::options::Options;
use crate::ui;

use base::Comparison;
use figures::Figures;
use summary::ORACLE;

/// What is left of a run, below `build`.
const REPORT: &str = "report/bench.json";
const PAGE: &str = "report/bench.html";
/// What it is beside an earlier one.
const BASE_REPORT: &str = "report/bench-base.json";

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Instructions.
    Count,
    /// What many namespaces, flows and CPUs make of it.
    Scale,
    /// Time.
    Time,
    /// The lab's own speed.
    Lab,
    /// That from nothing on, which takes ten minutes and the network.
    Cold,
}

impl Part {
    /// All there are, in the order in which they are measured.
    const ALL: [Self; 5] = [Self::Count, Self::Scale, Self::Time, Self::Lab, Self::Cold];

    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Scale => "scale",
            Self::Time => "time",
            Self::Lab => "lab",
            Self::Cold => "cold",
        }
    }

    /// Whether it is measured if `filter` is all that was said.
    fn is_wanted(self, filter: Option<&str>) -> bool {
        match filter {
            Some(filter) => matches(filter, self.name()),
            None => self != Self::Cold,
        }
    }

    /// How.
    fn works(self) -> &'static [Work] {
        match self {
            Self::Count => &[count::measure],
            Self::Scale => &[namespaces::measure, native::measure_flows],
            Self::Time => &[native::measure],
            Self::Lab => &[lab_speed::measure],
            Self::Cold => &[lab_speed::measure_cold],
        }
    }
}

/// Measures something.
type Work = fn(&Checkout, &Options) -> Result<Figures>;

/// Measures those parts that `FILTER` matches.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    check_flavour(options)?;
    let parts = parts(options.filter.as_deref())?;
    // Who names a file that is none shall know before hours have passed.
    let base = options.base.as_deref().map(base::load).transpose()?;
    let compare = |figures: &Figures| Some(Comparison::of(base.as_ref()?, figures));
    let (figures, failed) = measure(&parts, checkout, options, &|figures| {
        save(checkout, figures, compare(figures).as_ref())
    })?;
    let comparison = compare(&figures);
    for line in table::lines(&figures, comparison.as_ref()) {
        ui::line(&line);
    }
    ui::line(&format!(
        "\nin full in build/{PAGE}, for programs in build/{REPORT}"
    ));
    match failed {
        None => Ok(()),
        // All has been said.
        Some(exit) => Err(Failure::new(exit, "", "")),
    }
}

/// A sanitised kernel's costs are its checks', and must not be taken for others by a later run.
fn check_flavour(options: &Options) -> Result {
    if !options.debug {
        return Ok(());
    }
    let why = "what a sanitised kernel takes says nothing about others";
    Err(Failure::new(Exit::Usage, "nothing is measured with DEBUG=1", why).hint("leave DEBUG out"))
}

/// All that could be measured, and what became of the first that could not be. All of it takes hours:
/// `keep` is called whenever there is more, so that it is there if the rest ends early.
fn measure(
    parts: &[Part],
    checkout: &Checkout,
    options: &Options,
    keep: &dyn Fn(&Figures) -> Result,
) -> Result<(Figures, Option<Exit>)> {
    let mut figures = Figures::default();
    let mut failed = None;
    let works = parts
        .iter()
        .flat_map(|part| part.works().iter().map(move |work| (part.name(), *work)));
    for (name, work) in works {
        match work(checkout, options) {
            Ok(measured) => figures.add(measured),
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            Err(failure) => {
                ui::line(&failure.to_string());
                let why = format!("{}: {}", failure.what, failure.why);
                figures
                    .left_out
                    .push((format!("{name}, as it failed"), why));
                failed.get_or_insert(failure.exit);
            }
        }
        keep(&figures)?;
    }
    Ok((figures, failed))
}

/// The kernels to be measured: those that are asked for, and C's, which they are set beside.
fn variants(options: &Options) -> impl Iterator<Item = Variant> + '_ {
    let wanted = move |variant: &Variant| *variant == ORACLE || options.tested.contains(variant);
    Variant::ALL.into_iter().filter(wanted)
}

fn parts(filter: Option<&str>) -> Result<Vec<Part>> {
    let wanted = |part: &Part| part.is_wanted(filter);
    let parts: Vec<Part> = Part::ALL.into_iter().filter(wanted).collect();
    if !parts.is_empty() {
        return Ok(parts);
    }
    let what = format!("FILTER={} matches no part", filter.unwrap_or_default());
    let names = Part::ALL.map(Part::name).join(", ");
    Err(Failure::new(
        Exit::NoMatch,
        what,
        format!("there are: {names}"),
    ))
}

fn save(checkout: &Checkout, figures: &Figures, base: Option<&Comparison>) -> Result {
    write(&checkout.build(REPORT), &json(figures)?)?;
    match base {
        Some(base) => write(&checkout.build(BASE_REPORT), &json(base)?)?,
        None => remove(&checkout.build(BASE_REPORT))?,
    }
    write(&checkout.build(PAGE), page::page(figures, base).as_bytes())
}

fn json(it: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(it)
        .map_err(|e| Failure::new(Exit::Internal, "cannot write what was measured", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_nothing_on_only_for_who_asks_for_it() {
        use Part::*;
        assert_eq!(parts(None).unwrap(), [Count, Scale, Time, Lab]);
        assert_eq!(parts(Some("cold")).unwrap(), [Cold]);
        assert_eq!(parts(Some("lab")).unwrap(), [Lab]);
        assert_eq!(parts(Some("*")).unwrap(), Part::ALL);
        let failure = parts(Some("netns")).unwrap_err();
        assert_eq!(failure.exit, Exit::NoMatch);
        assert!(failure.why.contains("count, scale"));
    }

    #[test]
    fn each_part_measures_something() {
        assert!(Part::ALL.iter().all(|part| !part.works().is_empty()));
    }

    #[test]
    fn what_parts_found_is_put_together() {
        let mut all = Figures::default();
        all.add(sample::plain());
        let mut second = Figures {
            kernels: sample::plain().kernels,
            ..Figures::default()
        };
        second.left_out.push(("x".into(), "y".into()));
        all.add(second);
        // Each kernel is there once.
        assert_eq!(all.kernels, sample::plain().kernels);
        assert_eq!(all.counts, sample::plain().counts);
        assert_eq!(all.left_out.len(), 2);
    }
}
