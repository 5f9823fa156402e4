// SPDX-License-Identifier: GPL-2.0

//! The driver as a module: inserted, and removed while its `lo` is up.

use std::ffi::CStr;
use std::fs::File;

use lab_protocol::Record;

use super::lo;
use super::namespaces::rest;
use super::symbols;
use super::workload::Workload;
use crate::command;
use crate::control::Control;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::ping;

/// The module, as the kernel calls it.
const NAME: &CStr = c"rust_loopback";

/// How many pings show that the last `lo` works.
const PINGS: u32 = 2;

/// The module's open file.
struct Driver(File);

impl Driver {
    fn open(control: &Control) -> Result<Self, String> {
        // Its suites would run each time.
        kunit::choose(kunit::NONE)?;
        modules::open(&control.driver).map(Self)
    }

    fn load(&self) -> Result<(), String> {
        modules::load(&self.0).map_err(|e| format!("insert the driver: {e}"))
    }

    /// Whether there is a `lo`, or none. Then lets the kernel do what it has put off.
    fn expect(&self, there: bool) -> Result<(), String> {
        if is_there()? != there {
            return Err(format!("lo should be there: {there}"));
        }
        rest();
        Ok(())
    }

    /// Where it is; none if it is not there.
    fn symbols(&self) -> Result<Option<Record>, String> {
        if !is_there()? {
            return Ok(None);
        }
        symbols::of_modules().map(Some)
    }

    /// Whether `lo` works.
    fn judge(&self) -> Result<(), String> {
        lo::up()?;
        let count = PINGS.to_string();
        let words = ["ping", "-n", "-q", "-c", &count, "-i", "0.002", "127.0.0.1"];
        ping::judge(&command::run(&words)?, PINGS)
    }
}

fn is_there() -> Result<bool, String> {
    Scope::Init.has_device("lo")
}

fn unload() -> Result<(), String> {
    modules::unload(NAME).map_err(|e| format!("remove the driver: {e}"))
}

/// It is inserted.
pub struct Load(Driver);

impl Load {
    /// Sets it up.
    pub fn boxed(control: &Control) -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self(Driver::open(control)?)))
    }
}

impl Workload for Load {
    fn prepare(&mut self) -> Result<(), String> {
        unload()?;
        self.0.expect(false)
    }

    fn operate(&mut self) -> Result<(), String> {
        self.0.load()
    }

    fn symbols(&self) -> Result<Option<Record>, String> {
        self.0.symbols()
    }

    fn settle(&mut self) -> Result<(), String> {
        self.0.expect(true)
    }

    fn finish(self: Box<Self>, _: u64) -> Result<(), String> {
        self.0.judge()
    }
}

/// It is removed.
pub struct Unload(Driver);

impl Unload {
    /// Sets it up.
    pub fn boxed(control: &Control) -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self(Driver::open(control)?)))
    }
}

impl Workload for Unload {
    fn operate(&mut self) -> Result<(), String> {
        unload()
    }

    fn symbols(&self) -> Result<Option<Record>, String> {
        self.0.symbols()
    }

    fn settle(&mut self) -> Result<(), String> {
        self.0.expect(false)?;
        self.0.load()?;
        lo::up()?;
        self.0.expect(true)
    }

    fn finish(self: Box<Self>, _: u64) -> Result<(), String> {
        self.0.judge()
    }
}
