// SPDX-License-Identifier: GPL-2.0

//! How much memory the kernel uses for itself.

use std::fs;

const FILE: &str = "/proc/meminfo";

/// Where the kernel's own allocations are accounted for; user space's are not there.
const PARTS: [&str; 3] = ["Slab:", "Percpu:", "VmallocUsed:"];

/// Bytes in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used(u64);

impl Used {
    /// What is in use now.
    pub fn read() -> Result<Self, String> {
        let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
        Self::parse(&text).ok_or_else(|| format!("{FILE}: not as it is known: {text}"))
    }

    fn parse(text: &str) -> Option<Self> {
        let kib = |part: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(part))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        let sum = PARTS.iter().map(|part| kib(part)).sum::<Option<u64>>()?;
        Some(Self(1024 * sum))
    }

    /// How much more it is than `before`.
    pub fn since(self, before: Self) -> u64 {
        self.0.saturating_sub(before.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "MemTotal:  500000 kB\nSlab:              120 kB\nSUnreclaim:  9 kB\n\
                        VmallocUsed:        30 kB\nPercpu:              5 kB\nHugePages_Total: 0\n";

    #[test]
    fn parts_are_added() {
        let used = Used::parse(TEXT).unwrap();
        assert_eq!(used, Used(155 * 1024));
        assert_eq!(used.since(Used(1024)), 154 * 1024);
        assert_eq!(Used(0).since(used), 0);
    }

    #[test]
    fn a_missing_part_is_an_error() {
        assert_eq!(Used::parse(&TEXT.replace("Percpu", "Other")), None);
        assert_eq!(Used::parse(&TEXT.replace("120 kB", "many kB")), None);
    }
}
