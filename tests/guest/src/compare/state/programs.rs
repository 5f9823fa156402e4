// SPDX-License-Identifier: GPL-2.0

//! What the real `ip`, `tc` and `ethtool` say of `lo`.

use super::facts::Facts;
use super::json;
use crate::command;

/// The commands, as one types them. Those that can, say it as JSON.
const COMMANDS: &[&str] = &[
    "ip -d -s -s -j link show dev lo",
    "ip -d -s -s -j addr show dev lo",
    "ip -d link show dev lo",
    "ip -d addr show dev lo",
    "ip -4 -d -j route show table all",
    "ip -6 -d -j route show table all",
    "ip -4 -j route get 127.0.0.1",
    "ip -6 -j route get ::1",
    "ip -d -s -j neigh show dev lo nud all",
    "ip -j neigh show proxy dev lo",
    "ip -s -j ntable show dev lo",
    "ip -4 -j netconf show dev lo",
    "ip -6 -j netconf show dev lo",
    "ip -4 -d -j rule show",
    "ip -6 -d -j rule show",
    "ip -j maddress show dev lo",
    "ip -6 -j token show dev lo",
    "ip -j stats show dev lo",
    "ip -j nexthop show",
    "tc -s -d -j qdisc show dev lo invisible",
    "tc -s -d -j class show dev lo",
    "tc -s -d -j filter show dev lo",
    "ethtool lo",
    "ethtool -i lo",
    "ethtool -k lo",
    "ethtool -l lo",
    "ethtool -c lo",
    "ethtool -g lo",
    "ethtool -a lo",
    "ethtool -T lo",
    "ethtool -S lo",
    "ethtool -S lo --all-groups",
    "ethtool -x lo",
    "ethtool -n lo",
    "ethtool -d lo",
    "ethtool -e lo",
    "ethtool -m lo",
    "ethtool -P lo",
    "ethtool -w lo",
    "ethtool --phy-statistics lo",
    "ethtool --show-priv-flags lo",
    "ethtool --show-eee lo",
    "ethtool --show-fec lo",
    "ethtool --show-tunnels lo",
    "ethtool --show-module lo",
    "ethtool --get-tunable lo rx-copybreak",
    "ethtool --get-phy-tunable lo downshift",
    "ethtool -Q lo --show-coalesce",
];

/// All of it, in this thread's namespace.
pub fn read() -> Facts {
    let mut facts = Facts::default();
    for line in COMMANDS {
        let words: Vec<&str> = line.split(' ').collect();
        match command::run(&words) {
            Ok(text) => facts.add_below(line, said(&text)),
            Err(why) => facts.add(*line, why.replacen(&format!("{line}: "), "", 1)),
        }
    }
    facts
}

/// What a program said; that it said nothing is something, too.
fn said(text: &str) -> Facts {
    let mut facts = json::read(text);
    if facts.len() == 0 {
        facts.add("", "nothing");
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_fact() {
        assert_eq!(said("").get(""), Some("nothing"));
        assert_eq!(said("x\n").get("line.0"), Some("x"));
        assert_eq!(said("[{\"mtu\":1}]").get("0.mtu"), Some("1"));
    }
}
