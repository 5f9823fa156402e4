// SPDX-License-Identifier: GPL-2.0

//! Time. It takes a machine that executes the kernel's code as it is: KVM where that works, else User
//! Mode Linux. The kernels take turns, a boot each for every round: what else the host has to do in
//! the meantime, and what luck a boot has with its memory, is everybody's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;

use lab_protocol::Measure;
use lab_protocol::Record;
use lab_protocol::Variant;

use super::figures::Figures;
use super::figures::Time;
use super::flows::Flows;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::guest;
use crate::initramfs::Extra;
use crate::judge;
use crate::kernel;
use crate::options::Accel;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::NO_SUITE;
use crate::test::describe;
use crate::toolchain::Toolchain;
use crate::ui::Stage;
use crate::vm;
use crate::vm::Engine;

/// The kernels, in the order of a round; every other round goes the other way.
const ORDER: [Variant; 3] = [Variant::C, Variant::Module, Variant::Builtin];

/// How many rounds there are.
const ROUNDS: usize = 9;

/// How many there are for what many flows make of it: the differences are not small.
const FLOW_ROUNDS: usize = 3;

/// Nothing moves from one CPU to another while an operation is timed.
const CPUS: u32 = 1;

/// Tools that people know, each with its package. The guest looks for them in `/bench`.
const TOOLS: [(&str, &str); 2] = [("iperf3", "iperf3"), ("sockperf", "sockperf")];

/// What the guest's own loops are called where a tool's name is expected.
const OWN: &str = "own";

/// The units of which less is better.
const TIMES: [&str; 2] = ["ns", "us"];

/// Measures what operations take.
pub fn measure(checkout: &Checkout, options: &Options) -> Result<Figures> {
    let stand = Stand::prepare(checkout, options)?;
    let mut rounds = Rounds::default();
    for round in 0..ROUNDS {
        for machine in stand.turn(round) {
            let words = ["lab.rounds=1".into()];
            let what = format!("round {} of {ROUNDS}", round + 1);
            let records = stand.look(machine, Measure::Time, CPUS, &words, &what)?;
            rounds.add(machine.ready.kernel.variant, &records)?;
        }
    }
    let mut figures = stand.figures();
    figures.times = rounds.times(stand.engine, stand.machines.len(), ROUNDS)?;
    figures.left_out.push((
        "netperf".into(),
        "it is not free software, so Debian does not have it where all else comes from".into(),
    ));
    if stand.engine == Engine::Uml {
        figures.left_out.push((
            "KVM".into(),
            "it does not work here, or ACCEL=tcg was given: times are User Mode Linux's, in which no C \
             helper is inlined into Rust, and system calls are slow"
                .into(),
        ));
    }
    Ok(figures)
}

/// Measures what gets through at most, by the number of flows and CPUs.
pub fn measure_flows(checkout: &Checkout, options: &Options) -> Result<Figures> {
    let stand = Stand::prepare(checkout, options)?;
    let host = thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let mut flows = Flows::default();
    for round in 0..FLOW_ROUNDS {
        for cpus in (0..).map(|n| 1 << n).take_while(|n| *n <= host.min(8)) {
            for machine in stand.turn(round) {
                let words = ["lab.filter=scale.flows".into()];
                let what = format!("round {} of {FLOW_ROUNDS}", round + 1);
                let records = stand.look(machine, Measure::Scale, cpus, &words, &what)?;
                flows.add(machine.ready.kernel.variant, cpus, &records)?;
            }
        }
    }
    let mut figures = stand.figures();
    figures.scale = flows.scale(stand.engine, stand.machines.len(), FLOW_ROUNDS)?;
    Ok(figures)
}

/// A kernel, and its guest's file system with the tools in it.
struct Machine {
    ready: Ready,
    initramfs: PathBuf,
}

/// All of them.
struct Stand<'a> {
    checkout: &'a Checkout,
    engine: Engine,
    machines: Vec<Machine>,
}

impl<'a> Stand<'a> {
    fn prepare(checkout: &'a Checkout, options: &Options) -> Result<Self> {
        let toolchain = Toolchain::load(&Cache::open()?)?;
        let guest = guest::build(checkout, &toolchain, options.verbose)?;
        let options = for_speed(checkout, options)?;
        let variants: Vec<Variant> = super::variants(&options).collect();
        // All are built before the first one is held: what is in use keeps others of its tree waiting.
        for variant in &variants {
            kernel::ensure(checkout, &options.with(*variant))?;
        }
        let mut machines = Vec::new();
        for variant in ORDER.into_iter().filter(|one| variants.contains(one)) {
            let ready = Ready::with_guest(checkout, &options.with(variant), &guest)?;
            let name = format!("bench-{}", options.with(variant).build_name());
            let initramfs = ready.pack(checkout, &name, &tools())?;
            machines.push(Machine { ready, initramfs });
        }
        Ok(Self {
            checkout,
            engine: machines[0].ready.engine(),
            machines,
        })
    }

