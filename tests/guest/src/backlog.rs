// SPDX-License-Identifier: GPL-2.0

//! The backlog that `lo` hands packets to: how many it takes, and how many are taken from it at a
//! time.

use std::collections::BTreeSet;
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

/// What each packet goes through that is handed to a backlog.
const HANDED_OVER: [&str; 2] = ["net/netif_rx", "skb/kfree_skb"];

/// One CPU sends: the first packets are taken, in order, and each of the others is freed, once.
fn one_sender(holder: &Holder, sender: usize, target: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    let instance = Instance::new(&HANDED_OVER)?;
    let hold = holder.hold(target)?;
    cpus::on(sender, || {
        Sender::new(inbox.address, SMALLEST)?.send_all(0..HELD)
    })?;
    judge_dropped(&instance.events()?)?;
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

/// Checks that the backlog freed what it did not take, because it was full, each at once and once,
/// and that nobody else did.
fn judge_dropped(events: &[Event]) -> Result<(), String> {
    let is_lo = |event: &Event| event.name == "netif_rx" && event.value("dev") == Some("lo");
    let given: BTreeSet<&str> = events
        .iter()
        .filter(|event| is_lo(event))
        .filter_map(|event| event.value("skbaddr"))
        .collect();
    // A packet that is freed makes room for the next one, which may then be where it was.
    let is_of_it = |event: &&Event| {
        let is_given = event.value("skbaddr").is_some_and(|at| given.contains(at));
        is_lo(event) || event.name == "kfree_skb" && is_given
    };
    let packets: Vec<&Event> = events.iter().filter(is_of_it).collect();
    let taken = packets.get(..TAKEN as usize).unwrap_or_default();
    let dropped: Vec<_> = packets[taken.len()..].chunks(2).collect();
    let all = taken.len() as u64 == TAKEN && dropped.len() as u64 == HELD - TAKEN;
    if all && taken.iter().all(|event| is_lo(event)) && dropped.iter().all(|pair| is_drop(pair)) {
        return Ok(());
    }
    Err(format!(
        "{HELD} packets were sent to a backlog that takes {TAKEN}: {packets:?}"
    ))
}

/// Whether these are a packet that is given to a full backlog, and its end.
fn is_drop(pair: &[&Event]) -> bool {
    let [given, freed] = pair else { return false };
    given.name == "netif_rx"
        && freed.name == "kfree_skb"
        && given.value("skbaddr") == freed.value("skbaddr")
        && freed.is_in("enqueue_to_backlog")
        && freed.text.ends_with("reason: CPU_BACKLOG")
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

    fn event(name: &str, text: String) -> Event {
        Event {
            cpu: 0,
            name: name.into(),
            text,
        }
    }

    fn given(at: u64) -> Event {
        event("netif_rx", format!("dev=lo skbaddr={at:08x} len=36"))
    }

    fn freed(at: u64) -> Event {
        let location = "location=enqueue_to_backlog+0x12/0x250 reason: CPU_BACKLOG";
        event("kfree_skb", format!("skbaddr={at:08x} rx_sk=0 {location}"))
    }

    #[test]
    fn each_packet_too_many_must_be_freed_once() {
        let mut events: Vec<Event> = (0..TAKEN).map(given).collect();
        for _ in TAKEN..HELD {
            events.extend([given(99), freed(99)]);
        }
        judge_dropped(&events).unwrap();
        let mut others = events.clone();
        others.insert(3, freed(1234));
        judge_dropped(&others).unwrap();

        let spoils: [fn(&mut Vec<Event>); 8] = [
            |e| drop(e.pop()),
            |e| e.truncate(e.len() - 2),
            |e| e.push(freed(99)),
            |e| e.insert(3, freed(1)),
            |e| e.extend([given(99), freed(99)]),
            |e| e.last_mut().unwrap().text = freed(98).text,
            |e| e.last_mut().unwrap().text = freed(99).text.replace("enqueue", "ip"),
            |e| e.last_mut().unwrap().text = freed(99).text.replace("CPU_BACKLOG", "NO_REASON"),
        ];
        for spoil in spoils {
            let mut events = events.clone();
            spoil(&mut events);
            assert!(judge_dropped(&events).is_err(), "{events:?}");
        }
        assert!(judge_dropped(&[]).is_err());
    }

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
