// SPDX-License-Identifier: GPL-2.0

//! What each CPU has counted on `lo`: `/proc/net/lo_lstats`, from `lo_lstats.ko`.

use std::collections::BTreeMap;

use crate::here;
use crate::loaded::Loaded;
use crate::net_dev::Count;

/// The module, and its file.
const NAME: &str = "lo_lstats";

/// All CPUs that there could be, by number.
pub type Lstats = BTreeMap<usize, Count>;

/// The module that tells.
#[derive(Debug)]
pub struct PerCpu {
    _module: Loaded,
}

impl PerCpu {
    /// Inserts it.
    pub fn new() -> Result<Self, String> {
        let module = Loaded::insert(NAME)?;
        Ok(Self { _module: module })
    }

    /// What each CPU has counted on the `lo` of this thread's namespace.
    pub fn read(&self) -> Result<Lstats, String> {
        let text = here::proc_net(NAME)?;
        parse(&text).ok_or_else(|| format!("/proc/net/{NAME}: not understood: {text:?}"))
    }
}

fn parse(text: &str) -> Option<Lstats> {
    let lstats: Lstats = text.lines().map(parse_line).collect::<Option<_>>()?;
    (!lstats.is_empty()).then_some(lstats)
}

fn parse_line(line: &str) -> Option<(usize, Count)> {
    let mut words = line.split(' ');
    let cpu = words.next()?.parse().ok()?;
    let packets = words.next()?.parse().ok()?;
    let bytes = words.next()?.parse().ok()?;
    words
        .next()
        .is_none()
        .then_some((cpu, Count { packets, bytes }))
}

/// The sum over all CPUs.
pub fn sum(lstats: &Lstats) -> Count {
    let add = |a: Count, b: &Count| Count {
        packets: a.packets + b.packets,
        bytes: a.bytes + b.bytes,
    };
    lstats.values().fold(Count::default(), add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cpu_has_its_line() {
        let lstats = parse("0 3 252\n1 0 0\n3 1 100\n").unwrap();
        assert_eq!(lstats.keys().copied().collect::<Vec<_>>(), [0, 1, 3]);
        let count = |packets, bytes| Count { packets, bytes };
        assert_eq!(lstats[&3], count(1, 100));
        assert_eq!(sum(&lstats), count(4, 352));
    }

    #[test]
    fn what_is_odd_is_an_error() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("0 3\n"), None);
        assert_eq!(parse("0 3 252 1\n"), None);
    }
}
