// SPDX-License-Identifier: GPL-2.0

//! `lo` counts on the CPU that sends, and its counters are the sum of all.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::accounting::Books;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::HEADERS;
use crate::net_dev;
use crate::net_dev::Count;
use crate::own_netns::OwnNetns;
use crate::per_cpu_lstats;
use crate::per_cpu_lstats::Lstats;
use crate::per_cpu_lstats::PerCpu;

/// How often the counters are read while everybody sends, and how much each datagram carries then.
const READINGS: usize = 150;
const SIZE: usize = 200;

/// How long these may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// What `cpu` sends to be told from all others: how many datagrams, with how much data.
fn share(cpu: usize) -> (u64, usize) {
    (20 + 7 * cpu as u64, 100 + 50 * cpu)
}

/// What `packets` datagrams with `size` bytes of data are to `lo`.
fn count(packets: u64, size: usize) -> Count {
    Count {
        packets,
        bytes: packets * (size as u64 + HEADERS),
    }
}

/// Each CPU's part is what was sent there, exactly, and the whole is their sum.
pub fn per_cpu(_: &mut Context<'_>) -> Verdict {
    let per_cpu = PerCpu::new()?;
    let net = OwnNetns::up("lo-own")?;
    Ok(net.inside(|| {
        let cpus = cpus::online()?;
        let inbox = Inbox::new()?;
        let books = Books::open()?;
        let mut wanted = per_cpu.read()?;
        cpus::on_each(&cpus, |cpu| {
            let (packets, size) = share(cpu);
            Sender::new(inbox.address, size)?.send_all(0..packets)
        })?;
        for cpu in &cpus {
            let (packets, size) = share(*cpu);
            add(&mut wanted, *cpu, count(packets, size));
        }
        let sent = cpus.iter().map(|cpu| share(*cpu).0).sum();
        books.balanced(sent)?;
        judge_parts(&wanted, &per_cpu.read()?, net_dev::read("lo")?.tx)?;
        judge_number(sent, inbox.drain()?.len())
    })?)
}

fn add(lstats: &mut Lstats, cpu: usize, more: Count) {
    let part = lstats.entry(cpu).or_default();
    part.packets += more.packets;
    part.bytes += more.bytes;
}

fn judge_parts(wanted: &Lstats, parts: &Lstats, whole: Count) -> Result<(), String> {
    if parts != wanted {
        return Err(format!("the CPUs counted {parts:?}, expected {wanted:?}"));
    }
    let sum = per_cpu_lstats::sum(parts);
    if whole != sum {
        return Err(format!("lo has {whole:?}, but its parts are {sum:?}"));
    }
    Ok(())
}

fn judge_number(sent: u64, received: usize) -> Result<(), String> {
    if received as u64 != sent {
        return Err(format!("{received} datagrams came, expected {sent}"));
    }
    Ok(())
}

/// All CPUs send as fast as they can, while the counters are read: they never go back, never have
/// bytes and packets that do not go together, and in the end nothing is missing.
///
/// A 64-bit machine reads each of the two at once. That they are read anew where this is not so, and
/// one was being written, is nothing that can be seen here.
pub fn under_load(_: &mut Context<'_>) -> Verdict {
    let net = OwnNetns::up("lo-own")?;
    Ok(net.inside(|| {
        let inbox = Inbox::new()?;
        let books = Books::open()?;
        let stop = AtomicBool::new(false);
        let cpus = cpus::online()?;
        let steps = Steps {
            base: net_dev::read("lo")?.tx,
            senders: cpus.len() as u64,
        };
        let sent: u64 = thread::scope(|scope| {
            let senders = scope.spawn(|| cpus::on_each(&cpus, |_| flood(&inbox, &stop)));
            let seen = steps.watch();
            stop.store(true, Ordering::Relaxed);
            let sent = cpus::join(senders)?;
            seen.map(|()| sent.iter().sum())
        })?;
        let account = books.balanced(sent)?;
        let wanted = count(sent - account.dropped, SIZE);
        if account.lo != wanted {
            return Err(format!("lo counted {:?}, expected {wanted:?}", account.lo));
        }
        // They may be faster than a socket has room for.
        judge_number(wanted.packets - account.lost, inbox.drain()?.len())
    })?)
}

