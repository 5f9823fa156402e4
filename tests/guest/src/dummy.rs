// SPDX-License-Identifier: GPL-2.0

//! The abstractions' second user, `rust_dummy.ko`, as user space sees it.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use crate::checks::netns_delete;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::ip;
use crate::ip::Link;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::namespace::NAME;
use crate::tally;
use crate::wait;

/// The module, its file, and its device.
pub const MODULE: &str = "rust_dummy";
pub const FILE: &str = "rust_dummy.ko";
pub const DEVICE: &str = "rdummy0";

/// A network of its own; nobody else is in it.
const ADDRESS: &str = "10.7.7.1";
const NOBODY: &str = "10.7.7.2";

/// How much a check sends, and what that is on the wire: Ethernet, IPv4 and UDP headers and data.
const PACKETS: u64 = 5;
const DATA: usize = 100;
const FRAME: u64 = 14 + 20 + 8 + DATA as u64;

/// How long the kernel may take to tell of a carrier, or to bring a device back.
const DEADLINE: Duration = Duration::from_secs(15);

fn show(scope: Scope) -> Result<Link, String> {
    let words = scope.ip(&["-j", "-d", "-s", "link", "show", DEVICE]);
    ip::parse_one(&command::run(&words)?)
}

fn set(arguments: &[&str]) -> Result<(), String> {
    command::run(&[&["ip", "link", "set", DEVICE], arguments].concat()).map(drop)
}

/// Waits for the device to be as `wanted`.
fn await_link(what: &str, wanted: impl Fn(&Link) -> bool) -> Result<(), String> {
    let mut link = Err("never asked".into());
    let came = wait::until(DEADLINE, || {
        link = show(Scope::Init);
        Ok(link.as_ref().is_ok_and(&wanted))
    })?;
    if came {
        return Ok(());
    }
    let seconds = DEADLINE.as_secs();
    Err(format!("not {what} after {seconds} s: {link:?}"))
}

/// Up, with an address, and without IPv6, which would send packets of its own.
fn bring_up() -> Result<(), String> {
    bring_up_with(&[&format!("{ADDRESS}/24")], "1")
}

/// Up, with these addresses; `disable_ipv6` as the file of that name has it.
pub fn bring_up_with(addresses: &[&str], disable_ipv6: &str) -> Result<(), String> {
    let file = format!("/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6");
    fs::write(&file, disable_ipv6).map_err(|e| format!("{file}: {e}"))?;
    set(&["up"])?;
    for address in addresses {
        command::run(&["ip", "addr", "replace", address, "dev", DEVICE, "nodad"])?;
    }
    Ok(())
}

fn has(link: &Link, flag: &str) -> bool {
    link.flags.iter().any(|found| found == flag)
}

/// What must be true of the device before anybody touches it.
pub fn link(_: &mut Context<'_>) -> Verdict {
    let link = show(Scope::Init)?;
    let wanted = Link {
        ifindex: link.ifindex,
        ifname: DEVICE.into(),
        flags: vec!["BROADCAST".into(), "NOARP".into()],
        mtu: 1500,
        qdisc: "noop".into(),
        operstate: "DOWN".into(),
        group: "default".into(),
        txqlen: 1000,
        link_type: "ether".into(),
        address: link.address.clone(),
        broadcast: "ff:ff:ff:ff:ff:ff".into(),
        ..Link::default()
    };
    if link != wanted {
        return Err(format!("{DEVICE} is {link:?}, not {wanted:?}").into());
    }
    // Random, but locally administered and no multicast address.
    if !matches!(
        link.address.as_bytes().get(1),
        Some(b'2' | b'6' | b'a' | b'e')
    ) {
        return Err(format!("{DEVICE} has the address {}", link.address).into());
    }
    for (queue, there) in [
        ("tx-0", true),
        ("tx-3", true),
        ("tx-4", false),
        ("rx-1", true),
        ("rx-2", false),
    ] {
        let path = format!("/sys/class/net/{DEVICE}/queues/{queue}");
        if Path::new(&path).exists() != there {
            return Err(format!("{path}: there: {}", !there).into());
        }
    }
    Ok(())
}

