// SPDX-License-Identifier: GPL-2.0

//! All of `lo` that an operation could change: its link, its features, its addresses, routes and
//! neighbours; and which other devices there are.

use std::collections::BTreeMap;

use super::device::Device;
use super::message::attributes;
use super::message::Message;
use super::message::Netlink;
use super::refused::Refused;
use crate::compare::wire::text;
use crate::compare::wire::u16_at;
use crate::compare::wire::u32_at;
use crate::compare::wire::HEADER;
use crate::compare::words::flags;
use crate::compare::words::hex;
use crate::compare::words::ip;

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;

/// The lengths of `struct ifinfomsg`, `ifaddrmsg`, `rtmsg` and `ndmsg`.
const LINK: usize = 16;
const ADDR: usize = 8;
const ROUTE: usize = 12;
const NEIGH: usize = 12;

pub const LO: u32 = 1;

const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_STATS: u16 = 7;
const IFLA_MASTER: u16 = 10;
const IFLA_STATS64: u16 = 23;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_PROP_LIST: u16 = 52;

/// What the attributes of a link are called, by their numbers; these have text in them.
const NAMES: [&str; 70] = [
    "",
    "address",
    "broadcast",
    "name",
    "mtu",
    "link",
    "qdisc",
    "stats",
    "cost",
    "priority",
    "master",
    "wireless",
    "protinfo",
    "txqlen",
    "map",
    "weight",
    "operstate",
    "linkmode",
    "linkinfo",
    "net_ns_pid",
    "alias",
    "num_vf",
    "vfinfo",
    "stats64",
    "vf_ports",
    "port_self",
    "af_spec",
    "group",
    "net_ns_fd",
    "ext_mask",
    "promiscuity",
    "num_tx_queues",
    "num_rx_queues",
    "carrier",
    "phys_port_id",
    "carrier_changes",
    "phys_switch_id",
    "link_netnsid",
    "phys_port_name",
    "proto_down",
    "gso_max_segs",
    "gso_max_size",
    "pad",
    "xdp",
    "event",
    "new_netnsid",
    "if_netnsid",
    "carrier_up_count",
    "carrier_down_count",
    "new_ifindex",
    "min_mtu",
    "max_mtu",
    "prop_list",
    "alt_ifname",
    "perm_address",
    "proto_down_reason",
    "parent_dev_name",
    "parent_dev_bus_name",
    "gro_max_size",
    "tso_max_size",
    "tso_max_segs",
    "allmulti",
    "devlink_port",
    "gso_ipv4_max_size",
    "gro_ipv4_max_size",
    "dpll_pin",
    "max_pacing_offload_horizon",
    "netns_immutable",
    "headroom",
    "tailroom",
];
const TEXTS: [u16; 4] = [IFLA_IFNAME, 6, 20, 38];

/// What was found, by names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Digest(BTreeMap<String, String>);

impl Digest {
    /// Reads it.
    pub fn take(kernel: &Netlink, device: &Device, features: &[String]) -> Self {
        let mut this = Self::default();
        this.add("link", this_is(kernel, RTM_GETLINK, LINK, &mut |m| link(m)));
        this.add(
            "address",
            this_is(kernel, RTM_GETADDR, ADDR, &mut |m| address(m)),
        );
        this.add(
            "route",
            this_is(kernel, RTM_GETROUTE, ROUTE, &mut |m| route(m)),
        );
        this.add(
            "neighbour",
            this_is(kernel, RTM_GETNEIGH, NEIGH, &mut |m| neighbour(m)),
        );
        let name = this.0.get("link name").map(|name| name.trim_matches('"'));
        let name = name.unwrap_or(super::device::LO);
        let found = device.features(name, features).map_err(Refused::from);
        let shown = |features: Vec<super::device::Feature>| {
            let pair = |f: &super::device::Feature| (f.name.clone(), f.shown());
            features.iter().map(pair).collect()
        };
        this.add("feature", found.map(shown));
        this
    }

    fn add(&mut self, what: &str, found: Result<Pairs, Refused>) {
        match found {
            Ok(pairs) => {
                for (name, value) in pairs {
                    self.0.insert(format!("{what} {name}"), value);
                }
            }
            Err(refused) => {
                self.0.insert(what.into(), refused.0);
            }
        }
    }

    /// Its entries, with their names.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// What is otherwise in `now`, in words; nothing if nothing is.
    pub fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (name, before) in &self.0 {
            match now.0.get(name) {
                Some(after) if after == before => {}
                Some(after) => changes.push(format!("{name} {before} -> {after}")),
                None => changes.push(format!("{name} {before} gone")),
            }
        }
        let new = now.0.iter().filter(|(name, _)| !self.0.contains_key(*name));
        changes.extend(new.map(|(name, after)| format!("new {name} {after}")));
        changes
    }
}

