// SPDX-License-Identifier: GPL-2.0

//! A module that is there for as long as a check needs it.

use crate::boot;
use crate::kunit;
use crate::modules;

/// It is removed when this goes.
#[derive(Debug)]
pub struct Loaded(&'static str);

impl Loaded {
    /// Inserts the module called `name`.
    pub fn insert(name: &'static str) -> Result<Self, String> {
        kunit::choose(kunit::NONE)?;
        modules::insert_again(&format!("{name}.ko"))?;
        Ok(Self(name))
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        if let Err(error) = modules::remove(self.0) {
            // The next check that needs it cannot insert it, and fails.
            boot::log(&format!("lab: {error}"));
        }
    }
}
