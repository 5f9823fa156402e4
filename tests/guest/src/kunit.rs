// SPDX-License-Identifier: GPL-2.0

//! Tells the kernel which KUnit suites of modules to run, and collects what all of them left in
//! debugfs.

use std::fs;

use lab_protocol::Record;

const DIRECTORY: &str = "/sys/kernel/debug/kunit";
const FILTER: &str = "/sys/module/kunit/parameters/filter_glob";

/// A glob that no suite matches.
pub const NONE: &str = "-";

/// Sets the glob that the suites of modules to come have to match; empty leaves it as it is.
pub fn choose(suites: &str) -> Result<(), String> {
    if suites.is_empty() {
        return Ok(());
    }
    fs::write(FILTER, suites).map_err(|e| format!("{FILTER}: {e}"))
}

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
