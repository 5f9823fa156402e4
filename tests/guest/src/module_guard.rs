// SPDX-License-Identifier: GPL-2.0

//! A module that is there as long as a check needs it.

use crate::boot;
use crate::modules;

/// The module. It goes when this is dropped.
#[derive(Debug)]
pub struct ModuleGuard(&'static str);

impl ModuleGuard {
    /// Inserts the module called `name`.
    pub fn insert(name: &'static str) -> Result<Self, String> {
        modules::insert_again(&format!("{name}.ko"))?;
        Ok(Self(name))
    }
}

impl Drop for ModuleGuard {
    fn drop(&mut self) {
        if let Err(error) = modules::remove(self.0) {
            boot::log(&format!("lab: {error}"));
        }
    }
}
