// SPDX-License-Identifier: GPL-2.0

//! The backlog that `lo` hands packets to: how many it takes, and how many are taken from it at a
//! time.

use std::time::Duration;

use crate::accounting::Account;
use crate::accounting::Books;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::SMALLEST;
use crate::hold::Holder;
use crate::own_netns::OwnNetns;
use crate::setting::Setting;
use crate::softnet_stat::Cpu;
use crate::trace::Event;
use crate::trace_instance::Instance;
use crate::wait;

/// `net.core.netdev_max_backlog` for a while. A queue with that many takes one more.
const LIMIT: u64 = 10;
const TAKEN: u64 = LIMIT + 1;

/// How many packets each CPU sends to a queue that nobody takes from, and then to one that somebody
/// does.
const HELD: u64 = 25;
const FLOOD: u64 = 400;

/// How many packets a poll finds.
const QUEUED: u64 = 20;

/// `net.core.dev_weight`, with polls that have to end early, and with one that is enough.
const SMALL_WEIGHT: u64 = 4;
const LARGE_WEIGHT: u64 = 64;

/// Until a poll shows in the trace.
const DEADLINE: Duration = Duration::from_secs(10);

fn core(name: &str, value: u64) -> Result<Setting, String> {
    Setting::set(&format!("/proc/sys/net/core/{name}"), &value.to_string())
}

/// A full backlog is a drop, not traffic: what was sent is what `lo` and `softnet_stat` say together.
pub fn limit(_: &mut Context<'_>) -> Verdict {
    let (sender, target) = cpus::two()?;
    let holder = Holder::new()?;
    let net = OwnNetns::up("lo-own")?;
    net.steer(Some(target))?;
    let _limit = core("netdev_max_backlog", LIMIT)?;
    Ok(net.inside(|| {
        one_sender(&holder, sender, target)?;
        all_senders(&holder, target)
    })?)
}

/// One CPU sends: the first packets are taken, in order.
fn one_sender(holder: &Holder, sender: usize, target: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    let hold = holder.hold(target)?;
    cpus::on(sender, || {
        Sender::new(inbox.address, SMALLEST)?.send_all(0..HELD)
    })?;
    judge_full(&books.account()?, target, HELD)?;
    hold.release()?;
    let account = books.balanced(HELD)?;
    judge_served(&account, target)?;
    let came = inbox.drain()?;
    if !came.iter().copied().eq(0..TAKEN) {
        return Err(format!(
            "datagrams {came:?} came, expected the first {TAKEN}"
        ));
    }
    Ok(())
}

/// All send, and no more are taken; then the backlog is polled again, and whatever is dropped is
/// counted as that.
fn all_senders(holder: &Holder, target: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let cpus = cpus::online()?;
    let books = Books::open()?;
    let send = |packets| {
        cpus::on_each(&cpus, |_| {
            Sender::new(inbox.address, SMALLEST)?.send_all(0..packets)
        })
    };
    let hold = holder.hold(target)?;
    send(HELD)?;
    let held = HELD * cpus.len() as u64;
    judge_full(&books.account()?, target, held)?;
    hold.release()?;
    send(FLOOD)?;
    let account = books.balanced(held + FLOOD * cpus.len() as u64)?;
    let came = inbox.drain()?.len() as u64;
    if came != account.lo.packets {
        return Err(format!("{came} datagrams came, {account:?}"));
    }
    Ok(())
}

/// Checks that of `sent` packets the held backlog of `cpu` took all that it may, and no more.
fn judge_full(account: &Account, cpu: usize, sent: u64) -> Result<(), String> {
    let dropped = sent - TAKEN;
    let wanted = Cpu {
        dropped: dropped as u32,
        queued: TAKEN as u32,
        ..Cpu::default()
    };
    let found = account.softnet.get(&cpu).copied().unwrap_or_default();
    if found != wanted {
        return Err(format!("CPU {cpu} has {found:?}, expected {wanted:?}"));
    }
    let counts = (account.lo.packets, account.dropped, account.received);
    if counts != (TAKEN, dropped, 0) {
        return Err(format!(
            "lo counted and dropped and IPv4 received {counts:?}, expected {:?}",
            (TAKEN, dropped, 0)
        ));
    }
    Ok(())
}

