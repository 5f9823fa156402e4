// SPDX-License-Identifier: GPL-2.0

//! In which order the network core comes up, as the kernel traced it from its start: `boot.bconf`
//! asks it to.

use lab_protocol::Variant;

use crate::trace;
use crate::trace::Event;

/// What a driver's init function is called: C's, and what is in the name of the Rust one.
const C_INIT: &str = "loopback_net_init";
const RUST_INIT: [&str; 2] = ["rust_loopback::net_init::LoopbackNetOps", "init_callback"];

/// What was traced until init started; an error if that could not be seen.
#[derive(Debug)]
pub struct BootOrder(Result<Vec<Event>, String>);

/// A step on the way.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Start,
    Kobjects,
    /// Operations for namespaces, with their init and exit_batch.
    Subsystem(String, String),
    Device(String, String),
    /// A device's memory.
    Alloc(String),
    Softirq(String),
    Cpuhp(String),
}

impl BootOrder {
    /// Takes what was traced, and ends it.
    pub fn take() -> Self {
        Self(take())
    }

    /// Checks that the network core came up in the order of `net_dev_init()`, with `lo` where it is
    /// for this variant.
    pub fn judge(&self, variant: Variant) -> Result<(), String> {
        let events = self.0.as_ref().map_err(String::clone)?;
        let steps: Vec<Step> = events.iter().filter_map(step).collect();
        judge(&steps, variant)
    }
}

fn take() -> Result<Vec<Event>, String> {
    let events = trace::events()?;
    trace::set("events/kprobes/enable", "0")?;
    trace::set("kprobe_events", "")?;
    trace::set("trace", "")?;
    Ok(events)
}

fn step(event: &Event) -> Option<Step> {
    let value = |key| function(event.value(key).unwrap_or_default());
    Some(match event.name.as_str() {
        "net_dev_init" => Step::Start,
        "netdev_kobject_init" => Step::Kobjects,
        "pernet_subsys" => Step::Subsystem(value("init"), value("exit_batch")),
        "pernet_device" => Step::Device(value("init"), value("exit_batch")),
        "alloc_netdev" => Step::Alloc(value("name")),
        "softirq" => Step::Softirq(value("action")),
        "cpuhp" => Step::Cpuhp(value("name")),
        _ => return None,
    })
}

/// The name in `symbol+0x0/0x60`, readable.
fn function(text: &str) -> String {
    let name = text.split_once('+').map_or(text, |(name, _)| name);
    format!("{:#}", rustc_demangle::demangle(name))
}

fn is_lo(init: &str, variant: Variant) -> bool {
    match variant {
        Variant::C => init == C_INIT,
        Variant::Builtin | Variant::Module => RUST_INIT.iter().all(|part| init.contains(part)),
    }
}

/// What happens from the start of `net_dev_init()` to its end.
fn wanted(variant: Variant) -> Vec<Step> {
    let subsystem = |init: &str, exit: &str| Step::Subsystem(init.into(), exit.into());
    let lo = [
        Step::Device("lo".into(), "0x0".into()),
        Step::Alloc("lo".into()),
    ];
    let lo = match variant {
        Variant::Builtin | Variant::C => &lo[..],
        Variant::Module => &[],
    };
    [
        &[
            Step::Start,
            subsystem("dev_proc_net_init", "0x0"),
            subsystem("dev_mc_net_init", "0x0"),
            Step::Kobjects,
            subsystem("netdev_init", "0x0"),
        ],
        lo,
        &[
            Step::Device("0x0".into(), "default_device_exit_batch".into()),
            Step::Softirq("net_tx_action".into()),
            Step::Softirq("net_rx_action".into()),
            Step::Cpuhp("net/dev:dead".into()),
        ],
    ]
    .concat()
}

fn judge(steps: &[Step], variant: Variant) -> Result<(), String> {
    let wanted = wanted(variant);
    let start = steps.iter().position(|step| *step == Step::Start);
    let found = &steps[start.unwrap_or_default()..];
    if !found.starts_with(&wanted) {
        let found = &found[..found.len().min(wanted.len())];
        return Err(format!("net_dev_init() was {found:?}, not {wanted:?}"));
    }
    Ok(())
}
