// SPDX-License-Identifier: GPL-2.0

//! The parts of a comparison: what of a variant is set beside another one's.

use serde::Deserialize;
use serde::Serialize;

use crate::by_name::by_name;

/// A part of a comparison. Each has a boot of its own, so that none sees what another left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What can be read about `lo`.
    State,
    /// What can be done to it, and what comes of that.
    Behaviour,
    /// Random operations.
    Random,
    /// Upstream's own tests.
    Upstream,
}

impl Part {
    /// All there are, in the order in which they are compared.
    pub const ALL: [Self; 4] = [Self::State, Self::Behaviour, Self::Random, Self::Upstream];

    /// Its name: what the keys of its facts begin with.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Behaviour => "behaviour",
            Self::Upstream => "upstream",
            Self::Random => "random",
        }
    }
}

by_name!(Part);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        for part in Part::ALL {
            assert_eq!(Part::parse(part.name()), Some(part));
        }
        assert_eq!(Part::parse(""), None);
    }
}
