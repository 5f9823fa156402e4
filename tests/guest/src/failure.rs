// SPDX-License-Identifier: GPL-2.0

//! `lo` cannot be made: an allocation fails, or somebody objects. Who asked for it gets the error,
//! nothing is left of it, and it works the next time.

use std::fs::File;
use std::path::Path;

use lab_protocol::Variant;
use rustix::io::Errno;

use crate::checks;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::datagrams::Inbox;
use crate::datagrams::Sender;
use crate::datagrams::SMALLEST;
use crate::events::nobody;
use crate::fail_nth::attempt;
use crate::fail_nth::Attempt;
use crate::fresh;
use crate::fresh::Kept;
use crate::here;
use crate::kunit;
use crate::listener::Event;
use crate::listener::Listener;
use crate::modules;
use crate::namespace::Scope;
use crate::netlink;
use crate::percpu_fail::PercpuFail;
use crate::setting::Setting;
use crate::teardown;
use crate::unload;
use crate::witness;

/// The kernel's own objections to events of devices.
pub const ACTIONS: &str = "/sys/kernel/debug/notifier-error-inject/netdev/actions";

/// From which size on an allocation of pages may fail.
const MIN_ORDER: &str = "/sys/kernel/debug/fail_page_alloc/min-order";

/// What can be objected to while a device comes.
const STEPS: [&str; 2] = ["NETDEV_POST_INIT", "NETDEV_REGISTER"];

/// Errors that nothing else gives.
const ERRORS: [Errno; 2] = [Errno::XDEV, Errno::DOM];

/// Until a device is announced for the first time, so often at least is memory allocated that it
/// cannot be without: for itself, its address, its queues, their memory models, its settings,
/// contexts, counters and name.
const OWN: usize = 8;

/// How often to try the same allocation again if it was one of the allocator's own: that it makes
/// one just there is rare.
const SPARE: u32 = 3;

/// Where to start looking for these: not more than so many allocations before.
const BEFORE: u32 = 12;

/// Who takes per-CPU memory for a `lo`: for its reference count, and for what it counts.
const PER_CPU: [&str; 2] = ["alloc_netdev_mqs", "register_netdevice"];

/// Far more allocations than anything here takes.
const NEVER: u32 = 1 << 20;

/// What only the debug kernel has, where all of this takes ten times as long.
const SLOW: &str = "/sys/kernel/debug/kmemleak";

/// After the driver's own allocations come those of the core. What is to be undone then depends on
/// how far it came, not on each of them; all of them are tried by making namespaces.
const STEP: u32 = 8;

/// Which allocations are to fail if the devices of two namespaces are announced after so many, and
/// there are so many in all.
fn steps(first: u32, second: u32, all: u32) -> Vec<u32> {
    let own = |announced: u32| announced.saturating_sub(BEFORE) + 1..=announced;
    let core = |from: u32, to: u32| (from..=to).step_by(STEP as usize);
    own(first)
        .chain(core(first + 1, *own(second).start() - 1))
        .chain(own(second))
        .chain(core(second + 1, all))
        .collect()
}

/// How far a `lo` had come that could not be made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Nobody had heard of it.
    Own,
    /// It was being added to the driver core.
    Added,
    /// Protocols were being told of it.
    Announced,
}

impl Stage {
    fn of(events: &[Event]) -> Self {
        let heard = |what: &str| events.iter().any(|event| event.what == what);
        match (heard("NETDEV_POST_INIT"), heard("NETDEV_UNREGISTER")) {
            (false, _) => Stage::Own,
            (true, false) => Stage::Added,
            (true, true) => Stage::Announced,
        }
    }

    /// Whether an error is one of those that any of them allows.
    fn any_allows(error: Errno) -> bool {
        let all = [Stage::Own, Stage::Added, Stage::Announced];
        all.iter().any(|stage| stage.allows(error))
    }

    /// Whether that is what the network core says with C's driver. The driver core says `EINVAL` if
    /// there is no memory for a name, and a protocol `ENOBUFS` if there is none for its settings.
    fn allows(self, error: Errno) -> bool {
        match self {
            Stage::Own => error == Errno::NOMEM,
            Stage::Added => [Errno::NOMEM, Errno::INVAL].contains(&error),
            Stage::Announced => [Errno::NOMEM, Errno::NOBUFS].contains(&error),
        }
    }
}

/// Checks that each `lo` that was announced is gone, but for those that were refused at once: they
/// were never there.
fn none_left(events: &[Event], refused: usize) -> Result<(), String> {
    let count = |what: &str| events.iter().filter(|event| event.what == what).count();
    let (came, went) = (count("NETDEV_POST_INIT"), count("NETDEV_PRE_UNINIT"));
    if came == went + refused {
        return Ok(());
    }
    Err(format!("{came} devices came, {went} went"))
}

