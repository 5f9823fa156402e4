// SPDX-License-Identifier: GPL-2.0

//! Which workloads there are.

use std::time::Duration;
use std::time::Instant;

use lab_protocol::Record;
use lab_protocol::Variant;

use super::driver::Load;
use super::driver::Unload;
use super::echo::Echo;
use super::namespaces::Create;
use super::namespaces::Destroy;
use super::pktgen;
use super::pktgen::Pktgen;
use super::raw_packet::RawPacket;
use super::statistics::Netlink;
use super::statistics::Sysfs;
use super::tcp::RoundTrip;
use super::tcp::Stream;
use super::udp::Udp;
use crate::control::Control;

/// What is measured is one operation, or many of them, one after the other. All that it needs is
/// there before, and has been used before.
pub trait Workload {
    /// What has to be done before an operation.
    fn prepare(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// The operation itself.
    fn operate(&mut self) -> Result<(), String>;

    /// Where modules are, if the operation is about one that is there now.
    fn symbols(&self) -> Result<Option<Record>, String> {
        Ok(None)
    }

    /// What has to be done after an operation, which is to see that it has done what it is about.
    fn settle(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// How long so many operations take.
    fn round(&mut self, operations: u64) -> Result<Duration, String> {
        self.prepare()?;
        let start = Instant::now();
        for _ in 0..operations {
            self.operate()?;
        }
        let time = start.elapsed();
        self.settle()?;
        Ok(time)
    }

    /// Whether so many operations have left what they have to leave.
    fn finish(self: Box<Self>, _operations: u64) -> Result<(), String> {
        Ok(())
    }
}

/// One of the workloads.
#[derive(Debug)]
pub struct Entry {
    /// What it is called.
    pub name: &'static str,
    /// How many of its operations are counted.
    pub operations: u64,
    /// How many come before those: caches are filled then, lists as long as they get, and TCP knows
    /// what kind of connection it has.
    pub warm_up: u64,
    /// How many units an operation has.
    pub units: u64,
    /// How many operations may be in a timed round; 0 if time says nothing about it.
    pub most: u64,
    when: fn(&Control) -> bool,
    open: fn(&Control) -> Result<Box<dyn Workload>, String>,
}

impl Entry {
    /// Those that are asked for, and are possible here.
    pub fn wanted(control: &Control) -> impl Iterator<Item = &'static Self> + '_ {
        ALL.iter()
            .filter(|entry| lab_protocol::matches(&control.filter, entry.name))
            .filter(|entry| (entry.when)(control))
    }

    /// Sets it up.
    pub fn open(&self, control: &Control) -> Result<Box<dyn Workload>, String> {
        (self.open)(control).map_err(|why| self.error(&why))
    }

    /// Says in an error which workload it is about.
    pub fn error(&self, why: &str) -> String {
        format!("{}: {why}", self.name)
    }
}

/// Nothing at all: what the measuring itself takes.
struct Nothing;

impl Workload for Nothing {
    fn operate(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// A cheap workload.
const CHEAP: Entry = Entry {
    name: "nothing",
    operations: 200,
    warm_up: 200,
    units: 1,
    most: 1_000_000,
    when: |_| true,
    open: |_| Ok(Box::new(Nothing)),
};

const ALL: &[Entry] = &[
    Entry { most: 0, ..CHEAP },
    Entry {
        name: "udp_1",
        open: |_| Udp::boxed(1),
        ..CHEAP
    },
    Entry {
        name: "udp_1400",
        open: |_| Udp::boxed(1400),
        ..CHEAP
    },
    Entry {
        name: "udp_65000",
        open: |_| Udp::boxed(65_000),
        ..CHEAP
    },
    Entry {
        name: "tcp_rr_1",
        open: |_| RoundTrip::boxed(),
        ..CHEAP
    },
    Entry {
        name: "tcp_stream",
        operations: 20,
        warm_up: 20,
        open: |_| Stream::boxed(1 << 16),
        ..CHEAP
    },
    Entry {
        name: "tcp_stream_bulk",
        operations: 20,
        warm_up: 20,
        open: |_| Stream::boxed(1 << 19),
        ..CHEAP
    },
    Entry {
        name: "tcp_stream_big",
        operations: 20,
        warm_up: 20,
        open: |_| Stream::boxed_big(1 << 19),
        ..CHEAP
    },
    Entry {
        name: "ping",
        open: |_| Echo::boxed(),
        ..CHEAP
    },
    // Before anything is dropped: from the first such packet on there are more counters to add up.
    Entry {
        name: "stats_netlink",
        open: |_| Netlink::boxed(),
        ..CHEAP
    },
    Entry {
        name: "stats_sysfs",
        open: |_| Sysfs::boxed(),
        ..CHEAP
    },
    Entry {
        name: "raw_packet",
        open: |_| RawPacket::boxed(),
        ..CHEAP
    },
    Entry {
        name: "pktgen",
        operations: 20,
        warm_up: 5,
        units: pktgen::PACKETS,
        most: 0,
        when: |control| control.extra == pktgen::MODULE,
        open: |_| Pktgen::boxed(),
    },
    Entry {
        name: "netns_create",
        operations: 20,
        warm_up: 5,
        most: 100,
        open: |_| Create::boxed(),
        ..CHEAP
    },
    Entry {
        name: "netns_destroy",
        operations: 20,
        warm_up: 5,
        most: 100,
        open: |_| Destroy::boxed(),
        ..CHEAP
    },
    // From here on `lo` is another one.
    Entry {
        name: "module_load",
        operations: 20,
        warm_up: 3,
        most: 0,
        when: is_module,
        open: Load::boxed,
        ..CHEAP
    },
    Entry {
        name: "module_unload",
        operations: 20,
        warm_up: 3,
        most: 0,
        when: is_module,
        open: Unload::boxed,
        ..CHEAP
    },
];

fn is_module(control: &Control) -> bool {
    control.variant == Variant::Module
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<&'static str> {
        let control = Control::parse(&format!("lab.mode=bench-count {line}")).unwrap();
        Entry::wanted(&control).map(|entry| entry.name).collect()
    }

    #[test]
    fn what_is_not_possible_is_not_wanted() {
        let all = names("lab.variant=module lab.extra=pktgen.ko");
        assert_eq!(all.len(), ALL.len());
        assert!(all.ends_with(&["module_load", "module_unload"]));
        let c = names("lab.variant=c");
        assert!(!c.contains(&"pktgen") && !c.contains(&"module_load"));
        assert_eq!(c.len(), ALL.len() - 3);
        assert_eq!(names("lab.variant=c lab.filter=udp_1*").len(), 2);
    }

    #[test]
    fn counters_are_read_before_anything_is_dropped() {
        let all = names("lab.variant=module lab.extra=pktgen.ko");
        let at = |wanted| all.iter().position(|name| *name == wanted);
        assert!(at("stats_sysfs") < at("raw_packet"));
        assert!(at("raw_packet") < at("pktgen"));
    }
}
