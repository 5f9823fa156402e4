// SPDX-License-Identifier: GPL-2.0

//! `make compare`: boots the kernel with C's `lo` and those with Rust's, notes all that can be seen
//! of each, and sets it side by side.

mod differences;
mod facts;
mod page;
mod random;
mod rules;
mod shrink;
mod summary;
mod upstream;

use std::path::Path;

use lab_protocol::matches;
use lab_protocol::Part;
use lab_protocol::Record;
use lab_protocol::Variant;
use lab_random::Script;

use crate::checkout::write;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::guest;
use crate::judge;
use crate::kernel;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::NO_SUITE;
use crate::test::describe;
use crate::toolchain::Toolchain;
use crate::ui;
use crate::ui::Stage;
use crate::vm;

use differences::Differences;
pub use facts::Facts;
use random::Shrunk;
use rules::Rules;
use summary::Comparison;
use summary::Kernel;
use summary::PartOutcome;
use upstream::Upstream;

/// What is left of a comparison, below `build`.
const REPORT: &str = "report/compare.json";
const PAGE: &str = "report/compare.html";

/// The variant that the others are set beside.
pub const ORACLE: Variant = Variant::C;

/// How a second boot of the same kernel is called: what differs there is nobody's doing.
const AGAIN: &str = "again";

/// The test that does random operations and compares what comes of them.
pub const RANDOM: &str = "compare.random";

/// How many of them it does.
const FEW: usize = 300;

/// Does it, for those parts that `FILTER` matches.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let parts = parts(options)?;
    let whole = parts.len() == Part::ALL.len() && options.tested.len() == Variant::ALL.len();
    let rules = Rules::load(checkout)?;
    let differences = Differences::load(checkout)?;
    let stand = Stand::prepare(checkout, &options.for_comparison(), &parts)?;
    let all = parts.len();
    let compare = |outcomes: &[PartOutcome]| {
        let whole = whole && outcomes.len() == all;
        Comparison::of(
            stand.kernels(),
            outcomes.to_vec(),
            &rules,
            &differences,
            whole,
        )
    };
    let mut outcomes = Vec::new();
    for part in parts {
        let outcome = stand.part(part, &rules, &differences)?;
        outcome.lines().iter().for_each(|line| ui::line(line));
        outcomes.push(outcome);
        // All of them take an hour: what was seen is kept if it ends early.
        save(checkout, &compare(&outcomes))?;
    }
    let comparison = compare(&outcomes);
    ui::line("");
    comparison.table().iter().for_each(|line| ui::line(line));
    for shrunk in comparison.parts.iter().flat_map(|part| &part.shrunk) {
        shrunk.save(checkout)?;
        ui::line(&format!("\n{}", shrunk.text().trim_end()));
    }
    ui::line(&format!(
        "\nin full in build/{PAGE}, for programs in build/{REPORT}"
    ));
    comparison.judge()
}

fn parts(options: &Options) -> Result<Vec<Part>> {
    let filter = options.filter.as_deref().unwrap_or("*");
    let wanted = |part: &Part| matches(filter, part.name());
    let parts: Vec<Part> = Part::ALL.into_iter().filter(wanted).collect();
    if !parts.is_empty() {
        return Ok(parts);
    }
    let names = Part::ALL.map(Part::name).join(", ");
    let what = format!("FILTER={filter} matches no part");
    Err(Failure::new(
        Exit::NoMatch,
        what,
        format!("there are: {names}"),
    ))
}

/// The kernels, ready to be booted.
struct Stand<'a> {
    checkout: &'a Checkout,
    script: Script,
    oracle: Ready,
    others: Vec<Ready>,
    /// Where upstream's tests are to be run.
    upstream: Option<Upstream>,
}

