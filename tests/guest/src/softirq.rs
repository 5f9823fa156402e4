// SPDX-License-Identifier: GPL-2.0

//! The network's softirqs run where traffic over `lo` is: one to receive it, and the other to send
//! what had to wait.

use crate::accounting::Books;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::SMALLEST;
use crate::ip;
use crate::own_netns::OwnNetns;
use crate::softirqs::Softirqs;

/// How many packets are sent, each after the one before has come.
const PACKETS: u64 = 20;

/// How long a queue holds each of them back.
const DELAY: &str = "5ms";

/// Each packet is received in a softirq of its own, on the CPU that sent it.
pub fn rx(_: &mut Context<'_>) -> Verdict {
    let net = OwnNetns::up("lo-own")?;
    for cpu in cpus::online()? {
        let moved = net.inside(|| talk(cpu))?;
        judge("NET_RX", &moved.rx, cpu, |count| count == PACKETS)?;
        judge("NET_TX", &moved.tx, cpu, |count| count == 0)?;
    }
    Ok(())
}

/// With a queue that delays, packets are sent in a softirq, on the CPU that has the timer. Without
/// it, `lo` has no queue again.
pub fn tx(_: &mut Context<'_>) -> Verdict {
    let net = OwnNetns::up("lo-own")?;
    net.inside(|| {
        qdisc("add", &["netem", "delay", DELAY])?;
        expect_qdisc("netem")?;
        for cpu in cpus::online()? {
            let moved = talk(cpu)?;
            // On a busy machine, a packet's time may have come before the queue is first looked at.
            judge("NET_TX", &moved.tx, cpu, |count| count > 0)?;
        }
        qdisc("del", &[])?;
        expect_qdisc("noqueue")?;
        let cpu = cpus::online()?[0];
        let moved = talk(cpu)?;
        judge("NET_TX", &moved.tx, cpu, |count| count == 0)
    })?;
    Ok(())
}

/// Gives `lo` a queue, or takes it away.
pub fn qdisc(verb: &str, kind: &[&str]) -> Result<(), String> {
    let words = [&["tc", "qdisc", verb, "dev", "lo", "root"], kind].concat();
    command::run(&words).map(drop)
}

fn expect_qdisc(wanted: &str) -> Result<(), String> {
    let words = ["ip", "-j", "-d", "-s", "link", "show", "lo"];
    let found = ip::parse_one(&command::run(&words)?)?.qdisc;
    if found != wanted {
        return Err(format!("lo has the qdisc {found}, not {wanted}"));
    }
    Ok(())
}

/// Sends on `cpu`, and waits there for each packet. How often softirqs ran in the meantime.
fn talk(cpu: usize) -> Result<Softirqs, String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    let moved = cpus::on(cpu, || {
        let mut sender = Sender::new(inbox.address, SMALLEST)?;
        let before = Softirqs::read()?;
        for number in 0..PACKETS {
            sender.send(number)?;
            inbox.next()?;
        }
        Ok(Softirqs::read()?.since(&before))
    })?;
    books.balanced(PACKETS)?;
    Ok(moved)
}

/// Checks that a softirq ran `as_wanted` on `cpu`, and not at all on others.
fn judge(
    name: &str,
    moved: &[u64],
    cpu: usize,
    as_wanted: impl Fn(u64) -> bool,
) -> Result<(), String> {
    let mut all = moved.iter().enumerate();
    if all.all(|(at, count)| {
        if at == cpu {
            as_wanted(*count)
        } else {
            *count == 0
        }
    }) {
        return Ok(());
    }
    Err(format!(
        "{name} ran {moved:?} times on the CPUs, for {PACKETS} packets on CPU {cpu}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cpu_does_it_all() {
        judge("NET_RX", &[0, 40], 1, |count| count == 40).unwrap();
        assert!(judge("NET_RX", &[1, 40], 1, |count| count == 40).is_err());
        assert!(judge("NET_RX", &[0, 39], 1, |count| count == 40).is_err());
    }
}
