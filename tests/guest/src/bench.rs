// SPDX-License-Identifier: GPL-2.0

//! What it takes to use `lo`: workloads, for instructions to be counted from outside or for time to
//! be measured in here.

mod big_tcp;
mod calibration;
mod count;
mod driver;
mod echo;
mod flows;
mod lo;
mod many;
mod marks;
mod meminfo;
mod namespaces;
mod patience;
mod pktgen;
mod raw_packet;
mod scale;
mod statistics;
mod symbols;
mod tcp;
mod time;
mod tools;
mod udp;
mod workload;

use std::time::Instant;

use lab_protocol::Measure;
use lab_protocol::Outcome;
use lab_protocol::Record;

use crate::control::Control;
use crate::cpus;
use crate::modules;
use crate::report::Reporter;
use crate::witness;

/// Does what `measure` is about. What goes wrong is a record, too; where all went well there is none
/// besides what was measured.
pub fn run(measure: Measure, control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    let start = Instant::now();
    let Err(why) = measure_it(measure, control, reporter) else {
        return Ok(());
    };
    reporter.send(&Record::Test {
        name: format!("bench.{measure}"),
        outcome: Outcome::Failed,
        detail: why,
        millis: start.elapsed().as_millis() as u64,
    })
}

fn measure_it(measure: Measure, control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    reporter.send(&possible_cpus()?)?;
    witness::here()?.judge(control.variant)?;
    // It does something of its own in each namespace that comes and goes.
    modules::remove(witness::NAME)?;
    lo::up()?;
    match measure {
        Measure::Count => count::all(control, reporter),
        Measure::Time => time::all(control, reporter),
        Measure::Scale => scale::all(control, reporter),
    }
}

/// Says how many CPUs there might be, for the lab to see that it is what it asked for.
fn possible_cpus() -> Result<Record, String> {
    let count = cpus::possible()?.len() as u32;
    Ok(Record::PossibleCpus { count })
}

/// Says what begins, so that it is known what did not end.
fn begin(reporter: &mut Reporter, measure: Measure, name: &str) -> Result<(), String> {
    let name = format!("bench.{measure}: {name}");
    reporter.send(&Record::Begin { name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possible_cpus_are_at_least_those_online() {
        let online = cpus::online().unwrap().len() as u32;
        let record = possible_cpus().unwrap();
        assert!(matches!(record, Record::PossibleCpus { count } if count >= online));
    }
}
