// SPDX-License-Identifier: GPL-2.0

//! A CPU goes offline under traffic over `lo`, and comes back: what its backlog had taken, and what
//! it was to send, is delivered by another one, and what it has counted stays counted.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::accounting::Books;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::HEADERS;
use crate::datagrams::SMALLEST;
use crate::hold::Holder;
use crate::offline::Offline;
use crate::own_netns::OwnNetns;
use crate::per_cpu_lstats::PerCpu;
use crate::softirq::qdisc;
use crate::softnet_stat;
use crate::wait;

/// How many packets the CPU itself sends, how many wait in its backlog when it goes, the first of
/// them with a poll that has begun, and how many are sent while it is away and after it is back.
const OWN: u64 = 17;
const WAITING: u64 = 100;
const BEGUN: u64 = 40;
const AWAY: u64 = 23;
const BACK: u64 = 31;

/// How many packets wait to be sent when it goes, and how long a queue delays them: they have to be
/// all in it before the first may leave.
const DELAYED: u64 = 10;
const DELAY: Duration = Duration::from_secs(1);

/// How often it goes under continuous traffic.
const ROUNDS: usize = 3;

/// How many packets every sender must have got rid of in each state before the next one; and how
/// many it sends before it takes a rest, so that there is something for others to do, too.
const STEP: u64 = 50;
const BURST: u64 = 8;
const REST: Duration = Duration::from_millis(1);

/// How long a state may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// With a backlog that has packets for certain, and then with whatever continuous traffic leaves
/// there.
pub fn check(_: &mut Context<'_>) -> Verdict {
    let (sender, target) = cpus::two()?;
    let per_cpu = PerCpu::new()?;
    let holder = Holder::new()?;
    let net = OwnNetns::up("lo-own")?;
    net.steer(Some(target))?;
    net.inside(|| moves_over(&per_cpu, &holder, sender, target))?;
    net.inside(|| are_sent(&holder, sender, target))?;
    net.inside(|| under_traffic(&per_cpu, target))?;
    net.inside(|| works(sender, target))?;
    Ok(())
}

/// What is in the backlog of the CPU that goes arrives, once and in order, by way of others.
fn moves_over(
    per_cpu: &PerCpu,
    holder: &Holder,
    sender: usize,
    target: usize,
) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let send = |cpu, numbers: std::ops::Range<u64>| {
        cpus::on(cpu, || {
            Sender::new(inbox.address, SMALLEST)?.send_all(numbers.clone())
        })
    };
    let mut wanted = per_cpu.read()?;
    let books = Books::open()?;
    send(target, 0..OWN)?;
    books.balanced(OWN)?;
    expect_all("before the CPU went", &inbox.drain()?, OWN)?;

    let books = Books::open()?;
    let hold = holder.hold(target)?;
    send(sender, 0..BEGUN)?;
    hold.begin()?;
    send(sender, BEGUN..WAITING)?;
    let account = books.account()?;
    let queued = account
        .softnet
        .get(&target)
        .map(|cpu| u64::from(cpu.queued));
    if queued != Some(WAITING) || account.received != 0 {
        return Err(format!(
            "not {WAITING} packets wait for CPU {target}: {account:?}"
        ));
    }
    let offline = Offline::take(target)?;
    let account = books.balanced(WAITING)?;
    if account.softnet.contains_key(&target) {
        return Err(format!(
            "CPU {target} is offline, but processes: {account:?}"
        ));
    }
    expect_all("from the dead CPU's backlog", &inbox.drain()?, WAITING)?;
    send(sender, 0..AWAY)?;
    books.balanced(WAITING + AWAY)?;
    expect_all("while the CPU was away", &inbox.drain()?, AWAY)?;

    for (cpu, packets) in [(sender, WAITING + AWAY), (target, OWN)] {
        let part = wanted.entry(cpu).or_default();
        part.packets += packets;
        part.bytes += packets * (HEADERS + SMALLEST as u64);
    }
    let found = per_cpu.read()?;
    if found != wanted {
        return Err(format!(
            "the CPUs have counted {found:?}, expected {wanted:?}"
        ));
    }
    offline.back()?;
    hold.release()
}

/// Checks that these are the numbers of all `sent` datagrams, in order.
fn expect_all(what: &str, came: &[u64], sent: u64) -> Result<(), String> {
    if !came.iter().copied().eq(0..sent) {
        return Err(format!(
            "{what}, datagrams {came:?} came, expected all of {sent}"
        ));
    }
    Ok(())
}

