// SPDX-License-Identifier: GPL-2.0

//! What others get to hear of `lo`: that its namespace comes and goes, that it goes up and down,
//! that its driver comes and goes.
//!
//! Messages of netlink are heard in their own namespace only. Who could listen there is not there
//! yet when a namespace gets its `lo`, and no longer when it loses it: then there is the notifier
//! only. Where the driver is a module, its namespaces are older than `lo`, and outlive it.

use std::fmt::Debug;
use std::fs;

use lab_protocol::Variant;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::fresh;
use crate::here;
use crate::kunit;
use crate::listener::Listener;
use crate::modules;
use crate::namespace::Scope;
use crate::netlink;
use crate::netlink::Ears;
use crate::netlink::Link;
use crate::netlink::Uevent;
use crate::teardown;
use crate::unload;

/// Flags of a device: `IFF_LOOPBACK`, and with it those of one that is up: `IFF_UP`, `IFF_RUNNING`
/// and `IFF_LOWER_UP`.
const DOWN: u32 = 0x8;
const UP: u32 = 0x1_0049;

/// What is said to have changed: `IFF_UP`; `IFF_RUNNING`, too, if a device is closed because it
/// goes; all, if it is new or gone.
const IFF_UP: u32 = 0x1;
const CLOSED: u32 = 0x41;
pub const ALL: u32 = u32::MAX;

/// Where sysfs has `lo`, and who asks there for a uevent gets one.
const PATH: &str = "/devices/virtual/net/lo";
const UEVENT: &str = "/sys/class/net/lo/uevent";

/// What is heard of a `lo` that comes, and of one that goes.
const COMES: [&str; 2] = ["NETDEV_POST_INIT lo 1", "NETDEV_REGISTER lo 1"];
const GOES: [&str; 2] = ["NETDEV_UNREGISTER lo 1", "NETDEV_PRE_UNINIT lo 1"];
const GOES_UP: [&str; 2] = ["NETDEV_PRE_UP lo 1", "NETDEV_UP lo 1"];
const GOES_DOWN: [&str; 2] = ["NETDEV_GOING_DOWN lo 1", "NETDEV_DOWN lo 1"];

/// Fails unless `found` is what is `wanted`.
pub fn expect<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what}: {found:?}, not {wanted:?}"))
}

fn owned(words: &[&[&str]]) -> Vec<String> {
    words.concat().into_iter().map(String::from).collect()
}

fn lo(gone: bool, flags: u32, change: u32) -> Link {
    Link {
        gone,
        name: "lo".into(),
        index: 1,
        flags,
        change,
    }
}

/// What stands for a namespace's loopback device before it has one, and after.
pub fn nobody(variant: Variant) -> &'static str {
    match variant {
        Variant::Module => "blackhole_dev",
        Variant::Builtin | Variant::C => "-",
    }
}

/// A new namespace gets its `lo` after all subsystems and before all devices.
pub fn namespace_comes(context: &mut Context<'_>) -> Verdict {
    let before = format!("SUBSYS_INIT {} 0", nobody(context.variant));
    let listener = Listener::insert()?;
    fresh::with(|| {
        let heard = listener.words_of(here::number()?)?;
        let wanted = owned(&[&[&before], &COMES, &["DEVICES_INIT lo 0"]]);
        expect("a namespace comes", &heard, &wanted)?;
        expect("its devices", &netlink::dump()?, &vec![lo(false, DOWN, 0)])
    })?;
    Ok(())
}

/// Each change of its state is told to each listener once.
pub fn up_and_down(_: &mut Context<'_>) -> Verdict {
    let listener = Listener::insert()?;
    fresh::with(|| {
        let ears = Ears::open()?;
        for (state, words, flags) in [("up", GOES_UP, UP), ("down", GOES_DOWN, DOWN)] {
            listener.forget()?;
            command::run(&["ip", "link", "set", "lo", state])?;
            let heard = listener.words_of(here::number()?)?;
            expect(state, &heard, &owned(&[&words]))?;
            expect(state, &ears.links()?, &vec![lo(false, flags, IFF_UP)])?;
        }
        Ok(())
    })?;
    Ok(())
}

