// SPDX-License-Identifier: GPL-2.0

//! What the kernel's messages say, as text: each thing under a name of its own, so that what has
//! changed can be told.
//!
//! Left out is what a clock or chance has a part in, on devices that are not `lo`'s as well as on
//! it: when an address or a neighbour was last used or changed, IPv6's random reachable time, and
//! what counts the reports about multicast groups that every device but `lo` sends some time after
//! it went up.

use crate::compare::wire::attributes;
use crate::compare::wire::find;
use crate::compare::wire::text;
use crate::compare::wire::u32_at;
use crate::compare::wire::u64_at;
use crate::compare::words::flags;
use crate::compare::words::hex;
use crate::compare::words::ip;
use crate::compare::words::COUNTERS;

/// A thing and its value.
pub type Fact = (String, String);

const LO: u32 = 1;
const AF_INET6: u8 = 10;

/// How an attribute is shown.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Byte,
    Hex,
}

const LINK: &[(u16, &str, Form)] = &[
    (1, "address", Form::Hex),
    (2, "broadcast", Form::Hex),
    (3, "name", Form::Text),
    (4, "mtu", Form::Number),
    (5, "link", Form::Number),
    (6, "qdisc", Form::Text),
    (10, "master", Form::Number),
    (13, "txqueuelen", Form::Number),
    (16, "operstate", Form::Byte),
    (17, "mode", Form::Byte),
    (20, "alias", Form::Text),
    (27, "group", Form::Number),
    (30, "promiscuity", Form::Number),
    (31, "tx_queues", Form::Number),
    (32, "rx_queues", Form::Number),
    (33, "carrier", Form::Byte),
    (35, "carrier_changes", Form::Number),
    (37, "link_netnsid", Form::Number),
    (39, "protodown", Form::Byte),
    (40, "gso_max_segs", Form::Number),
    (41, "gso_max_size", Form::Number),
    (47, "carrier_up_count", Form::Number),
    (48, "carrier_down_count", Form::Number),
    (50, "min_mtu", Form::Number),
    (51, "max_mtu", Form::Number),
    (54, "permanent_address", Form::Hex),
    (58, "gro_max_size", Form::Number),
    (59, "tso_max_size", Form::Number),
    (60, "tso_max_segs", Form::Number),
    (61, "allmulti", Form::Number),
    (63, "gso_ipv4_max_size", Form::Number),
    (64, "gro_ipv4_max_size", Form::Number),
];
const STATS: u16 = 7;
const STATS64: u16 = 23;
const AF_SPEC: u16 = 26;
const PROP_LIST: u16 = 52;
fn show(form: Form, bytes: &[u8]) -> String {
    match form {
        Form::Text => text(bytes),
        Form::Number => u32_at(bytes, 0).to_string(),
        Form::Byte => bytes.first().copied().unwrap_or_default().to_string(),
        Form::Hex => hex(bytes),
    }
}

/// A device.
pub fn link(body: &[u8]) -> Vec<Fact> {
    let index = u32_at(body, 4);
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String| facts.push((format!("link {index} {name}"), value));
    add("type", (u32_at(body, 0) >> 16).to_string());
    add("flags", flags(u32_at(body, 8)));
    for (kind, value) in attributes(body.get(16..).unwrap_or_default()) {
        match kind {
            // The same as the other one, in 32 bits.
            STATS => {}
            STATS64 if index != LO => {}
            STATS64 => counters(value, &mut add),
            AF_SPEC => families(value, &mut add),
            PROP_LIST => {
                let names: Vec<String> = attributes(value).map(|(_, name)| text(name)).collect();
                add("altnames", names.join(","));
            }
            _ => match LINK.iter().find(|(known, ..)| *known == kind) {
                Some((_, name, form)) => add(name, show(*form, value)),
                None => add(&format!("attribute {kind}"), hex(value)),
            },
        }
    }
    facts
}

fn counters(value: &[u8], add: &mut impl FnMut(&str, String)) {
    for at in 0..value.len() / 8 {
        let count = u64_at(value, at * 8);
        if count == 0 {
            continue;
        }
        match COUNTERS.get(at) {
            Some(name) => add(name, count.to_string()),
            None => add(&format!("counter {at}"), count.to_string()),
        }
    }
}

/// What IPv4 and IPv6 have of a device.
fn families(value: &[u8], add: &mut impl FnMut(&str, String)) {
    for (family, inner) in attributes(value) {
        let is_v6 = family == u16::from(AF_INET6);
        for (kind, value) in attributes(inner) {
            match (is_v6, kind) {
                (false, 1) => configuration("inet", value, add),
                (true, 2) => configuration("inet6", value, add),
                (true, 1) => add("inet6 flags", format!("{:#x}", u32_at(value, 0))),
                // Counters, which reports about multicast groups are part of, and random times.
                (true, 3 | 5 | 6) => {}
                (true, 8) => add("inet6 addrgenmode", show(Form::Byte, value)),
                _ => add(&format!("family {family} attribute {kind}"), hex(value)),
            }
        }
    }
}

