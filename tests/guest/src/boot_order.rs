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
    /// The loopback driver's, with their exit_batch.
    Lo(String),
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
        let steps: Vec<Step> = events.iter().filter_map(|e| step(e, variant)).collect();
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

fn step(event: &Event, variant: Variant) -> Option<Step> {
    let value = |key| function(event.value(key).unwrap_or_default());
    Some(match event.name.as_str() {
        "net_dev_init" => Step::Start,
        "netdev_kobject_init" => Step::Kobjects,
        "pernet_subsys" => Step::Subsystem(value("init"), value("exit_batch")),
        "pernet_device" if is_lo(&value("init"), variant) => Step::Lo(value("exit_batch")),
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
    let lo = [Step::Lo("0x0".into()), Step::Alloc("lo".into())];
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
    let (before, found) = steps.split_at(start.unwrap_or_default());
    let is_early = |s: &&Step| matches!(s, Step::Device(..) | Step::Lo(_) | Step::Alloc(_));
    if let Some(early) = before.iter().find(is_early) {
        return Err(format!("before net_dev_init() there was {early:?}"));
    }
    if !found.starts_with(&wanted) {
        let found = &found[..found.len().min(wanted.len())];
        return Err(format!("net_dev_init() was {found:?}, not {wanted:?}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, text: &str) -> Event {
        Event {
            name: name.into(),
            text: text.into(),
            ..Event::default()
        }
    }

    #[test]
    fn steps_are_read() {
        let text =
            "(register_pernet_device+0x0/0x40) init=loopback_net_init+0x0/0x90 exit_batch=0x0";
        let c = event("pernet_device", text);
        assert_eq!(step(&c, Variant::C), Some(Step::Lo("0x0".into())));
        let other = Step::Device("loopback_net_init".into(), "0x0".into());
        assert_eq!(step(&c, Variant::Builtin), Some(other));
        let alloc = event("alloc_netdev", "(alloc_netdev_mqs+0x0/0x5a0) name=\"lo\"");
        assert_eq!(step(&alloc, Variant::C), Some(Step::Alloc("lo".into())));
        assert_eq!(step(&event("napi_poll", ""), Variant::C), None);
    }

    #[test]
    fn lo_is_this_variant_s() {
        let rust = format!(
            "kernel::net::pernet::Ops::<{}>::init_callback",
            RUST_INIT[0]
        );
        assert!(is_lo(C_INIT, Variant::C) && !is_lo(C_INIT, Variant::Builtin));
        assert!(is_lo(&rust, Variant::Builtin) && !is_lo(&rust, Variant::C));
    }

    #[test]
    fn each_step_has_its_turn() {
        for variant in Variant::ALL {
            let right = wanted(variant);
            let mut with_more = right.clone();
            with_more.push(Step::Alloc("eth%d".into()));
            assert!(judge(&right, variant).is_ok() && judge(&with_more, variant).is_ok());
            let early = [vec![Step::Alloc("eth%d".into())], right.clone()].concat();
            assert!(judge(&early, variant).is_err());
            for at in 0..right.len() {
                let mut without = right.clone();
                without.remove(at);
                assert!(judge(&without, variant).is_err(), "{at}");
            }
            for at in 1..right.len() {
                let mut swapped = right.clone();
                swapped.swap(at - 1, at);
                // What comes before the start is not looked at.
                assert!(judge(&swapped, variant).is_err(), "{at}");
            }
        }
    }
}