/// Lets the allocator's own allocations of pages not be counted: there is not always one.
fn count_objects() -> Result<Setting, String> {
    Setting::set(MIN_ORDER, "100")
}

/// Each allocation that a namespace's `lo` takes, and what comes after it, fails once.
pub fn allocation(context: &mut Context<'_>) -> Verdict {
    let stride = if Path::new(SLOW).exists() { 4 } else { 1 };
    let variant = context.variant;
    let listener = Listener::insert()?;
    let _objects = count_objects()?;
    let mut stages = Vec::new();
    let (mut nth, mut spare) = (1, 0);
    loop {
        listener.forget()?;
        let (attempt, events) = fresh::in_thread(|| {
            let attempt = attempt(&listener, "SUBSYS_INIT", nth, fresh::unshare)?;
            if attempt.result.is_ok() {
                witness::here()?.judge(variant)?;
            }
            Ok((attempt, of_new(listener.events()?)))
        })
        .map_err(|why| format!("without allocation {nth}: {why}"))?;
        let ended = events.iter().any(|event| event.what == "SUBSYS_EXIT");
        if let Some(event) = events.first() {
            teardown::await_end(event.namespace)?;
        }
        let events = of_new(listener.events()?);
        let stage = judge(&attempt, &events, ended, nobody(variant))
            .map_err(|why| format!("without allocation {nth}: {why}: {attempt:?}, {events:?}"))?;
        stages.extend(stage);
        if attempt.left != 0 {
            break;
        }
        let was_spare = was_spare(&events);
        if was_spare && spare < SPARE {
            spare += 1;
            continue;
        }
        spare = 0;
        let own = was_spare || stage == Some(Stage::Own);
        nth += if own { 1 } else { stride };
    }
    let count = |stage| stages.iter().filter(|found| **found == stage).count();
    let counts = [Stage::Own, Stage::Added, Stage::Announced].map(count);
    if counts[0] < OWN || counts[1] == 0 || counts[2] == 0 {
        return Err(format!("{nth} attempts, failures by stage: {counts:?}").into());
    }
    Ok(())
}

/// Those of the namespace that has been made since the listener forgot all: an older one may be
/// going at the same time.
fn of_new(events: Vec<Event>) -> Vec<Event> {
    let first = events.iter().find(|event| event.what == "SUBSYS_INIT");
    let Some(namespace) = first.map(|event| event.namespace) else {
        return Vec::new();
    };
    of_namespaces(events, &[namespace])
}

fn of_namespaces(events: Vec<Event>, namespaces: &[u32]) -> Vec<Event> {
    let is_of = |event: &Event| namespaces.contains(&event.namespace);
    events.into_iter().filter(is_of).collect()
}

/// Whether what failed was no object of the driver's, but something that the allocator can do
/// without: `lo` is announced nevertheless.
fn was_spare(events: &[Event]) -> bool {
    let announced = events.iter().find(|event| event.what == "NETDEV_POST_INIT");
    announced.is_some_and(|event| event.fail_nth == 0)
}

/// Checks one attempt to make a namespace, after it is gone; the stage that it failed in, if it
/// did. `ended`: it was gone when the call returned.
fn judge(
    attempt: &Attempt,
    events: &[Event],
    ended: bool,
    nobody: &str,
) -> Result<Option<Stage>, String> {
    let done = events.iter().any(|event| event.what == "DEVICES_INIT");
    let end = events.last().map(Event::words);
    if end.as_deref() != Some(&format!("SUBSYS_EXIT {nobody} 0")) {
        return Err(format!("it ends with {end:?}"));
    }
    none_left(events, 0)?;
    let Err(error) = attempt.result else {
        return match done && !ended {
            true => Ok(None),
            false => Err("it succeeds without all of its devices".into()),
        };
    };
    let stage = Stage::of(events);
    if done || !ended {
        return Err("it fails, but the namespace is there".into());
    }
    if attempt.left != 0 || !stage.allows(error) {
        return Err(format!("it fails with {error}"));
    }
    Ok(Some(stage))
}