/// Checks that `cpu` processed what its backlog had taken.
fn judge_served(account: &Account, cpu: usize) -> Result<(), String> {
    let found = account.softnet.get(&cpu).copied().unwrap_or_default();
    if u64::from(found.processed) != TAKEN {
        return Err(format!(
            "CPU {cpu} has {found:?}, expected {TAKEN} processed"
        ));
    }
    Ok(())
}

/// A poll takes no more than its weight, and a softirq no more than its budget.
pub fn weight(_: &mut Context<'_>) -> Verdict {
    let (sender, target) = cpus::two()?;
    let holder = Holder::new()?;
    let net = OwnNetns::up("lo-own")?;
    net.steer(Some(target))?;
    let instance = Instance::new(&["napi/napi_poll"])?;
    // A squeeze is then one of packets, and not of time.
    let _time = core("netdev_budget_usecs", 10_000_000)?;
    // Those settings are not to be seen from any other namespace than the first.
    let poll = |weight, budget, wanted: &[u64], squeezed| {
        let _weight = core("dev_weight", weight)?;
        let _budget = core("netdev_budget", budget)?;
        net.inside(|| poll(&holder, &instance, sender, target, wanted, squeezed))
    };
    poll(SMALL_WEIGHT, SMALL_WEIGHT, &[4, 4, 4, 4, 4, 0], 5)?;
    poll(SMALL_WEIGHT, 300, &[4, 4, 4, 4, 4, 0], 0)?;
    poll(LARGE_WEIGHT, 300, &[QUEUED], 0)?;
    Ok(())
}

/// Lets [`QUEUED`] packets come before they are polled. The polls must then have as much work each as
/// `wanted` says, and be called off `squeezed` times.
fn poll(
    holder: &Holder,
    instance: &Instance,
    sender: usize,
    target: usize,
    wanted: &[u64],
    squeezed: u32,
) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let send = |numbers: std::ops::Range<u64>| {
        cpus::on(sender, || {
            Sender::new(inbox.address, SMALLEST)?.send_all(numbers.clone())
        })
    };
    // A new weight is known to the backlog after a poll only.
    send(0..1)?;
    inbox.next()?;
    let hold = holder.hold(target)?;
    let books = Books::open()?;
    send(0..QUEUED)?;
    instance.clear()?;
    hold.release()?;
    let account = books.balanced(QUEUED)?;
    let mut found = Vec::new();
    wait::until(DEADLINE, || {
        found = polls(&instance.events()?, target)?;
        Ok(found.len() >= wanted.len())
    })?;
    if found != wanted {
        return Err(format!(
            "polls had {found:?} packets each, expected {wanted:?}"
        ));
    }
    let found = account.softnet.get(&target).map(|cpu| cpu.time_squeeze);
    if found != Some(squeezed) {
        return Err(format!(
            "time_squeeze moved by {found:?}, expected {squeezed}"
        ));
    }
    Ok(())
}

/// How many packets each poll of the backlog of `cpu` had. A backlog belongs to no device.
fn polls(events: &[Event], cpu: usize) -> Result<Vec<u64>, String> {
    events
        .iter()
        .filter(|event| event.name == "napi_poll" && event.cpu as usize == cpu)
        .filter(|event| event.text.contains(" for device (no_device) "))
        .map(|event| work(&event.text).ok_or_else(|| format!("not a poll: {}", event.text)))
        .collect()
}

fn work(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once(" work ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_of_the_backlog_are_told_from_others() {
        let event = |cpu, device, work| Event {
            cpu,
            name: "napi_poll".into(),
            text: format!("napi poll on napi struct 0000 for device {device} work {work} budget 4"),
        };
        let events = [
            event(3, "(no_device)", 4),
            event(3, "eth0", 1),
            event(0, "(no_device)", 2),
            event(3, "(no_device)", 0),
        ];
        assert_eq!(polls(&events, 3), Ok(vec![4, 0]));
    }
}
