// SPDX-License-Identifier: GPL-2.0

//! What a sequence happens in: its namespaces and sockets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use lab_random::Action;
use lab_random::Netns;
use lab_random::Operation;
use lab_random::Setting;
use lab_random::SocketAction;

use super::barrier::Barrier;
use super::ethtool::Ethtool;
use super::links;
use super::links::Device;
use super::links::Hints;
use super::links::Route;
use super::message::Request;
use super::outcome;
use super::outcome::Outcome;
use super::sockets;
use super::sockets::Sockets;
use super::space::Door;
use super::space::Space;
use super::view::fnv;
use crate::rcu;

/// What all sequences share.
#[derive(Debug)]
pub struct Stage {
    /// Where the thread is while it does nothing in a namespace of the sequence.
    pub home: Door,
    /// Waits for packets.
    pub barrier: Barrier,
    /// What is known of ethtool.
    pub ethtool: Ethtool,
}

/// That.
#[derive(Debug)]
pub struct World<'a> {
    stage: &'a Stage,
    spaces: BTreeMap<Netns, Space>,
    sockets: Sockets,
    socket_facts: BTreeMap<String, String>,
}

/// Answers, or says that there is no such namespace.
macro_rules! space {
    ($self:ident, $netns:expr) => {
        match $self.spaces.get(&$netns) {
            Some(space) => space,
            None => return Ok(outcome::refused("there is no such namespace")),
        }
    };
}

impl<'a> World<'a> {
    /// A new one, with one namespace.
    pub fn make(stage: &'a Stage) -> Result<Self, String> {
        let mut world = Self {
            stage,
            spaces: BTreeMap::new(),
            sockets: Sockets::default(),
            socket_facts: BTreeMap::new(),
        };
        world.add_netns(Netns::FIRST)?;
        Ok(world)
    }

    /// Lets it go. It is gone when this returns.
    pub fn end(self) -> Result<(), String> {
        drop(self.sockets);
        self.spaces.into_values().try_for_each(Space::end)
    }

    /// Does an operation, and waits for what comes of it by itself.
    pub fn act(&mut self, operation: &Operation) -> Result<String, String> {
        self.sockets.push();
        let mut outcome = self.start(operation)?;
        if may_end_routes(operation) && !self.sockets.is_empty() {
            rcu::barrier()?;
        }
        self.stage.barrier.wait()?;
        self.sockets.push();
        self.stage.barrier.wait()?;
        if let Operation::Socket(number, SocketAction::Connect(..)) = operation {
            if outcome.said == "EINPROGRESS" {
                outcome.said = self.sockets.finish_connect(*number).unwrap_or(outcome.said);
                self.stage.barrier.wait()?;
            }
        }
        Ok(outcome.said)
    }

    /// What has changed since the last time, in words; and a number for all there is.
    pub fn look(&mut self) -> Result<(Vec<String>, u64), String> {
        let mut changes = Vec::new();
        let mut hashes = Vec::new();
        for (netns, space) in &mut self.spaces {
            let mut found = Vec::new();
            space.view.look(&self.stage.ethtool, &mut found)?;
            changes.extend(found.into_iter().map(|change| format!("{netns} {change}")));
            hashes.extend(space.view.hash().to_ne_bytes());
        }
        let facts: BTreeMap<String, String> = self.sockets.facts().into_iter().collect();
        super::view::differ(&self.socket_facts, &facts, &mut changes);
        hashes.extend(
            facts
                .iter()
                .flat_map(|(key, value)| format!("{key}={value}\n").into_bytes()),
        );
        self.socket_facts = facts;
        Ok((changes, fnv(hashes.into_iter())))
    }

    fn start(&mut self, operation: &Operation) -> Result<Outcome, String> {
        match operation {
            Operation::NetnsAdd(netns) => self.add_netns(*netns),
            Operation::NetnsDel(netns) => self.del_netns(*netns),
            Operation::Ping(netns, to, size) => self.ping(*netns, *to, *size),
            Operation::Socket(number, action) => self.socket(*number, action),
            Operation::Feature(netns, device, feature, on) => {
                let space = space!(self, *netns);
                let request = self.stage.ethtool.set_feature(device, feature, *on);
                space.view.generic().ask(&request).map(outcome::of_errno)
            }
            _ => self.route(operation),
        }
    }

    fn add_netns(&mut self, netns: Netns) -> Result<Outcome, String> {
        if self.spaces.contains_key(&netns) {
            return Ok(outcome::refused("there is one"));
        }
        let space = Space::make();
        self.stage.home.enter()?;
        self.spaces.insert(netns, space?);
        Ok(outcome::of(Ok(())))
    }

    fn del_netns(&mut self, netns: Netns) -> Result<Outcome, String> {
        let Some(space) = self.spaces.remove(&netns) else {
            return Ok(outcome::refused("there is no such namespace"));
        };
        self.sockets.leave(netns);
        space.end()?;
        Ok(outcome::of(Ok(())))
    }

    fn ping(&mut self, netns: Netns, to: IpAddr, size: usize) -> Result<Outcome, String> {
        let space = space!(self, netns);
        space.door.enter()?;
        let socket = sockets::open_echo(to.is_ipv6());
        self.stage.home.enter()?;
        let socket = socket.map_err(|e| format!("a raw socket: {e}"))?;
        let sent = sockets::send_echo(&socket, to, size);
        self.stage.barrier.wait()?;
        let types = sockets::icmp_types(&socket, to.is_ipv6());
        let said = outcome::of(sent).said;
        Ok(Outcome {
            said: format!("{said}, got {types:?}"),
        })
    }

