// SPDX-License-Identifier: GPL-2.0

//! What the CPUs have done with received packets: `/proc/net/softnet_stat`.

use std::collections::BTreeMap;
use std::fs;

const FILE: &str = "/proc/net/softnet_stat";

/// How many columns a line has, and where what is of interest stands.
const COLUMNS: usize = 15;
const PROCESSED: usize = 0;
const DROPPED: usize = 1;
const TIME_SQUEEZE: usize = 2;
const RECEIVED_RPS: usize = 9;
const QUEUED: usize = 11;
const CPU: usize = 12;

/// One CPU's counters, which wrap, and how much is in its backlog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Packets that went up to the protocols.
    pub processed: u32,
    /// Packets that found the backlog full.
    pub dropped: u32,
    /// How often there was more to do than could be.
    pub time_squeeze: u32,
    /// How often another CPU sent it to its backlog.
    pub received_rps: u32,
    /// Packets in its backlog.
    pub queued: u32,
}

/// All CPUs that are online, by number.
pub type Softnet = BTreeMap<usize, Cpu>;

/// Reads it. It is the same in all namespaces.
pub fn read() -> Result<Softnet, String> {
    let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Softnet, String> {
    text.lines()
        .map(|line| parse_line(line).ok_or_else(|| format!("{FILE}: not understood: {line}")))
        .collect()
}

fn parse_line(line: &str) -> Option<(usize, Cpu)> {
    let columns: Vec<u32> = line
        .split(' ')
        .map(|word| u32::from_str_radix(word, 16).ok())
        .collect::<Option<_>>()?;
    if columns.len() != COLUMNS {
        return None;
    }
    let cpu = Cpu {
        processed: columns[PROCESSED],
        dropped: columns[DROPPED],
        time_squeeze: columns[TIME_SQUEEZE],
        received_rps: columns[RECEIVED_RPS],
        queued: columns[QUEUED],
    };
    Some((columns[CPU] as usize, cpu))
}

/// How far each CPU's counters moved from `before` to `after`; what is queued is as `after` has it.
/// A CPU that is in one of them only is left out.
pub fn moved(before: &Softnet, after: &Softnet) -> Softnet {
    let difference = |(number, after): (&usize, &Cpu)| {
        let before = before.get(number)?;
        let cpu = Cpu {
            processed: after.processed.wrapping_sub(before.processed),
            dropped: after.dropped.wrapping_sub(before.dropped),
            time_squeeze: after.time_squeeze.wrapping_sub(before.time_squeeze),
            received_rps: after.received_rps.wrapping_sub(before.received_rps),
            queued: after.queued,
        };
        Some((*number, cpu))
    };
    after.iter().filter_map(difference).collect()
}

/// The sum of one of the counters over all CPUs.
pub fn sum(softnet: &Softnet, counter: impl Fn(&Cpu) -> u32) -> u64 {
    softnet.values().map(|cpu| u64::from(counter(cpu))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "\
0000002a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
ffffffff 0000000e 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000005 00000000 0000000b 00000003 0000000b 00000000
";

    #[test]
    fn lines_are_read_by_cpu() {
        let softnet = parse(STAT).unwrap();
        assert_eq!(softnet.keys().copied().collect::<Vec<_>>(), [0, 3]);
        assert_eq!(softnet[&0].processed, 42);
        let wanted = Cpu {
            processed: u32::MAX,
            dropped: 14,
            time_squeeze: 3,
            received_rps: 5,
            queued: 11,
        };
        assert_eq!(softnet[&3], wanted);
    }

    #[test]
    fn what_is_odd_is_an_error() {
        assert!(parse("0000002a 00000000\n").is_err());
        assert!(parse(&STAT.replace("0000000e", "x")).is_err());
    }

    #[test]
    fn counters_wrap_and_the_queue_does_not_count() {
        let before = parse(STAT).unwrap();
        let mut after = before.clone();
        after.insert(
            3,
            Cpu {
                processed: 2,
                queued: 1,
                ..before[&3]
            },
        );
        after.remove(&0);
        let moved = moved(&before, &after);
        assert_eq!(moved.len(), 1);
        let wanted = Cpu {
            processed: 3,
            queued: 1,
            ..Cpu::default()
        };
        assert_eq!(moved[&3], wanted);
        assert_eq!(sum(&moved, |cpu| cpu.processed), 3);
    }
}
