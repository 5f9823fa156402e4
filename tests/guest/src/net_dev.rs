// SPDX-License-Identifier: GPL-2.0

//! A device's counters, as `/proc/net/dev` has them in the namespace of the thread that reads it.

use crate::here;

const FILE: &str = "dev";

/// Where dropped packets stand.
const DROPPED: usize = 3;

/// How much went one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many packets.
    pub packets: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// A device's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub rx: Count,
    /// Sent.
    pub tx: Count,
    /// To be received, but dropped.
    pub rx_dropped: u64,
}

/// A device's row: eight numbers for each direction, of which the first two are bytes and packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// Received.
    pub rx: [u64; 8],
    /// Sent.
    pub tx: [u64; 8],
}

impl Row {
    /// The row of the device called `name`.
    pub fn read(name: &str) -> Result<Self, String> {
        let text = here::proc_net(FILE)?;
        Self::parse(&text, name)
            .ok_or_else(|| format!("/proc/net/{FILE}: not one row of {name}: {text}"))
    }

    fn parse(text: &str, name: &str) -> Option<Self> {
        let mut rows = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter_map(|(device, numbers)| (device.trim() == name).then_some(numbers));
        let (Some(row), None) = (rows.next(), rows.next()) else {
            return None;
        };
        let numbers: Vec<u64> = row
            .split_whitespace()
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        let numbers = <[u64; 16]>::try_from(numbers).ok()?;
        let mut this = Self::default();
        this.rx.copy_from_slice(&numbers[..8]);
        this.tx.copy_from_slice(&numbers[8..]);
        Some(this)
    }

    fn counters(&self) -> Counters {
        let count = |numbers: &[u64; 8]| Count {
            bytes: numbers[0],
            packets: numbers[1],
        };
        Counters {
            rx: count(&self.rx),
            tx: count(&self.tx),
            rx_dropped: self.rx[DROPPED],
        }
    }
}

/// The counters of the device called `name`.
pub fn read(name: &str) -> Result<Counters, String> {
    Ok(Row::read(name)?.counters())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  xlo:    1       1    0    0    0     0          0         0       1       1    0    0    0     0       0          0
    lo:    2256      24    0    3    0     0          0         0     2257      25    0    0    0     0       0          0
";

    #[test]
    fn the_device_is_found() {
        let row = Row::parse(DEV, "lo").unwrap();
        assert_eq!(row.rx, [2256, 24, 0, 3, 0, 0, 0, 0]);
        assert_eq!(row.tx, [2257, 25, 0, 0, 0, 0, 0, 0]);
        let counters = row.counters();
        let count = |packets, bytes| Count { packets, bytes };
        assert_eq!(counters.rx, count(24, 2256));
        assert_eq!(counters.tx, count(25, 2257));
        assert_eq!(counters.rx_dropped, 3);
    }

    #[test]
    fn one_that_is_not_there_is_not() {
        assert_eq!(Row::parse(DEV, "eth0"), None);
        assert_eq!(Row::parse("    lo: 1 2 3\n", "lo"), None);
        assert_eq!(Row::parse(&[DEV, DEV].concat(), "lo"), None);
    }
}
