// SPDX-License-Identifier: GPL-2.0

//! Memory runs out at each of the allocations between a device's allocation and its release.

#![cfg(CONFIG_FAULT_INJECTION)]

use core::mem::size_of;

use kernel::{
    bindings::net_device,
    net::netdevice::{
        Name,
        NameAssignType,
        UnregisteredDevice, //
    },
    page::PAGE_SIZE,
    prelude::*, //
};

use super::{
    drivers::Data,
    events,
    events::{
        Outcome,
        Recorder,
        POST_INIT,
        PRE_UNINIT,
        REGISTER,
        UNREGISTER, //
    },
    fail_nth, //
};
use crate::device::Dummy;
use crate::tally::{
    Counted,
    Tally, //
};

const NAME: Name<'static> = Name::from_static(c"rdfault");

/// More than there are; without a bound a bug would make this loop for ever.
const MOST: u32 = 500;

/// How much `alloc_netdev_mqs()` cannot do without: the device, its address, its queues in both
/// directions, and the states of ethtool, of the configuration and of NAPI. For a device that is
/// larger than a page it asks in two ways. (Faults cannot be injected into the allocator of per-CPU
/// memory, where the references are counted.)
const PARTS: i32 = if size_of::<net_device>() > PAGE_SIZE {
    6
} else {
    7
};

/// Now and then an allocator allocates something for itself beside the parts, so that one more can
/// fail, or a part be hit twice. That is not so each time.
const ATTEMPTS: usize = 5;

/// Registers and unregisters a device while the `n`th allocation fails. Says how that ended, and
/// whether there were that many.
fn round(n: u32, tally: &'static Tally) -> (Result, bool) {
    let (dev, failed) = fail_nth::during(n, || {
        UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Dummy::new(tally))
            .and_then(|dev| dev.register_netdev())
    });

    (dev.map(drop), failed)
}

/// Allocates and frees a device, whose data takes no memory of its own, while the `n`th allocation
/// fails.
fn alloc_round(n: u32, tally: &'static Tally) -> (Result, bool) {
    fail_nth::during(n, || {
        let data = init!(Data {
            data: Counted::new(tally),
        });
        UnregisteredDevice::alloc(NAME, NameAssignType::Enum, data).map(drop)
    })
}

/// Registers a device that is there already while the `n`th allocation fails.
fn register_round(n: u32, tally: &'static Tally, recorder: &Recorder) -> Result<(Outcome, bool)> {
    let dev = events::alloc(Dummy::new(tally))?;
    let mut failed = false;

    let outcome = Outcome::of(recorder, |rtnl| {
        let result;
        (result, failed) = fail_nth::during(n, || dev.register_netdevice(rtnl));
        result
    })?;
    Ok((outcome, failed))
}

/// How often a registration ended at which point. (Between `ndo_init` and the first event there is
/// only the index, for which the core asks a second time.)
#[derive(Default)]
struct Ends {
    before_init: u32,
    in_sysfs: u32,
    in_a_notifier: u32,
    /// It got through: that memory was not vital.
    nowhere: u32,
}

impl Ends {
    /// Counts one, if the events are those of one of these ends and of that result.
    fn count(&mut self, outcome: &Outcome, had_init: bool) -> Result {
        let count = match (outcome.result, &*events::names(&outcome.seen)?) {
            (Err(_), []) if !had_init => &mut self.before_init,
            (Err(_), [POST_INIT, PRE_UNINIT]) => &mut self.in_sysfs,
            (Err(_), [POST_INIT, REGISTER, UNREGISTER, PRE_UNINIT]) => &mut self.in_a_notifier,
            (Ok(()), [POST_INIT, REGISTER]) => &mut self.nowhere,
            _ => return Err(EBADMSG),
        };

        *count += 1;
        Ok(())
    }
}

#[kunit_tests(rust_netdev_faults)]
mod cases {
    use super::*;

    #[test]
    fn each_allocation_fails_once() -> Result {
        static TALLY: Tally = Tally::new();
        let mut errors = 0;

        for n in 1..MOST {
            let (result, failed) = round(n, &TALLY);

            assert_eq!(TALLY.made(), TALLY.dropped());
            assert_eq!(TALLY.inits(), TALLY.uninits());
            if !failed {
                assert_eq!(result, Ok(()));
                pr_info!("{} allocations, {} of them fatal\n", n - 1, errors);
                // Some failed before there was any data, and some after `ndo_init`.
                assert!(TALLY.made() < n as i32 - 1);
                assert!(TALLY.inits() > 1 && errors > 0);
                return Ok(());
            }
            if let Err(error) = result {
                // What it is called, `ENOMEM` or something else, is the core's and its users'
                // affair.
                pr_debug!("allocation {}: {:?}\n", n, error);
                errors += 1;
            }
        }
        Err(ETIMEDOUT)
    }

    #[test]
    fn without_one_of_its_parts_there_is_no_device() -> Result {
        static TALLY: Tally = Tally::new();

        for _ in 0..ATTEMPTS {
            let before = TALLY.made();
            let mut missing = 0;
            let mut count = 0;

            for n in 1..MOST {
                let (result, failed) = alloc_round(n, &TALLY);

                // Its data comes last: it is not even made if a part is missing.
                if result.is_err() {
                    assert_eq!(result, Err(ENOMEM));
                    missing += 1;
                }
                assert_eq!(TALLY.made() - before, n as i32 - missing);
                assert_eq!(TALLY.dropped(), TALLY.made());
                if !failed {
                    count = n as i32 - 1;
                    break;
                }
            }
            assert!(missing > 0);
            // What debugging allocates beside them is not vital, but not the same each time.
            if cfg!(CONFIG_DEBUG_KMEMLEAK) || (missing, count) == (PARTS, PARTS) {
                return Ok(());
            }
            pr_info!("{} allocations, {} of them fatal\n", count, missing);
        }
        Err(EBADMSG)
    }

    #[test]
    fn registration_fails_in_one_of_these_ways() -> Result {
        static TALLY: Tally = Tally::new();
        let recorder = Recorder::new()?;
        let mut ends = Ends::default();

        for n in 1..MOST {
            let inits = TALLY.inits();
            let (outcome, failed) = register_round(n, &TALLY, &recorder)?;

            assert_eq!(TALLY.made(), n as i32);
            assert_eq!(TALLY.dropped(), n as i32);
            assert_eq!(TALLY.inits(), TALLY.uninits());
            // Who could not be registered has left nothing behind.
            assert_eq!(outcome.known, outcome.result.is_ok());
            assert_eq!(ends.count(&outcome, TALLY.inits() > inits), Ok(()));
            if !failed {
                assert_eq!(outcome.result, Ok(()));
                pr_info!(
                    "{} allocations of registration: {}, {}, {} of them fatal, {} not\n",
                    n - 1,
                    ends.before_init,
                    ends.in_sysfs,
                    ends.in_a_notifier,
                    ends.nowhere - 1,
                );
                assert!(ends.before_init > 0 && ends.in_sysfs > 0 && ends.in_a_notifier > 0);
                return Ok(());
            }
        }
        Err(ETIMEDOUT)
    }
}
