// SPDX-License-Identifier: GPL-2.0

//! Rounds of operations, timed.

use lab_protocol::Measure;
use lab_protocol::Record;

use super::begin;
use super::calibration;
use super::tools;
use super::workload::Entry;
use crate::control::Control;
use crate::cpus;
use crate::fresh;
use crate::report::Reporter;

/// Does all workloads of which time says something, and then the tools that are there.
pub fn all(control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    // Only these stay on one CPU.
    fresh::in_thread(|| workloads(control, reporter))?;
    tools::all(control, reporter)
}

fn workloads(control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    cpus::stay_on(0)?;
    for entry in Entry::wanted(control).filter(|entry| entry.most > 0) {
        begin(reporter, Measure::Time, entry.name)?;
        time(entry, control, reporter).map_err(|why| entry.error(&why))?;
    }
    Ok(())
}

fn time(entry: &Entry, control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    let mut workload = entry.open(control)?;
    let mut done = 0;
    let mut round = |operations| {
        done += operations;
        workload.round(operations)
    };
    round(entry.warm_up)?;
    let operations = calibration::operations(entry.most, &mut round)?;
    for _ in 0..control.rounds {
        let nanoseconds = round(operations)?.as_nanos() as u64;
        reporter.send(&Record::Timed {
            workload: entry.name.into(),
            operations,
            nanoseconds,
        })?;
    }
    workload.finish(done)
}
