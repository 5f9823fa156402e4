// SPDX-License-Identifier: GPL-2.0

//! Operations on devices, addresses, routes and the like, as the requests that `ip`, `tc` and
//! `ethtool` make of them.

use std::net::IpAddr;

use lab_random::Action;
use lab_random::Prefix;
use lab_random::RouteKind;
use lab_random::Setting;

use super::message::Attributes;
use super::message::Request;
use super::message::APPEND;
use super::message::REPLACE;
use crate::compare::wire::CREATE;
use crate::compare::wire::EXCL;

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWNEIGH: u16 = 28;
const RTM_NEWRULE: u16 = 32;
const RTM_NEWQDISC: u16 = 36;
const RTM_NEWLINKPROP: u16 = 108;

const IFLA_ADDRESS: u16 = 1;
const IFLA_BROADCAST: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_TXQLEN: u16 = 13;
const IFLA_LINKMODE: u16 = 17;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_CARRIER: u16 = 33;
const IFLA_PROTO_DOWN: u16 = 39;
const IFLA_GSO_MAX_SEGS: u16 = 40;
const IFLA_GSO_MAX_SIZE: u16 = 41;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_GRO_MAX_SIZE: u16 = 58;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// A device as a request says which: by its index, and by its name if none is known.
#[derive(Clone, Debug)]
pub struct Device<'a> {
    /// The index, or 0.
    pub index: u32,
    /// The name.
    pub name: &'a str,
}

impl Device<'_> {
    fn request(&self, kind: u16, flags: (u32, u32)) -> Request {
        let body = Attributes::after(&link_head(self.index, flags));
        let body = match self.index {
            0 => body.text(IFLA_IFNAME, self.name),
            _ => body,
        };
        Request {
            kind,
            flags: 0,
            body,
        }
    }

    fn set(&self, add: impl FnOnce(Attributes) -> Attributes) -> Request {
        let request = self.request(RTM_NEWLINK, (0, 0));
        Request {
            body: add(request.body),
            ..request
        }
    }
}

/// `struct ifinfomsg`: which device, its flags, and which of them count.
fn link_head(index: u32, (flags, change): (u32, u32)) -> Vec<u8> {
    [
        [0; 4],
        index.to_ne_bytes(),
        flags.to_ne_bytes(),
        change.to_ne_bytes(),
    ]
    .concat()
}

/// `xx:xx:xx:xx:xx:xx` as bytes.
fn mac(text: &str) -> Vec<u8> {
    let byte = |word| u8::from_str_radix(word, 16).unwrap_or_default();
    text.split(':').map(byte).collect()
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

/// The request's type and flags: types of what goes are one more than those of what comes.
fn typed(kind: u16, action: Action, body: Attributes) -> Request {
    let (kind, flags) = match action {
        Action::Add => (kind, CREATE | EXCL),
        Action::Replace => (kind, CREATE | REPLACE),
        Action::Del => (kind + 1, 0),
    };
    Request { kind, flags, body }
}

fn link_info(kind: &str, data: Option<Attributes>) -> Attributes {
    let info = Attributes::new().text(1, kind);
    match data {
        Some(data) => info.nest(2, data),
        None => info,
    }
}

/// A dummy device.
pub fn dummy(name: &str, address: &str) -> Request {
    let body = Attributes::after(&link_head(0, (0, 0)))
        .text(IFLA_IFNAME, name)
        .bytes(IFLA_ADDRESS, &mac(address))
        .nest(IFLA_LINKINFO, link_info("dummy", None));
    typed(RTM_NEWLINK, Action::Add, body)
}

/// A pair of devices, each with its name and address; the second one is in the namespace of this
/// file descriptor.
pub fn veth(one: (&str, &str), other: (&str, &str), netns: u32) -> Request {
    let end = |(name, address): (&str, &str)| {
        Attributes::after(&link_head(0, (0, 0)))
            .text(IFLA_IFNAME, name)
            .bytes(IFLA_ADDRESS, &mac(address))
    };
    let peer = Attributes::new().nest(1, end(other).number(IFLA_NET_NS_FD, netns));
    let body = end(one).nest(IFLA_LINKINFO, link_info("veth", Some(peer)));
    typed(RTM_NEWLINK, Action::Add, body)
}

/// A device goes.
pub fn delete(device: &Device<'_>) -> Request {
    device.request(RTM_DELLINK, (0, 0))
}

/// A device gets or loses another name.
pub fn alt_name(device: &Device<'_>, action: Action, name: &str) -> Request {
    let names = Attributes::new().text(IFLA_ALT_IFNAME, name);
    let request = device.request(RTM_NEWLINKPROP, (0, 0));
    let mut request = typed(
        RTM_NEWLINKPROP,
        action,
        request.body.nest(IFLA_PROP_LIST, names),
    );
    if action != Action::Del {
        request.flags |= APPEND;
    }
    request
}

/// What a setting needs to know besides itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// The master's index.
    pub master: u32,
    /// The file descriptor of the namespace.
    pub netns: u32,
}

