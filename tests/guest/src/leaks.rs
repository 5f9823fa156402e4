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

const FILE: &str = "/sys/kernel/debug/kmemleak";

/// Only what is at least five seconds old (`MSECS_MIN_AGE`) gets reported. A little more, so that
/// the last allocation of the last check is not a tick too young.
const AGE: Duration = Duration::from_millis(5100);

/// How much of the report makes it into the verdict: about one object with its stack.
const SHOWN: usize = 24;

/// Scans, and reads the report.
pub fn check(context: &mut Context<'_>) -> Verdict {
    let file = Path::new(FILE);
    if !file.exists() {
        return Err(Trouble::Skipped(
            "kmemleak is in a DEBUG=1 kernel only".into(),
        ));
    }
    context.early.memory.check()?;
    // An object counts as a leak when its content has not changed since the scan before.
    scan(file)?;
    thread::sleep(AGE);
    scan(file)?;
    let report = fs::read_to_string(file).map_err(|e| format!("{FILE}: {e}"))?;
    Ok(judge(&report)?)
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