/// When a namespace with other devices goes, `lo` goes last, and its `loopback_dev` is cleared.
pub fn namespace_goes(context: &mut Context<'_>) -> Verdict {
    const OTHERS: [&str; 3] = ["dummy9", "veth8", "veth9"];
    let listener = Listener::insert()?;
    let number = fresh::with(|| {
        let [dummy, veth, peer] = OTHERS;
        command::run(&["ip", "link", "add", dummy, "type", "dummy"])?;
        command::run(&[
            "ip", "link", "add", veth, "type", "veth", "peer", "name", peer,
        ])?;
        for device in OTHERS.iter().chain(&["lo"]) {
            command::run(&["ip", "link", "set", device, "up"])?;
        }
        let mut names: Vec<String> = netlink::dump()?.into_iter().map(|l| l.name).collect();
        expect("first of the devices", &names.remove(0), &"lo".into())?;
        names.sort();
        expect("other devices", &names, &owned(&[&OTHERS]))?;
        listener.forget()?;
        here::number()
    })?;
    let heard = listener.words_of(number)?;
    judge_end(&heard, &OTHERS, nobody(context.variant))
        .map_err(|why| format!("a namespace goes: {why}: {heard:?}"))?;
    Ok(())
}

/// Checks the events of a namespace's end: that each of the `others` goes, and then `lo`, before
/// the subsystems do.
fn judge_end(heard: &[String], others: &[&str], nobody: &str) -> Result<(), String> {
    let mut others: Vec<String> = others.iter().map(|name| name.to_string()).collect();
    let exit = format!("SUBSYS_EXIT {nobody} 0");
    let [.., unregister, uninit, last] = heard else {
        return Err("too little".into());
    };
    expect("first", &heard[0].as_str(), &"DEVICES_EXIT lo 0")?;
    expect(
        "last",
        &[unregister.as_str(), uninit, last],
        &[GOES[0], GOES[1], &exit],
    )?;
    let lo: Vec<String> = heard
        .iter()
        .filter(|words| words.starts_with("NETDEV_") && words.contains(" lo "))
        .cloned()
        .collect();
    expect("lo", &lo, &owned(&[&GOES_DOWN, &GOES]))?;
    let mut gone: Vec<String> = heard
        .iter()
        .filter_map(|words| words.strip_prefix("NETDEV_UNREGISTER "))
        .filter_map(|words| words.split_once(' '))
        .map(|(name, _)| name.into())
        .collect();
    others.push("lo".into());
    gone.sort();
    others.sort();
    expect("gone", &gone, &others)
}

/// A uevent of `lo` is heard in its namespace, and in no other.
pub fn uevent(_: &mut Context<'_>) -> Verdict {
    let here = Ears::open()?;
    fresh::with(|| {
        let there = Ears::open()?;
        // This sysfs was mounted in the first namespace.
        fs::write(UEVENT, "change").map_err(|e| format!("{UEVENT}: {e}"))?;
        expect("heard elsewhere", &there.uevents()?, &Vec::new())
    })?;
    expect("heard", &of_lo(here.uevents()?), &vec![title("change", "")])?;
    Ok(())
}

/// The titles of the uevents of `lo` and what is below it; each says of the device itself which it
/// is.
fn of_lo(uevents: Vec<Uevent>) -> Vec<String> {
    uevents
        .into_iter()
        .filter(|uevent| uevent.title.contains(PATH))
        .map(|uevent| {
            if uevent.title.ends_with(PATH) && !uevent.is_of("net", "lo", 1) {
                return format!("{uevent:?}");
            }
            uevent.title
        })
        .collect()
}

fn title(action: &str, below: &str) -> String {
    format!("{action}@{PATH}{below}")
}

