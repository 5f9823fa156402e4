// SPDX-License-Identifier: GPL-2.0

//! How many instructions the workloads take, and where those go.

use std::collections::HashMap;
use std::path::Path;
use std::path::PathBuf;

use lab_protocol::matches;
use lab_protocol::Measure;
use lab_protocol::Variant;

use super::boot::Stand;
use super::boot::Wanted;
use super::figures::Count;
use super::figures::Figures;
use super::figures::Mix;
use super::figures::Trace;
use super::figures::Xmit;
use super::object_file;
use super::operations;
use super::operations::Found;
use super::pktgen;
use super::repeat;
use super::summary::ORACLE;
use super::symbols::Symbols;
use super::tally::Block;
use super::trace;
use super::trace::Blocks;
use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::codegen;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::initramfs::Extra;
use crate::options::Options;
use crate::prepare::Ready;
use crate::reference;
use crate::reference::Form;
use crate::ui::Stage;

/// The workloads whose instructions the guest lets be counted.
const WORKLOADS: [&str; 17] = [
    "nothing",
    "udp_1",
    "udp_1400",
    "udp_65000",
    "tcp_rr_1",
    "tcp_stream",
    "tcp_stream_bulk",
    "tcp_stream_big",
    "ping",
    "raw_packet",
    "pktgen",
    "stats_netlink",
    "stats_sysfs",
    "netns_create",
    "netns_destroy",
    MODULE_WORKLOADS[0],
    MODULE_WORKLOADS[1],
];

/// Those where the driver is a module.
const MODULE_WORKLOADS: [&str; 2] = ["module_load", "module_unload"];

/// The boots: how many CPUs there might be, and which workloads. Statistics are added up over all of
/// them. What the first boot does is traced, too; with C's kernel it is done twice.
const BOOTS: [(u32, &str); 3] = [(1, "*"), (4, "*"), (8, "stats_*")];

/// The kernel's map of its functions, and the kernel with its symbols.
const MAP: &str = "System.map";
const VMLINUX: &str = "vmlinux";

/// What is the tests', and not the driver's, in a driver that has its tests in it.
const TESTS: [&str; 2] = ["::kunit", "kunit_"];

/// What is not `lo`'s in upstream's `loopback.c`.
const NOT_LO: [&str; 2] = ["blackhole", "dev_lstats_read"];

/// Counts all there is to be counted.
pub fn measure(checkout: &Checkout, options: &Options) -> Result<Figures> {
    let stand = Stand::prepare(checkout, options)?;
    let mut bench = Bench {
        stand: &stand,
        figures: Figures::default(),
    };
    for variant in super::variants(options) {
        let ready = stand.ready(options, variant)?;
        let release = ready.kernel.release.clone();
        bench.figures.kernels.push((variant, release));
        bench.variant(&ready)?;
    }
    Ok(bench.figures)
}

/// What is measured with, and what was measured.
struct Bench<'a> {
    stand: &'a Stand<'a>,
    figures: Figures,
}