/// A device is changed.
pub fn set(device: &Device<'_>, setting: &Setting, hints: Hints) -> Request {
    match setting {
        Setting::Up(up) => device.request(RTM_NEWLINK, (u32::from(*up), 1)),
        Setting::Number(key, value) => device.set(|body| body.number(number_type(key), *value)),
        Setting::Switch(key, on) => switch(device, key, *on),
        Setting::Text(key, value) => device.set(|body| text(body, key, value, hints)),
        Setting::Netns(_) => device.set(|body| body.number(IFLA_NET_NS_FD, hints.netns)),
        Setting::NoMaster => device.set(|body| body.number(IFLA_MASTER, 0)),
    }
}

fn number_type(key: &str) -> u16 {
    match key {
        "mtu" => IFLA_MTU,
        "txqueuelen" => IFLA_TXQLEN,
        "group" => IFLA_GROUP,
        "gso_max_size" => IFLA_GSO_MAX_SIZE,
        "gso_max_segs" => IFLA_GSO_MAX_SEGS,
        _ => IFLA_GRO_MAX_SIZE,
    }
}

fn switch(device: &Device<'_>, key: &str, on: bool) -> Request {
    let flag = |bit: u32, on: bool| {
        let flags = if on { bit } else { 0 };
        device.request(RTM_NEWLINK, (flags, bit))
    };
    match key {
        // The flag says that there is none.
        "arp" => flag(0x80, !on),
        "promisc" => flag(0x100, on),
        "allmulticast" => flag(0x200, on),
        "multicast" => flag(0x1000, on),
        "dynamic" => flag(0x8000, on),
        "carrier" => device.set(|body| body.bytes(IFLA_CARRIER, &[on.into()])),
        _ => device.set(|body| body.bytes(IFLA_PROTO_DOWN, &[on.into()])),
    }
}

fn text(body: Attributes, key: &str, value: &str, hints: Hints) -> Attributes {
    match key {
        "name" => body.text(IFLA_IFNAME, value),
        "alias" => body.bytes(IFLA_IFALIAS, value.as_bytes()),
        "address" => body.bytes(IFLA_ADDRESS, &mac(value)),
        "broadcast" => body.bytes(IFLA_BROADCAST, &mac(value)),
        "master" => body.number(IFLA_MASTER, hints.master),
        "mode" => body.bytes(IFLA_LINKMODE, &[u8::from(value == "dormant")]),
        // addrgenmode
        _ => {
            let mode = Attributes::new().bytes(8, &[u8::from(value == "none")]);
            body.nest(IFLA_AF_SPEC, Attributes::new().nest(AF_INET6.into(), mode))
        }
    }
}

/// An address of a device. As `ip` has it, one that is for this machine only has that scope.
pub fn address(action: Action, prefix: Prefix, index: u32) -> Request {
    const HOST: u8 = 254;
    let scope = if prefix.address.is_loopback() {
        HOST
    } else {
        0
    };
    let mut head = vec![family(prefix.address), prefix.len, 0, scope];
    head.extend(index.to_ne_bytes());
    let octets = bytes(prefix.address);
    let body = Attributes::after(&head).bytes(2, &octets).bytes(1, &octets);
    typed(RTM_NEWADDR, action, body)
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// What it does.
    pub kind: RouteKind,
    /// What it is for.
    pub to: Prefix,
    /// By way of whom.
    pub via: Option<IpAddr>,
    /// The index of its device.
    pub index: Option<u32>,
    /// How good it is; 0 if that is not said.
    pub metric: u32,
    /// In which table.
    pub table: u32,
}

