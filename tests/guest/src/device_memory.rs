// SPDX-License-Identifier: GPL-2.0

//! Devices that have memory: each that has it is one that can be seen. A device's reference tracker
//! has a file in debugfs, but for those that are older than debugfs.

use std::fs;
use std::io;
use std::time::Duration;

use crate::wait;

/// Has a file for each device that has memory.
const TRACKERS: &str = "/sys/kernel/debug/ref_tracker";
/// What those files' names begin with.
const TRACKER: &str = "netdev@";

/// The devices of the first namespace.
const DEVICES: &str = "/sys/class/net";
/// There is one more device, which is in no namespace: blackhole_dev.
const ELSEWHERE: usize = 1;

/// How long a device that has been given back may still be listed.
const DEADLINE: Duration = Duration::from_secs(20);

/// What there was when init started.
#[derive(Clone, Debug)]
pub struct DeviceMemory {
    /// How many devices have no tracker that is listed; an error if that could not be seen.
    unlisted: Result<usize, String>,
}

impl DeviceMemory {
    /// Looks at what is there.
    pub fn look() -> Self {
        let unlisted = || Ok(devices()?.saturating_sub(trackers()?.len()));
        Self {
            unlisted: unlisted(),
        }
    }

    /// Once all namespaces but the first are gone, and as long as all devices are there that were
    /// there first: no other device has memory.
    pub fn check(&self) -> Result<(), String> {
        let unlisted = self.unlisted.clone()?;
        let (mut listed, mut known) = (Vec::new(), 0);
        let settled = wait::until(DEADLINE, || {
            listed = trackers()?;
            known = devices()?;
            Ok(listed.len() + unlisted == known)
        })?;
        if settled {
            return Ok(());
        }
        let found = listed.len() + unlisted;
        Err(format!(
            "{found} devices have memory, and {known} are there: {unlisted} and {listed:?}"
        ))
    }
}

fn devices() -> Result<usize, String> {
    Ok(names(DEVICES)?.len() + ELSEWHERE)
}

fn trackers() -> Result<Vec<String>, String> {
    let mut names = names(TRACKERS)?;
    names.retain(|name| name.starts_with(TRACKER));
    Ok(names)
}

/// The names in a directory; none if there is none.
fn names(directory: &str) -> Result<Vec<String>, String> {
    let fail = |e| format!("{directory}: {e}");
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(fail)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(fail)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    Ok(names)
}
