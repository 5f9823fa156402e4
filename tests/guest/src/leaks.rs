// SPDX-License-Identifier: GPL-2.0

//! What is left once all else is done: memory that nothing points to any more, as kmemleak finds it,
//! and devices that are nowhere. A device's reference tracker points to it, so that kmemleak takes
//! it for found.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::checks::Context;
use crate::checks::Trouble;
use crate::checks::Verdict;
use crate::wait;

const FILE: &str = "/sys/kernel/debug/kmemleak";

/// Has a file for each device that has memory.
const TRACKERS: &str = "/sys/kernel/debug/ref_tracker";
/// What those files' names begin with.
const DEVICE: &str = "netdev@";
/// The devices of this namespace; no other one is left.
const DEVICES: &str = "/sys/class/net";
/// There is one more device, which is in no namespace: blackhole_dev.
const ELSEWHERE: usize = 1;
/// How long a device that has been given back may still be listed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Only what is at least five seconds old (`MSECS_MIN_AGE`) gets reported. A little more, so that
/// the last allocation of the last check is not a tick too young.
const AGE: Duration = Duration::from_millis(5100);

/// How much of the report makes it into the verdict: about one object with its stack.
const SHOWN: usize = 24;

/// Scans, and reads the report.
pub fn check(_: &mut Context<'_>) -> Verdict {
    let file = Path::new(FILE);
    if !file.exists() {
        return Err(Trouble::Skipped(
            "kmemleak is in a DEBUG=1 kernel only".into(),
        ));
    }
    devices()?;
    // An object counts as a leak when its content has not changed since the scan before.
    scan(file)?;
    thread::sleep(AGE);
    scan(file)?;
    let report = fs::read_to_string(file).map_err(|e| format!("{FILE}: {e}"))?;
    Ok(judge(&report)?)
}

/// Each device that has memory is one that can be seen.
fn devices() -> Result<(), String> {
    let mut trackers = Vec::new();
    let mut known = 0;
    let settled = wait::until(DEADLINE, || {
        trackers = names(TRACKERS)?;
        trackers.retain(|name| name.starts_with(DEVICE));
        known = names(DEVICES)?.len() + ELSEWHERE;
        Ok(trackers.len() == known)
    })?;
    if settled {
        return Ok(());
    }
    let found = trackers.len();
    Err(format!(
        "{found} devices have memory, and {known} are there: {trackers:?}"
    ))
}

fn names(directory: &str) -> Result<Vec<String>, String> {
    let fail = |e| format!("{directory}: {e}");
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

fn scan(file: &Path) -> Result<(), String> {
    fs::write(file, "scan").map_err(|error| match error.kind() {
        // Allocations are then no longer tracked: what leaked after that is not known.
        io::ErrorKind::PermissionDenied => "kmemleak is off; the kernel's log says why".into(),
        _ => format!("{FILE}: scan: {error}"),
    })
}

fn judge(report: &str) -> Result<(), String> {
    let objects = report
        .lines()
        .filter(|line| line.starts_with("unreferenced "))
        .count();
    if report.trim().is_empty() {
        return Ok(());
    }
    let lines: Vec<&str> = report.lines().take(SHOWN).collect();
    Err(format!("{objects} leaked\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
unreferenced object 0xffff888003a4b000 (size 512):
  comm \"init\", pid 1, jiffies 4294893215
  backtrace (crc 5a1b0c3f):
    kmalloc_trace+0x2a/0xa0
unreferenced object 0xffff888003a4b200 (size 512):
  comm \"init\", pid 1, jiffies 4294893215
";

    #[test]
    fn only_an_empty_report_is_clean() {
        judge("").unwrap();
        judge("\n").unwrap();
        let why = judge(REPORT).unwrap_err();
        assert!(why.starts_with("2 leaked\nunreferenced object 0xffff888003a4b000"));
        assert!(why.contains("kmalloc_trace"));
        // What is not understood is no all-clear.
        assert!(judge("something else\n").is_err());
    }

    #[test]
    fn a_long_report_is_cut() {
        let why = judge(&REPORT.repeat(100)).unwrap_err();
        assert!(why.starts_with("200 leaked"));
        assert_eq!(why.lines().count(), SHOWN + 1);
    }
}