impl Bench<'_> {
    fn variant(&mut self, ready: &Ready) -> Result {
        let variant = ready.kernel.variant;
        let initramfs = self.with_pktgen(ready)?;
        for (possible_cpus, filter) in BOOTS {
            let wanted = Wanted {
                ready,
                measure: Measure::Count,
                with_pktgen: Some(&initramfs),
                possible_cpus,
                filter,
                is_repeat: false,
            };
            let outcome = self.stand.boot(&wanted)?;
            let all = operations::found(&outcome)?;
            check_complete(&all, filter, variant)?;
            self.figures.counts.extend(counts(&all, &wanted));
            if possible_cpus == BOOTS[0].0 {
                self.trace(&all, &outcome.tally.blocks, ready)?;
            }
            if possible_cpus == BOOTS[0].0 && variant == ORACLE {
                self.repeat(wanted)?;
            }
        }
        self.size(ready)
    }

    /// Counts the same once more, to see whether that gives the same.
    fn repeat(&mut self, mut wanted: Wanted<'_>) -> Result {
        wanted.is_repeat = true;
        let variant = wanted.ready.kernel.variant;
        let outcome = self.stand.boot(&wanted)?;
        let second = counts(&operations::found(&outcome)?, &wanted);
        let is_same = |count: &&Count| {
            count.variant == variant && count.possible_cpus == wanted.possible_cpus
        };
        let first: Vec<&Count> = self.figures.counts.iter().filter(is_same).collect();
        self.figures.repeats = repeat::compare(&first, &second).map_err(|why| {
            let what = format!("{variant}: two boots cannot be compared");
            Failure::new(Exit::Incomplete, what, why)
        })?;
        Ok(())
    }

    /// The guest's file system, with the packet generator in it.
    fn with_pktgen(&self, ready: &Ready) -> Result<PathBuf> {
        let mut extra = Extra::default();
        let pktgen = pktgen::build(self.stand.checkout, &ready.kernel)?;
        extra.file(Path::new(pktgen::PATH), &pktgen);
        let name = format!("bench-{}", ready.kernel.variant);
        ready.pack(self.stand.checkout, &name, &extra)
    }

    /// Follows the operation of each workload that was traced.
    fn trace(&mut self, all: &[Found<'_>], blocks: &HashMap<u32, Block>, ready: &Ready) -> Result {
        let variant = ready.kernel.variant;
        let mut stage = Stage::start("trace", "following the traced operations");
        let mut kernel = Symbols::default();
        kernel.add(&read_text(&ready.kernel.build.join(MAP))?);
        let blocks = Blocks::decode(blocks).map_err(untraceable)?;
        let mut followed = Followed::default();
        for same in all.chunk_by(|one, next| one.symbols == next.symbols) {
            stage.update(None, None, same[0].workload);
            followed
                .add(same, &blocks, &kernel, variant)
                .map_err(untraceable)?;
        }
        self.figures.traces.extend(followed.traces);
        self.figures.xmit.push(xmit(ready, followed.executed)?);
        stage.done(&format!("{variant}: {} operations", all.len()));
        Ok(())
    }

    fn size(&mut self, ready: &Ready) -> Result {
        let is_driver = |name: &str| !TESTS.iter().any(|part| name.contains(part));
        let kernel = &ready.kernel;
        match kernel.variant {
            Variant::Module => {
                let size = object_file::size("module", &ready.driver, is_driver)?;
                self.figures.sizes.push(size);
            }
            Variant::Builtin => {
                let object = kernel.build.join(codegen::BUILT_IN);
                let size = object_file::size("builtin", &object, is_driver)?;
                self.figures.sizes.push(size);
            }
            Variant::C => {
                let mut stage = Stage::start("reference", "building upstream's driver");
                let name = "bench-reference";
                let built =
                    reference::build(self.stand.checkout, kernel, Form::Module, name, &mut stage)?;
                let is_lo = |name: &str| !NOT_LO.iter().any(|part| name.contains(part));
                for size in [
                    object_file::size("c, as a module", &built.object, |_| true)?,
                    object_file::size("c, as a module, lo alone", &built.object, is_lo)?,
                ] {
                    self.figures.sizes.push(size);
                }
                stage.done(reference::SOURCE);
            }
        }
        Ok(())
    }
}

/// What traced operations are.
#[derive(Debug, Default)]
struct Followed {
    traces: Vec<Trace>,
    /// What of the transmit function was executed, by workload.
    executed: Vec<(String, Mix)>,
}