/// Each allocation of per-CPU memory that a namespace takes fails once; [`PER_CPU`] are `lo`'s.
pub fn percpu(context: &mut Context<'_>) -> Verdict {
    let variant = context.variant;
    let listener = Listener::insert()?;
    let percpu = PercpuFail::insert()?;
    let mut callers = Vec::new();
    for nth in 1.. {
        listener.forget()?;
        let before = witness::here()?.namespaces;
        let (attempt, number) = fresh::in_thread(|| {
            let attempt = percpu.attempt(nth, fresh::unshare)?;
            if attempt.result.is_ok() {
                works(variant)?;
            }
            Ok((attempt, here::number()?))
        })
        .map_err(|why| format!("without allocation {nth}: {why}"))?;
        let fail = |why: String| format!("without allocation {nth}: {why}: {attempt:?}");
        let Some(caller) = &attempt.caller else {
            attempt.result.map_err(|error| fail(error.to_string()))?;
            teardown::await_end(number)?;
            break;
        };
        let events = of_new(listener.events()?);
        judge_percpu(attempt.result, &events, nobody(variant)).map_err(fail)?;
        let after = witness::here()?.namespaces;
        if let Some(left) = after.iter().find(|number| !before.contains(number)) {
            return Err(fail(format!("namespace {left} is there")).into());
        }
        if PER_CPU.contains(&caller.as_str()) {
            fresh::with(|| works(variant)).map_err(fail)?;
        }
        callers.push(caller.clone());
    }
    match PER_CPU
        .iter()
        .find(|own| !callers.iter().any(|c| c == *own))
    {
        None => Ok(()),
        Some(own) => Err(format!("{own} is not among {callers:?}").into()),
    }
}

/// Checks the end of an attempt to make a namespace without some per-CPU memory.
fn judge_percpu(result: Result<(), Errno>, events: &[Event], nobody: &str) -> Result<(), String> {
    // The listener comes late: without memory for those before it, it hears of nothing.
    if events.is_empty() {
        return match result {
            Err(Errno::NOMEM) => Ok(()),
            other => Err(format!("it ends with {other:?}")),
        };
    }
    let attempt = Attempt { result, left: 0 };
    match judge(&attempt, events, true, nobody)? {
        Some(_) => Ok(()),
        None => Err("it succeeds".into()),
    }
}

/// Checks that this thread's namespace has a `lo` that works.
fn works(variant: Variant) -> Result<(), String> {
    witness::here()?.judge(variant)?;
    command::run(&["ip", "link", "set", "lo", "up"])?;
    let inbox = Inbox::new()?;
    Sender::new(inbox.address, SMALLEST)?.send(1)?;
    inbox.next().map(drop)
}

/// Who objects to `lo` objects to its namespace.
pub fn refused(context: &mut Context<'_>) -> Verdict {
    let variant = context.variant;
    let listener = Listener::insert()?;
    for (step, error) in STEPS.into_iter().zip(ERRORS) {
        listener.forget()?;
        let code = (-error.raw_os_error()).to_string();
        let objection = Setting::set(&format!("{ACTIONS}/{step}/error"), &code)?;
        let result = fresh::in_thread(|| Ok(fresh::unshare()))?;
        drop(objection);
        if result != Err(error) {
            return Err(format!("{step} refused with {error}: {result:?}").into());
        }
        let events = of_new(listener.events()?);
        let heard: Vec<String> = events.iter().map(Event::words).collect();
        // It hears of things after those who object here.
        let mut wanted = vec![format!("SUBSYS_INIT {} 0", nobody(variant))];
        wanted.extend(until_refused(step));
        wanted.push(format!("SUBSYS_EXIT {} 0", nobody(variant)));
        if heard != wanted {
            return Err(format!("{step} refused with {error}: {heard:?}, not {wanted:?}").into());
        }
        fresh::with(|| witness::here()?.judge(variant))?;
    }
    Ok(())
}

/// What is heard of a `lo` that is refused at this step by one who is asked first.
fn until_refused(step: &str) -> Vec<String> {
    let words: &[&str] = match step {
        "NETDEV_REGISTER" => &[
            "NETDEV_POST_INIT lo 1",
            "NETDEV_UNREGISTER lo 1",
            "NETDEV_PRE_UNINIT lo 1",
        ],
        _ => &[],
    };
    words.iter().map(|words| words.to_string()).collect()
}

/// The driver's module, where there are two namespaces, and none has a `lo` before it comes.
struct Insertion {
    listener: Listener,
    second: Kept,
    file: File,
    variant: Variant,
}

impl Insertion {
    fn prepare(context: &mut Context<'_>) -> Result<Self, String> {
        let insertion = Self {
            listener: Listener::insert()?,
            second: Kept::make()?,
            file: modules::open(context.driver)?,
            variant: context.variant,
        };
        kunit::choose(kunit::NONE)?;
        context.forget();
        modules::remove(modules::DRIVER)?;
        Ok(insertion)
    }

