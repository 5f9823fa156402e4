// SPDX-License-Identifier: GPL-2.0

//! What can be done. Each operation has a text: the command that a person would type, or, of
//! sockets, which no command keeps open, words of the lab's own.

use std::fmt;
use std::net::IpAddr;

/// A namespace of a sequence: `a`, which is there from the start, or another letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Netns(pub char);

impl Netns {
    /// The one that is there from the start.
    pub const FIRST: Self = Self('a');

    fn parse(word: &str) -> Option<Self> {
        let mut letters = word.chars();
        let letter = letters.next().filter(char::is_ascii_lowercase)?;
        letters.next().is_none().then_some(Self(letter))
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An address and how much of it is the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// The length.
    pub len: u8,
}

impl Prefix {
    fn parse(word: &str) -> Option<Self> {
        let (address, len) = word.split_once('/')?;
        Some(Self {
            address: address.parse().ok()?,
            len: len.parse().ok()?,
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

/// Whether something comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It must not be there yet.
    Add,
    /// It may be there.
    Replace,
    /// It goes.
    Del,
}

impl Action {
    const ALL: [Self; 3] = [Self::Add, Self::Replace, Self::Del];

    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Del => "del",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a link is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Up or down.
    Up(bool),
    /// One of [`Setting::NUMBERS`].
    Number(&'static str, u32),
    /// One of [`Setting::SWITCHES`].
    Switch(&'static str, bool),
    /// One of [`Setting::TEXTS`].
    Text(&'static str, String),
    /// Another namespace.
    Netns(Netns),
    /// No master.
    NoMaster,
}

impl Setting {
    /// What has a number.
    pub const NUMBERS: [&'static str; 6] = [
        "mtu",
        "txqueuelen",
        "group",
        "gso_max_size",
        "gso_max_segs",
        "gro_max_size",
    ];
    /// What is on or off.
    pub const SWITCHES: [&'static str; 7] = [
        "arp",
        "multicast",
        "allmulticast",
        "promisc",
        "dynamic",
        "carrier",
        "protodown",
    ];
    /// What has a word of its own.
    pub const TEXTS: [&'static str; 7] = [
        "name",
        "alias",
        "address",
        "broadcast",
        "master",
        "mode",
        "addrgenmode",
    ];

    fn parse(words: &[&str]) -> Option<Self> {
        let known =
            |names: &[&'static str], word: &str| names.iter().copied().find(|name| *name == word);
        match *words {
            ["up"] => Some(Self::Up(true)),
            ["down"] => Some(Self::Up(false)),
            ["nomaster"] => Some(Self::NoMaster),
            ["netns", netns] => Netns::parse(netns).map(Self::Netns),
            [key, value] => {
                if let Some(key) = known(&Self::NUMBERS, key) {
                    return Some(Self::Number(key, value.parse().ok()?));
                }
                if let Some(key) = known(&Self::SWITCHES, key) {
                    return Some(Self::Switch(key, parse_switch(value)?));
                }
                known(&Self::TEXTS, key).map(|key| Self::Text(key, value.into()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(true) => f.write_str("up"),
            Self::Up(false) => f.write_str("down"),
            Self::Number(key, value) => write!(f, "{key} {value}"),
            Self::Switch(key, on) => write!(f, "{key} {}", switch(*on)),
            Self::Text(key, value) => write!(f, "{key} {value}"),
            Self::Netns(netns) => write!(f, "netns {netns}"),
            Self::NoMaster => f.write_str("nomaster"),
        }
    }
}

fn switch(on: bool) -> &'static str {
    if on {
        "on"
    } else {
        "off"
    }
}

fn parse_switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// What a route does with what takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// Sends it on.
    Unicast,
    /// Hands it in.
    Local,
    /// Loses it.
    Blackhole,
    /// Loses it, and says so.
    Unreachable,
}

impl RouteKind {
    const ALL: [Self; 4] = [
        Self::Unicast,
        Self::Local,
        Self::Blackhole,
        Self::Unreachable,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// ICMP, raw.
    Raw4,
    /// ICMPv6, raw.
    Raw6,
    /// Frames.
    Packet,
}

impl SocketKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Udp4,
        Self::Udp6,
        Self::Tcp4,
        Self::Tcp6,
        Self::Raw4,
        Self::Raw6,
        Self::Packet,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Udp4 => "udp4",
            Self::Udp6 => "udp6",
            Self::Tcp4 => "tcp4",
            Self::Tcp6 => "tcp6",
            Self::Raw4 => "raw4",
            Self::Raw6 => "raw6",
            Self::Packet => "packet",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it makes connections.
    pub fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp4 | Self::Tcp6)
    }
}

/// What is done to a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAction {
    /// It is made.
    Open(Netns, SocketKind),
    /// It gets an address and a port of its own.
    Bind(IpAddr, u16),
    /// It is tied to a device; a packet socket gets that one's frames.
    Device(String),
    /// It gets another end.
    Connect(IpAddr, u16),
    /// It waits for connections.
    Listen,
    /// It hands out a connection, as the socket of this number.
    Accept(u8),
    /// It sends so many bytes to its other end.
    Send(usize),
    /// It sends so many bytes to anyone.
    SendTo(IpAddr, u16, usize),
    /// It takes what has come first.
    Recv,
    /// It sends no more.
    Shutdown,
    /// It goes.
    Close,
}

impl SocketAction {
    fn parse(words: &[&str]) -> Option<Self> {
        Some(match *words {
            ["open", netns, kind] => Self::Open(Netns::parse(netns)?, SocketKind::parse(kind)?),
            ["bind", address, port] => Self::Bind(address.parse().ok()?, port.parse().ok()?),
            ["device", device] => Self::Device(device.into()),
            ["connect", address, port] => Self::Connect(address.parse().ok()?, port.parse().ok()?),
            ["listen"] => Self::Listen,
            ["accept", number] => Self::Accept(number.parse().ok()?),
            ["send", len] => Self::Send(len.parse().ok()?),
            ["sendto", address, port, len] => {
                Self::SendTo(address.parse().ok()?, port.parse().ok()?, len.parse().ok()?)
            }
            ["recv"] => Self::Recv,
            ["shutdown"] => Self::Shutdown,
            ["close"] => Self::Close,
            _ => return None,
        })
    }
}

impl fmt::Display for SocketAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(netns, kind) => write!(f, "open {netns} {}", kind.word()),
            Self::Bind(address, port) => write!(f, "bind {address} {port}"),
            Self::Device(device) => write!(f, "device {device}"),
            Self::Connect(address, port) => write!(f, "connect {address} {port}"),
            Self::Listen => f.write_str("listen"),
            Self::Accept(number) => write!(f, "accept {number}"),
            Self::Send(len) => write!(f, "send {len}"),
            Self::SendTo(address, port, len) => write!(f, "sendto {address} {port} {len}"),
            Self::Recv => f.write_str("recv"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::Close => f.write_str("close"),
        }
    }
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A namespace is made.
    NetnsAdd(Netns),
    /// A namespace goes, with the sockets in it.
    NetnsDel(Netns),
    /// A dummy device is made.
    DummyAdd {
        /// Where.
        netns: Netns,
        /// Its name.
        name: String,
        /// Its address.
        mac: String,
    },
    /// A pair of devices is made.
    VethAdd {
        /// Where the first one is.
        netns: Netns,
        /// What that is called.
        name: String,
        /// Its address.
        mac: String,
        /// Where the other one is.
        peer_netns: Netns,
        /// What that is called.
        peer: String,
        /// Its address.
        peer_mac: String,
    },
    /// A device goes.
    LinkDel(Netns, String),
    /// A device is changed.
    LinkSet(Netns, String, Setting),
    /// A device gets or loses another name.
    AltName(Netns, Action, String, String),
    /// A device gets or loses an address.
    Address {
        /// Where.
        netns: Netns,
        /// What becomes of it.
        action: Action,
        /// The address.
        prefix: Prefix,
        /// The device.
        device: String,
    },
    /// A route.
    Route {
        /// Where.
        netns: Netns,
        /// What becomes of it.
        action: Action,
        /// What it does.
        kind: RouteKind,
        /// What it is for.
        to: Prefix,
        /// By way of whom.
        via: Option<IpAddr>,
        /// By which device.
        device: Option<String>,
        /// How good it is.
        metric: u32,
        /// In which table.
        table: u32,
    },
    /// A rule for the choice of a table.
    Rule {
        /// Where.
        netns: Netns,
        /// What becomes of it.
        action: Action,
        /// When it is asked.
        preference: u32,
        /// For whom.
        from: Prefix,
        /// The table.
        table: u32,
    },
    /// A neighbour that need not be asked for.
    Neighbour {
        /// Where.
        netns: Netns,
        /// What becomes of it.
        action: Action,
        /// Who.
        address: IpAddr,
        /// Its hardware address.
        mac: String,
        /// By which device.
        device: String,
    },
    /// A feature of a device is wanted, or not.
    Feature(Netns, String, String, bool),
    /// A queue of a device: a kind and one number, or the default.
    Qdisc(Netns, String, Option<(&'static str, u32)>),
    /// Echo requests, one of this size.
    Ping(Netns, IpAddr, usize),
    /// A socket, by its number.
    Socket(u8, SocketAction),
}

impl Operation {
    /// The queues there are, each with the word before its number.
    pub const QDISCS: [(&'static str, &'static str); 3] =
        [("pfifo", "limit"), ("bfifo", "limit"), ("netem", "loss")];

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Self::of_words(&words).ok_or_else(|| format!("not an operation: {line}"))
    }

    fn of_words(words: &[&str]) -> Option<Self> {
        match *words {
            ["ip", "netns", "add", netns] => Netns::parse(netns).map(Self::NetnsAdd),
            ["ip", "netns", "del", netns] => Netns::parse(netns).map(Self::NetnsDel),
            ["ip", "netns", "exec", netns, ref rest @ ..] => {
                Self::parse_exec(Netns::parse(netns)?, rest)
            }
            ["ip", "-n", netns, object, ref rest @ ..] => {
                let netns = Netns::parse(netns)?;
                match object {
                    "link" => Self::parse_link(netns, rest),
                    "addr" => Self::parse_address(netns, rest),
                    "route" => Self::parse_route(netns, rest),
                    "rule" => Self::parse_rule(netns, rest),
                    "neigh" => Self::parse_neighbour(netns, rest),
                    _ => None,
                }
            }
            ["tc", "-n", netns, "qdisc", ref rest @ ..] => {
                Self::parse_qdisc(Netns::parse(netns)?, rest)
            }
            ["socket", number, ref rest @ ..] => Some(Self::Socket(
                number.parse().ok()?,
                SocketAction::parse(rest)?,
            )),
            _ => None,
        }
    }

    fn parse_exec(netns: Netns, words: &[&str]) -> Option<Self> {
        match *words {
            ["ethtool", "-K", device, feature, on] => Some(Self::Feature(
                netns,
                device.into(),
                feature.into(),
                parse_switch(on)?,
            )),
            ["ping", "-c1", "-s", size, address] => {
                Some(Self::Ping(netns, address.parse().ok()?, size.parse().ok()?))
            }
            _ => None,
        }
    }

    fn parse_link(netns: Netns, words: &[&str]) -> Option<Self> {
        match *words {
            ["add", name, "address", mac, "type", "dummy"] => Some(Self::DummyAdd {
                netns,
                name: name.into(),
                mac: mac.into(),
            }),
            ["add", name, "address", mac, "type", "veth", "peer", "name", peer, "address", peer_mac, "netns", peer_netns] => {
                Some(Self::VethAdd {
                    netns,
                    name: name.into(),
                    mac: mac.into(),
                    peer_netns: Netns::parse(peer_netns)?,
                    peer: peer.into(),
                    peer_mac: peer_mac.into(),
                })
            }
            ["del", name] => Some(Self::LinkDel(netns, name.into())),
            ["set", name, ref rest @ ..] => {
                Setting::parse(rest).map(|setting| Self::LinkSet(netns, name.into(), setting))
            }
            ["property", action, "dev", name, "altname", other] => Some(Self::AltName(
                netns,
                Action::parse(action)?,
                name.into(),
                other.into(),
            )),
            _ => None,
        }
    }

    fn parse_address(netns: Netns, words: &[&str]) -> Option<Self> {
        let [action, prefix, "dev", device] = *words else {
            return None;
        };
        Some(Self::Address {
            netns,
            action: Action::parse(action)?,
            prefix: Prefix::parse(prefix)?,
            device: device.into(),
        })
    }

    fn parse_route(netns: Netns, words: &[&str]) -> Option<Self> {
        let [action, kind, to, ref rest @ .., "metric", metric, "table", table] = *words else {
            return None;
        };
        let (via, rest) = match *rest {
            ["via", via, ref rest @ ..] => (Some(via.parse().ok()?), rest),
            _ => (None, rest),
        };
        let device = match *rest {
            [] => None,
            ["dev", device] => Some(device.into()),
            _ => return None,
        };
        Some(Self::Route {
            netns,
            action: Action::parse(action)?,
            kind: RouteKind::parse(kind)?,
            to: Prefix::parse(to)?,
            via,
            device,
            metric: metric.parse().ok()?,
            table: table.parse().ok()?,
        })
    }

    fn parse_rule(netns: Netns, words: &[&str]) -> Option<Self> {
        let [action, "pref", preference, "from", from, "table", table] = *words else {
            return None;
        };
        Some(Self::Rule {
            netns,
            action: Action::parse(action)?,
            preference: preference.parse().ok()?,
            from: Prefix::parse(from)?,
            table: table.parse().ok()?,
        })
    }

    fn parse_neighbour(netns: Netns, words: &[&str]) -> Option<Self> {
        let [action, address, "lladdr", mac, "dev", device, "nud", "permanent"] = *words else {
            return None;
        };
        Some(Self::Neighbour {
            netns,
            action: Action::parse(action)?,
            address: address.parse().ok()?,
            mac: mac.into(),
            device: device.into(),
        })
    }

    fn parse_qdisc(netns: Netns, words: &[&str]) -> Option<Self> {
        match *words {
            ["del", "dev", device, "root"] => Some(Self::Qdisc(netns, device.into(), None)),
            ["replace", "dev", device, "root", "handle", "1:", kind, word, number] => {
                let known = Self::QDISCS.into_iter();
                let (kind, _) = known.into_iter().find(|known| *known == (kind, word))?;
                let number = number.trim_end_matches('%').parse().ok()?;
                Some(Self::Qdisc(netns, device.into(), Some((kind, number))))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetnsAdd(netns) => write!(f, "ip netns add {netns}"),
            Self::NetnsDel(netns) => write!(f, "ip netns del {netns}"),
            Self::DummyAdd { netns, name, mac } => {
                write!(f, "ip -n {netns} link add {name} address {mac} type dummy")
            }
            Self::VethAdd {
                netns,
                name,
                mac,
                peer_netns,
                peer,
                peer_mac,
            } => write!(
                f,
                "ip -n {netns} link add {name} address {mac} type veth \
                 peer name {peer} address {peer_mac} netns {peer_netns}"
            ),
            Self::LinkDel(netns, name) => write!(f, "ip -n {netns} link del {name}"),
            Self::LinkSet(netns, name, setting) => {
                write!(f, "ip -n {netns} link set {name} {setting}")
            }
            Self::AltName(netns, action, name, other) => write!(
                f,
                "ip -n {netns} link property {action} dev {name} altname {other}"
            ),
            Self::Address {
                netns,
                action,
                prefix,
                device,
            } => write!(f, "ip -n {netns} addr {action} {prefix} dev {device}"),
            Self::Route {
                netns,
                action,
                kind,
                to,
                via,
                device,
                metric,
                table,
            } => {
                write!(f, "ip -n {netns} route {action} {} {to}", kind.word())?;
                if let Some(via) = via {
                    write!(f, " via {via}")?;
                }
                if let Some(device) = device {
                    write!(f, " dev {device}")?;
                }
                write!(f, " metric {metric} table {table}")
            }
            Self::Rule {
                netns,
                action,
                preference,
                from,
                table,
            } => write!(
                f,
                "ip -n {netns} rule {action} pref {preference} from {from} table {table}"
            ),
            Self::Neighbour {
                netns,
                action,
                address,
                mac,
                device,
            } => write!(
                f,
                "ip -n {netns} neigh {action} {address} lladdr {mac} dev {device} nud permanent"
            ),
            Self::Feature(netns, device, feature, on) => write!(
                f,
                "ip netns exec {netns} ethtool -K {device} {feature} {}",
                switch(*on)
            ),
            Self::Qdisc(netns, device, None) => {
                write!(f, "tc -n {netns} qdisc del dev {device} root")
            }
            Self::Qdisc(netns, device, Some((kind, number))) => {
                let known = Self::QDISCS.into_iter().find(|(known, _)| known == kind);
                let word = known.map_or("", |(_, word)| word);
                let unit = if word == "loss" { "%" } else { "" };
                write!(
                    f,
                    "tc -n {netns} qdisc replace dev {device} root handle 1: \
                     {kind} {word} {number}{unit}"
                )
            }
            Self::Ping(netns, address, size) => {
                write!(f, "ip netns exec {netns} ping -c1 -s {size} {address}")
            }
            Self::Socket(number, action) => write!(f, "socket {number} {action}"),
        }
    }
}
