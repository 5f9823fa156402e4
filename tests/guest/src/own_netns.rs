// SPDX-License-Identifier: GPL-2.0

//! A network namespace of one check's own: whatever is counted there is the check's own doing.

use crate::boot;
use crate::command;
use crate::namespace;
use crate::namespace::run_in;

/// The namespace. It goes when this is dropped.
#[derive(Debug)]
pub struct OwnNetns {
    name: &'static str,
}

impl OwnNetns {
    /// Makes it.
    pub fn add(name: &'static str) -> Result<Self, String> {
        command::run(&["ip", "netns", "add", name])?;
        Ok(Self { name })
    }

    /// Makes it, with `lo` up in it.
    pub fn up(name: &'static str) -> Result<Self, String> {
        let this = Self::add(name)?;
        this.ip(&["link", "set", "lo", "up"])?;
        Ok(this)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `ip -n <name> <arguments>`.
    pub fn ip(&self, arguments: &[&str]) -> Result<String, String> {
        command::run(&[&["ip", "-n", self.name], arguments].concat())
    }

    /// Does `work` in a thread that is in it. All threads and commands that this starts are in it,
    /// too.
    pub fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send,
    ) -> Result<T, String> {
        run_in(self.name, work)
    }

    /// Has `cpu` process what its `lo` receives, or with none the one that sent it.
    pub fn steer(&self, cpu: Option<usize>) -> Result<(), String> {
        let mask = cpu.map_or(0, |cpu| 1_u32 << cpu);
        // sysfs shows the devices of the namespace that it was mounted in; this mounts it.
        let script = format!("echo {mask:x} > /sys/class/net/lo/queues/rx-0/rps_cpus");
        let words = ["ip", "netns", "exec", self.name, "sh", "-c", &script];
        command::run(&words).map(drop)
    }

    /// Its number.
    pub fn number(&self) -> Result<u32, String> {
        namespace::number_of(self.name)
    }

    /// Deletes its name; it goes when nothing else holds it. What the kernel does then may take
    /// longer than this: see `teardown`.
    pub fn delete(self) -> Result<(), String> {
        let name = self.name;
        std::mem::forget(self);
        delete(name)
    }
}

impl Drop for OwnNetns {
    fn drop(&mut self) {
        if let Err(error) = delete(self.name) {
            boot::log(&format!("lab: {error}"));
        }
    }
}

fn delete(name: &str) -> Result<(), String> {
    command::run(&["ip", "netns", "del", name]).map(drop)
}
