// SPDX-License-Identifier: GPL-2.0

//! RPS: another CPU than the one that sent a packet over `lo` processes it.

use crate::accounting::Account;
use crate::accounting::Books;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::SMALLEST;
use crate::own_netns::OwnNetns;
use crate::softnet_stat;

/// How many packets take each way.
const PACKETS: u64 = 50;

/// Steers packets to another CPU, and then no longer.
pub fn check(_: &mut Context<'_>) -> Verdict {
    let (sender, target) = cpus::two()?;
    let net = OwnNetns::up("lo-own")?;
    net.steer(Some(target))?;
    let account = net.inside(|| talk(sender))?;
    judge(&account, target, true)?;
    net.steer(None)?;
    let account = net.inside(|| talk(sender))?;
    judge(&account, sender, false)?;
    Ok(())
}

/// Sends packets one by one: each is there before the next is sent.
fn talk(cpu: usize) -> Result<Account, String> {
    let inbox = Inbox::new()?;
    let books = Books::open()?;
    cpus::on(cpu, || {
        let mut sender = Sender::new(inbox.address, SMALLEST)?;
        for number in 0..PACKETS {
            sender.send(number)?;
            let got = inbox.next()?;
            if got != number {
                return Err(format!("datagram {got} came after {number} was sent"));
            }
        }
        Ok(())
    })?;
    books.balanced(PACKETS)
}

/// Checks that `cpu` processed all of them, and was told to by another one if it is `remote`.
fn judge(account: &Account, cpu: usize, remote: bool) -> Result<(), String> {
    for (number, found) in &account.softnet {
        let wanted = if *number == cpu { PACKETS } else { 0 };
        if u64::from(found.processed) != wanted {
            return Err(format!(
                "CPU {number} processed {found:?}, expected {wanted}"
            ));
        }
    }
    // Who is still at it when a packet comes need not be told.
    let told = softnet_stat::sum(&account.softnet, |cpu| cpu.received_rps);
    let at_cpu = account.softnet.get(&cpu).map_or(0, |cpu| cpu.received_rps);
    let wanted = if remote { 1..=PACKETS } else { 0..=0 };
    if !wanted.contains(&told) || u64::from(at_cpu) != told {
        return Err(format!(
            "received_rps moved by {told}, {at_cpu} of it on CPU {cpu}, expected {wanted:?} there"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softnet_stat::Cpu;

    fn account(processed: u32, received_rps: u32, elsewhere: u32) -> Account {
        let cpu = |processed, received_rps| Cpu {
            processed,
            received_rps,
            ..Cpu::default()
        };
        let softnet = [(0, cpu(0, elsewhere)), (3, cpu(processed, received_rps))];
        Account {
            softnet: softnet.into(),
            ..Account::default()
        }
    }

    #[test]
    fn all_packets_go_to_one_cpu() {
        let all = PACKETS as u32;
        judge(&account(all, 1, 0), 3, true).unwrap();
        judge(&account(all, 0, 0), 3, false).unwrap();
        assert!(judge(&account(all - 1, 1, 0), 3, true).is_err());
        assert!(judge(&account(all, 0, 0), 3, true).is_err());
        assert!(judge(&account(all, 1, 0), 3, false).is_err());
        assert!(judge(&account(all, 1, 1), 3, true).is_err());
        assert!(judge(&account(all, 1, 0), 0, true).is_err());
    }
}