    fn socket(&mut self, number: u8, action: &SocketAction) -> Result<Outcome, String> {
        if let SocketAction::Open(netns, kind) = action {
            space!(self, *netns).door.enter()?;
            let outcome = self.sockets.open(number, *netns, *kind);
            self.stage.home.enter()?;
            return Ok(outcome);
        }
        let space = self
            .sockets
            .netns_of(number)
            .and_then(|netns| self.spaces.get(&netns));
        let index = match (action, space) {
            (SocketAction::Device(name), Some(space)) => space.view.index_of(name),
            _ => None,
        };
        Ok(self.sockets.act(number, action, index))
    }

    /// What rtnetlink does.
    fn route(&self, operation: &Operation) -> Result<Outcome, String> {
        let Some((netns, device)) = place(operation) else {
            return Err(format!("not an operation of rtnetlink's: {operation}"));
        };
        let space = space!(self, netns);
        let index = device.and_then(|name| space.view.index_of(name));
        let request = match self.request(operation, index) {
            Ok(request) => request,
            Err(why) => return Ok(outcome::refused(why)),
        };
        space.view.route().ask(&request).map(outcome::of_errno)
    }

    /// The request for `operation`, whose device has this index; or why there can be none.
    fn request(&self, operation: &Operation, index: Option<u32>) -> Result<Request, &'static str> {
        const NO_DEVICE: &str = "there is no such device";
        const NO_NETNS: &str = "there is no such namespace";
        let device = |name| Device {
            index: index.unwrap_or_default(),
            name,
        };
        Ok(match operation {
            Operation::DummyAdd { name, mac, .. } => links::dummy(name, mac),
            Operation::VethAdd {
                name,
                mac,
                peer_netns,
                peer,
                peer_mac,
                ..
            } => {
                let space = self.spaces.get(peer_netns).ok_or(NO_NETNS)?;
                links::veth((name, mac), (peer, peer_mac), space.door.number())
            }
            Operation::LinkDel(_, name) => links::delete(&device(name)),
            Operation::LinkSet(netns, name, setting) => {
                let hints = self.hints(*netns, setting)?;
                links::set(&device(name), setting, hints)
            }
            Operation::AltName(_, action, name, other) => {
                links::alt_name(&device(name), *action, other)
            }
            Operation::Address { action, prefix, .. } => {
                links::address(*action, *prefix, index.ok_or(NO_DEVICE)?)
            }
            Operation::Route {
                action,
                kind,
                to,
                via,
                device,
                metric,
                table,
                ..
            } => {
                let index = device
                    .as_ref()
                    .map(|_| index.ok_or(NO_DEVICE))
                    .transpose()?;
                let route = Route {
                    kind: *kind,
                    to: *to,
                    via: *via,
                    index,
                    metric: *metric,
                    table: *table,
                };
                route.request(*action)
            }
            Operation::Rule {
                action,
                preference,
                from,
                table,
                ..
            } => links::rule(*action, *preference, *from, *table),
            Operation::Neighbour {
                action,
                address,
                mac,
                ..
            } => links::neighbour(*action, *address, mac, index.ok_or(NO_DEVICE)?),
            Operation::Qdisc(_, _, queue) => links::qdisc(*queue, index.ok_or(NO_DEVICE)?),
            _ => return Err("it is not rtnetlink's"),
        })
    }

    fn hints(&self, netns: Netns, setting: &Setting) -> Result<Hints, &'static str> {
        let mut hints = Hints::default();
        if let Setting::Netns(to) = setting {
            let space = self.spaces.get(to).ok_or("there is no such namespace")?;
            hints.netns = space.door.number();
        }
        if let (Setting::Text("master", name), Some(space)) = (setting, self.spaces.get(&netns)) {
            let index = space.view.index_of(name);
            hints.master = index.ok_or("there is no such device")?;
        }
        Ok(hints)
    }
}

/// Whether a route may go that a socket still has. When that route is really gone, some time later,
/// the socket finds that it has an MTU of 68: TCP cuts what it sends into pieces before it looks for
/// another route.
fn may_end_routes(operation: &Operation) -> bool {
    match operation {
        Operation::LinkDel(..) => true,
        Operation::LinkSet(_, _, setting) => matches!(
            setting,
            Setting::Up(false) | Setting::Netns(_) | Setting::Number("mtu", _)
        ),
        Operation::Address { action, .. } | Operation::Route { action, .. } => {
            *action != Action::Add
        }
        _ => false,
    }
}

/// Where it happens, and the device that it is about.
fn place(operation: &Operation) -> Option<(Netns, Option<&str>)> {
    match operation {
        Operation::DummyAdd { netns, .. }
        | Operation::VethAdd { netns, .. }
        | Operation::Rule { netns, .. } => Some((*netns, None)),
        Operation::LinkDel(netns, name)
        | Operation::LinkSet(netns, name, _)
        | Operation::AltName(netns, _, name, _)
        | Operation::Qdisc(netns, name, _) => Some((*netns, Some(name))),
        Operation::Address { netns, device, .. } | Operation::Neighbour { netns, device, .. } => {
            Some((*netns, Some(device)))
        }
        Operation::Route { netns, device, .. } => Some((*netns, device.as_deref())),
        _ => None,
    }
}
