// SPDX-License-Identifier: GPL-2.0

//! Makes sequences. What has been done before is remembered roughly, so that most operations are
//! about something that is there; the others are about what is not, or not any more.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::operation::Action;
use crate::operation::Netns;
use crate::operation::Operation;
use crate::operation::Prefix;
use crate::operation::RouteKind;
use crate::operation::Setting;
use crate::operation::SocketAction;
use crate::operation::SocketKind;
use crate::rng::Rng;

const NETNS: [Netns; 3] = [Netns('a'), Netns('b'), Netns('c')];
const LO: &str = "lo";
/// What devices are called; none has the first one of its own accord.
const NAMES: [&str; 6] = ["x0", "d0", "d1", "v0", "v1", "v2"];
const V4: [&str; 9] = [
    "127.0.0.1",
    "127.0.0.1",
    "127.0.0.1",
    "127.1.2.3",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.1.1",
    "192.0.2.1",
    "127.255.255.255",
];
const V6: [&str; 7] = [
    "::1",
    "::1",
    "::1",
    "fd00::1",
    "fd00::2",
    "fd00:1::1",
    "fe80::1",
];
const PORTS: [u16; 3] = [7000, 7001, 7002];
const MACS: [&str; 5] = [
    "02:00:00:00:00:01",
    "02:00:00:00:00:02",
    "00:00:00:00:00:00",
    "01:00:00:00:00:01",
    "ff:ff:ff:ff:ff:ff",
];
/// As few, and as many, as a device may have, and what lies just beyond.
const MTUS: [u32; 13] = [
    0,
    67,
    68,
    576,
    1279,
    1280,
    1500,
    9000,
    65_535,
    65_536,
    65_537,
    100_000,
    2_147_483_647,
];
const QUEUES: [u32; 5] = [0, 1, 100, 1000, 4_294_967_295];
const GROUPS: [u32; 3] = [0, 7, 4_294_967_295];
const GSO_SIZES: [u32; 6] = [0, 1000, 65_536, 65_537, 524_280, 524_281];
const GSO_SEGMENTS: [u32; 5] = [0, 1, 64, 65_535, 65_536];
const SIZES: [usize; 9] = [0, 1, 13, 100, 1472, 9000, 65_507, 65_508, 14];
/// TCP sends little at a time, so that no window closes.
const TCP_SIZES: [usize; 4] = [1, 100, 600, 1500];
const PING_SIZES: [usize; 6] = [0, 56, 1472, 9000, 65_507, 65_508];
const METRICS: [u32; 3] = [0, 10, 1024];
/// `main`, `local`, and one that a rule has to lead to.
const TABLES: [u32; 4] = [254, 254, 255, 100];
const PREFERENCES: [u32; 3] = [0, 100, 40_000];
const FEATURES: [&str; 22] = [
    "tx-scatter-gather",
    "tx-checksum-ip-generic",
    "tx-checksum-ipv4",
    "tx-checksum-sctp",
    "tx-scatter-gather-fraglist",
    "tx-generic-segmentation",
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp6-segmentation",
    "tx-udp-segmentation",
    "tx-gso-list",
    "tx-sctp-segmentation",
    "rx-checksum",
    "rx-gro",
    "rx-gro-list",
    "highdma",
    "loopback",
    "tx-vlan-hw-insert",
    "hw-tc-offload",
    "vlan-challenged",
    "no-such-feature",
];
const SOCKETS: u8 = 8;

/// `count` operations.
pub fn generate(seed: u64, count: usize) -> Vec<Operation> {
    let mut world = World::new(seed);
    // Most often something can be sent from the start.
    if !world.rng.once_in(4) {
        let up = Operation::LinkSet(Netns::FIRST, LO.into(), Setting::Up(true));
        world.pending.push_back(up);
    }
    (0..count).map(|_| world.operation()).collect()
}

#[derive(Clone, Debug)]
struct Socket {
    number: u8,
    netns: Netns,
    kind: SocketKind,
    listens: bool,
}