fn configuration(family: &str, value: &[u8], add: &mut impl FnMut(&str, String)) {
    for at in 0..value.len() / 4 {
        let number = u32_at(value, at * 4);
        if number != 0 {
            add(&format!("{family} conf {at}"), number.to_string());
        }
    }
}

/// The words for what is left of a message's attributes.
fn rest(bytes: &[u8], shown: &[u16]) -> String {
    let others = attributes(bytes).filter(|(kind, _)| !shown.contains(kind));
    others
        .map(|(kind, value)| format!(" {kind}={}", hex(value)))
        .collect()
}

/// Whether an address is not in use yet: the kernel is about to see to it.
pub fn is_tentative(body: &[u8]) -> bool {
    const TENTATIVE: u32 = 0x40;
    const FAILED: u32 = 0x08;
    let flags = find(body.get(8..).unwrap_or_default(), 8).map_or(0, |flags| u32_at(flags, 0));
    flags & (TENTATIVE | FAILED) == TENTATIVE
}

/// An address.
pub fn addr(body: &[u8]) -> Vec<Fact> {
    const LABEL: u16 = 3;
    const CACHEINFO: u16 = 6;
    const FLAGS: u16 = 8;
    let [_, len, _, scope, ..] = *body else {
        return Vec::new();
    };
    let attributes = &body[8.min(body.len())..];
    let of = |kind| find(attributes, kind);
    let own = of(2).or(of(1)).map(ip).unwrap_or_default();
    let key = format!("addr {own}/{len} dev {}", u32_at(body, 4));
    let mut value = format!("scope {scope}");
    if let Some(peer) = of(1).map(ip).filter(|peer| *peer != own) {
        value += &format!(" peer {peer}");
    }
    if let Some(flags) = of(FLAGS) {
        value += &format!(" flags {:#x}", u32_at(flags, 0));
    }
    if let Some(label) = of(LABEL) {
        value += &format!(" label {}", text(label));
    }
    if let Some(times) = of(CACHEINFO) {
        let (preferred, valid) = (u32_at(times, 0), u32_at(times, 4));
        value += &format!(" preferred {preferred} valid {valid}");
    }
    value += &rest(attributes, &[1, 2, LABEL, CACHEINFO, FLAGS]);
    vec![(key, value)]
}

/// A route.
pub fn route(body: &[u8]) -> Vec<Fact> {
    const CACHEINFO: u16 = 12;
    let [family, len, from_len, tos, _, protocol, scope, kind, ..] = *body else {
        return Vec::new();
    };
    let attributes = &body[12.min(body.len())..];
    let of = |kind| find(attributes, kind);
    let to = of(1).map_or_else(
        || {
            if family == AF_INET6 {
                "::".into()
            } else {
                "0.0.0.0".into()
            }
        },
        ip,
    );
    let table = of(15).map_or(0, |table| u32_at(table, 0));
    let mut key = format!("route table {table} {to}/{len}");
    for (name, kind) in [("from", 2), ("via", 5), ("src", 7)] {
        if let Some(value) = of(kind) {
            key += &format!(" {name} {}", ip(value));
        }
    }
    for (name, kind) in [("dev", 4), ("metric", 6)] {
        if let Some(value) = of(kind) {
            key += &format!(" {name} {}", u32_at(value, 0));
        }
    }
    let mut value = format!(
        "type {kind} scope {scope} protocol {protocol} tos {tos} from {from_len} flags {:#x}",
        u32_at(body, 8)
    );
    if let Some(cache) = of(CACHEINFO) {
        let (expires, error) = (u32_at(cache, 8), u32_at(cache, 12) as i32);
        value += &format!(" expires {expires} error {error}");
    }
    value += &rest(attributes, &[1, 2, 4, 5, 6, 7, CACHEINFO, 15]);
    vec![(key, value)]
}

/// A neighbour. Those of multicast groups come with the reports on devices other than `lo`.
pub fn neighbour(body: &[u8]) -> Vec<Fact> {
    let index = u32_at(body, 4);
    let attributes = body.get(12..).unwrap_or_default();
    let who = find(attributes, 1).unwrap_or_default();
    if index != LO && who.len() == 16 && who.first() == Some(&0xff) {
        return Vec::new();
    }
    let key = format!("neigh {} dev {index}", ip(who));
    let mut value = format!("state {:#x}", u32_at(body, 8) & 0xffff);
    value += &format!(" flags {:#x}", u32_at(body, 8) >> 16);
    // Without the times of its last use.
    value += &rest(attributes, &[1, 3]);
    vec![(key, value)]
}

/// A rule.
pub fn rule(body: &[u8]) -> Vec<Fact> {
    let head = &body[..12.min(body.len())];
    let attributes = &body[head.len()..];
    let preference = find(attributes, 6).map_or(0, |number| u32_at(number, 0));
    let family = head.first().copied().unwrap_or_default();
    let key = format!("rule {family} pref {preference}");
    vec![(key, format!("{}{}", hex(head), rest(attributes, &[6])))]
}