    /// Inserts it for good. What is there now may be left of an attempt.
    fn end(self, context: &mut Context<'_>) -> Verdict {
        if modules::state(modules::DRIVER)?.is_some() {
            modules::remove(modules::DRIVER)?;
        }
        unload::back(context)?;
        checks::owner(context, Scope::Init)?;
        Ok(self.second.end()?)
    }

    /// What was heard of both namespaces.
    fn events(&self) -> Result<Vec<Event>, String> {
        let namespaces = [here::number()?, self.second.number()];
        Ok(of_namespaces(self.listener.events()?, &namespaces))
    }

    /// Does `look` in both namespaces.
    fn everywhere(&self, look: impl Fn() -> Result<(), String> + Sync) -> Result<(), String> {
        look().map_err(|why| format!("the first namespace: {why}"))?;
        let there = self.second.within(&look);
        there.map_err(|why| format!("the second namespace: {why}"))
    }

    /// Checks that there is nothing of it.
    fn nothing_left(&self) -> Result<(), String> {
        if let Some(state) = modules::state(modules::DRIVER)? {
            return Err(format!("the module is {state}"));
        }
        self.everywhere(|| {
            unload::nobody(&witness::here()?)?;
            match netlink::dump()?.into_iter().find(|link| link.name == "lo") {
                None => Ok(()),
                Some(link) => Err(format!("there is {link:?}")),
            }
        })
    }

    /// Inserts it without the `nth` allocation after its code is there, and removes it again if it
    /// is there then.
    fn without(&self, nth: u32) -> Result<(Attempt, Vec<Event>), String> {
        self.listener.forget()?;
        let load = || modules::load(&self.file);
        let attempt = fresh::in_thread(|| attempt(&self.listener, "MODULE_COMING", nth, load))?;
        let events = self.events()?;
        let outcome = match attempt.result {
            Err(error) if Stage::any_allows(error) && attempt.left == 0 => {
                none_left(&events, 0).and_then(|()| self.nothing_left())
            }
            Err(error) => Err(format!("insmod fails with {error}")),
            Ok(()) => self.there(),
        };
        outcome.map_err(|why| {
            format!("insmod without allocation {nth}: {why}: {attempt:?}, {events:?}")
        })?;
        Ok((attempt, events))
    }

    /// Checks that it works, and removes it.
    fn there(&self) -> Result<(), String> {
        self.everywhere(|| witness::here()?.judge(self.variant))?;
        modules::remove(modules::DRIVER)?;
        self.nothing_left()
    }

    /// Lets each of the driver's own allocations fail, and some of those that come after them.
    fn walk(&self) -> Result<(), String> {
        let (attempt, events) = self.without(NEVER)?;
        let announced: Vec<u32> = events
            .iter()
            .filter(|event| event.what == "NETDEV_POST_INIT")
            .map(|event| NEVER - event.fail_nth)
            .collect();
        let [first, second] = announced[..] else {
            return Err(format!("insmod in two namespaces: {events:?}"));
        };
        let mut failures = [0, 0];
        for nth in steps(first, second, NEVER - attempt.left) {
            let (attempt, events) = self.without(nth)?;
            let came = events.iter().any(|event| event.what == "NETDEV_REGISTER");
            if attempt.result.is_err() {
                failures[usize::from(came)] += 1;
            }
        }
        if failures.iter().any(|count| *count < OWN) {
            return Err(format!("insmod fails so often by namespace: {failures:?}"));
        }
        Ok(())
    }

    /// Objects to the `count`th `lo` at `step`.
    fn refuse(&self, step: &str, count: u32, error: Errno) -> Result<(), String> {
        self.listener.forget()?;
        self.listener.refuse(step, count, error)?;
        let result = modules::load(&self.file);
        let events = self.events()?;
        let outcome = match result {
            Err(found) if found == error => {
                none_left(&events, usize::from(step == STEPS[0])).and_then(|()| self.nothing_left())
            }
            other => Err(format!("insmod: {other:?}, not {error}")),
        };
        outcome.map_err(|why| format!("{step} refused to number {count}: {why}: {events:?}"))?;
        let heard = events.iter().filter(|event| event.what == step).count();
        if heard != count as usize || self.listener.to_refuse()? != 0 {
            return Err(format!("{step} refused to number {count}: {events:?}"));
        }
        Ok(())
    }
}

/// insmod of the driver fails at each of its allocations, in either of two namespaces.
pub fn insmod(context: &mut Context<'_>) -> Verdict {
    let insertion = Insertion::prepare(context)?;
    let verdict = count_objects().and_then(|_objects| insertion.walk());
    let ended = insertion.end(context);
    verdict?;
    ended
}

