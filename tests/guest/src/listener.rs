// SPDX-License-Identifier: GPL-2.0

//! What happened to network namespaces and their devices, in order, as `lo_listener.ko` heard it;
//! and how it is told to object, or to let an allocation fail.

use std::fs;

use rustix::io::Errno;

use crate::loaded::Loaded;

const MODULE: &str = "lo_listener";
const EVENTS: &str = "/sys/kernel/debug/lo_listener/events";
const FAIL: &str = "/sys/kernel/debug/lo_listener/fail";
const REFUSE: &str = "/sys/kernel/debug/lo_listener/refuse";

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What: `NETDEV_REGISTER` and the like; `SUBSYS_INIT` and `DEVICES_INIT`, `SUBSYS_EXIT` and
    /// `DEVICES_EXIT` of a namespace, before and after those of devices; `MODULE_COMING` and the
    /// like.
    pub what: String,
    /// To which device, by name; of a namespace its `loopback_dev`, `-` if it has none.
    pub device: String,
    /// The device's index.
    pub index: u32,
    /// In which namespace.
    pub namespace: u32,
    /// How many more allocations it took until one had to fail; 0 if none had to.
    pub fail_nth: u32,
}

impl Event {
    /// What happened to which device.
    pub fn words(&self) -> String {
        format!("{} {} {}", self.what, self.device, self.index)
    }
}

/// It listens as long as this lives.
#[derive(Debug)]
pub struct Listener {
    _module: Loaded,
}

impl Listener {
    /// Inserts it.
    pub fn insert() -> Result<Self, String> {
        let module = Loaded::insert(MODULE)?;
        let listener = Self { _module: module };
        // It has been told of all that there is.
        listener.forget()?;
        Ok(listener)
    }

    /// Forgets what it heard.
    pub fn forget(&self) -> Result<(), String> {
        fs::write(EVENTS, "\n").map_err(|e| format!("{EVENTS}: {e}"))
    }

    /// What it heard.
    pub fn events(&self) -> Result<Vec<Event>, String> {
        let text = fs::read_to_string(EVENTS).map_err(|e| format!("{EVENTS}: {e}"))?;
        parse(&text)
    }

    /// What it heard of one namespace, in words.
    pub fn words_of(&self, namespace: u32) -> Result<Vec<String>, String> {
        let events = self.events()?.into_iter();
        let here = events.filter(|event| event.namespace == namespace);
        Ok(here.map(|event| event.words()).collect())
    }

    /// Lets the `nth` allocation of a task fail, counted from when `what` happens to it.
    pub fn fail(&self, what: &str, nth: u32) -> Result<(), String> {
        fs::write(FAIL, format!("{what} {nth}")).map_err(|e| format!("{FAIL}: {e}"))
    }

    /// Lets it object with `error` when `what` happens to a `lo` for the `count`th time.
    pub fn refuse(&self, what: &str, count: u32, error: Errno) -> Result<(), String> {
        let line = format!("{what} {count} {}", error.raw_os_error());
        fs::write(REFUSE, line).map_err(|e| format!("{REFUSE}: {e}"))
    }

    /// How many more times that has to happen until it objects.
    pub fn to_refuse(&self) -> Result<u32, String> {
        let text = fs::read_to_string(REFUSE).map_err(|e| format!("{REFUSE}: {e}"))?;
        text.trim()
            .parse()
            .map_err(|e| format!("{REFUSE}: {e}: {text}"))
    }
}

fn parse(text: &str) -> Result<Vec<Event>, String> {
    text.lines()
        .map(|line| {
            let fail = || format!("{EVENTS}: {line}");
            let words: Vec<&str> = line.split(' ').collect();
            let [what, device, index, namespace, fail_nth] = words[..] else {
                return Err(fail());
            };
            if what == "LOST" {
                return Err(format!(
                    "{EVENTS}: there were {index} more than it can hold"
                ));
            }
            let number = |word: &str| word.parse().map_err(|_| fail());
            Ok(Event {
                what: what.into(),
                device: device.into(),
                index: number(index)?,
                namespace: number(namespace)?,
                fail_nth: number(fail_nth)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read() {
        let events = parse("NETDEV_REGISTER lo 1 4026532000 7\nMODULE_LIVE - 0 0 0\n").unwrap();
        assert_eq!(events[0].words(), "NETDEV_REGISTER lo 1");
        assert_eq!(
            (events[0].namespace, events[0].fail_nth),
            (4_026_532_000, 7)
        );
        assert_eq!(events[1].what, "MODULE_LIVE");
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_lost_or_odd_is_an_error() {
        for text in [
            "LOST - 3 0 0\n",
            "NETDEV_REGISTER lo 1 4026532000\n",
            "NETDEV_REGISTER lo one 4026532000 0\n",
            "\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