/// A queue. What it has counted is `lo`'s only.
pub fn qdisc(body: &[u8]) -> Vec<Fact> {
    const OPTIONS: u16 = 2;
    const STATS: u16 = 3;
    const STATS2: u16 = 7;
    let index = u32_at(body, 4);
    let attributes = body.get(20..).unwrap_or_default();
    let kind = find(attributes, 1).map(text).unwrap_or_default();
    let (handle, parent) = (u32_at(body, 8), u32_at(body, 12));
    let key = format!("qdisc {handle:x}: parent {parent:x} dev {index}");
    let mut value = format!("{kind} references {}", u32_at(body, 16));
    if let Some(options) = find(attributes, OPTIONS) {
        value += &format!(" options {}", hex(options));
    }
    if let Some(stats) = find(attributes, STATS).filter(|_| index == LO) {
        value += &format!(" bytes {}", u64_at(stats, 0));
        let names = ["packets", "drops", "overlimits"];
        for (at, name) in names.iter().enumerate() {
            value += &format!(" {name} {}", u32_at(stats, 8 + at * 4));
        }
        value += &format!(" queued {}", u32_at(stats, 28));
    }
    value += &rest(attributes, &[1, OPTIONS, STATS, STATS2]);
    vec![(key, value)]
}

/// `/proc/net/snmp`: what IPv4 has counted.
pub fn snmp(text: &str) -> Vec<Fact> {
    let lines: Vec<&str> = text.lines().collect();
    let mut facts = Vec::new();
    for pair in lines.chunks(2) {
        let [names, values] = pair else { continue };
        let protocol = names.split(':').next().unwrap_or_default();
        let both = names.split(' ').zip(values.split(' ')).skip(1);
        let counted = both.filter(|(_, value)| *value != "0");
        facts.extend(
            counted.map(|(name, value)| (format!("snmp {protocol} {name}"), value.to_string())),
        );
    }
    facts
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::compare::random::message::Attributes;

    fn has(facts: &[Fact], key: &str, value: &str) {
        let found = facts.iter().find(|(found, _)| found == key);
        assert_eq!(found.map(|(_, value)| value.as_str()), Some(value), "{key}");
    }

    #[test]
    fn a_link_is_told_by_its_attributes() {
        let head = |index: u32| {
            [0x0304_0000, index, 0x1_0049, 0]
                .map(u32::to_ne_bytes)
                .concat()
        };
        let body = |index| {
            let stats = [7_u64, 7, 700, 700, 0].map(u64::to_ne_bytes).concat();
            Attributes::after(&head(index))
                .text(3, "lo")
                .number(4, 65_536)
                .bytes(STATS64, &stats)
                .bytes(99, &[1, 2])
                .into_bytes()
        };
        let facts = link(&body(1));
        has(&facts, "link 1 type", "772");
        has(&facts, "link 1 flags", "UP,LOOPBACK,RUNNING,LOWER_UP");
        has(&facts, "link 1 name", "lo");
        has(&facts, "link 1 mtu", "65536");
        has(&facts, "link 1 tx_bytes", "700");
        has(&facts, "link 1 attribute 99", "01:02");
        assert_eq!(facts.len(), 9);
        assert_eq!(link(&body(2)).len(), 5);
    }

    #[test]
    fn addresses_routes_and_neighbours_are_named_by_what_they_are_for() {
        let ten = [10, 0, 0, 1];
        let head = [2, 24, 0x80, 0, 1, 0, 0, 0];
        let body = Attributes::after(&head)
            .bytes(1, &ten)
            .bytes(2, &ten)
            .number(8, 0x80);
        let facts = addr(&body.into_bytes());
        has(&facts, "addr 10.0.0.1/24 dev 1", "scope 0 flags 0x80");

        let head = [2, 24, 0, 0, 254, 3, 253, 1, 0, 0, 0, 0];
        let body = Attributes::after(&head)
            .bytes(1, &[10, 0, 0, 0])
            .number(4, 1)
            .number(15, 254);
        let facts = route(&body.into_bytes());
        let value = "type 1 scope 253 protocol 3 tos 0 from 0 flags 0x0";
        has(&facts, "route table 254 10.0.0.0/24 dev 1", value);

        let neigh = |index: u8, to: [u8; 16]| {
            let head = [10, 0, 0, 0, index, 0, 0, 0, 0x40, 0, 0, 0];
            neighbour(&Attributes::after(&head).bytes(1, &to).into_bytes())
        };
        let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).octets();
        has(
            &neigh(1, group),
            "neigh ff02::1 dev 1",
            "state 0x40 flags 0x0",
        );
        assert!(neigh(2, group).is_empty());
    }

    #[test]
    fn what_was_counted_is_told() {
        let facts = snmp("Ip: InReceives OutRequests\nIp: 0 5\nTcp: X\nTcp: 1\n");
        has(&facts, "snmp Ip OutRequests", "5");
        has(&facts, "snmp Tcp X", "1");
        assert_eq!(facts.len(), 2);
    }

    #[test]
    fn what_is_cut_short_is_no_trouble() {
        for len in 0..24 {
            let body = vec![0; len];
            for decode in [link, addr, route, neighbour, rule, qdisc] {
                decode(&body);
            }
        }
    }
}