/// What there probably is.
struct World {
    rng: Rng,
    netns: Vec<Netns>,
    links: Vec<(Netns, String)>,
    sockets: Vec<Socket>,
    /// Who listens where.
    listeners: Vec<(IpAddr, u16)>,
    /// What belongs together, to be done among other things.
    pending: VecDeque<Operation>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            netns: vec![Netns::FIRST],
            links: Vec::new(),
            sockets: Vec::new(),
            listeners: Vec::new(),
            pending: VecDeque::new(),
        }
    }

    fn operation(&mut self) -> Operation {
        if self.rng.below(3) < 2 {
            if let Some(operation) = self.pending.pop_front() {
                return operation;
            }
        }
        match self.rng.below(100) {
            0..=2 => self.netns_add(),
            3 => self.netns_del(),
            4..=6 => self.link_add(),
            7 => self.link_del(),
            8..=16 => self.up_or_down(),
            17..=36 => self.link_set(),
            37..=38 => self.alt_name(),
            39..=45 => self.address(),
            46..=51 => self.route(),
            52..=53 => self.rule(),
            54..=56 => self.neighbour(),
            57..=63 => self.feature(),
            64..=66 => self.qdisc(),
            67..=72 => self.ping(),
            73..=77 if self.pending.is_empty() => {
                self.talk();
                self.operation()
            }
            _ => self.socket(),
        }
    }

    /// A namespace that is there, or, rarely, any.
    fn some_netns(&mut self) -> Netns {
        match self.rng.once_in(20) {
            true => self.rng.pick(&NETNS),
            false => self.rng.pick(&self.netns.clone()),
        }
    }

    /// A device: most often `lo`, else one that is there, or, rarely, any.
    fn some_link(&mut self) -> (Netns, String) {
        if self.rng.once_in(25) {
            return (self.some_netns(), self.rng.pick(&NAMES).into());
        }
        if self.links.is_empty() || !self.rng.once_in(3) {
            return (self.some_netns(), LO.into());
        }
        self.rng.pick(&self.links.clone())
    }

    /// An address, as a rule of the family that is wanted.
    fn some_address(&mut self, v6: bool) -> IpAddr {
        let v6 = v6 != self.rng.once_in(30);
        let text = match v6 {
            true => self.rng.pick(&V6),
            false => self.rng.pick(&V4),
        };
        parse(text)
    }

    fn some_family(&mut self) -> bool {
        self.rng.once_in(2)
    }

    fn some_prefix(&mut self) -> Prefix {
        let v6 = self.some_family();
        let address = self.some_address(v6);
        let lens: &[u8] = match address {
            IpAddr::V4(_) => &[8, 24, 32, 24, 33],
            IpAddr::V6(_) => &[64, 128, 64, 64, 129],
        };
        let len = self.rng.pick(lens);
        Prefix { address, len }
    }

    /// What a route or rule is for: an address's network, or everything.
    fn some_destination(&mut self) -> Prefix {
        let Prefix { address, len } = self.some_prefix();
        match (self.rng.below(4), address) {
            (0, IpAddr::V4(_)) => Prefix {
                address: parse("0.0.0.0"),
                len: 0,
            },
            (0, IpAddr::V6(_)) => Prefix {
                address: parse("::"),
                len: 0,
            },
            (1, _) => Prefix { address, len },
            _ => Prefix {
                address: network(address, len),
                len,
            },
        }
    }

    fn some_action(&mut self) -> Action {
        self.rng.pick(&[
            Action::Add,
            Action::Add,
            Action::Add,
            Action::Replace,
            Action::Del,
        ])
    }

    fn netns_add(&mut self) -> Operation {
        let mut netns = self.rng.pick(&NETNS);
        if let Some(new) = NETNS.into_iter().find(|one| !self.netns.contains(one)) {
            netns = self.rng.pick(&[new, new, netns]);
        }
        if !self.netns.contains(&netns) {
            self.netns.push(netns);
        }
        Operation::NetnsAdd(netns)
    }

    fn netns_del(&mut self) -> Operation {
        let netns = self.rng.pick(&NETNS);
        if self.netns.len() > 1 {
            self.netns.retain(|one| *one != netns);
            self.links.retain(|(one, _)| *one != netns);
            self.sockets.retain(|one| one.netns != netns);
        }
        Operation::NetnsDel(netns)
    }

    fn link_add(&mut self) -> Operation {
        let netns = self.some_netns();
        let name: String = self.rng.pick(&NAMES[1..]).into();
        let mac = self.rng.pick(&MACS[..2]).into();
        self.links.push((netns, name.clone()));
        if name.starts_with('d') {
            return Operation::DummyAdd { netns, name, mac };
        }
        let peer_netns = self.some_netns();
        let peer: String = self.rng.pick(&NAMES[3..]).into();
        self.links.push((peer_netns, peer.clone()));
        Operation::VethAdd {
            netns,
            name,
            mac,
            peer_netns,
            peer,
            peer_mac: "02:00:00:00:00:03".into(),
        }
    }

    fn link_del(&mut self) -> Operation {
        let (netns, name) = self.some_link();
        self.links.retain(|link| *link != (netns, name.clone()));
        Operation::LinkDel(netns, name)
    }

    /// Up more often than down: on what is down, little happens.
    fn up_or_down(&mut self) -> Operation {
        let (netns, name) = self.some_link();
        let up = !self.rng.once_in(4);
        Operation::LinkSet(netns, name, Setting::Up(up))
    }

    fn link_set(&mut self) -> Operation {
        let (netns, name) = self.some_link();
        let setting = match self.rng.below(20) {
            0..=5 => Setting::Number("mtu", self.rng.pick(&MTUS)),
            6 => Setting::Number("txqueuelen", self.rng.pick(&QUEUES)),
            7 => Setting::Number("group", self.rng.pick(&GROUPS)),
            8 => {
                let key = self.rng.pick(&["gso_max_size", "gro_max_size"]);
                Setting::Number(key, self.rng.pick(&GSO_SIZES))
            }
            9 => Setting::Number("gso_max_segs", self.rng.pick(&GSO_SEGMENTS)),
            10..=13 => {
                let key = self.rng.pick(&Setting::SWITCHES);
                Setting::Switch(key, self.rng.once_in(2))
            }
            14 => self.rename(netns, &name),
            15..=16 => {
                let key = self.rng.pick(&["address", "address", "broadcast"]);
                Setting::Text(key, self.rng.pick(&MACS).into())
            }
            17 => Setting::Text("alias", self.rng.pick(&["home", "x", "local"]).into()),
            18 => self.some_mode(),
            _ => self.some_move(),
        };
        Operation::LinkSet(netns, name, setting)
    }

    fn rename(&mut self, netns: Netns, from: &str) -> Setting {
        let name: String = self.rng.pick(&["x0", "d0", "v0", LO]).into();
        for link in &mut self.links {
            if *link == (netns, from.into()) {
                link.1.clone_from(&name);
            }
        }
        Setting::Text("name", name)
    }

    fn some_mode(&mut self) -> Setting {
        match self.rng.once_in(2) {
            true => Setting::Text("mode", self.rng.pick(&["dormant", "default"]).into()),
            false => Setting::Text("addrgenmode", self.rng.pick(&["none", "eui64"]).into()),
        }
    }

    fn some_move(&mut self) -> Setting {
        match self.rng.below(4) {
            0 => Setting::NoMaster,
            1 => Setting::Text("master", self.rng.pick(&["d0", LO]).into()),
            _ => Setting::Netns(self.some_netns()),
        }
    }

    fn alt_name(&mut self) -> Operation {
        let (netns, name) = self.some_link();
        let action = self.rng.pick(&[Action::Add, Action::Add, Action::Del]);
        let other = self.rng.pick(&["loopback0", "another", LO, "d0"]).into();
        Operation::AltName(netns, action, name, other)
    }

    fn address(&mut self) -> Operation {
        let (netns, device) = self.some_link();
        Operation::Address {
            netns,
            action: self.some_action(),
            prefix: self.some_prefix(),
            device,
        }
    }

    fn route(&mut self) -> Operation {
        let (netns, device) = self.some_link();
        let to = self.some_destination();
        let kinds = [
            RouteKind::Unicast,
            RouteKind::Unicast,
            RouteKind::Unicast,
            RouteKind::Local,
            RouteKind::Blackhole,
            RouteKind::Unreachable,
        ];
        let kind = self.rng.pick(&kinds);
        let via = match self.rng.once_in(4) {
            true => Some(self.some_address(to.address.is_ipv6())),
            false => None,
        };
        let loses = matches!(kind, RouteKind::Blackhole | RouteKind::Unreachable);
        Operation::Route {
            netns,
            action: self.some_action(),
            kind,
            to,
            via: via.filter(|_| !loses),
            device: (!loses).then_some(device),
            metric: self.rng.pick(&METRICS),
            table: self.rng.pick(&TABLES),
        }
    }

    fn rule(&mut self) -> Operation {
        Operation::Rule {
            netns: self.some_netns(),
            action: self.rng.pick(&[Action::Add, Action::Add, Action::Del]),
            preference: self.rng.pick(&PREFERENCES),
            from: self.some_destination(),
            table: self.rng.pick(&TABLES),
        }
    }

    fn neighbour(&mut self) -> Operation {
        let (netns, device) = self.some_link();
        let v6 = self.some_family();
        Operation::Neighbour {
            netns,
            action: self.some_action(),
            address: self.some_address(v6),
            mac: self.rng.pick(&MACS).into(),
            device,
        }
    }

    fn feature(&mut self) -> Operation {
        let (netns, device) = self.some_link();
        let feature = self.rng.pick(&FEATURES).into();
        Operation::Feature(netns, device, feature, self.rng.once_in(2))
    }

    fn qdisc(&mut self) -> Operation {
        let (netns, device) = self.some_link();
        let queue = match self.rng.below(5) {
            0 => Some(("pfifo", self.rng.pick(&[0, 1, 100]))),
            1 => Some(("bfifo", self.rng.pick(&[0, 1000, 100_000]))),
            2 => Some(("netem", self.rng.pick(&[0, 100]))),
            _ => None,
        };
        Operation::Qdisc(netns, device, queue)
    }

    fn ping(&mut self) -> Operation {
        let netns = self.some_netns();
        let v6 = self.some_family();
        let address = self.some_address(v6);
        Operation::Ping(netns, address, self.rng.pick(&PING_SIZES))
    }

    /// Two that talk to each other, to be gone through step by step.
    fn talk(&mut self) {
        let netns = self.some_netns();
        if self.rng.once_in(5) {
            return self.flood(netns);
        }
        let v6 = self.some_family();
        let to = parse(if v6 { "::1" } else { "127.0.0.1" });
        let port = self.rng.pick(&PORTS);
        let first = self.rng.below(SOCKETS.into()) as u8;
        let [one, other, third] = [0, 1, 2].map(|n| (first + n) % SOCKETS);
        let kinds = match v6 {
            true => [SocketKind::Udp6, SocketKind::Tcp6, SocketKind::Raw6],
            false => [SocketKind::Udp4, SocketKind::Tcp4, SocketKind::Raw4],
        };
        let (step, len) = (self.rng.below(4), self.rng.pick(&SIZES));
        let little = self.rng.pick(&TCP_SIZES);
        let steps = match step {
            0 => vec![
                (one, SocketAction::Open(netns, kinds[0])),
                (one, SocketAction::Bind(to, port)),
                (other, SocketAction::Open(netns, kinds[0])),
                (other, SocketAction::Connect(to, port)),
                (other, SocketAction::Send(len)),
                (one, SocketAction::Recv),
            ],
            1 => vec![
                (one, SocketAction::Open(netns, kinds[2])),
                (one, SocketAction::SendTo(to, port, len)),
                (one, SocketAction::Recv),
                (one, SocketAction::Recv),
            ],
            2 => vec![
                (one, SocketAction::Open(netns, SocketKind::Packet)),
                (one, SocketAction::Device(LO.into())),
                (one, SocketAction::Send(len)),
                (one, SocketAction::Recv),
                (one, SocketAction::Recv),
            ],
            _ => vec![
                (one, SocketAction::Open(netns, kinds[1])),
                (one, SocketAction::Bind(to, port)),
                (one, SocketAction::Listen),
                (other, SocketAction::Open(netns, kinds[1])),
                (other, SocketAction::Connect(to, port)),
                (one, SocketAction::Accept(third)),
                (other, SocketAction::Send(little)),
                (third, SocketAction::Recv),
                (third, SocketAction::Send(little)),
                (other, SocketAction::Recv),
                (other, SocketAction::Close),
                (third, SocketAction::Close),
            ],
        };
        for (number, action) in steps {
            if let SocketAction::Open(netns, kind) = action {
                self.remember(number, netns, kind);
            }
            self.pending.push_back(Operation::Socket(number, action));
        }
    }

    /// A packet in so many pieces that the answer's are too many for the backlog.
    fn flood(&mut self, netns: Netns) {
        let mtu = self.rng.pick(&[68, 576]);
        let size = self.rng.pick(&[9000, 65_507]);
        for setting in [Setting::Up(true), Setting::Number("mtu", mtu)] {
            let set = Operation::LinkSet(netns, LO.into(), setting);
            self.pending.push_back(set);
        }
        let ping = Operation::Ping(netns, parse("127.0.0.1"), size);
        self.pending.push_back(ping);
    }

    fn socket(&mut self) -> Operation {
        let want_more = self.sockets.len() < 2 || self.rng.once_in(6);
        if want_more {
            return self.socket_open();
        }
        let socket = self.rng.pick(&self.sockets.clone());
        let action = match socket.kind {
            SocketKind::Packet => self.packet_action(),
            kind if kind.is_tcp() => return self.tcp(&socket),
            _ => self.datagram_action(&socket),
        };
        self.close(&socket, &action);
        Operation::Socket(socket.number, action)
    }

    fn close(&mut self, socket: &Socket, action: &SocketAction) {
        if *action == SocketAction::Close {
            self.sockets.retain(|one| one.number != socket.number);
        }
    }

    fn socket_open(&mut self) -> Operation {
        let number = self.rng.below(SOCKETS.into()) as u8;
        let netns = self.some_netns();
        let kind = self.rng.pick(&SocketKind::ALL);
        self.remember(number, netns, kind);
        Operation::Socket(number, SocketAction::Open(netns, kind))
    }

    /// A socket, if its number is not taken: that is refused.
    fn remember(&mut self, number: u8, netns: Netns, kind: SocketKind) {
        if self.sockets.iter().all(|one| one.number != number) {
            self.sockets.push(Socket {
                number,
                netns,
                kind,
                listens: false,
            });
        }
    }

    fn packet_action(&mut self) -> SocketAction {
        match self.rng.below(9) {
            0..=2 => SocketAction::Device(self.some_link().1),
            3..=4 => SocketAction::Send(self.rng.pick(&SIZES)),
            5..=7 => SocketAction::Recv,
            _ => SocketAction::Close,
        }
    }

    fn datagram_action(&mut self, socket: &Socket) -> SocketAction {
        let v6 = matches!(socket.kind, SocketKind::Udp6 | SocketKind::Raw6);
        let address = self.some_address(v6);
        let port = self.rng.pick(&PORTS);
        match self.rng.below(16) {
            0..=2 => SocketAction::Bind(address, port),
            3 => SocketAction::Device(self.some_link().1),
            4..=5 => SocketAction::Connect(address, port),
            6..=8 => SocketAction::Send(self.rng.pick(&SIZES)),
            9..=11 => SocketAction::SendTo(address, port, self.rng.pick(&SIZES)),
            12..=13 => SocketAction::Recv,
            14 => SocketAction::Shutdown,
            _ => SocketAction::Close,
        }
    }

    fn tcp(&mut self, socket: &Socket) -> Operation {
        let v6 = socket.kind == SocketKind::Tcp6;
        let action = match self.rng.below(14) {
            0..=1 => {
                let address = self.some_address(v6);
                let port = self.rng.pick(&PORTS);
                self.listeners.push((address, port));
                SocketAction::Bind(address, port)
            }
            2..=3 => {
                self.mark_listening(socket);
                SocketAction::Listen
            }
            4..=6 => self.tcp_connect(v6),
            7 => SocketAction::Device(self.some_link().1),
            8..=9 if socket.listens => SocketAction::Accept(self.accepted(socket)),
            8..=10 => SocketAction::Send(self.rng.pick(&TCP_SIZES)),
            11 => SocketAction::Recv,
            12 => SocketAction::Shutdown,
            _ => SocketAction::Close,
        };
        self.close(socket, &action);
        Operation::Socket(socket.number, action)
    }

    fn mark_listening(&mut self, socket: &Socket) {
        for one in &mut self.sockets {
            one.listens |= one.number == socket.number;
        }
    }

    /// Most often to someone who may listen.
    fn tcp_connect(&mut self, v6: bool) -> SocketAction {
        let fitting: Vec<(IpAddr, u16)> = self
            .listeners
            .iter()
            .copied()
            .filter(|(address, _)| address.is_ipv6() == v6)
            .collect();
        if fitting.is_empty() || self.rng.once_in(4) {
            return SocketAction::Connect(self.some_address(v6), self.rng.pick(&PORTS));
        }
        let (address, port) = self.rng.pick(&fitting);
        SocketAction::Connect(address, port)
    }

    /// The number of the socket that an accepted connection becomes.
    fn accepted(&mut self, listener: &Socket) -> u8 {
        let number = self.rng.below(SOCKETS.into()) as u8;
        if self.sockets.iter().all(|one| one.number != number) {
            self.sockets.push(Socket {
                number,
                listens: false,
                ..listener.clone()
            });
        }
        number
    }
}