impl Followed {
    /// Adds operations that were done while modules were in the same places.
    fn add(
        &mut self,
        all: &[Found<'_>],
        blocks: &Blocks,
        kernel: &Symbols,
        variant: Variant,
    ) -> std::result::Result<(), String> {
        let mut symbols = kernel.clone();
        symbols.add(all.first().map_or("", |found| found.symbols));
        let range = symbols
            .range_of(|name| codegen::is_xmit(variant, name))
            .ok_or_else(|| format!("{variant}: where is its transmit function?"))?;
        for found in all {
            let code = blocks.all_of(found)?;
            let mix = trace::executed(&code, &range);
            self.executed
                .extend(mix.map(|mix| (found.workload.to_string(), mix)));
            self.traces.push(Trace {
                workload: found.workload.into(),
                variant,
                stacks: trace::stacks(&code, &symbols),
            });
        }
        Ok(())
    }
}

fn counts(all: &[Found<'_>], wanted: &Wanted<'_>) -> Vec<Count> {
    let (variant, possible_cpus) = (wanted.ready.kernel.variant, wanted.possible_cpus);
    let counts = all.iter().map(|found| count(found, variant, possible_cpus));
    counts.collect()
}

fn count(found: &Found<'_>, variant: Variant, possible_cpus: u32) -> Count {
    let costs = || found.operations.iter().map(|one| one.cost);
    Count {
        workload: found.workload.into(),
        variant,
        possible_cpus,
        units: found.units,
        all: costs().map(|cost| cost.all).collect(),
        kernel: costs().map(|cost| cost.kernel).collect(),
    }
}

/// The transmit function: as it is listed, and what was executed of it.
fn xmit(ready: &Ready, executed: Vec<(String, Mix)>) -> Result<Xmit> {
    let variant = ready.kernel.variant;
    if executed.is_empty() {
        let why = format!("{variant}: no workload came to its transmit function");
        return Err(untraceable(why));
    }
    let file = match variant {
        Variant::Module => ready.driver.clone(),
        Variant::Builtin | Variant::C => ready.kernel.build.join(VMLINUX),
    };
    let listed = object_file::listed(&file, |name| codegen::is_xmit(variant, name))?;
    Ok(Xmit {
        variant,
        symbol: listed.symbol,
        bytes: listed.bytes,
        listed: listed.mix,
        executed,
    })
}

fn untraceable(why: String) -> Failure {
    Failure::new(Exit::Incomplete, "a trace cannot be followed", why)
}

/// All workloads that `filter` matches must be there, once.
fn check_complete(all: &[Found<'_>], filter: &str, variant: Variant) -> Result {
    let is_there = |name: &&str| variant == Variant::Module || !MODULE_WORKLOADS.contains(name);
    let mut wanted: Vec<&str> = WORKLOADS
        .into_iter()
        .filter(|name| matches(filter, name))
        .filter(is_there)
        .collect();
    let mut found: Vec<&str> = all.iter().map(|found| found.workload).collect();
    wanted.sort_unstable();
    found.sort_unstable();
    if found == wanted {
        return Ok(());
    }
    let why = format!("wanted: {}\nfound: {}", wanted.join(" "), found.join(" "));
    let what = format!("{variant}: the guest's workloads are not what they have to be");
    Err(Failure::new(Exit::Incomplete, what, why))
}

#[cfg(test)]
mod tests {
    use super::super::tally::Cost;
    use super::super::tally::Operation;
    use super::super::tally::Step;
    use super::*;

    #[test]
    fn all_workloads_must_be_there() {
        let traced = Operation {
            cost: Cost { all: 1, kernel: 0 },
            steps: Some(Vec::new()),
        };
        let check = |names: &[&str], filter, variant| {
            let found = |name: &&'static str| Found {
                workload: name,
                units: 1,
                symbols: "",
                operations: &[],
                traced: &traced,
            };
            let names: Vec<&'static str> = WORKLOADS
                .into_iter()
                .filter(|name| names.contains(name))
                .collect();
            let all: Vec<_> = names.iter().map(found).collect();
            check_complete(&all, filter, variant).is_ok()
        };
        assert!(check(&WORKLOADS, "*", Variant::Module));
        assert!(check(&WORKLOADS[..15], "*", Variant::C));
        assert!(!check(&WORKLOADS[..15], "*", Variant::Module));
        assert!(!check(&WORKLOADS[1..15], "*", Variant::C));
        assert!(check(&["udp_1"], "udp_1", Variant::C));
        assert!(!check(&["udp_1"], "nothing", Variant::C));
    }

    #[test]
    fn each_trace_has_the_names_of_its_time() {
        const A: u64 = 0xffff_ffff_a000_0000;
        let xmit = "<VTable<rust_loopback::Loopback>>::start_xmit_callback";
        let before = format!("{A:x} t {xmit}\t[m]\n{:x} t other\t[m]\n", A + 16);
        let after = format!("{A:x} t other\t[m]\n{:x} t {xmit}\t[m]\n", A + 16);
        let block = Block {
            address: A,
            instructions: vec![vec![0x90]],
        };
        let blocks = Blocks::decode(&HashMap::from([(1, block)])).unwrap();
        let step = Step {
            block: 1,
            from: 0,
            count: 1,
            times: 1,
        };
        let traced = Operation {
            cost: Cost { all: 1, kernel: 1 },
            steps: Some(vec![step]),
        };
        let mut followed = Followed::default();
        for (workload, symbols) in [("ping", &before), ("module_unload", &after)] {
            let found = Found {
                workload,
                units: 1,
                symbols,
                operations: &[],
                traced: &traced,
            };
            let kernel = Symbols::default();
            followed
                .add(&[found], &blocks, &kernel, Variant::Module)
                .unwrap();
        }
        let names = [0, 1].map(|n| followed.traces[n].stacks[0].0[0].as_str());
        assert_eq!(names, [xmit, "other"]);
        let executed: Vec<&String> = followed.executed.iter().map(|(name, _)| name).collect();
        assert_eq!(executed, ["ping"]);
    }
}