type Pairs = Vec<(String, String)>;

/// What `read` makes of each message of a dump.
fn this_is(
    kernel: &Netlink,
    kind: u16,
    fixed: usize,
    read: &mut dyn FnMut(&[u8]) -> Pairs,
) -> Result<Pairs, Refused> {
    let messages = kernel.dump(Message::new(kind, 0, &vec![0; fixed]))?;
    Ok(messages.iter().flat_map(|message| read(message)).collect())
}

/// An attribute of `message`, whose fixed part has this length.
fn find(message: &[u8], fixed: usize, wanted: u16) -> Option<&[u8]> {
    let all = attributes(message, HEADER + fixed).into_iter();
    all.filter(|(kind, _)| *kind == wanted)
        .map(|(_, value)| value)
        .next()
}

fn number(message: &[u8], fixed: usize, wanted: u16) -> Option<u32> {
    find(message, fixed, wanted).map(|value| u32_at(value, 0))
}

/// `lo` in full, other devices in a line.
fn link(message: &[u8]) -> Pairs {
    let index = u32_at(message, HEADER + 4);
    if index != LO {
        return vec![(format!("{index}"), other(message))];
    }
    let mut pairs = vec![
        ("type".into(), u16_at(message, HEADER + 2).to_string()),
        ("flags".into(), flags(u32_at(message, HEADER + 8))),
    ];
    for (kind, value) in attributes(message, HEADER + LINK) {
        match kind {
            // What is counted is looked at where there is traffic.
            IFLA_STATS | IFLA_STATS64 => {}
            IFLA_AF_SPEC => pairs.push(("families".into(), kinds(value))),
            IFLA_PROP_LIST => pairs.push(("altnames".into(), texts(value))),
            _ => pairs.push((attribute_name(kind), shown(kind, value))),
        }
    }
    pairs
}

/// Another device: what it is called, what it is on, and whether it is up.
fn other(message: &[u8]) -> String {
    let name = find(message, LINK, IFLA_IFNAME)
        .map(text)
        .unwrap_or_default();
    let on = number(message, LINK, IFLA_LINK).map(|index| format!(" on {index}"));
    let of = number(message, LINK, IFLA_MASTER).map(|index| format!(" of {index}"));
    let flags = flags(u32_at(message, HEADER + 8));
    let (on, of) = (on.unwrap_or_default(), of.unwrap_or_default());
    format!("{name}{on}{of} {flags}")
}

fn attribute_name(kind: u16) -> String {
    match NAMES.get(usize::from(kind)) {
        Some(name) => name.to_string(),
        None => format!("attribute {kind}"),
    }
}

fn shown(kind: u16, value: &[u8]) -> String {
    if TEXTS.contains(&kind) {
        return format!("\"{}\"", text(value));
    }
    match value.len() {
        1 => value[0].to_string(),
        2 => u16_at(value, 0).to_string(),
        4 => u32_at(value, 0).to_string(),
        _ => hex(value),
    }
}

fn kinds(nested: &[u8]) -> String {
    let all = attributes(nested, 0);
    let kinds: Vec<String> = all.iter().map(|(kind, _)| kind.to_string()).collect();
    kinds.join(" ")
}

fn texts(nested: &[u8]) -> String {
    let all = attributes(nested, 0);
    let texts: Vec<String> = all.iter().map(|(_, value)| text(value)).collect();
    format!("{texts:?}")
}

fn address(message: &[u8]) -> Pairs {
    if u32_at(message, HEADER + 4) != LO {
        return Pairs::new();
    }
    let (local, address) = (find(message, ADDR, 2), find(message, ADDR, 1));
    let shown = local.or(address).map(ip).unwrap_or_default();
    let prefix = message[HEADER + 1];
    let flags = number(message, ADDR, 8).unwrap_or_default();
    let label = find(message, ADDR, 3).map(text).unwrap_or_default();
    let peer = match (local, address) {
        (Some(local), Some(address)) if local != address => format!(" peer {}", ip(address)),
        _ => String::new(),
    };
    let scope = message[HEADER + 3];
    let value = format!("scope {scope} flags {flags:#x} label {label:?}{peer}");
    vec![(format!("{shown}/{prefix}"), value)]
}

fn route(message: &[u8]) -> Pairs {
    if number(message, ROUTE, 4) != Some(LO) {
        return Pairs::new();
    }
    let destination = find(message, ROUTE, 1).map_or("default".into(), ip);
    let prefix = message[HEADER + 1];
    let table = number(message, ROUTE, 15).unwrap_or_default();
    let [protocol, scope, kind] = [5, 6, 7].map(|at| message[HEADER + at]);
    let flags = u32_at(message, HEADER + 8);
    let metric = number(message, ROUTE, 6).unwrap_or_default();
    let source = find(message, ROUTE, 7).map(ip).unwrap_or_default();
    let name = format!("{destination}/{prefix} table {table} type {kind} metric {metric}");
    let value = format!("protocol {protocol} scope {scope} flags {flags:#x} source {source:?}");
    vec![(name, value)]
}

