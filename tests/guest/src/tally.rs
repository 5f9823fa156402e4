// SPDX-License-Identifier: GPL-2.0

//! What a module of the tests has counted: `/sys/kernel/debug/<module>/<counter>`.

use std::fs;

/// Reads a counter.
pub fn read(module: &str, counter: &str) -> Result<i32, String> {
    let file = format!("/sys/kernel/debug/{module}/{counter}");
    let text = fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
    text.trim()
        .parse()
        .map_err(|e| format!("{file}: {e}: {text}"))
}

/// Fails unless a counter is what it must be.
pub fn expect(module: &str, counter: &str, wanted: i32) -> Result<(), String> {
    let found = read(module, counter)?;
    if found == wanted {
        return Ok(());
    }
    Err(format!("{module}: {counter} is {found}, not {wanted}"))
}