/// An address of the tables above.
fn parse(text: &str) -> IpAddr {
    text.parse().unwrap_or(IpAddr::V4([127, 0, 0, 1].into()))
}

/// The first `len` bits of `address`.
fn network(address: IpAddr, len: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let kept = u32::MAX.checked_shl(32_u32.saturating_sub(len.into()));
            IpAddr::V4((u32::from(address) & kept.unwrap_or(0)).into())
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128_u32.saturating_sub(len.into()));
            IpAddr::V6((u128::from(address) & kept.unwrap_or(0)).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_tables_are_addresses() {
        for text in V4.iter().chain(&V6) {
            assert_eq!(parse(text).to_string(), *text);
        }
    }

    #[test]
    fn a_network_is_the_beginning_of_an_address() {
        assert_eq!(network(parse("10.0.1.1"), 24), parse("10.0.1.0"));
        assert_eq!(network(parse("10.0.1.1"), 32), parse("10.0.1.1"));
        assert_eq!(network(parse("10.0.1.1"), 33), parse("10.0.1.1"));
        assert_eq!(network(parse("10.0.1.1"), 0), parse("0.0.0.0"));
        assert_eq!(network(parse("fd00:1::1"), 64), parse("fd00:1::"));
        assert_eq!(network(parse("fd00:1::1"), 129), parse("fd00:1::1"));
    }

    /// All kinds, most often of `lo`.
    #[test]
    fn everything_occurs() {
        let text: Vec<String> = (0..200)
            .flat_map(|seed| generate(seed, 40))
            .map(|operation| operation.to_string())
            .collect();
        let about = |words: &str| text.iter().filter(|line| line.contains(words)).count();
        for words in Setting::NUMBERS
            .iter()
            .chain(&Setting::SWITCHES)
            .chain(&Setting::TEXTS)
            .chain(&FEATURES)
        {
            assert!(about(&format!(" {words} ")) > 0, "{words}");
        }
        for words in [
            "netns add",
            "netns del",
            "dummy",
            "veth",
            "link del",
            "lo up",
            "lo down",
            "altname",
            "addr",
            "route",
            "rule",
            "neigh",
            "ethtool",
            "qdisc",
            "ping",
            "open",
            "bind",
            "device",
            "connect",
            "listen",
            "accept",
            "send ",
            "sendto",
            "recv",
            "shutdown",
            "close",
            "netns b",
        ] {
            assert!(about(words) > 0, "{words}");
        }
        assert!(about(" lo") > text.len() / 3);
    }
}
