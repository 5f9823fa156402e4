// SPDX-License-Identifier: GPL-2.0

//! A boot whose instructions are counted.

use std::path::Path;
use std::path::PathBuf;

use lab_protocol::Measure;
use lab_protocol::Record;
use lab_protocol::Variant;

use super::pktgen;
use super::plugin;
use super::tally::Tally;
use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::guest;
use crate::guest::Guest;
use crate::judge;
use crate::options::Accel;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::NO_SUITE;
use crate::toolchain::Toolchain;
use crate::ui::Stage;
use crate::vm;
use crate::vm::Boot;
use crate::vm::Counted;

/// How much slower than any other boot it may be: the emulation stops to count.
const SLOWNESS: u32 = 10;

/// Memory, in MiB, for many namespaces.
const MEMORY: u32 = 2048;

/// What such a boot brought.
#[derive(Debug)]
pub struct Outcome {
    /// What the guest said.
    pub records: Vec<Record>,
    /// What the plugin said.
    pub tally: Tally,
}

/// What is to be booted.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The kernel, and all else.
    pub ready: &'a Ready,
    /// What for.
    pub measure: Measure,
    /// The guest's file system with the packet generator in it, if that is needed.
    pub with_pktgen: Option<&'a Path>,
    /// How many CPUs there might be.
    pub possible_cpus: u32,
    /// Which workloads: a glob.
    pub filter: &'a str,
    /// Whether it is the same boot once more. What the first one wrote stays.
    pub is_repeat: bool,
}

impl Wanted<'_> {
    /// The boot; the plugin writes to `counted.output`.
    fn boot(&self, counted: Counted) -> Boot {
        let mode = format!("bench-{}", self.measure);
        let mut boot = self.ready.boot(&self.name(), &mode);
        boot.words.push(NO_SUITE.into());
        // Addresses are to be those of the kernel's file.
        boot.words.push("nokaslr".into());
        // Else the clock has steps of 4 ms where there might be more CPUs than one: pktgen divides by
        // the time that it took.
        boot.words.push("tsc=reliable".into());
        boot.words.push(format!("lab.filter={}", self.filter));
        if let Some(initramfs) = self.with_pktgen {
            boot.initramfs = initramfs.into();
            boot.words.push(format!("lab.extra={}", pktgen::FILE));
        }
        if self.measure == Measure::Scale {
            boot.limits.memory = MEMORY;
        }
        boot.limits.whole *= SLOWNESS;
        boot.limits.quiet *= SLOWNESS;
        boot.counted = Some(counted);
        boot
    }

    fn name(&self) -> String {
        let variant = self.ready.kernel.variant;
        let (measure, cpus) = (self.measure, self.possible_cpus);
        let again = if self.is_repeat { "-again" } else { "" };
        format!("bench-{measure}-{variant}-{cpus}{again}")
    }

    fn expected(&self) -> judge::Expected {
        let mut modules = vec![self.ready.driver_file()];
        modules.extend(self.with_pktgen.map(|_| pktgen::FILE));
        let mut expected = self.ready.expected(&modules, Vec::new(), Vec::new());
        expected.cpus = 1;
        expected
    }
}

/// What all such boots need.
pub struct Stand<'a> {
    /// Of which checkout.
    pub checkout: &'a Checkout,
    guest: Guest,
    plugin: PathBuf,
}

impl<'a> Stand<'a> {
    /// Builds it.
    pub fn prepare(checkout: &'a Checkout, options: &Options) -> Result<Self> {
        let toolchain = Toolchain::load(&Cache::open()?)?;
        Ok(Self {
            checkout,
            guest: guest::build(checkout, &toolchain, options.verbose)?,
            plugin: plugin::build(checkout, &toolchain, options.verbose)?,
        })
    }

    /// What is booted of `variant`.
    pub fn ready(&self, options: &Options, variant: Variant) -> Result<Ready> {
        let options = Options {
            accel: Accel::Tcg,
            ..options.with(variant)
        };
        Ready::with_guest(self.checkout, &options, &self.guest)
    }

    /// Boots, and judges the boot.
    pub fn boot(&self, wanted: &Wanted<'_>) -> Result<Outcome> {
        let output = self.checkout.build(&format!("bench/{}", wanted.name()));
        make_dir(&self.checkout.build("bench"))?;
        remove(&output)?;
        let boot = wanted.boot(Counted {
            plugin: self.plugin.clone(),
            output: output.clone(),
            possible_cpus: wanted.possible_cpus,
        });
        let kernel = &wanted.ready.kernel;
        let cpus = wanted.possible_cpus;
        let again = if wanted.is_repeat { ", again" } else { "" };
        let what = format!("{}, counted, {cpus} possible CPUs{again}", kernel.variant);
        let mut stage = Stage::start("boot", &what);
        let evidence = vm::boot(self.checkout, &boot, &mut |record| {
            match record {
                Record::Begin { name } | Record::Marked { workload: name, .. } => {
                    stage.update(None, None, name);
                }
                _ => stage.tick(),
            }
            Ok(())
        })?;
        let verdict = judge::judge(&evidence, &wanted.expected(), &kernel.source)?;
        let log = self.checkout.show(&evidence.log);
        verdict.into_result(&format!("{what}: no figures"), &log)?;
        check_possible_cpus(&evidence.transcript.records, cpus, &what)?;
        let tally = self.read(&output)?;
        stage.done(&what);
        Ok(Outcome {
            records: evidence.transcript.records,
            tally,
        })
    }

    /// Reads what the plugin wrote.
    fn read(&self, output: &Path) -> Result<Tally> {
        let bad = |why| {
            let shown = self.checkout.show(output);
            Failure::new(Exit::Incomplete, format!("{shown} is no use"), why)
        };
        let text = read_text(output).map_err(|e| bad(e.why))?;
        Tally::parse(&text).map_err(bad)
    }
}

/// The kernel must have made room for as many CPUs as its figures are said to be for.
fn check_possible_cpus(records: &[Record], wanted: u32, what: &str) -> Result {
    let said = records.iter().find_map(|record| match record {
        Record::PossibleCpus { count } => Some(*count),
        _ => None,
    });
    let came = match said {
        Some(count) if count == wanted => return Ok(()),
        Some(count) => format!("the kernel has {count}"),
        None => "the guest does not say how many the kernel has".into(),
    };
    let why = format!("wanted: {wanted} possible CPUs; {came}");
    let failure = Failure::new(Exit::Incomplete, format!("{what}: no figures"), why);
    Err(failure.hint("CONFIG_NR_CPUS, or a word of the kernel command line, may limit them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_number_of_possible_cpus_is_refused() {
        let check = |records: &[Record]| check_possible_cpus(records, 4, "c");
        let said = |count| [Record::Taint { bits: 0 }, Record::PossibleCpus { count }];
        assert!(check(&said(4)).is_ok());
        let failure = check(&said(8)).unwrap_err();
        assert_eq!(failure.exit, Exit::Incomplete);
        assert!(failure.why.contains("wanted: 4"), "{}", failure.why);
        assert!(failure.why.contains("has 8"), "{}", failure.why);
        assert!(check(&[]).unwrap_err().why.contains("does not say"));
    }
}
