// SPDX-License-Identifier: GPL-2.0

//! `rmmod` of the driver while its devices live: all is undone, and can be done again.

use std::io;
use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::time::Duration;

use lab_protocol::Record;

use crate::checks;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::dummy;
use crate::frame;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::namespace::NAME;
use crate::witness::Witness;

/// Addresses that are not lo's.
const ADDRESS4: &str = "10.7.8.1";
const PEER4: Ipv4Addr = Ipv4Addr::new(10, 7, 8, 9);
const ADDRESS6: &str = "fd00:7:8::1";
/// Leads there by a nexthop that is an object of its own.
const OBJECT6: &str = "fd00:7:8::2";
/// Many could have it, but it is local.
const GROUP4: Ipv4Addr = Ipv4Addr::new(239, 7, 8, 1);

/// How long a datagram may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// The device that stands for lo while there is none.
const NOBODY: &str = "blackhole_dev";

/// How often the driver goes and comes back.
const ROUNDS: usize = 5;

const SCOPES: [Scope; 2] = [Scope::Init, Scope::Made];

/// Asks for it, with `lo` up in two namespaces.
pub fn check(context: &mut Context<'_>) -> Verdict {
    for scope in SCOPES {
        context.need_up(scope)?;
    }
    // The module's suites have run, and take longer than all of this.
    kunit::choose(kunit::NONE)?;
    let neighbour = Neighbour::make()?;
    for _ in 0..ROUNDS {
        // The way to another device's address leads over lo. The routes that come of this are cached
        // at that device and in sockets, and must not keep lo from going.
        neighbour.talk()?;
        modules::remove(modules::DRIVER)?;
        gone()?;
        number_1_is_kept()?;
        back(context)?;
        works(context)?;
    }
    checks::netns_delete(context)
}

/// Another device with addresses, and sockets that are older than any lo but the first.
struct Neighbour {
    /// Talks to itself.
    own: UdpSocket,
    /// Gets what [`frame::send`] sends, and keeps the route by which it came.
    receiver: UdpSocket,
}

impl Neighbour {
    fn make() -> Result<Self, String> {
        dummy::bring_up_with(&[&format!("{ADDRESS4}/24"), ADDRESS6], "0")?;
        local_routes()?;
        let own = udp(0)?;
        let local = own.local_addr().map_err(failed)?;
        own.connect(local).map_err(failed)?;
        let receiver = udp(frame::PORT)?;
        receiver.connect((PEER4, frame::PORT)).map_err(failed)?;
        Ok(Self { own, receiver })
    }

    /// Talks to the other device's addresses, in new flows and in old ones.
    fn talk(&self) -> Result<(), String> {
        for address in [ADDRESS4, ADDRESS6, OBJECT6] {
            command::run(&[
                "ping", "-n", "-q", "-c", "2", "-i", "0.002", "-W", "5", address,
            ])?;
        }
        self.own.send(b"over lo").map_err(failed)?;
        expect_datagram(&self.own, b"over lo")?;
        // What the device itself receives has a route that is cached in another place, and is kept by
        // whom it is for.
        let address = ADDRESS4.parse().map_err(|e| format!("{ADDRESS4}: {e}"))?;
        frame::send(PEER4, address)?;
        expect_datagram(&self.receiver, b"")?;
        // Nobody has joined this group, but it is local: what is sent there has a route of another kind.
        let sent = UdpSocket::bind("0.0.0.0:0").and_then(|any| any.send_to(b"", (GROUP4, 9)));
        sent.map(drop).map_err(|e| format!("UDP to {GROUP4}: {e}"))
    }
}

fn udp(port: u16) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind((ADDRESS4, port)).map_err(failed)?;
    socket.set_read_timeout(Some(DEADLINE)).map_err(failed)?;
    Ok(socket)
}

fn failed(error: io::Error) -> String {
    format!("UDP to {ADDRESS4}: {error}")
}

/// Whether `socket` gets `wanted`.
fn expect_datagram(socket: &UdpSocket, wanted: &[u8]) -> Result<(), String> {
    let mut answer = [0; 8];
    let len = socket.recv(&mut answer).map_err(failed)?;
    match &answer[..len] {
        answer if answer == wanted => Ok(()),
        other => Err(format!("UDP to {ADDRESS4}: {other:?}, not {wanted:?}")),
    }
}

/// Makes two more addresses local: one over a nexthop that other routes could share, and that of a
/// group.
fn local_routes() -> Result<(), String> {
    let dev = dummy::DEVICE;
    let group = GROUP4.to_string();
    let table = ["table", "local"];
    command::run(&["ip", "-6", "nexthop", "replace", "id", "7", "dev", dev])?;
    for route in [
        &[
            "ip", "-6", "route", "replace", "local", OBJECT6, "nhid", "7",
        ],
        &["ip", "-4", "route", "replace", "local", &group, "dev", dev],
    ] {
        command::run(&[&route[..], &table].concat())?;
    }
    Ok(())
}

/// Nothing of the driver may be left, in any namespace.
pub fn gone() -> Result<(), String> {
    for scope in SCOPES {
        if scope.has_device("lo")? {
            return Err(format!("rmmod succeeded, but {scope:?} has lo"));
        }
        nobody(&scope.witness()?)
            .map_err(|why| format!("rmmod succeeded, but {scope:?}'s {why}"))?;
    }
    Ok(())
}

/// While there is no lo, its number is nobody else's, in no namespace.
fn number_1_is_kept() -> Result<(), String> {
    for place in [&[][..], &["netns", NAME]] {
        let words = ["ip", "link", "add", "name", "first", "index", "1"];
        match command::run(&[&words, place, &["type", "dummy"]].concat()) {
            Err(why) if why.ends_with("Device or resource busy") => {}
            other => return Err(format!("without lo, a device with index 1: {other:?}")),
        }
    }
    Ok(())
}

/// Checks that a namespace has what stands for lo while there is none.
pub fn nobody(witness: &Witness) -> Result<(), String> {
    let Witness {
        name,
        transmit,
        ipv6,
        ..
    } = witness;
    if name != NOBODY || !transmit.module.is_empty() {
        return Err(format!("loopback_dev is {name}, by {transmit}"));
    }
    if ipv6 != "here" {
        return Err(format!("IPv6's {ipv6}"));
    }
    Ok(())
}

/// Inserts it once more.
pub fn back(context: &mut Context<'_>) -> Result<(), String> {
    context.forget();
    let record = modules::insert(context.driver, "");
    let Record::Insmod { errno, error, .. } = &record else {
        return Ok(());
    };
    if *errno != 0 {
        return Err(format!("after rmmod, insmod fails: {error}"));
    }
    context.reporter.send(&record)
}

/// It is there and works, in namespaces that are older than it.
fn works(context: &mut Context<'_>) -> Verdict {
    checks::module_insert(context)?;
    for scope in SCOPES {
        checks::owner(context, scope)?;
        checks::ping4(context, scope)?;
        checks::ping6(context, scope)?;
    }
    Ok(())
}