impl<'a> Stand<'a> {
    fn prepare(checkout: &'a Checkout, options: &Options, parts: &[Part]) -> Result<Self> {
        let toolchain = Toolchain::load(&Cache::open()?)?;
        let guest = guest::build(checkout, &toolchain, options.verbose)?;
        let wanted = |variant: &Variant| *variant != ORACLE;
        let others: Vec<_> = options.tested.iter().copied().filter(wanted).collect();
        if others.is_empty() {
            let what = format!("VARIANT={ORACLE} is what the others are compared with");
            return Err(Failure::new(
                Exit::Usage,
                what,
                "leave VARIANT out, or name another one",
            ));
        }
        // All are built before the first one is held: what is in use keeps others of its tree waiting.
        for variant in others.iter().copied().chain([ORACLE]) {
            kernel::ensure(checkout, &options.with(variant))?;
        }
        let ready = |variant| Ready::with_guest(checkout, &options.with(variant), &guest);
        let others: Result<Vec<_>> = others.into_iter().map(ready).collect();
        let others = others?;
        let oracle = ready(ORACLE)?;
        let upstream = match parts.contains(&Part::Upstream) {
            true => Some(Upstream::prepare(checkout, &oracle, options.verbose)?),
            false => None,
        };
        Ok(Self {
            checkout,
            script: random::script(options)?,
            oracle,
            others,
            upstream,
        })
    }

    fn kernels(&self) -> Vec<Kernel> {
        let all = std::iter::once(&self.oracle).chain(&self.others);
        all.map(|ready| Kernel {
            variant: ready.kernel.variant,
            release: ready.kernel.release.clone(),
        })
        .collect()
    }

    /// Boots each kernel for `part`, the oracle twice.
    fn part(&self, part: Part, rules: &Rules, differences: &Differences) -> Result<PartOutcome> {
        let mut oracle = self.facts(&self.oracle, part, "")?;
        let used = oracle.normalise(rules);
        let mut again = self.facts(&self.oracle, part, AGAIN)?;
        again.normalise(rules);
        let unsteady = oracle.compare(&again);
        let mut outcome = PartOutcome::new(part, oracle.clone(), used, unsteady);
        if let Gear::Tests(upstream) = self.gear(part) {
            outcome.amiss = upstream.amiss(&oracle);
        }
        for ready in &self.others {
            let mut facts = self.facts(ready, part, "")?;
            facts.normalise(rules);
            let found = oracle.compare(&facts);
            outcome.add(ready.kernel.variant, found, differences);
            if part == Part::Random {
                outcome.shrunk.extend(self.shrink(ready, &outcome, rules)?);
            }
        }
        Ok(outcome)
    }

    fn facts(&self, ready: &Ready, part: Part, suffix: &str) -> Result<Facts> {
        let variant = ready.kernel.variant;
        let name = ["compare", part.name(), variant.name(), suffix];
        let name: Vec<&str> = name.into_iter().filter(|word| !word.is_empty()).collect();
        look(self.checkout, ready, part, &name.join("-"), self.gear(part))
    }

    fn gear(&self, part: Part) -> Gear<'_> {
        match (part, &self.upstream) {
            (Part::Random, _) => Gear::Script(&self.script),
            (Part::Upstream, Some(upstream)) => Gear::Tests(upstream),
            _ => Gear::Nothing,
        }
    }

    /// Cuts the first difference that is not known down to what it takes.
    fn shrink(
        &self,
        ready: &Ready,
        outcome: &PartOutcome,
        rules: &Rules,
    ) -> Result<Option<Shrunk>> {
        let variant = ready.kernel.variant;
        let of_it = outcome.variants.iter().filter(|one| one.variant == variant);
        let found: Vec<_> = of_it
            .flat_map(|one| &one.differences)
            .filter(|difference| difference.reason.is_none())
            .map(|difference| &difference.unequal)
            .collect();
        let mut ask = |script: &Script| {
            let ask = |ready: &Ready| -> Result<Facts> {
                let name = format!("shrink-{}", ready.kernel.variant);
                let gear = Gear::Script(script);
                let mut facts = look(self.checkout, ready, Part::Random, &name, gear)?;
                facts.normalise(rules);
                Ok(facts)
            };
            Ok((ask(&self.oracle)?, ask(ready)?))
        };
        random::shrink_first(&self.script, &found, variant, &mut ask)
    }
}

