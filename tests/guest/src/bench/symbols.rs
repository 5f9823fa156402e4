// SPDX-License-Identifier: GPL-2.0

//! The symbols of modules. Where the kernel's own are the lab knows from its image.

use std::fs;

use lab_protocol::Record;

const FILE: &str = "/proc/kallsyms";

/// All of them.
pub fn of_modules() -> Result<Record, String> {
    let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
    choose(&text).map(|text| Record::Symbols { text })
}

/// The lines about modules.
fn choose(text: &str) -> Result<String, String> {
    let mut chosen = String::new();
    for line in text.lines().filter(|line| line.ends_with(']')) {
        let address = line.split(' ').next().unwrap_or_default();
        if address.bytes().all(|digit| digit == b'0') {
            return Err(format!("{FILE} does not say where things are: {line}"));
        }
        chosen += line;
        chosen.push('\n');
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_of_modules_are_chosen() {
        let module = "ffffffffc0000000 t start\t[rust_loopback]\n";
        let text = format!("ffffffff81000000 T _text\n{module}ffffffff81000010 T next\n");
        assert_eq!(choose(&text).as_deref(), Ok(module));
        assert_eq!(choose("ffffffff81000000 T _text\n").as_deref(), Ok(""));
    }

    #[test]
    fn hidden_addresses_are_an_error() {
        let error = choose("0000000000000000 t start\t[rust_loopback]\n").unwrap_err();
        assert!(error.ends_with("[rust_loopback]"), "{error}");
    }
}
