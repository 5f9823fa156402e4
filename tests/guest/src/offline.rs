// SPDX-License-Identifier: GPL-2.0

//! A CPU that is taken away for a while.

use std::fs;

use crate::boot;
use crate::cpus;

/// A CPU that is offline until this is dropped.
#[derive(Debug)]
pub struct Offline(usize);

impl Offline {
    /// Takes `cpu` offline.
    pub fn take(cpu: usize) -> Result<Self, String> {
        let offline = Self(cpu);
        set_online(cpu, false)?;
        Ok(offline)
    }

    /// Brings it back.
    pub fn back(self) -> Result<(), String> {
        let cpu = self.0;
        std::mem::forget(self);
        set_online(cpu, true)
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        if let Err(error) = set_online(self.0, true) {
            boot::log(&format!("lab: {error}"));
        }
    }
}

fn set_online(cpu: usize, wanted: bool) -> Result<(), String> {
    let file = format!("/sys/devices/system/cpu/cpu{cpu}/online");
    fs::write(&file, if wanted { "1" } else { "0" }).map_err(|e| format!("{file}: {e}"))?;
    if cpus::online()?.contains(&cpu) != wanted {
        return Err(format!("{file} was written, but nothing came of it"));
    }
    Ok(())
}
