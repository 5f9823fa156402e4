// SPDX-License-Identifier: GPL-2.0

//! All that `/proc/net` says: in each of its files `lo` could occur, or leave a trace.

use std::fs;
use std::io;
use std::path::Path;

use super::facts::join;
use super::facts::Facts;
use super::tree;
use crate::witness;

/// This thread's namespace's.
const ROOT: &str = "/proc/thread-self/net";

/// Files with a line of names followed by one of values, each with the same first word.
const PAIRED: [&str; 2] = ["netstat", "snmp"];

/// Where each device has a file.
const OF_DEVICES: &str = "dev_snmp6";

/// All of it, in this thread's namespace.
pub fn read() -> Result<Facts, String> {
    let mut facts = Facts::default();
    walk(Path::new(ROOT), "", &mut facts).map_err(|e| format!("{ROOT}: {e}"))?;
    Ok(facts)
}

fn walk(directory: &Path, name: &str, facts: &mut Facts) -> io::Result<()> {
    for entry in tree::names(directory)? {
        // The lab's own, which says whose lo it is; and what is other devices' own.
        if entry == witness::NAME || (name == OF_DEVICES && entry != "lo") {
            continue;
        }
        let path = directory.join(&entry);
        let name = match name {
            "" => entry,
            name => format!("{name}/{entry}"),
        };
        let metadata = fs::symlink_metadata(&path)?;
        let mut found = match metadata.is_dir() {
            true => Facts::default(),
            false => content(&name, &tree::content(&path)),
        };
        found.add("mode", tree::mode(&metadata));
        facts.add_below(&name, found);
        if metadata.is_dir() {
            walk(&path, &name, facts)?;
        }
    }
    Ok(())
}

fn content(name: &str, text: &str) -> Facts {
    match PAIRED.contains(&name) {
        true => pairs(text),
        false => lines(text),
    }
}

/// Lines, by their first word if that is the name of a value, and else by number.
fn lines(text: &str) -> Facts {
    let mut facts = Facts::default();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [name, value] if named(name) => facts.add(name.trim_end_matches(':'), value),
            [name, ref values @ ..] if name.ends_with(':') => {
                facts.add(name.trim_end_matches(':'), values.join(" "));
            }
            _ => facts.add(format!("line.{number:02}"), words.join(" ")),
        }
    }
    facts
}

fn named(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic()) && word.len() > 2
}

/// `<table>: <names>` and `<table>: <values>`, line by line.
fn pairs(text: &str) -> Facts {
    let mut facts = Facts::default();
    let all: Vec<&str> = text.lines().collect();
    for pair in all.chunks(2) {
        let [names, values] = pair else {
            facts.add("odd", pair.join(" "));
            continue;
        };
        let mut values = values.split_whitespace();
        let table = values.next().unwrap_or_default().trim_end_matches(':');
        for name in names.split_whitespace().skip(1) {
            facts.add(join(table, name), values.next().unwrap_or("absent"));
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(facts: &Facts) -> String {
        let pairs: Vec<String> = facts.iter().map(|(p, v)| format!("{p}={v}")).collect();
        pairs.join(", ")
    }

    #[test]
    fn lines_have_names() {
        let text = "Inter-|  Receive  2\n    lo:  1 2\nIp6InReceives   \t3\n0: 00A 1\n";
        assert_eq!(
            shown(&lines(text)),
            "line.00=Inter-| Receive 2, lo=1 2, Ip6InReceives=3, 0=00A 1"
        );
    }

    #[test]
    fn names_find_their_values() {
        let text = "Ip: A B\nIp: 1 2\nTcp: A\nTcp: -1\n";
        assert_eq!(shown(&pairs(text)), "Ip.A=1, Ip.B=2, Tcp.A=-1");
        assert_eq!(shown(&pairs("Ip: A B\nIp: 1\n")), "Ip.A=1, Ip.B=absent");
    }
}
