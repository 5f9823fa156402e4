// SPDX-License-Identifier: GPL-2.0

//! Packets that are in a CPU's backlog when their `lo` goes are flushed: none arrives, and each is
//! freed, once.

use std::collections::BTreeSet;

use crate::accounting::Books;
use crate::checks::Context;
use crate::checks::Trouble;
use crate::checks::Verdict;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::SMALLEST;
use crate::hold::Holder;
use crate::own_netns::OwnNetns;
use crate::softnet_stat;
use crate::teardown;
use crate::trace::Event;
use crate::trace_instance::Instance;

/// How many packets arrive, and how many are flushed after that.
const DELIVERED: u64 = 30;
const FLUSHED: u64 = 200;

/// What each packet goes through.
const EVENTS: [&str; 3] = ["net/netif_rx", "net/netif_receive_skb", "skb/kfree_skb"];

/// Deletes a namespace whose `lo` has packets in a backlog.
pub fn check(_: &mut Context<'_>) -> Verdict {
    let (sender, target) = cpus::two()?;
    let holder = Holder::new()?;
    let net = OwnNetns::up("lo-own")?;
    net.steer(Some(target))?;
    net.inside(|| deliver(sender))?;

    let instance = Instance::new(&EVENTS)?;
    let softnet = softnet_stat::read()?;
    let number = net.number()?;
    let hold = holder.hold(target)?;
    net.inside(|| fill(sender, target))?;
    net.delete()?;
    let ended = teardown::await_end(number);
    hold.release()?;
    ended?;
    at_rest(&holder, target)?;
    let moved = softnet_stat::moved(&softnet, &softnet_stat::read()?);
    let processed = softnet_stat::sum(&moved, |cpu| cpu.processed);
    let left = softnet_stat::sum(&moved, |cpu| cpu.queued);
    if (processed, left) != (0, 0) {
        return Err(Trouble::Failed(format!(
            "{processed} packets were processed and {left} are queued after their device went"
        )));
    }
    Ok(judge(&instance.events()?)?)
}

/// Before all that, packets arrive.
fn deliver(cpu: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    cpus::on(cpu, || {
        Sender::new(inbox.address, SMALLEST)?.send_all(0..DELIVERED)
    })?;
    books.balanced(DELIVERED)?;
    let came = inbox.drain()?.len() as u64;
    if came != DELIVERED {
        return Err(format!("{came} datagrams came, expected {DELIVERED}"));
    }
    Ok(())
}

/// Fills the backlog of `target`, which is held.
fn fill(sender: usize, target: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    cpus::on(sender, || {
        Sender::new(inbox.address, SMALLEST)?.send_all(0..FLUSHED)
    })?;
    let account = books.account()?;
    let queued = account
        .softnet
        .get(&target)
        .map(|cpu| u64::from(cpu.queued));
    let counted = (account.lo.packets, account.received);
    if queued != Some(FLUSHED) || counted != (FLUSHED, 0) {
        return Err(format!("not {FLUSHED} packets in a backlog: {account:?}"));
    }
    Ok(())
}

/// Waits until the backlog of `cpu` has been polled, and polls it once more: a hold is got only when
/// there is nothing to do.
fn at_rest(holder: &Holder, cpu: usize) -> Result<(), String> {
    holder.hold(cpu)?.release()
}

/// Checks that the packets that `lo` was given are those that were flushed, and that nothing was
/// received.
fn judge(events: &[Event]) -> Result<(), String> {
    let given = packets(events, |event| {
        event.name == "netif_rx" && event.value("dev") == Some("lo")
    });
    let flushed = packets(events, |event| {
        event.name == "kfree_skb" && event.is_in("flush_backlog")
    });
    let received = packets(events, |event| {
        event.name == "netif_receive_skb" && event.value("dev") == Some("lo")
    });
    let sets = [&given, &flushed].map(|packets| packets.iter().collect::<BTreeSet<_>>());
    let counts = (given.len() as u64, flushed.len() as u64, received.len());
    if counts != (FLUSHED, FLUSHED, 0) {
        return Err(format!(
            "lo was given, flush_backlog() freed and lo received {counts:?} packets, expected {:?}",
            (FLUSHED, FLUSHED, 0)
        ));
    }
    if sets[0] != sets[1] || sets[0].len() as u64 != FLUSHED {
        return Err("the packets that were flushed are not those that were sent".into());
    }
    Ok(())
}

/// The addresses of the packets that these events are about.
fn packets(events: &[Event], wanted: impl Fn(&Event) -> bool) -> Vec<&str> {
    events
        .iter()
        .filter(|event| wanted(event))
        .filter_map(|event| event.value("skbaddr"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, text: String) -> Event {
        Event {
            cpu: 3,
            name: name.into(),
            text,
        }
    }

    fn flushed() -> Vec<Event> {
        let mut events = Vec::new();
        for at in 0..FLUSHED {
            events.push(event("netif_rx", format!("dev=lo skbaddr={at:08x} len=36")));
        }
        for at in (0..FLUSHED).rev() {
            let location = "location=flush_backlog+0x123/0x250 reason: DEV_READY";
            let text = format!("skbaddr={at:08x} rx_sk=0 protocol=2048 {location}");
            events.push(event("kfree_skb", text));
        }
        events
    }

    #[test]
    fn each_must_be_flushed_once() {
        judge(&flushed()).unwrap();
        assert!(judge(&flushed()[1..]).is_err());
        let mut twice = flushed();
        let last = twice.len() - 1;
        twice[last] = twice[last - 1].clone();
        assert!(judge(&twice).is_err());
        let mut elsewhere = flushed();
        elsewhere[last].text = elsewhere[last].text.replace("flush_backlog", "ip_rcv");
        assert!(judge(&elsewhere).is_err());
        let mut received = flushed();
        let text = received[0].text.clone();
        received.push(event("netif_receive_skb", text));
        assert!(judge(&received).is_err());
    }
}
