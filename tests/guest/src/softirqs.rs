// SPDX-License-Identifier: GPL-2.0

//! How often each softirq has run on each CPU: `/proc/softirqs`.

use std::fs;

const FILE: &str = "/proc/softirqs";

/// The network's two softirqs, by CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Softirqs {
    /// `NET_RX`: what is received.
    pub rx: Vec<u64>,
    /// `NET_TX`: what could not be sent at once.
    pub tx: Vec<u64>,
}

impl Softirqs {
    /// Reads it.
    pub fn read() -> Result<Self, String> {
        let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
        parse(&text).ok_or_else(|| format!("{FILE}: not understood: {text}"))
    }

    /// How often they have run since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let moved = |after: &[u64], before: &[u64]| {
            let pairs = after.iter().zip(before);
            pairs
                .map(|(after, before)| after.wrapping_sub(*before))
                .collect()
        };
        Self {
            rx: moved(&self.rx, &before.rx),
            tx: moved(&self.tx, &before.tx),
        }
    }
}

/// Parses a line of CPUs, and a line for each softirq. The CPUs are all that there could be.
fn parse(text: &str) -> Option<Softirqs> {
    let names = text.lines().next()?.split_whitespace();
    let numbered = names
        .enumerate()
        .map(|(at, name)| name == format!("CPU{at}"));
    let cpus = numbered
        .map(|ok| ok.then_some(()))
        .collect::<Option<Vec<_>>>()?
        .len();
    let row = |name: &str| -> Option<Vec<u64>> {
        let mut lines = text
            .lines()
            .filter_map(|line| line.trim_start().split_once(':'));
        let (_, numbers) = lines.find(|(found, _)| *found == name)?;
        let numbers = numbers.split_whitespace().map(|word| word.parse().ok());
        numbers
            .collect::<Option<Vec<u64>>>()
            .filter(|row| row.len() == cpus)
    };
    Some(Softirqs {
        rx: row("NET_RX")?,
        tx: row("NET_TX")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFTIRQS: &str = "\
                    CPU0       CPU1
          HI:          1          0
      NET_TX:          3          4
      NET_RX:        105          6
";

    #[test]
    fn rows_are_read_by_cpu() {
        let softirqs = parse(SOFTIRQS).unwrap();
        let wanted = Softirqs {
            rx: vec![105, 6],
            tx: vec![3, 4],
        };
        assert_eq!(softirqs, wanted);
        let later = parse(&SOFTIRQS.replace("105", "107")).unwrap();
        let moved = Softirqs {
            rx: vec![2, 0],
            tx: vec![0, 0],
        };
        assert_eq!(later.since(&softirqs), moved);
    }

    #[test]
    fn what_is_odd_is_an_error() {
        assert_eq!(parse(""), None);
        assert_eq!(parse(&SOFTIRQS.replace("CPU1", "CPU2")), None);
        assert_eq!(parse(&SOFTIRQS.replace("NET_TX", "NET")), None);
        assert_eq!(parse(&SOFTIRQS.replace("105", "")), None);
    }
}