    /// The kernels in the order in which it is their turn.
    fn turn(&self, round: usize) -> Vec<&Machine> {
        let mut all: Vec<&Machine> = self.machines.iter().collect();
        if round % 2 == 1 {
            all.reverse();
        }
        all
    }

    /// Boots a kernel on so many CPUs to measure `measure`; what it had to say.
    fn look(
        &self,
        machine: &Machine,
        measure: Measure,
        cpus: u32,
        words: &[String],
        what: &str,
    ) -> Result<Vec<Record>> {
        let ready = &machine.ready;
        let variant = ready.kernel.variant;
        let mut boot = ready.boot(
            &format!("bench-{measure}-{variant}"),
            &format!("bench-{measure}"),
        );
        boot.initramfs.clone_from(&machine.initramfs);
        boot.cpus = cpus;
        boot.words.push(NO_SUITE.into());
        boot.words.extend_from_slice(words);
        let mut expected = ready.expected(&[ready.driver_file()], Vec::new(), Vec::new());
        expected.cpus = cpus;
        let what = format!("{}: {what}", describe(&boot, variant));
        let mut stage = Stage::start("boot", &what);
        let evidence = vm::boot(self.checkout, &boot, &mut |record| {
            if let Record::Begin { name } = record {
                stage.update(None, None, name);
            }
            Ok(())
        })?;
        let verdict = judge::judge(&evidence, &expected, &ready.kernel.source)?;
        let log = self.checkout.show(&evidence.log);
        verdict.into_result(&format!("{what}: cannot be measured"), &log)?;
        stage.done(&what);
        Ok(evidence.transcript.records)
    }

    /// What is known before anything is measured.
    fn figures(&self) -> Figures {
        let kernel = |machine: &Machine| {
            let kernel = &machine.ready.kernel;
            (kernel.variant, kernel.release.clone())
        };
        Figures {
            kernels: self.machines.iter().map(kernel).collect(),
            ..Figures::default()
        }
    }
}

/// The options for kernels that can be executed as they are.
fn for_speed(checkout: &Checkout, options: &Options) -> Result<Options> {
    let options = Options {
        cpus: CPUS,
        ..options.clone()
    };
    // Who wants emulation has no use for KVM; time is no matter of emulation.
    if options.accel != Accel::Tcg {
        let ready = Ready::make(checkout, &options.with(ORDER[0]))?;
        if ready.engine() == Engine::Kvm {
            return Ok(options);
        }
    }
    Ok(options.for_uml())
}

fn tools() -> Extra {
    let mut extra = Extra::default();
    for (name, package) in TOOLS {
        extra.tool(&format!("/bench/{name}"), name, package);
    }
    extra
}

/// What is measured: the workload, what measures it, and in which unit.
type Key = (String, String, String);

/// What all rounds gave, by what was measured.
#[derive(Debug, Default)]
struct Rounds {
    /// In the order of the first round.
    order: Vec<Key>,
    values: BTreeMap<Key, Vec<(Variant, Vec<f64>)>>,
}

impl Rounds {
    /// Adds what a kernel said in a round.
    fn add(&mut self, variant: Variant, records: &[Record]) -> Result {
        for (key, value) in records.iter().filter_map(timed) {
            if !value.is_finite() || value <= 0.0 {
                let what = format!("{variant}: {} is no time", key.0);
                return Err(Failure::new(
                    Exit::Incomplete,
                    what,
                    format!("it is {value}"),
                ));
            }
            if !self.order.contains(&key) {
                self.order.push(key.clone());
            }
            let all = self.values.entry(key).or_default();
            match all.iter_mut().find(|(of, _)| *of == variant) {
                Some((_, values)) => values.push(value),
                None => all.push((variant, vec![value])),
            }
        }
        Ok(())
    }

    /// Everything, if so many kernels have measured it in each of so many rounds.
    fn times(mut self, engine: Engine, kernels: usize, rounds: usize) -> Result<Vec<Time>> {
        self.check_tools()?;
        let mut times = Vec::new();
        for key in self.order {
            let values = self.values.remove(&key).unwrap_or_default();
            let whole = |(_, values): &(Variant, Vec<f64>)| values.len() == rounds;
            let (workload, tool, unit) = key;
            if values.len() != kernels || !values.iter().all(whole) {
                let what = format!("{workload}, by {tool}, was not measured by all in every round");
                return Err(Failure::new(
                    Exit::Incomplete,
                    what,
                    "the rounds are not alike",
                ));
            }
            times.push(Time {
                more_is_better: !TIMES.contains(&unit.as_str()),
                engine: engine.name().into(),
                rounds: values,
                workload,
                tool,
                unit,
            });
        }
        Ok(times)
    }

