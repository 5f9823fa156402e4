// SPDX-License-Identifier: GPL-2.0

//! What the n-th network namespace costs while all others are there: instructions to make it and to
//! bring up its `lo`, and memory.

use lab_protocol::Measure;
use lab_protocol::Record;
use lab_protocol::Variant;

use super::boot::Outcome;
use super::boot::Stand;
use super::boot::Wanted;
use super::figures::Figures;
use super::figures::Scale;
use super::operations;
use super::statistics::Exact;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::options::Options;

/// What the guest is to measure; each of its figures has a name behind that, and says of how many.
const WORK: &str = "scale.netns";

/// What all names here begin with.
const PREFIX: &str = "scale.";

/// What the guest has to have measured, for at least this many.
const NAMES: [&str; 3] = ["netns.create", "netns.up", "netns.memory"];
const AT_LEAST: u64 = 2000;

/// How many CPUs there might be: a namespace has memory for each.
const POSSIBLE_CPUS: u32 = 4;

/// Measures it.
pub fn measure(checkout: &Checkout, options: &Options) -> Result<Figures> {
    let stand = Stand::prepare(checkout, options)?;
    let mut figures = Figures::default();
    for variant in super::variants(options) {
        let ready = stand.ready(options, variant)?;
        let outcome = stand.boot(&Wanted {
            ready: &ready,
            measure: Measure::Scale,
            with_pktgen: None,
            possible_cpus: POSSIBLE_CPUS,
            filter: WORK,
            is_repeat: false,
        })?;
        let release = ready.kernel.release.clone();
        figures.kernels.push((variant, release));
        figures.scale.extend(scale(&outcome, variant)?);
    }
    Ok(figures)
}

fn scale(outcome: &Outcome, variant: Variant) -> Result<Vec<Scale>> {
    let mut all = Vec::new();
    for found in operations::found(outcome)? {
        let kernel: Vec<u64> = found.operations.iter().map(|one| one.cost.kernel).collect();
        let median = Exact::of(&kernel).map(|exact| exact.median as f64);
        if let (Some((name, n)), Some(median)) = (place(found.workload), median) {
            add(&mut all, variant, name, "instructions", (n, median));
        }
    }
    for record in &outcome.records {
        let Record::Figure { name, value, unit } = record else {
            continue;
        };
        if let Some((name, n)) = place(name) {
            add(&mut all, variant, name, unit, (n, *value));
        }
    }
    check_complete(&all, variant)?;
    Ok(all)
}

/// What `scale.netns.create.10` is: `netns.create`, of 10.
fn place(name: &str) -> Option<(&str, u64)> {
    let (name, n) = name.strip_prefix(PREFIX)?.rsplit_once('.')?;
    Some((name, n.parse().ok()?))
}

fn add(all: &mut Vec<Scale>, variant: Variant, name: &str, unit: &str, point: (u64, f64)) {
    if let Some(scale) = all.iter_mut().find(|scale| scale.name == name) {
        scale.points.push(point);
        return;
    }
    all.push(Scale {
        name: name.into(),
        variant,
        of: "namespaces".into(),
        unit: unit.into(),
        points: vec![point],
    });
}

fn check_complete(all: &[Scale], variant: Variant) -> Result {
    let is_whole = |name: &&str| {
        let mut own = all.iter().filter(|scale| scale.name == **name);
        own.any(|scale| scale.points.iter().any(|(n, _)| *n >= AT_LEAST))
    };
    let Some(missing) = NAMES.into_iter().find(|name| !is_whole(name)) else {
        return Ok(());
    };
    let what = format!("{variant}: the guest did not measure {missing} of {AT_LEAST} namespaces");
    let why = "it has to, or not all is known of how that grows";
    Err(Failure::new(Exit::Incomplete, what, why))
}

#[cfg(test)]
mod tests {
    use super::super::tally::Cost;
    use super::super::tally::Operation;
    use super::super::tally::Tally;
    use super::*;

    fn marked(workload: &str) -> Record {
        Record::Marked {
            workload: workload.into(),
            operations: 3,
            units: 1,
        }
    }

    fn operations(kernel: [u64; 4]) -> Vec<Operation> {
        let operation = |(index, kernel): (usize, u64)| Operation {
            cost: Cost {
                all: kernel + 1,
                kernel,
            },
            steps: (index == 3).then(Vec::new),
        };
        kernel.into_iter().enumerate().map(operation).collect()
    }

    fn outcome() -> Outcome {
        let names = ["create.1", "up.1", "create.2000", "up.2000"];
        let mut records: Vec<Record> = names
            .iter()
            .map(|name| marked(&format!("{WORK}.{name}")))
            .collect();
        records.push(Record::Figure {
            name: format!("{WORK}.memory.2000"),
            value: 1e5,
            unit: "bytes".into(),
        });
        let costs = [[7, 9, 8, 99], [2, 2, 2, 2], [30, 20, 10, 0], [4, 5, 6, 7]];
        Outcome {
            records,
            tally: Tally {
                operations: costs.into_iter().flat_map(operations).collect(),
                ..Tally::default()
            },
        }
    }

    #[test]
    fn points_are_put_in_lines() {
        let scale = scale(&outcome(), Variant::C).unwrap();
        let brief: Vec<_> = scale
            .iter()
            .map(|one| (one.name.as_str(), one.unit.as_str(), one.points.clone()))
            .collect();
        let wanted = [
            ("netns.create", "instructions", vec![(1, 8.0), (2000, 20.0)]),
            ("netns.up", "instructions", vec![(1, 2.0), (2000, 5.0)]),
            ("netns.memory", "bytes", vec![(2000, 1e5)]),
        ];
        assert_eq!(brief, wanted);
    }

    #[test]
    fn what_is_not_there_is_missed() {
        let mut outcome = outcome();
        outcome.records.pop();
        let failure = scale(&outcome, Variant::C).unwrap_err();
        assert_eq!(failure.exit, Exit::Incomplete);
        assert!(failure.what.contains("netns.memory"), "{}", failure.what);
    }
}