/// A namespace that hears what happens to the driver.
struct Witnessed {
    number: u32,
    ears: Ears,
}

impl Witnessed {
    /// This thread's.
    fn here() -> Result<Self, String> {
        Ok(Self {
            number: here::number()?,
            ears: Ears::open()?,
        })
    }

    /// Checks all that was heard here since the last time.
    fn expect(
        &self,
        listener: &Listener,
        words: &[&[&str]],
        links: &[Link],
        action: &str,
    ) -> Result<(), String> {
        let what = format!("namespace {}, {action}", self.number);
        expect(&what, &listener.words_of(self.number)?, &owned(words))?;
        expect(&what, &self.ears.links()?, &links.to_vec())?;
        let uevents = ["/queues/rx-0", "/queues/tx-0", ""].map(|below| title(action, below));
        expect(&what, &of_lo(self.ears.uevents()?), &uevents.to_vec())
    }
}

/// The driver's module goes and comes, with `lo` up in one namespace and down in another.
pub fn module(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let listener = Listener::insert()?;
    let up = Witnessed::here()?;
    // It lives as long as its sockets do.
    let down = fresh::in_thread(|| {
        fresh::enter()?;
        Witnessed::here()
    })?;
    let verdict = goes(&listener, &up, &down);
    listener.forget()?;
    unload::back(context)?;
    let verdict = verdict.and_then(|()| comes(&listener, &up, &down));
    let number = down.number;
    drop(down);
    teardown::await_end(number)?;
    Ok(verdict?)
}

fn goes(listener: &Listener, up: &Witnessed, down: &Witnessed) -> Result<(), String> {
    kunit::choose(kunit::NONE)?;
    listener.forget()?;
    modules::remove(modules::DRIVER)?;
    let gone = lo(true, DOWN, ALL);
    let links = [lo(false, DOWN, CLOSED), gone.clone()];
    up.expect(listener, &[&GOES_DOWN, &GOES], &links, "remove")?;
    down.expect(listener, &[&GOES], &[gone], "remove")?;
    let events = listener.events()?;
    expect(
        "last",
        &events.last().map(|e| e.what.as_str()),
        &Some("MODULE_GOING"),
    )
}

fn comes(listener: &Listener, up: &Witnessed, down: &Witnessed) -> Result<(), String> {
    let new = [lo(false, DOWN, ALL)];
    up.expect(listener, &[&COMES], &new, "add")?;
    down.expect(listener, &[&COMES], &new, "add")?;
    let events = listener.events()?;
    let ends = [events.first(), events.last()].map(|event| event.map(|e| e.what.as_str()));
    expect(
        "first and last",
        &ends,
        &[Some("MODULE_COMING"), Some("MODULE_LIVE")],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: [&str; 9] = [
        "DEVICES_EXIT lo 0",
        "NETDEV_GOING_DOWN lo 1",
        "NETDEV_DOWN lo 1",
        "NETDEV_UNREGISTER a 3",
        "NETDEV_PRE_UNINIT a 3",
        "NETDEV_UNREGISTER b 2",
        "NETDEV_UNREGISTER lo 1",
        "NETDEV_PRE_UNINIT lo 1",
        "SUBSYS_EXIT - 0",
    ];

    #[test]
    fn lo_has_to_go_last() {
        let judge = |words: &[&str]| judge_end(&owned(&[words]), &["b", "a"], "-");
        judge(&END).unwrap();
        for (one, other) in [(5, 6), (0, 3), (7, 8), (1, 2)] {
            let mut words = END;
            words.swap(one, other);
            assert!(judge(&words).is_err(), "{words:?}");
        }
        for missing in [0, 1, 2, 3, 5, 6, 7, 8] {
            let mut words = END.to_vec();
            words.remove(missing);
            assert!(judge(&words).is_err(), "{words:?}");
        }
        assert!(judge(&[]).is_err());
        assert!(judge_end(&owned(&[&END]), &["a", "b"], "blackhole_dev").is_err());
    }
}
