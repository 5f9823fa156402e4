// SPDX-License-Identifier: GPL-2.0

//! The guest's init: mounts what is needed, inserts the modules, runs the checks and reports to
//! the lab over a virtio-serial port. On the host, `guest --list <variant>` prints the names of its
//! checks for that kernel, `guest --list-shown <variant>` of those that `make run` does.

mod accounting;
mod address;
mod backlog;
mod bench;
mod boot;
mod boot_order;
mod checks;
mod command;
mod compare;
mod control;
mod counted;
mod counters;
mod cpus;
mod datagrams;
mod device_memory;
mod dummy;
mod dummy_events;
mod early;
mod ethtool;
mod events;
mod fail_nth;
mod failure;
mod faults;
mod flush;
mod frame;
mod fresh;
mod here;
mod hold;
mod hotplug;
mod ip;
mod kunit;
mod leaks;
mod leaving;
mod listener;
mod loaded;
mod lookup;
mod lstats;
mod modules;
mod namespace;
mod net_dev;
mod netlink;
mod offline;
mod own_netns;
mod packets;
mod per_cpu_lstats;
mod percpu_fail;
mod ping;
mod proc_net;
mod rcu;
mod refused;
mod reload;
mod report;
mod rps;
mod sabotage;
mod session;
mod setting;
mod shell;
mod snmp;
mod softirq;
mod softirqs;
mod softnet_stat;
mod structure;
mod sysfs;
mod tally;
mod teardown;
mod trace;
mod trace_instance;
mod traffic;
mod unload;
mod wait;
mod witness;
mod xmit;

use std::process::ExitCode;

use lab_protocol::Variant;

fn main() -> ExitCode {
    if !rustix::process::getpid().is_init() {
        return list();
    }
    if let Err(error) = session::run() {
        boot::log(&format!("lab: {error}"));
    }
    boot::restart()
}

/// What it does where it is not the guest's init.
fn list() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let wanted = match words[..] {
        ["--list", variant] => Variant::parse(variant).map(|variant| (variant, false)),
        ["--list-shown", variant] => Variant::parse(variant).map(|variant| (variant, true)),
        _ => None,
    };
    let Some((variant, shown_only)) = wanted else {
        eprintln!(
            "guest: this is the init of the lab's guest; outside of it only --list <variant> works"
        );
        return ExitCode::from(2);
    };
    let checks = checks::ALL.iter().filter(|check| check.is_for(variant));
    for check in checks.filter(|check| check.shown || !shown_only) {
        println!("{}", check.name);
    }
    ExitCode::SUCCESS
}
