// SPDX-License-Identifier: GPL-2.0

//! A trace of a check's own, which nobody else writes to.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::boot;
use crate::trace;
use crate::trace::Event;

/// The trace. It goes when this is dropped.
#[derive(Debug)]
pub struct Instance(PathBuf);

impl Instance {
    /// One with these events, in the form `<system>/<name>`.
    pub fn new(events: &[&str]) -> Result<Self, String> {
        let path = Path::new(trace::DIRECTORY).join("instances/check");
        fs::create_dir(&path).map_err(|e| format!("mkdir {}: {e}", path.display()))?;
        let instance = Self(path);
        for event in events {
            instance.set(&format!("events/{event}/enable"), "1")?;
        }
        Ok(instance)
    }

    /// Forgets what has happened.
    pub fn clear(&self) -> Result<(), String> {
        self.set("trace", "")
    }

    /// What has happened, in order.
    pub fn events(&self) -> Result<Vec<Event>, String> {
        let path = self.0.join("trace");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        trace::parse(&text)
    }

    fn set(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.0.join(file);
        fs::write(&path, value).map_err(|e| format!("{}: {e}", path.display()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            boot::log(&format!("lab: rmdir {}: {error}", self.0.display()));
        }
    }
}
