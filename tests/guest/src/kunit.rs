// SPDX-License-Identifier: GPL-2.0

//! Collects what the kernel's KUnit suites left in debugfs.

use std::fs;

use lab_protocol::Record;

const DIRECTORY: &str = "/sys/kernel/debug/kunit";

/// One record for each suite, sorted by name. A kernel without KUnit has none.
pub fn records() -> Result<Vec<Record>, String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else {
        return Ok(Vec::new());
    };
    let mut suites: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    suites.sort();
    suites.into_iter().map(record).collect()
}

fn record(suite: String) -> Result<Record, String> {
    let path = format!("{DIRECTORY}/{suite}/results");
    let bytes = fs::read(&path).map_err(|e| format!("{path}: {e}"))?;
    Ok(Record::Kunit {
        suite,
        results: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