fn neighbour(message: &[u8]) -> Pairs {
    if u32_at(message, HEADER + 4) != LO {
        return Pairs::new();
    }
    let state = u16_at(message, HEADER + 8);
    let [flags, kind] = [10, 11].map(|at| message[HEADER + at]);
    let to = find(message, NEIGH, 1).map(ip).unwrap_or_default();
    let at = find(message, NEIGH, 2).map(hex).unwrap_or_default();
    let value = format!("state {state:#x} flags {flags:#x} type {kind} at {at}");
    vec![(to, value)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(pairs: &[(&str, &str)]) -> Digest {
        let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        Digest(pairs.iter().map(own).collect())
    }

    #[test]
    fn changes_are_told() {
        let before = digest(&[
            ("link mtu", "65536"),
            ("link flags", "UP"),
            ("address a", "x"),
        ]);
        let after = digest(&[("link mtu", "1500"), ("link flags", "UP"), ("route b", "y")]);
        assert!(before.changes(&before).is_empty());
        assert_eq!(
            before.changes(&after),
            [
                "address a x gone",
                "link mtu 65536 -> 1500",
                "new route b y"
            ]
        );
    }

    #[test]
    fn attributes_have_their_names() {
        assert_eq!(attribute_name(4), "mtu");
        assert_eq!(attribute_name(61), "allmulti");
        assert_eq!(attribute_name(67), "netns_immutable");
        assert_eq!(attribute_name(99), "attribute 99");
    }

    #[test]
    fn values_can_be_read() {
        assert_eq!(shown(4, &65536_u32.to_ne_bytes()), "65536");
        assert_eq!(shown(3, b"lo\0"), "\"lo\"");
        assert_eq!(shown(1, &[0, 1, 2, 3, 4, 5]), "00:01:02:03:04:05");
    }

    /// A message with this fixed part, of a device that has the number of `lo` there.
    fn message(fixed: &[u8]) -> Message {
        Message::new(0, 0, fixed)
    }

    fn one(pairs: Pairs) -> (String, String) {
        assert_eq!(pairs.len(), 1, "{pairs:?}");
        pairs[0].clone()
    }

    #[test]
    fn links_are_read() {
        let lo = super::super::scene::link_header(LO, 9, 0);
        let lo = message(&lo).text(IFLA_IFNAME, "lo").attr(IFLA_STATS, &[1]);
        let pairs = link(&lo.bytes());
        let wanted = [("type", "0"), ("flags", "UP,LOOPBACK"), ("name", "\"lo\"")];
        let wanted = wanted.map(|(name, value)| (name.to_string(), value.to_string()));
        assert_eq!(pairs, wanted);
        let top = super::super::scene::link_header(5, 1, 0);
        let top = message(&top).text(IFLA_IFNAME, "top0").u32(IFLA_LINK, 1);
        let (name, value) = one(link(&top.bytes()));
        assert_eq!((name.as_str(), value.as_str()), ("5", "top0 on 1 UP"));
    }

    #[test]
    fn addresses_routes_and_neighbours_are_read() {
        let header = [[2, 8, 0x80, 254], LO.to_ne_bytes()].concat();
        let own = message(&header).attr(2, &[127, 0, 0, 1]).text(3, "lo");
        let (name, value) = one(address(&own.bytes()));
        assert_eq!(name, "127.0.0.1/8");
        assert_eq!(value, "scope 254 flags 0x0 label \"lo\"");

        let header = [2, 8, 0, 0, 255, 2, 254, 2, 0, 0, 0, 0];
        let to = message(&header)
            .attr(1, &[127, 0, 0, 0])
            .u32(4, LO)
            .u32(15, 255);
        let (name, value) = one(route(&to.bytes()));
        assert_eq!(name, "127.0.0.0/8 table 255 type 2 metric 0");
        assert_eq!(value, "protocol 2 scope 254 flags 0x0 source \"\"");
        assert!(route(&message(&header).u32(4, 2).bytes()).is_empty());

        let header = [[2, 0, 0, 0], LO.to_ne_bytes(), [0x40, 0, 0, 3]].concat();
        let whom = message(&header).attr(1, &[0; 4]).attr(2, &[0; 6]);
        let (name, value) = one(neighbour(&whom.bytes()));
        assert_eq!(name, "0.0.0.0");
        assert_eq!(value, "state 0x40 flags 0x0 type 3 at 00:00:00:00:00:00");
    }
}