impl Route {
    /// The request.
    pub fn request(&self, action: Action) -> Request {
        const BOOT: u8 = 3;
        let kind = match self.kind {
            RouteKind::Unicast => 1,
            RouteKind::Local => 2,
            RouteKind::Blackhole => 6,
            RouteKind::Unreachable => 7,
        };
        let protocol = if action == Action::Del { 0 } else { BOOT };
        let head = [
            family(self.to.address),
            self.to.len,
            0,
            0,
            self.table as u8,
            protocol,
            self.scope(action),
            kind,
            0,
            0,
            0,
            0,
        ];
        let mut body = Attributes::after(&head);
        if self.to.len > 0 {
            body = body.bytes(1, &bytes(self.to.address));
        }
        if let Some(via) = self.via {
            body = body.bytes(5, &bytes(via));
        }
        if let Some(index) = self.index {
            body = body.number(4, index);
        }
        if self.metric > 0 {
            body = body.number(6, self.metric);
        }
        typed(RTM_NEWROUTE, action, body)
    }

    /// As `ip` chooses it.
    fn scope(&self, action: Action) -> u8 {
        match (action, self.kind, self.via) {
            (Action::Del, ..) => 255,
            (_, RouteKind::Local, _) => 254,
            (_, RouteKind::Unicast, None) => 253,
            _ => 0,
        }
    }
}

/// A rule for the choice of a table.
pub fn rule(action: Action, preference: u32, from: Prefix, table: u32) -> Request {
    const TO_TABLE: u8 = 1;
    let source = family(from.address);
    let head = [
        source,
        0,
        from.len,
        0,
        table as u8,
        0,
        0,
        TO_TABLE,
        0,
        0,
        0,
        0,
    ];
    let mut body = Attributes::after(&head);
    if from.len > 0 {
        body = body.bytes(2, &bytes(from.address));
    }
    typed(RTM_NEWRULE, action, body.number(6, preference))
}

/// A neighbour that need not be asked for.
pub fn neighbour(action: Action, address: IpAddr, lladdr: &str, index: u32) -> Request {
    const PERMANENT: u8 = 0x80;
    let mut head = vec![family(address), 0, 0, 0];
    head.extend(index.to_ne_bytes());
    head.extend([PERMANENT, 0, 0, 0]);
    let body = Attributes::after(&head)
        .bytes(1, &bytes(address))
        .bytes(2, &mac(lladdr));
    typed(RTM_NEWNEIGH, action, body)
}

/// The queue of a device: a kind and its number, or the default.
pub fn qdisc(queue: Option<(&str, u32)>, index: u32) -> Request {
    const ROOT: u32 = 0xffff_ffff;
    const HANDLE: u32 = 0x1_0000;
    let handle = if queue.is_some() { HANDLE } else { 0 };
    let head = [0, index, handle, ROOT, 0].map(u32::to_ne_bytes).concat();
    let body = Attributes::after(&head);
    match queue {
        None => typed(RTM_NEWQDISC, Action::Del, body),
        Some((kind, number)) => {
            let options = match kind {
                "netem" => netem(number),
                _ => number.to_ne_bytes().to_vec(),
            };
            let body = body.text(1, kind).bytes(2, &options);
            typed(RTM_NEWQDISC, Action::Replace, body)
        }
    }
}

/// Loses so many of a hundred. What it draws from has a seed, which would be random otherwise, and
/// is shown.
fn netem(percent: u32) -> Vec<u8> {
    const LIMIT: u32 = 1000;
    const SEED: u16 = 14;
    let loss = (u64::from(u32::MAX) * u64::from(percent) / 100) as u32;
    let head = [0, LIMIT, loss, 0, 0, 0].map(u32::to_ne_bytes).concat();
    Attributes::after(&head)
        .bytes(SEED, &1_u64.to_ne_bytes())
        .into_bytes()
}