    /// Whether every tool has measured something, and the guest's own loops have.
    fn check_tools(&self) -> Result {
        let is_there = |tool: &str| self.order.iter().any(|(_, by, _)| by == tool);
        let mut all = TOOLS.iter().map(|(name, _)| *name).chain([OWN]);
        let Some(missing) = all.find(|tool| !is_there(tool)) else {
            return Ok(());
        };
        let what = format!("nothing was measured by {missing}");
        let why = "the guest reported no time of it";
        Err(Failure::new(Exit::Incomplete, what, why))
    }
}

/// What a record says of time.
fn timed(record: &Record) -> Option<(Key, f64)> {
    match record {
        Record::Timed {
            workload,
            operations,
            nanoseconds,
        } => {
            let key = (workload.clone(), OWN.into(), TIMES[0].into());
            Some((key, *nanoseconds as f64 / *operations as f64))
        }
        Record::Figure { name, value, unit } => {
            let (tool, workload) = name.strip_prefix("time.")?.split_once('.')?;
            Some(((workload.into(), tool.into(), unit.clone()), *value))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(workload: &str, operations: u64, nanoseconds: u64) -> Record {
        Record::Timed {
            workload: workload.into(),
            operations,
            nanoseconds,
        }
    }

    fn figure(name: &str, value: f64, unit: &str) -> Record {
        Record::Figure {
            name: name.into(),
            value,
            unit: unit.into(),
        }
    }

    fn boot(nanoseconds: u64) -> Vec<Record> {
        vec![
            Record::Taint { bits: 0 },
            own("udp_1", 100, nanoseconds),
            figure("time.iperf3.tcp", 2e3, "Mbit/s"),
            figure("time.sockperf.udp", 6.4, "us"),
        ]
    }

    #[test]
    fn rounds_are_put_side_by_side() {
        let mut rounds = Rounds::default();
        for nanoseconds in [1000, 3000] {
            rounds.add(Variant::C, &boot(nanoseconds)).unwrap();
            rounds
                .add(Variant::Module, &boot(nanoseconds + 500))
                .unwrap();
        }
        let times = rounds.times(Engine::Uml, 2, 2).unwrap();
        let brief: Vec<_> = times
            .iter()
            .map(|t| (&*t.workload, &*t.tool, &*t.unit, t.more_is_better))
            .collect();
        let wanted = [
            ("udp_1", "own", "ns", false),
            ("tcp", "iperf3", "Mbit/s", true),
            ("udp", "sockperf", "us", false),
        ];
        assert_eq!(brief, wanted);
        assert_eq!(times[0].engine, "uml");
        let values = [
            (Variant::C, vec![10.0, 30.0]),
            (Variant::Module, vec![15.0, 35.0]),
        ];
        assert_eq!(times[0].rounds, values);
    }

    #[test]
    fn what_one_kernel_or_round_lacks_is_missed() {
        let whole = |skip: Option<usize>| {
            let mut rounds = Rounds::default();
            for (index, variant) in [Variant::C, Variant::Module, Variant::C, Variant::Module]
                .into_iter()
                .enumerate()
            {
                let mut records = boot(1000);
                if Some(index) == skip {
                    records.remove(1);
                }
                rounds.add(variant, &records).unwrap();
            }
            rounds.times(Engine::Kvm, 2, 2)
        };
        assert!(whole(None).is_ok());
        for skip in 0..4 {
            assert_eq!(whole(Some(skip)).unwrap_err().exit, Exit::Incomplete);
        }
        let nothing = Rounds::default().times(Engine::Kvm, 2, 2);
        assert_eq!(nothing.unwrap_err().exit, Exit::Incomplete);
        // A tool that no kernel has measured anything with is missed, too; so are a kernel and a round.
        let mut rounds = Rounds::default();
        rounds.add(Variant::C, &boot(1000)[..3]).unwrap();
        let failure = rounds.times(Engine::Kvm, 1, 1).unwrap_err();
        assert!(failure.what.contains("sockperf"), "{}", failure.what);
        for (kernels, count) in [(2, 1), (1, 2)] {
            let mut rounds = Rounds::default();
            rounds.add(Variant::C, &boot(1000)).unwrap();
            assert!(rounds.times(Engine::Kvm, kernels, count).is_err());
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for record in [own("udp_1", 0, 0), own("udp_1", 0, 1), own("udp_1", 1, 0)] {
            assert!(Rounds::default().add(Variant::C, &[record]).is_err());
        }
    }
}