/// What waits in a queue that the CPU which goes was to run is sent by another one.
fn are_sent(holder: &Holder, sender: usize, target: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    let delay = format!("{}ms", DELAY.as_millis());
    qdisc("add", &["netem", "delay", &delay])?;
    holder.leave_output(target)?;
    cpus::on(sender, || {
        Sender::new(inbox.address, SMALLEST)?.send_all(0..DELAYED)
    })?;
    thread::sleep(2 * DELAY);
    let account = books.account()?;
    if account.lo.packets != 0 {
        return Err(format!(
            "{DELAYED} packets were left to CPU {target}, but lo has got some: {account:?}"
        ));
    }
    let offline = Offline::take(target)?;
    let came = (0..DELAYED)
        .map(|_| inbox.next())
        .collect::<Result<Vec<_>, _>>()?;
    expect_all("from the dead CPU's queue", &came, DELAYED)?;
    books.balanced(DELAYED)?;
    offline.back()?;
    qdisc("del", &[])
}

/// All send to the CPU's backlog all the time, while it goes and comes.
fn under_traffic(per_cpu: &PerCpu, target: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let others: Vec<usize> = cpus::online()?
        .into_iter()
        .filter(|cpu| *cpu != target)
        .collect();
    let books = Books::open()?;
    let counted = || -> Result<u64, String> {
        let own = per_cpu.read()?.get(&target).copied();
        Ok(own.unwrap_or_default().packets)
    };
    let before = counted()?;
    let stop = AtomicBool::new(false);
    let sent: u64 = thread::scope(|scope| {
        let senders = scope.spawn(|| cpus::on_each(&others, |_| talk(&inbox, &stop, || ())));
        let own = scope.spawn(|| talk(&inbox, &stop, || cpus::prefer(target)));
        let rounds = (0..ROUNDS).try_for_each(|_| go_and_come(&books, target));
        stop.store(true, Ordering::Relaxed);
        let sent: u64 = cpus::join(senders)?.iter().sum();
        let own = cpus::join(own)?;
        rounds.map(|()| sent + own)
    })?;
    if counted()? == before {
        return Err(format!("CPU {target} has sent nothing"));
    }
    let account = books.balanced(sent)?;
    let came = inbox.drain()?.len() as u64;
    // They may be faster than a socket has room for.
    if came + account.lost != account.lo.packets {
        return Err(format!("{came} datagrams came: {account:?}"));
    }
    Ok(())
}

/// Sends until told to stop, and does something each time before. How much that was.
fn talk(inbox: &Inbox, stop: &AtomicBool, before: impl Fn()) -> Result<u64, String> {
    let mut sender = Sender::new(inbox.address, SMALLEST)?;
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        before();
        sender.send_all(sent..sent + BURST)?;
        sent += BURST;
        thread::sleep(REST);
    }
    Ok(sent)
}

/// Takes the CPU offline and brings it back, each with traffic before it and after it. When it is
/// online, it processes packets.
fn go_and_come(books: &Books, target: usize) -> Result<(), String> {
    processes(target)?;
    let offline = Offline::take(target)?;
    flows(books)?;
    offline.back()?;
    processes(target)
}

/// Waits until packets were received that were sent after this was called.
fn flows(books: &Books) -> Result<(), String> {
    let before = books.account()?.received;
    let flows = wait::until(DEADLINE, || Ok(books.account()?.received >= before + STEP))?;
    if flows {
        return Ok(());
    }
    Err(format!(
        "no traffic without that CPU: {:?}",
        books.account()?
    ))
}

/// Waits until `cpu` has processed packets since this was called.
fn processes(cpu: usize) -> Result<(), String> {
    let processed = || -> Result<u32, String> {
        let softnet = softnet_stat::read()?;
        let found = softnet.get(&cpu).map(|cpu| cpu.processed);
        found.ok_or_else(|| format!("CPU {cpu} is not in softnet_stat"))
    };
    let before = processed()?;
    let wanted = STEP as u32;
    if wait::until(DEADLINE, || Ok(processed()?.wrapping_sub(before) >= wanted))? {
        return Ok(());
    }
    Err(format!(
        "packets are steered to CPU {cpu}, but it processes none"
    ))
}

/// It works as before: what it sends is counted, what is steered to it is processed there.
fn works(sender: usize, target: usize) -> Result<(), String> {
    for cpu in [sender, target] {
        let inbox = Inbox::new()?;
        let books = Books::open()?;
        cpus::on(cpu, || {
            Sender::new(inbox.address, SMALLEST)?.send_all(0..BACK)
        })?;
        let account = books.balanced(BACK)?;
        let processed = account
            .softnet
            .get(&target)
            .map(|cpu| u64::from(cpu.processed));
        if processed != Some(BACK) {
            return Err(format!(
                "CPU {target} is back, but not all is processed there: {account:?}"
            ));
        }
        expect_all("after the CPU came back", &inbox.drain()?, BACK)?;
    }
    Ok(())
}
