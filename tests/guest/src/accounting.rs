// SPDX-License-Identifier: GPL-2.0

//! The books: whatever was sent over `lo` has been counted by it and received, or dropped and
//! counted as that.

use std::time::Duration;

use crate::net_dev;
use crate::net_dev::Count;
use crate::snmp;
use crate::softnet_stat;
use crate::softnet_stat::Softnet;
use crate::wait;

/// How long it may take until all that `lo` has counted is received.
const DEADLINE: Duration = Duration::from_secs(30);

/// What everybody has counted so far, as seen from this thread's namespace.
#[derive(Clone, Debug)]
pub struct Books {
    lo: net_dev::Counters,
    protocols: snmp::Snmp,
    softnet: Softnet,
}

/// What happened since some books were opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What `lo` counted in each direction.
    pub lo: Count,
    /// What it was to receive, but did not.
    pub dropped: u64,
    /// What came up to IPv4.
    pub received: u64,
    /// What came for nobody, or for a socket without room.
    pub lost: u64,
    /// What the CPUs did.
    pub softnet: Softnet,
}

impl Books {
    /// Opens them.
    pub fn open() -> Result<Self, String> {
        Ok(Self {
            lo: net_dev::read("lo")?,
            protocols: snmp::read()?,
            softnet: softnet_stat::read()?,
        })
    }

    /// What happened since; an error if `lo` sent and received differs.
    pub fn account(&self) -> Result<Account, String> {
        let now = Self::open()?;
        let moved = |before: Count, after: Count| Count {
            packets: after.packets.wrapping_sub(before.packets),
            bytes: after.bytes.wrapping_sub(before.bytes),
        };
        let rx = moved(self.lo.rx, now.lo.rx);
        let tx = moved(self.lo.tx, now.lo.tx);
        if rx != tx {
            return Err(format!("lo received {rx:?}, but sent {tx:?}"));
        }
        let lost = |snmp: &snmp::Snmp| snmp.no_ports + snmp.errors;
        Ok(Account {
            lo: tx,
            dropped: now.lo.rx_dropped.wrapping_sub(self.lo.rx_dropped),
            received: now.protocols.received.wrapping_sub(self.protocols.received),
            lost: lost(&now.protocols).wrapping_sub(lost(&self.protocols)),
            softnet: softnet_stat::moved(&self.softnet, &now.softnet),
        })
    }

    /// The same, once IPv4 has received all that `lo` counted. Nobody may be sending any more.
    pub fn settled(&self) -> Result<Account, String> {
        let mut account = self.account()?;
        let settled = wait::until(DEADLINE, || {
            account = self.account()?;
            Ok(account.received == account.lo.packets)
        })?;
        if settled {
            return Ok(account);
        }
        Err(format!(
            "not all that lo counted is received after {} s: {account:?}",
            DEADLINE.as_secs()
        ))
    }

    /// The same, of `sent` packets of which each was counted or dropped.
    pub fn balanced(&self, sent: u64) -> Result<Account, String> {
        let account = self.settled()?;
        judge(&account, sent)?;
        Ok(account)
    }
}

fn judge(account: &Account, sent: u64) -> Result<(), String> {
    let processed = softnet_stat::sum(&account.softnet, |cpu| cpu.processed);
    let full = softnet_stat::sum(&account.softnet, |cpu| cpu.dropped);
    let queued = softnet_stat::sum(&account.softnet, |cpu| cpu.queued);
    let books = [
        (
            "sent, and counted or dropped by lo",
            sent,
            account.lo.packets + account.dropped,
        ),
        (
            "counted by lo, and received by IPv4",
            account.lo.packets,
            account.received,
        ),
        (
            "counted by lo, and processed by CPUs",
            account.lo.packets,
            processed,
        ),
        ("dropped by lo, and by full backlogs", account.dropped, full),
        ("none, and left in backlogs", 0, queued),
    ];
    for (what, left, right) in books {
        if left != right {
            return Err(format!(
                "the books do not balance: {what}: {left}, {right}: {account:?}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softnet_stat::Cpu;

    fn account() -> Account {
        let cpu = |processed, dropped| Cpu {
            processed,
            dropped,
            ..Cpu::default()
        };
        Account {
            lo: Count {
                packets: 7,
                bytes: 700,
            },
            dropped: 3,
            received: 7,
            lost: 0,
            softnet: [(0, cpu(2, 0)), (3, cpu(5, 3))].into(),
        }
    }

    #[test]
    fn balanced_books_pass() {
        judge(&account(), 10).unwrap();
    }

    #[test]
    fn a_single_packet_too_many_or_too_few_is_seen() {
        assert!(judge(&account(), 9).is_err());
        assert!(judge(&account(), 11).is_err());
        let spoils: [fn(&mut Account); 6] = [
            |a| a.lo.packets += 1,
            |a| a.dropped -= 1,
            |a| a.received -= 1,
            |a| a.softnet.entry(3).or_default().processed += 1,
            |a| a.softnet.entry(0).or_default().dropped += 1,
            |a| a.softnet.entry(0).or_default().queued += 1,
        ];
        for spoil in spoils {
            let mut account = account();
            spoil(&mut account);
            assert!(judge(&account, 10).is_err());
        }
    }
}