/// Its own open and stop run when it goes up and down.
pub fn up_and_down(_: &mut Context<'_>) -> Verdict {
    set(&["down"])?;
    let opens = tally::read(MODULE, "opens")?;
    let stops = tally::read(MODULE, "stops")?;
    bring_up()?;
    tally::expect(MODULE, "opens", opens + 1)?;
    await_link("up", |link| has(link, "UP") && has(link, "LOWER_UP"))?;
    set(&["down"])?;
    tally::expect(MODULE, "stops", stops + 1)?;
    Ok(())
}

/// What is sent is counted by the driver's own statistics, exactly.
pub fn counters(_: &mut Context<'_>) -> Verdict {
    bring_up()?;
    let before = show(Scope::Init)?.stats64;
    let io = |e| format!("UDP from {ADDRESS} to {NOBODY}: {e}");
    let socket = UdpSocket::bind((ADDRESS, 0)).map_err(io)?;
    for _ in 0..PACKETS {
        socket.send_to(&[0; DATA], (NOBODY, 9)).map_err(io)?;
    }
    let sent = |link: &Link| link.stats64.tx.packets - before.tx.packets;
    await_link("done sending", |link| sent(link) >= PACKETS)?;
    let after = show(Scope::Init)?;
    let bytes = after.stats64.tx.bytes - before.tx.bytes;
    if (sent(&after), bytes) != (PACKETS, PACKETS * FRAME) {
        return Err(format!("{} packets, {bytes} bytes", sent(&after)).into());
    }
    if after.stats64.rx != before.rx {
        return Err(format!("received {:?}", after.stats64.rx).into());
    }
    Ok(())
}

/// The driver has a word to say on its MTU.
pub fn mtu(_: &mut Context<'_>) -> Verdict {
    let refused = set(&["mtu", "9001"]).err().unwrap_or_default();
    if !refused.contains("Message too long") {
        return Err(format!("mtu 9001: {refused:?}").into());
    }
    for mtu in [9000, 1500] {
        set(&["mtu", &mtu.to_string()])?;
        let found = show(Scope::Init)?.mtu;
        if found != mtu {
            return Err(format!("mtu is {found}, not {mtu}").into());
        }
    }
    Ok(())
}

/// Its address can be changed, but not to one of many.
pub fn address(_: &mut Context<'_>) -> Verdict {
    const ONE: &str = "02:00:00:00:00:07";
    let refused = set(&["address", "01:00:00:00:00:07"])
        .err()
        .unwrap_or_default();
    if !refused.contains("Cannot assign requested address") {
        return Err(format!("a multicast address: {refused:?}").into());
    }
    set(&["address", ONE])?;
    let found = show(Scope::Init)?.address;
    if found != ONE {
        return Err(format!("the address is {found}, not {ONE}").into());
    }
    Ok(())
}

/// The administrator can take its carrier.
pub fn carrier(_: &mut Context<'_>) -> Verdict {
    bring_up()?;
    set(&["carrier", "off"])?;
    await_link("without carrier", |link| has(link, "NO-CARRIER"))?;
    set(&["carrier", "on"])?;
    await_link("back on the line", |link| has(link, "LOWER_UP"))?;
    Ok(())
}

/// It can be moved to another namespace, and comes home when that one goes. Its data lives on.
pub fn netns(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Made)?;
    set(&["netns", NAME])?;
    if show(Scope::Init).is_ok() {
        return Err(format!("{DEVICE} is still at home").into());
    }
    show(Scope::Made)?;
    netns_delete(context)?;
    await_link("back at home", |link| link.ifname == DEVICE)?;
    tally::expect(MODULE, "made", 1)?;
    tally::expect(MODULE, "dropped", 0)?;
    bring_up()?;
    Ok(())
}

/// It goes with its module, also while it is up, and comes back with it.
pub fn unload(_: &mut Context<'_>) -> Verdict {
    bring_up()?;
    kunit::choose(kunit::NONE)?;
    modules::remove(MODULE)?;
    if show(Scope::Init).is_ok() {
        return Err(format!("rmmod succeeded, but {DEVICE} is there").into());
    }
    modules::insert_again(FILE)?;
    show(Scope::Init)?;
    Ok(())
}
