// SPDX-License-Identifier: GPL-2.0

//! What `/proc/net` says: `dev` and `ptype`.

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::counters;
use crate::frame;
use crate::here::proc_net;
use crate::namespace::Scope;
use crate::net_dev::Row;
use crate::own_netns::OwnNetns;

/// Of which length the pings of [`dev`] are, and how many there are.
const PINGS: u64 = 4;

/// What `row` is after such traffic.
fn after(mut row: Row, packets: u64, bytes: u64) -> Row {
    for direction in [&mut row.rx, &mut row.tx] {
        direction[0] += bytes;
        direction[1] += packets;
    }
    row
}

/// `/proc/net/dev` has a row for this namespace's `lo` that counts what passes, and nothing else.
pub fn dev(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let own = OwnNetns::up("lo-proc")?;
    let rows = || -> Result<(Row, Row), String> {
        Ok((own.inside(|| Row::read("lo"))?, Row::read("lo")?))
    };
    let (before, outside) = rows()?;
    if before != Row::default() {
        return Err(format!("a new lo has counted already: {before:?}").into());
    }
    let count = PINGS.to_string();
    let mut ping = vec!["ip", "netns", "exec", own.name()];
    ping.extend(["ping", "-q", "-n", "-c", &count, "-i", "0.002", "-W", "5"]);
    ping.push("127.0.0.1");
    command::run(&ping)?;
    let traffic = counters::of_pings(PINGS, counters::IPV4);
    let wanted = (after(before, traffic.packets, traffic.bytes), outside);
    let found = rows()?;
    if found != wanted {
        return Err(format!("inside and outside: {found:?}, expected {wanted:?}").into());
    }
    Ok(own.delete()?)
}

/// A row of `/proc/net/ptype`: who gets which packets.
#[derive(Clone, Debug, PartialEq)]
struct Ptype {
    /// The protocol, in hexadecimal digits, or `ALL`.
    kind: String,
    /// Of which device; empty for all.
    device: String,
    function: String,
}

fn parse_ptype(text: &str) -> Result<Vec<Ptype>, String> {
    let mut lines = text.lines();
    if lines.next().map(|line| line.split_whitespace().next()) != Some(Some("Type")) {
        return Err(format!("/proc/net/ptype has no heading: {text}"));
    }
    lines.map(parse_ptype_row).collect()
}

fn parse_ptype_row(line: &str) -> Result<Ptype, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (kind, device, function) = match words[..] {
        [kind, function] => (kind, "", function),
        [kind, device, function] => (kind, device, function),
        _ => return Err(format!("/proc/net/ptype: {line}")),
    };
    Ok(Ptype {
        kind: kind.into(),
        device: device.into(),
        function: function.into(),
    })
}

/// The packet sockets of `lo` in this thread's namespace.
fn packet_sockets() -> Result<Vec<String>, String> {
    let rows = parse_ptype(&proc_net("ptype")?)?;
    Ok(rows
        .into_iter()
        .filter(|row| row.device == "lo" && row.function == "packet_rcv")
        .map(|row| row.kind)
        .collect())
}

/// `/proc/net/ptype` lists the stack's own protocols always, and a packet socket on `lo` while it is
/// open: in its own namespace.
pub fn ptype(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let all = parse_ptype(&proc_net("ptype")?)?;
    for (kind, function) in [
        ("0800", "ip_rcv"),
        ("86dd", "ipv6_rcv"),
        ("0806", "arp_rcv"),
    ] {
        let own = Ptype {
            kind: kind.into(),
            device: String::new(),
            function: function.into(),
        };
        if !all.contains(&own) {
            return Err(format!("no {own:?} in /proc/net/ptype: {all:?}").into());
        }
    }
    let netns = OwnNetns::up("lo-ptype")?;
    let seen = || -> Result<[Vec<String>; 2], String> {
        Ok([packet_sockets()?, netns.inside(packet_sockets)?])
    };
    let expect = |when: &str, wanted: [&[&str]; 2]| -> Result<(), String> {
        let found = seen()?;
        if found == wanted {
            return Ok(());
        }
        Err(format!(
            "{when}: {found:?}, expected {wanted:?} (here, there)"
        ))
    };
    expect("before", [&[], &[]])?;
    let here = frame::listen()?;
    expect("a socket here", [&["ALL"], &[]])?;
    let there = [netns.inside(frame::listen)?, netns.inside(frame::listen)?];
    expect("two there, too", [&["ALL"], &["ALL", "ALL"]])?;
    drop(here);
    expect("this one closed", [&[], &["ALL", "ALL"]])?;
    drop(there);
    expect("all closed", [&[], &[]])?;
    Ok(netns.delete()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_ptype_are_read() {
        let text = "Type Device      Function\nALL  lo       packet_rcv\n0800          ip_rcv\n";
        let rows = parse_ptype(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (rows[0].device.as_str(), rows[1].device.as_str()),
            ("lo", "")
        );
        assert!(parse_ptype("").is_err());
        assert!(parse_ptype("Type Device      Function\nALL\n").is_err());
    }
}
