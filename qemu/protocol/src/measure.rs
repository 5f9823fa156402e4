// SPDX-License-Identifier: GPL-2.0

//! What a benchmark's boot measures.

use crate::by_name::by_name;

/// What is measured. Each has a boot of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Instructions: what is between two marks is counted from outside.
    Count,
    /// Time: rounds of operations, timed in the guest.
    Time,
    /// What many flows, CPUs or namespaces make of it.
    Scale,
}

impl Measure {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Count, Self::Time, Self::Scale];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Time => "time",
            Self::Scale => "scale",
        }
    }
}

by_name!(Measure);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.name()), Some(measure));
        }
        assert_eq!(Measure::parse(""), None);
    }
}