/// What a part's boot gets besides.
#[derive(Clone, Copy)]
enum Gear<'a> {
    /// Nothing.
    Nothing,
    /// Operations.
    Script(&'a Script),
    /// Upstream's tests.
    Tests(&'a Upstream),
}

/// Boots what is `ready` for `part`, under `name`; what was seen.
fn look(
    checkout: &Checkout,
    ready: &Ready,
    part: Part,
    name: &str,
    gear: Gear<'_>,
) -> Result<Facts> {
    let variant = ready.kernel.variant;
    let mut boot = ready.boot(name, &format!("compare-{part}"));
    match gear {
        // Upstream has suites, too.
        Gear::Tests(upstream) => upstream.equip(checkout, ready, &mut boot)?,
        Gear::Script(script) => {
            boot.words.push(NO_SUITE.into());
            random::hand_over(checkout, &ready.kernel, &mut boot, script)?;
        }
        Gear::Nothing => boot.words.push(NO_SUITE.into()),
    }
    let checks = vec![format!("compare.{part}")];
    let expected = ready.expected(&[ready.driver_file()], Vec::new(), checks);
    let what = format!("{part}: {}", describe(&boot, variant));
    let mut stage = Stage::start("boot", &what);
    let mut count = 0;
    let evidence = vm::boot(checkout, &boot, &mut |record| {
        if let Record::Fact { key: name, .. } | Record::Ran { name, .. } = record {
            count += 1;
            stage.update(None, None, &format!("{count}, {name}"));
        }
        Ok(())
    })?;
    let verdict = judge::judge(&evidence, &expected, &ready.kernel.source)?;
    let log = checkout.show(&evidence.log);
    verdict.into_result(&format!("{what}: cannot be compared"), &log)?;
    let mut records = evidence.transcript.records;
    if let Gear::Tests(upstream) = gear {
        records.extend(upstream.facts(checkout, &boot.name, &records)?);
    }
    let facts = Facts::of(&records)?;
    stage.done(&format!("{what}: {} facts", facts.len()));
    Ok(facts)
}

/// What comes of a few random operations.
pub fn random_facts(checkout: &Checkout, options: &Options, ready: &Ready) -> Result<Facts> {
    let name = format!("test-random-{}", ready.kernel.variant);
    let script = random::short(options, FEW);
    let gear = Gear::Script(&script);
    let mut facts = look(checkout, ready, Part::Random, &name, gear)?;
    facts.normalise(&Rules::load(checkout)?);
    Ok(facts)
}

/// The first thing in which `variant` is not like the oracle, for no known reason; nothing if there
/// is none.
pub fn unlike(
    checkout: &Checkout,
    oracle: &Facts,
    facts: &Facts,
    variant: Variant,
) -> Result<Option<String>> {
    let known = Differences::load(checkout)?;
    let mut found = oracle.compare(facts).into_iter();
    let first = found.find(|unequal| known.reason(variant, &unequal.key).is_none());
    Ok(first.map(|unequal| summary::describe(&unequal)))
}

fn save(checkout: &Checkout, comparison: &Comparison) -> Result {
    let json = serde_json::to_vec_pretty(comparison)
        .map_err(|e| Failure::new(Exit::Internal, "cannot write the comparison", e))?;
    write(&checkout.build(REPORT), &json)?;
    write(&checkout.build(PAGE), page::page(comparison).as_bytes())
}

/// Reads one of the lists in `tests/compare`.
fn load<T: serde::de::DeserializeOwned>(path: &Path, shown: &str) -> Result<T> {
    let text = crate::checkout::read_text(path)?;
    toml::from_str(&text)
        .map_err(|e| Failure::new(Exit::Usage, format!("{shown} cannot be read"), e))
}
