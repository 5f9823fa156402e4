// SPDX-License-Identifier: GPL-2.0

//! Operations between marks.

use lab_protocol::Measure;
use lab_protocol::Record;

use super::begin;
use super::marks;
use super::symbols;
use super::workload::Entry;
use super::workload::Workload;
use crate::control::Control;
use crate::report::Reporter;

/// How the instructions of an operation are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How many there are.
    Counted,
    /// Which there are, too.
    Traced,
}

impl Kind {
    /// So many that are counted, and one that is traced.
    pub fn of(operations: u64) -> impl Iterator<Item = Self> {
        let counted = (0..operations).map(|_| Self::Counted);
        counted.chain([Self::Traced])
    }

    /// Does `operation` between marks of this kind.
    pub fn mark<T>(self, operation: impl FnOnce() -> T) -> T {
        match self {
            Self::Counted => marks::begin(),
            Self::Traced => marks::begin_traced(),
        }
        let result = operation();
        marks::end();
        result
    }
}

/// Does all workloads.
pub fn all(control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    reporter.send(&symbols::of_modules()?)?;
    for entry in Entry::wanted(control) {
        begin(reporter, Measure::Count, entry.name)?;
        let workload = entry.open(control)?;
        reporter.send_all(&count(entry, workload).map_err(|why| entry.error(&why))?)?;
    }
    Ok(())
}

fn count(entry: &Entry, mut workload: Box<dyn Workload>) -> Result<Vec<Record>, String> {
    for _ in 0..entry.warm_up {
        workload.prepare()?;
        workload.operate()?;
        workload.settle()?;
    }
    for _ in 0..entry.operations {
        workload.prepare()?;
        Kind::Counted.mark(|| workload.operate())?;
        workload.settle()?;
    }
    let symbols = trace(&mut *workload)?;
    workload.finish(entry.warm_up + entry.operations + 1)?;
    let marked = Record::Marked {
        workload: entry.name.into(),
        operations: entry.operations,
        units: entry.units,
    };
    Ok(symbols.into_iter().chain([marked]).collect())
}

/// Does the operation that is traced. Where modules were in it, if not where they were before.
fn trace(workload: &mut dyn Workload) -> Result<Option<Record>, String> {
    workload.prepare()?;
    let before = workload.symbols()?;
    Kind::Traced.mark(|| workload.operate())?;
    let after = workload.symbols()?;
    workload.settle()?;
    // What comes or goes is there on one side of it only.
    Ok(before.or(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traced_one_is_the_last() {
        let kinds: Vec<Kind> = Kind::of(2).collect();
        assert_eq!(kinds, [Kind::Counted, Kind::Counted, Kind::Traced]);
        assert_eq!(Kind::Traced.mark(|| 7), 7);
    }
}
