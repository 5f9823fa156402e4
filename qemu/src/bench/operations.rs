// SPDX-License-Identifier: GPL-2.0

//! What the guest says that it did, and what the plugin saw of it, put together.

use lab_protocol::Record;

use super::boot::Outcome;
use super::tally::Operation;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// A workload, and what the plugin saw of it.
#[derive(Debug)]
pub struct Found<'a> {
    /// Which one.
    pub workload: &'a str,
    /// How many units an operation has.
    pub units: u64,
    /// Where modules were: lines like those of the kernel's map. Empty if the guest did not say.
    pub symbols: &'a str,
    /// Those that were only counted.
    pub operations: &'a [Operation],
    /// The one that was traced as well.
    pub traced: &'a Operation,
}

/// Finds each workload's operations: so many, and one that was traced.
pub fn found(outcome: &Outcome) -> Result<Vec<Found<'_>>> {
    zip(&outcome.records, &outcome.tally.operations).map_err(|why| {
        let what = "the guest's marks are not what it says";
        Failure::new(Exit::Incomplete, what, why)
    })
}

fn zip<'a>(
    records: &'a [Record],
    mut rest: &'a [Operation],
) -> std::result::Result<Vec<Found<'a>>, String> {
    let mut all = Vec::new();
    let mut symbols = "";
    for record in records {
        let (workload, count, units) = match record {
            Record::Marked {
                workload,
                operations,
                units,
            } => (workload, operations, units),
            Record::Symbols { text } => {
                symbols = text;
                continue;
            }
            _ => continue,
        };
        let own = rest.split_at_checked(*count as usize + 1);
        let (own, others) = own.ok_or_else(|| format!("{workload}: there are fewer"))?;
        let [operations @ .., traced] = own else {
            return Err(format!("{workload}: there are none"));
        };
        if operations.iter().any(|one| one.steps.is_some()) || traced.steps.is_none() {
            return Err(format!("{workload}: it is not the last one that is traced"));
        }
        rest = others;
        all.push(Found {
            workload,
            units: *units,
            symbols,
            operations,
            traced,
        });
    }
    match rest.len() {
        0 => Ok(all),
        more => Err(format!("{more} operations are of no workload")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Cost;
    use super::*;

    fn marked(workload: &str, operations: u64) -> Record {
        Record::Marked {
            workload: workload.into(),
            operations,
            units: 1,
        }
    }

    fn operation(all: u64, is_traced: bool) -> Operation {
        Operation {
            cost: Cost { all, kernel: 0 },
            steps: is_traced.then(Vec::new),
        }
    }

    #[test]
    fn each_workload_gets_its_own_operations() {
        let records = [marked("a", 2), Record::Taint { bits: 0 }, marked("b", 1)];
        let operations = [(1, false), (2, false), (3, true), (4, false), (5, true)];
        let operations = operations.map(|(all, is_traced)| operation(all, is_traced));
        let found = zip(&records, &operations).unwrap();
        let costs: Vec<Vec<u64>> = found
            .iter()
            .map(|found| found.operations.iter().map(|one| one.cost.all).collect())
            .collect();
        assert_eq!(costs, [vec![1, 2], vec![4]]);
        assert_eq!(found[1].traced.cost.all, 5);
        assert!(found.iter().all(|found| found.symbols.is_empty()));
        // One too few, one too many, one traced in another's place.
        assert!(zip(&records, &operations[..4]).is_err());
        assert!(zip(&records[..2], &operations).is_err());
        let mut odd = operations.clone();
        odd.swap(1, 2);
        assert!(zip(&records, &odd).is_err());
    }

    #[test]
    fn symbols_hold_until_the_next_ones() {
        let symbols = |text: &str| Record::Symbols { text: text.into() };
        let marked = |workload| marked(workload, 0);
        let records = [
            symbols("early"),
            marked("a"),
            marked("b"),
            symbols("late"),
            marked("c"),
        ];
        let operations = [operation(1, true), operation(1, true), operation(1, true)];
        let found = zip(&records, &operations).unwrap();
        let symbols: Vec<&str> = found.iter().map(|found| found.symbols).collect();
        assert_eq!(symbols, ["early", "early", "late"]);
    }
}
