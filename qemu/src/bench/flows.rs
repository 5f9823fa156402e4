// SPDX-License-Identifier: GPL-2.0

//! What gets through many flows at once, put together from each kernel's rounds.

use std::collections::BTreeMap;

use lab_protocol::Record;
use lab_protocol::Variant;

use super::figures::Scale;
use super::statistics;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::vm::Engine;

/// What is a matter of how many flows there are, with the protocol and the number behind it.
const NAME: &str = "scale.flows.";

/// What got through: by protocol, CPUs and unit; by kernel; by flows.
#[derive(Debug, Default)]
pub struct Flows(BTreeMap<(String, u32, String), Vec<(Variant, Points)>>);

/// By flows, each round's value.
type Points = BTreeMap<u64, Vec<f64>>;

impl Flows {
    /// Adds what a kernel said.
    pub fn add(&mut self, variant: Variant, cpus: u32, records: &[Record]) -> Result {
        let mut found = false;
        for record in records {
            let Some((protocol, flows, value, unit)) = flow(record) else {
                continue;
            };
            if !value.is_finite() || value <= 0.0 {
                let what = format!("{variant}: nothing gets through {flows} flows by {protocol}");
                return Err(Failure::new(
                    Exit::Incomplete,
                    what,
                    format!("it is {value}"),
                ));
            }
            found = true;
            let all = self.0.entry((protocol, cpus, unit)).or_default();
            if !all.iter().any(|(of, _)| *of == variant) {
                all.push((variant, Points::new()));
            }
            for (_, points) in all.iter_mut().filter(|(of, _)| *of == variant) {
                points.entry(flows).or_default().push(value);
            }
        }
        if found {
            return Ok(());
        }
        let what = format!("{variant}: nothing was measured");
        Err(Failure::new(
            Exit::Incomplete,
            what,
            "the guest reported no flows",
        ))
    }

    /// Everything, if so many kernels have measured it in each of so many rounds.
    pub fn scale(self, engine: Engine, kernels: usize, rounds: usize) -> Result<Vec<Scale>> {
        let mut scale = Vec::new();
        for ((protocol, cpus, unit), all) in self.0 {
            let s = if cpus == 1 { "" } else { "s" };
            let name = format!("flows.{protocol}, {cpus} CPU{s}, {}", engine.name());
            let mut values = all.iter().flat_map(|(_, points)| points.values());
            if all.len() != kernels || values.any(|values| values.len() != rounds) {
                let what = format!("{name}: not measured by all in every round");
                let why = "the rounds are not alike";
                return Err(Failure::new(Exit::Incomplete, what, why));
            }
            for (variant, points) in all {
                let median = |(flows, values): (u64, Vec<f64>)| {
                    Some((flows, statistics::spread(&values)?.median))
                };
                scale.push(Scale {
                    name: name.clone(),
                    variant,
                    of: "flows".into(),
                    unit: unit.clone(),
                    points: points.into_iter().filter_map(median).collect(),
                });
            }
        }
        Ok(scale)
    }
}

/// What a record says of flows: the protocol, how many, how much, in which unit.
fn flow(record: &Record) -> Option<(String, u64, f64, String)> {
    let Record::Figure { name, value, unit } = record else {
        return None;
    };
    let (protocol, flows) = name.strip_prefix(NAME)?.split_once('.')?;
    Some((protocol.into(), flows.parse().ok()?, *value, unit.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, value: f64, unit: &str) -> Record {
        Record::Figure {
            name: name.into(),
            value,
            unit: unit.into(),
        }
    }

    #[test]
    fn flows_are_sorted_and_the_middle_one_counts() {
        let mut flows = Flows::default();
        for value in [3.0, 1.0, 2.0] {
            let records = [
                figure("scale.flows.tcp.8", value, "Mbit/s"),
                figure("scale.flows.tcp.1", 10.0 * value, "Mbit/s"),
                figure("scale.netns.memory.100", 1.0, "bytes"),
            ];
            flows.add(Variant::C, 2, &records).unwrap();
        }
        assert!(flows.add(Variant::C, 2, &[]).is_err());
        let nought = figure("scale.flows.tcp.1", 0.0, "Mbit/s");
        assert!(flows.add(Variant::C, 2, &[nought]).is_err());
        let scale = flows.scale(Engine::Uml, 1, 3).unwrap();
        assert_eq!(scale.len(), 1);
        assert_eq!(scale[0].name, "flows.tcp, 2 CPUs, uml");
        assert_eq!(scale[0].points, [(1, 20.0), (8, 2.0)]);
    }
}