/// insmod of the driver fails if somebody objects to the first `lo`, or to the second.
pub fn insmod_refused(context: &mut Context<'_>) -> Verdict {
    let insertion = Insertion::prepare(context)?;
    let verdict = STEPS.into_iter().zip(ERRORS).try_for_each(|(step, error)| {
        (1..=2).try_for_each(|count| insertion.refuse(step, count, error))
    });
    let ended = insertion.end(context);
    verdict?;
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(words: &str) -> Vec<Event> {
        words
            .split_whitespace()
            .map(|what| Event {
                what: what.into(),
                device: "-".into(),
                index: 0,
                namespace: 1,
                fail_nth: 0,
            })
            .collect()
    }

    #[test]
    fn an_older_namespace_does_not_count() {
        let mut all = events("NETDEV_PRE_UNINIT SUBSYS_INIT NETDEV_POST_INIT SUBSYS_EXIT");
        all[0].namespace = 7;
        all[2].namespace = 8;
        all[3].namespace = 8;
        all[1].namespace = 8;
        assert_eq!(of_new(all.clone()), all[1..]);
        assert_eq!(of_new(all[..1].to_vec()), []);
    }

    fn judged(
        result: Result<(), Errno>,
        left: u32,
        words: &str,
        ended: bool,
    ) -> Result<Option<Stage>, String> {
        judge(&Attempt { result, left }, &events(words), ended, "-")
    }

    #[test]
    fn what_fails_must_leave_nothing() {
        const ADDED: &str = "SUBSYS_INIT NETDEV_POST_INIT NETDEV_PRE_UNINIT SUBSYS_EXIT";
        let no_memory = Err(Errno::NOMEM);
        assert_eq!(
            judged(no_memory, 0, "SUBSYS_INIT SUBSYS_EXIT", true),
            Ok(Some(Stage::Own))
        );
        assert_eq!(judged(no_memory, 0, ADDED, true), Ok(Some(Stage::Added)));
        assert_eq!(
            judged(Err(Errno::INVAL), 0, ADDED, true),
            Ok(Some(Stage::Added))
        );
        for (result, left, words, ended) in [
            (Err(Errno::INVAL), 0, "SUBSYS_INIT SUBSYS_EXIT", true),
            (no_memory, 1, ADDED, true),
            (no_memory, 0, ADDED, false),
            (Err(Errno::NOBUFS), 0, ADDED, true),
            (
                no_memory,
                0,
                "SUBSYS_INIT NETDEV_POST_INIT SUBSYS_EXIT",
                true,
            ),
            (no_memory, 0, "SUBSYS_INIT", true),
            (no_memory, 0, "", true),
            (no_memory, 0, "SUBSYS_INIT DEVICES_INIT SUBSYS_EXIT", true),
        ] {
            assert!(judged(result, left, words, ended).is_err(), "{words}");
        }
    }

    #[test]
    fn without_per_cpu_memory_it_fails_early_or_as_otherwise() {
        let judged = |result, words: &str| judge_percpu(result, &events(words), "-").is_ok();
        let no_memory = Err(Errno::NOMEM);
        assert!(judged(no_memory, ""));
        assert!(judged(no_memory, "SUBSYS_INIT SUBSYS_EXIT"));
        assert!(!judged(no_memory, "SUBSYS_INIT"));
        assert!(!judged(Ok(()), ""));
        assert!(!judged(Err(Errno::INVAL), ""));
        assert!(!judged(Ok(()), "SUBSYS_INIT DEVICES_INIT SUBSYS_EXIT"));
    }

    #[test]
    fn what_succeeds_must_be_whole() {
        const WHOLE: &str = "SUBSYS_INIT NETDEV_POST_INIT DEVICES_INIT NETDEV_UNREGISTER \
                             NETDEV_PRE_UNINIT SUBSYS_EXIT";
        assert_eq!(judged(Ok(()), 0, WHOLE, false), Ok(None));
        assert!(judged(Ok(()), 0, WHOLE, true).is_err());
        assert!(judged(Ok(()), 0, "SUBSYS_INIT SUBSYS_EXIT", false).is_err());
    }

    #[test]
    fn the_drivers_own_allocations_are_all_tried() {
        let steps = steps(40, 80, 100);
        assert_eq!(steps[0], 40 - BEFORE + 1);
        for announced in [40, 80] {
            let own = announced - BEFORE + 1..=announced;
            assert!(own.clone().all(|nth| steps.contains(&nth)));
        }
        assert!(steps.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(steps.iter().all(|nth| *nth <= 100));
    }
}