/// Sends until told to stop. How many that were.
fn flood(inbox: &Inbox, stop: &AtomicBool) -> Result<u64, String> {
    let mut sender = Sender::new(inbox.address, SIZE)?;
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        sender.send(sent)?;
        sent += 1;
    }
    Ok(sent)
}

/// The counters, reading by reading, while nothing but datagrams of [`SIZE`] passes.
struct Steps {
    /// What they had before.
    base: Count,
    /// How many CPUs send.
    senders: u64,
}

impl Steps {
    /// Reads the counters until they have moved [`READINGS`] times.
    fn watch(&self) -> Result<(), String> {
        let mut before = net_dev::read("lo")?.tx;
        let mut moves = 0;
        let start = Instant::now();
        while moves < READINGS {
            if start.elapsed() > DEADLINE {
                return Err(format!(
                    "all send, but lo's counters moved {moves} times only"
                ));
            }
            let now = net_dev::read("lo")?.tx;
            self.judge(before, now)?;
            moves += usize::from(now != before);
            before = now;
        }
        Ok(())
    }

    /// Checks two readings, one after the other.
    ///
    /// Whoever counts a packet has counted its bytes before, and whoever reads reads the bytes last:
    /// of no packet they are missing. How many more may have come between the two depends on how long
    /// the reader was kept from its CPU, but the next reading has these packets, except for one of
    /// each CPU that is just being counted.
    fn judge(&self, before: Count, now: Count) -> Result<(), String> {
        if now.packets < before.packets || now.bytes < before.bytes {
            return Err(format!(
                "lo's counters went from {before:?} back to {now:?}"
            ));
        }
        if now.bytes < self.bytes(now.packets) {
            return Err(format!(
                "bytes are missing in {now:?} since {:?}",
                self.base
            ));
        }
        if before.bytes > self.bytes(now.packets + self.senders) {
            return Err(format!(
                "{before:?} has bytes that are of no packet in {now:?}, since {:?}",
                self.base
            ));
        }
        Ok(())
    }

    /// How many bytes there have to be with so many packets.
    fn bytes(&self, packets: u64) -> u64 {
        self.base.bytes + count(packets - self.base.packets, SIZE).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_must_be_exact_and_add_up() {
        let parts: Lstats = [(0, count(2, 72)), (3, count(1, 100))].into();
        let whole = Count {
            packets: 3,
            bytes: 328,
        };
        judge_parts(&parts, &parts, whole).unwrap();
        assert!(judge_parts(&parts, &parts, count(3, 72)).is_err());
        let mut others = parts.clone();
        add(&mut others, 3, count(1, 100));
        assert!(judge_parts(&parts, &others, whole).is_err());
    }

    #[test]
    fn counters_do_not_go_back() {
        let steps = Steps {
            base: count(1, 500),
            senders: 4,
        };
        let counters = |packets, more: u64| Count {
            packets: 1 + packets,
            bytes: steps.base.bytes + count(packets, SIZE).bytes + more,
        };
        let judged = |before, now| steps.judge(before, now).is_ok();
        assert!(judged(counters(1, 0), counters(1, 0)));
        assert!(judged(counters(1, 0), counters(2, 0)));
        assert!(!judged(counters(2, 0), counters(1, 0)));
        // Others count between one counter and the other.
        let packet = count(1, SIZE).bytes;
        assert!(judged(counters(1, 9 * packet), counters(6, 9 * packet)));
        assert!(!judged(counters(1, 9 * packet), counters(5, 9 * packet)));
        assert!(!judged(
            counters(1, 0),
            Count {
                bytes: counters(2, 0).bytes - 1,
                ..counters(2, 0)
            }
        ));
    }
}
