// SPDX-License-Identifier: GPL-2.0

//! What can be read about `lo`: in the first namespace and in a new one, down and up.

use std::fs;

use super::Book;

/// Notes all of it.
pub fn look(book: &mut Book<'_>) -> Result<(), String> {
    for name in ["mtu", "flags", "ifindex", "type", "address"] {
        let path = format!("/sys/class/net/lo/{name}");
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        book.note(&format!("init.down.sysfs.{name}"), text.trim_end())?;
    }
    Ok(())
}
