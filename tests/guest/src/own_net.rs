// SPDX-License-Identifier: GPL-2.0

//! A network namespace that a check has for itself: whatever is counted there is the check's own
//! doing.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;

use rustix::thread::move_into_link_name_space;
use rustix::thread::LinkNameSpaceType;

use crate::boot;
use crate::command;
use crate::cpus;

/// What it is called.
pub const NAME: &str = "lo-own";

/// The namespace, with `lo` up in it. It goes when this is dropped.
#[derive(Debug)]
pub struct OwnNet(());

impl OwnNet {
    /// Makes it.
    pub fn new() -> Result<Self, String> {
        command::run(&["ip", "netns", "add", NAME])?;
        let net = Self(());
        command::run(&["ip", "-n", NAME, "link", "set", "lo", "up"])?;
        Ok(net)
    }

    /// Does `work` in it. All threads and commands that this starts are in it, too.
    pub fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send,
    ) -> Result<T, String> {
        thread::scope(|scope| {
            cpus::join(scope.spawn(|| {
                enter()?;
                work()
            }))
        })
    }

    /// Has `cpu` process what its `lo` receives, or with none the one that sent it.
    pub fn steer(&self, cpu: Option<usize>) -> Result<(), String> {
        let mask = cpu.map_or(0, |cpu| 1_u32 << cpu);
        // sysfs shows the devices of the namespace that it was mounted in; this mounts it.
        let script = format!("echo {mask:x} > /sys/class/net/lo/queues/rx-0/rps_cpus");
        command::run(&["ip", "netns", "exec", NAME, "sh", "-c", &script]).map(drop)
    }

    /// Deletes it. What the kernel does then may take longer than this.
    pub fn delete(self) -> Result<(), String> {
        std::mem::forget(self);
        delete()
    }
}

impl Drop for OwnNet {
    fn drop(&mut self) {
        if let Err(error) = delete() {
            boot::log(&format!("lab: {error}"));
        }
    }
}

fn delete() -> Result<(), String> {
    command::run(&["ip", "netns", "del", NAME]).map(drop)
}

fn enter() -> Result<(), String> {
    let path = Path::new("/run/netns").join(NAME);
    let fail = |e: io::Error| format!("enter {}: {e}", path.display());
    let file = File::open(&path).map_err(fail)?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|e| fail(e.into()))
}
