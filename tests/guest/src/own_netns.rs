// SPDX-License-Identifier: GPL-2.0

//! A network namespace of one check's own.

use std::fs;
use std::path::Path;

use crate::command;
use crate::namespace::run_in;

/// The namespace. It goes with this, if it has not been deleted before.
#[derive(Debug)]
pub struct OwnNetns {
    name: &'static str,
    deleted: bool,
}

impl OwnNetns {
    /// Makes it.
    pub fn add(name: &'static str) -> Result<Self, String> {
        command::run(&["ip", "netns", "add", name])?;
        Ok(Self {
            name,
            deleted: false,
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `ip -n <name> <arguments>`.
    pub fn ip(&self, arguments: &[&str]) -> Result<String, String> {
        command::run(&[&["ip", "-n", self.name], arguments].concat())
    }

    /// Does `work` in a thread that is in it.
    pub fn run<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send,
    ) -> Result<T, String> {
        run_in(self.name, work)
    }

    /// Deletes its name; it goes when nothing else holds it.
    pub fn delete(mut self) -> Result<(), String> {
        self.deleted = true;
        command::run(&["ip", "netns", "del", self.name]).map(drop)
    }
}

impl Drop for OwnNetns {
    fn drop(&mut self) {
        if !self.deleted {
            // There is a better error on its way.
            let _ = command::run(&["ip", "netns", "del", self.name]);
        }
    }
}

/// One of this thread's namespace's files below `/proc/net`.
pub fn proc_net(file: &str) -> Result<String, String> {
    let path = Path::new("/proc/thread-self/net").join(file);
    fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}
