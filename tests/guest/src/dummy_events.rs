// SPDX-License-Identifier: GPL-2.0

//! What others get to hear of a device that comes and goes, or is refused, where the kernel has its
//! `lo` built in: a second driver's device does so all the same, in the namespace of who listens.

use rustix::io::Errno;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::dummy::DEVICE;
use crate::dummy::FILE;
use crate::dummy::MODULE;
use crate::events::expect;
use crate::events::ALL;
use crate::failure::ACTIONS;
use crate::here;
use crate::kunit;
use crate::listener::Listener;
use crate::modules;
use crate::netlink;
use crate::netlink::Ears;
use crate::netlink::Link;
use crate::setting::Setting;

/// Flags of a device that is down: `IFF_BROADCAST` and `IFF_NOARP`.
const DOWN: u32 = 0x82;

/// What others hear of a device, in order; of its queues they hear first. Those go from the last to
/// the first of each kind.
const COMES: [&str; 2] = ["NETDEV_POST_INIT", "NETDEV_REGISTER"];
const GOES: [&str; 2] = ["NETDEV_UNREGISTER", "NETDEV_PRE_UNINIT"];
const QUEUES: [&str; 6] = ["rx-0", "rx-1", "tx-0", "tx-1", "tx-2", "tx-3"];
const QUEUES_BACK: [&str; 6] = ["rx-1", "rx-0", "tx-3", "tx-2", "tx-1", "tx-0"];

/// An error that nothing else gives.
const OBJECTION: Errno = Errno::XDEV;

/// Whoever listens in this thread's namespace.
struct Witnesses {
    listener: Listener,
    ears: Ears,
}

/// All that was heard of one device.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    words: Vec<String>,
    links: Vec<Link>,
    uevents: Vec<String>,
}

impl Heard {
    /// With what the notifiers say of the device of this index.
    fn words(mut self, words: &[&str], index: u32) -> Self {
        let all = words.iter().map(|what| format!("{what} {DEVICE} {index}"));
        self.words.extend(all);
        self
    }

    /// With what rtnetlink says of a device that is new, or gone.
    fn link(mut self, gone: bool, index: u32) -> Self {
        self.links.push(Link {
            gone,
            name: DEVICE.into(),
            index,
            flags: DOWN,
            change: ALL,
        });
        self
    }

    /// With what the driver core says of its queues.
    fn queues(mut self, action: &str, queues: [&str; 6]) -> Self {
        let all = queues.map(|queue| title(action, &format!("/queues/{queue}")));
        self.uevents.extend(all);
        self
    }

    /// With what the driver core says of itself.
    fn device(mut self, action: &str) -> Self {
        self.uevents.push(title(action, ""));
        self
    }
}

fn title(action: &str, below: &str) -> String {
    format!("{action}@/devices/virtual/net/{DEVICE}{below}")
}

impl Witnesses {
    fn here() -> Result<Self, String> {
        Ok(Self {
            listener: Listener::insert()?,
            ears: Ears::open()?,
        })
    }

    /// What they have heard of the device since the last time.
    fn heard(&self) -> Result<Heard, String> {
        let of_device = |words: &String| words.split(' ').nth(1) == Some(DEVICE);
        let words = self.listener.words_of(here::number()?)?;
        self.listener.forget()?;
        let uevents = self.ears.uevents()?.into_iter();
        let of_it = uevents.map(|uevent| uevent.title).filter(|title| {
            let path = title.split_once('@').map_or("", |(_, path)| path);
            path.starts_with(&format!("/devices/virtual/net/{DEVICE}"))
        });
        let mut links = self.ears.links()?;
        links.retain(|link| link.name == DEVICE);
        Ok(Heard {
            words: words.into_iter().filter(of_device).collect(),
            links,
            uevents: of_it.collect(),
        })
    }
}

/// The device's index.
fn index() -> Result<u32, String> {
    let all = netlink::dump()?;
    let own = all.iter().find(|link| link.name == DEVICE);
    own.map(|link| link.index)
        .ok_or_else(|| format!("there is no {DEVICE}: {all:?}"))
}

/// The module goes, is refused its device, and comes back.
pub fn check(_: &mut Context<'_>) -> Verdict {
    kunit::choose(kunit::NONE)?;
    // Other checks may have left it up.
    modules::remove(MODULE)?;
    modules::insert_again(FILE)?;
    let witnesses = Witnesses::here()?;
    let gone = goes(&witnesses);
    let refused = gone.and_then(|()| is_refused(&witnesses));
    modules::insert_again(FILE)?;
    refused?;
    let index = index()?;
    let wanted = Heard::default()
        .words(&COMES, index)
        .link(false, index)
        .queues("add", QUEUES)
        .device("add");
    Ok(expect("comes", &witnesses.heard()?, &wanted)?)
}

fn goes(witnesses: &Witnesses) -> Result<(), String> {
    let index = index()?;
    witnesses.heard()?;
    modules::remove(MODULE)?;
    let wanted = Heard::default()
        .words(&GOES, index)
        .link(true, index)
        .queues("remove", QUEUES_BACK)
        .device("remove");
    expect("goes", &witnesses.heard()?, &wanted)
}

/// Who is asked before the listener objects when the device is there, but not yet announced: it is
/// taken down as one that was.
fn is_refused(witnesses: &Witnesses) -> Result<(), String> {
    let file = modules::open(FILE)?;
    let code = (-OBJECTION.raw_os_error()).to_string();
    let objection = Setting::set(&format!("{ACTIONS}/NETDEV_REGISTER/error"), &code)?;
    let result = modules::load(&file);
    drop(objection);
    expect("insmod", &result, &Err(OBJECTION))?;
    let heard = witnesses.heard()?;
    let Some(gone) = heard.links.first() else {
        return Err(format!("refused, nobody heard of its end: {heard:?}"));
    };
    let wanted = Heard::default()
        .words(&COMES[..1], gone.index)
        .words(&GOES, gone.index)
        .link(true, gone.index)
        .queues("add", QUEUES)
        .queues("remove", QUEUES_BACK);
    expect("refused", &heard, &wanted)
}
