// SPDX-License-Identifier: GPL-2.0

//! A device's counters, as `/proc/net/dev` has them in the namespace of the thread that reads it.

use std::fs;

const FILE: &str = "/proc/thread-self/net/dev";

/// How many numbers a line has, and where what is of interest stands.
const NUMBERS: usize = 16;
const DROPPED: usize = 3;
const TRANSMIT: usize = 8;

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

/// The counters of the device called `name`.
pub fn read(name: &str) -> Result<Counters, String> {
    let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
    parse(&text, name).ok_or_else(|| format!("{FILE}: nothing about {name}: {text}"))
}

fn parse(text: &str, name: &str) -> Option<Counters> {
    let line = text.lines().find_map(|line| {
        let (device, numbers) = line.split_once(':')?;
        (device.trim() == name).then_some(numbers)
    })?;
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    if numbers.len() != NUMBERS {
        return None;
    }
    let count = |at: usize| Count {
        bytes: numbers[at],
        packets: numbers[at + 1],
    };
    Some(Counters {
        rx: count(0),
        tx: count(TRANSMIT),
        rx_dropped: numbers[DROPPED],
    })
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
        let counters = parse(DEV, "lo").unwrap();
        let count = |packets, bytes| Count { packets, bytes };
        assert_eq!(counters.rx, count(24, 2256));
        assert_eq!(counters.tx, count(25, 2257));
        assert_eq!(counters.rx_dropped, 3);
    }

    #[test]
    fn one_that_is_not_there_is_not() {
        assert_eq!(parse(DEV, "eth0"), None);
        assert_eq!(parse("    lo: 1 2 3\n", "lo"), None);
    }
}
