// SPDX-License-Identifier: GPL-2.0

//! What `/proc/net` says: `dev` and `ptype`.

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::counters;
use crate::frame;
use crate::namespace::Scope;
use crate::own_netns::proc_net;
use crate::own_netns::OwnNetns;

/// Of which length the pings of [`dev`] are, and how many there are.
const PINGS: u64 = 4;

/// A row of `/proc/net/dev`: eight numbers for each direction, of which the first two are bytes and
/// packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct DevRow {
    rx: [u64; 8],
    tx: [u64; 8],
}

impl DevRow {
    /// Parses `device`'s row.
    fn parse(text: &str, device: &str) -> Result<Self, String> {
        let rows: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter_map(|(name, numbers)| (name.trim() == device).then_some(numbers))
            .collect();
        let [row] = rows[..] else {
            return Err(format!(
                "/proc/net/dev has {} rows for {device}",
                rows.len()
            ));
        };
        let numbers: Result<Vec<u64>, _> = row.split_whitespace().map(str::parse).collect();
        let numbers = numbers.map_err(|e| format!("/proc/net/dev: {e}: {row}"))?;
        let Ok(numbers) = <[u64; 16]>::try_from(numbers) else {
            return Err(format!("/proc/net/dev has not 16 columns: {row}"));
        };
        let mut this = Self::default();
        this.rx.copy_from_slice(&numbers[..8]);
        this.tx.copy_from_slice(&numbers[8..]);
        Ok(this)
    }

    /// What it is after such traffic.
    fn after(self, packets: u64, bytes: u64) -> Self {
        let mut this = self;
        for direction in [&mut this.rx, &mut this.tx] {
            direction[0] += bytes;
            direction[1] += packets;
        }
        this
    }
}

/// `/proc/net/dev` has a row for this namespace's `lo` that counts what passes, and nothing else.
pub fn dev(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let own = OwnNetns::add("lo-proc")?;
    own.ip(&["link", "set", "lo", "up"])?;
    let rows = || -> Result<(DevRow, DevRow), String> {
        let inside = own.run(|| DevRow::parse(&proc_net("dev")?, "lo"))?;
        Ok((inside, DevRow::parse(&proc_net("dev")?, "lo")?))
    };
    let (before, outside) = rows()?;
    if before != DevRow::default() {
        return Err(format!("a new lo has counted already: {before:?}").into());
    }
    let count = PINGS.to_string();
    let mut ping = vec!["ip", "netns", "exec", own.name()];
    ping.extend(["ping", "-q", "-n", "-c", &count, "-i", "0.002", "-W", "5"]);
    ping.push("127.0.0.1");
    command::run(&ping)?;
    let traffic = counters::of_pings(PINGS, counters::IPV4);
    let wanted = (before.after(traffic.packets, traffic.bytes), outside);
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
    let netns = OwnNetns::add("lo-ptype")?;
    netns.ip(&["link", "set", "lo", "up"])?;
    let seen = || -> Result<[Vec<String>; 2], String> {
        Ok([packet_sockets()?, netns.run(packet_sockets)?])
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
    let there = [netns.run(frame::listen)?, netns.run(frame::listen)?];
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

    const DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n\
        \x20   lo:     168       2    0    0    0     0          0         0      168       2    0    0    0     0       0          0\n\
        \x20 eth0:       1       2    3    4    5     6          7         8        9      10   11   12   13    14      15         16\n";

    #[test]
    fn rows_of_dev_are_read() {
        let lo = DevRow::parse(DEV, "lo").unwrap();
        assert_eq!(lo, DevRow::default().after(2, 168));
        let eth = DevRow::parse(DEV, "eth0").unwrap();
        assert_eq!((eth.rx[7], eth.tx[0], eth.tx[7]), (8, 9, 16));
        assert!(DevRow::parse(DEV, "eth1").is_err());
        assert!(DevRow::parse("lo: 1 2 3\n", "lo").is_err());
        assert!(DevRow::parse(&[DEV, DEV].concat(), "lo").is_err());
    }

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
