// SPDX-License-Identifier: GPL-2.0

//! What `ethtool` says of `lo`: it has a link while it is up, and time stamps are made by software only.

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::own_netns::OwnNetns;

/// What is said, and what it has to be.
const LINK: &str = "Link detected";
const CLOCK: &str = "PTP Hardware Clock";
const CAPABILITIES: &str = "Capabilities";
const BY_SOFTWARE: [&str; 3] = [
    "software-receive",
    "software-system-clock",
    "software-transmit",
];

/// Asks it in a namespace of its own.
pub fn check(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::add("lo-ethtool")?;
    // Of a device that is down, the kernel does not ask the driver.
    for (state, link) in [("down", "no"), ("up", "yes"), ("down", "no")] {
        own.ip(&["link", "set", "lo", state])?;
        own.inside(|| {
            expect(&command::run(&["ethtool", "lo"])?, LINK, link)?;
            expect_stamps(&command::run(&["ethtool", "-T", "lo"])?)
        })
        .map_err(|why| format!("lo is {state}: {why}"))?;
    }
    Ok(own.delete()?)
}

fn expect_stamps(text: &str) -> Result<(), String> {
    let mut found = list(text, CAPABILITIES);
    found.sort_unstable();
    if found != BY_SOFTWARE {
        return Err(format!("time stamps: {found:?}, not {BY_SOFTWARE:?}"));
    }
    expect(text, CLOCK, "none")
}

/// Checks that there is one line `<key>: <wanted>`.
fn expect(text: &str, key: &str, wanted: &str) -> Result<(), String> {
    let lines = text.lines().filter_map(|line| line.trim().split_once(": "));
    let found: Vec<&str> = lines
        .filter_map(|(name, value)| (name == key).then_some(value.trim()))
        .collect();
    if found != [wanted] {
        return Err(format!("{key}: {found:?}, not {wanted:?}: {text}"));
    }
    Ok(())
}

/// The first word of each line that is indented below `<key>:`.
fn list<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines()
        .skip_while(|line| line.trim_end().strip_suffix(':') != Some(key))
        .skip(1)
        .take_while(|line| line.starts_with('\t'))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMPS: &str = "\
Time stamping parameters for lo:
Capabilities:
\tsoftware-transmit     (SOF_TIMESTAMPING_TX_SOFTWARE)
\tsoftware-receive
\tsoftware-system-clock
PTP Hardware Clock: none
Hardware Transmit Timestamp Modes: none
";

    #[test]
    fn stamps_are_by_software_all_of_them_and_no_other() {
        expect_stamps(STAMPS).unwrap();
        for (from, to) in [
            ("\tsoftware-receive\n", ""),
            ("software-receive", "hardware-receive"),
            ("Clock: none", "Clock: 0"),
            (
                "\tsoftware-receive",
                "\thardware-receive\n\tsoftware-receive",
            ),
            ("Capabilities", "Others"),
        ] {
            assert!(
                expect_stamps(&STAMPS.replacen(from, to, 1)).is_err(),
                "{to}"
            );
        }
    }

    #[test]
    fn the_link_is_said_once() {
        let expect_link = |text| expect(text, LINK, "yes");
        expect_link("Settings for lo:\n\tLink detected: yes\n").unwrap();
        for text in [
            "Settings for lo:\n\tLink detected: no\n",
            "Settings for lo:\n",
            "\tLink detected: yes\n\tLink detected: no\n",
        ] {
            assert!(expect_link(text).is_err(), "{text}");
        }
    }
}
