// SPDX-License-Identifier: GPL-2.0

//! A CPU's backlog that nobody polls for a while, and what it has to send: files in
//! `/sys/kernel/debug`, from `softnet_hold.ko`.

use std::fs;
use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use rustix::io::Errno;

use crate::boot;
use crate::loaded::Loaded;
use crate::wait;

const MODULE: &str = "softnet_hold";
const FILE: &str = "/sys/kernel/debug/softnet_hold";
const PACKETS: &str = "/sys/kernel/debug/softnet_held";
const BEGIN: &str = "/sys/kernel/debug/softnet_begin";
const LEND: &str = "/sys/kernel/debug/softnet_lend";
const OUTPUT: &str = "/sys/kernel/debug/softnet_output";

/// What lets go.
const NONE: &str = "-1";

/// How long a poll that is on its way may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The module that holds.
#[derive(Debug)]
pub struct Holder {
    _module: Loaded,
}

/// A hold. It ends when this is dropped.
#[derive(Debug)]
pub struct Hold<'a>(PhantomData<&'a Holder>);

impl Holder {
    /// Inserts it.
    pub fn new() -> Result<Self, String> {
        let module = Loaded::insert(MODULE)?;
        Ok(Self { _module: module })
    }

    /// Holds the backlog of `cpu`, once it is at rest.
    pub fn hold(&self, cpu: usize) -> Result<Hold<'_>, String> {
        let held = wait::until(DEADLINE, || match write(&cpu.to_string()) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => Ok(false),
            Err(error) => Err(format!("{FILE}: {cpu}: {error}")),
        })?;
        if held {
            return Ok(Hold(PhantomData));
        }
        let seconds = DEADLINE.as_secs();
        Err(format!(
            "CPU {cpu}'s backlog is not at rest after {seconds} s"
        ))
    }

    /// Leaves the queue of this thread's namespace's `lo` to `cpu`, which does not run it: what waits
    /// there goes on waiting until that CPU has something else to send, or dies.
    pub fn leave_output(&self, cpu: usize) -> Result<(), String> {
        fs::write(OUTPUT, cpu.to_string()).map_err(|e| format!("{OUTPUT}: {cpu}: {e}"))
    }
}

impl Hold<'_> {
    /// Hands this thread's namespace's `lo` a packet whose route is only lent.
    pub fn lend(&self) -> Result<(), String> {
        fs::write(LEND, "1").map_err(|e| format!("{LEND}: {e}"))
    }

    /// What there is to say about each packet that has come.
    pub fn packets(&self) -> Result<Vec<String>, String> {
        let text = fs::read_to_string(PACKETS).map_err(|e| format!("{PACKETS}: {e}"))?;
        Ok(text.lines().map(String::from).collect())
    }

    /// Lets a poll have begun, as it were: what has come so far is on a list of the poll's own.
    pub fn begin(&self) -> Result<(), String> {
        fs::write(BEGIN, "1").map_err(|e| format!("{BEGIN}: {e}"))
    }

    /// Lets the CPU have what has come in the meantime.
    pub fn release(self) -> Result<(), String> {
        std::mem::forget(self);
        write(NONE).map_err(|e| format!("{FILE}: {NONE}: {e}"))
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if let Err(error) = write(NONE) {
            boot::log(&format!("lab: {FILE}: {NONE}: {error}"));
        }
    }
}

fn write(value: &str) -> io::Result<()> {
    fs::write(FILE, value)
}
