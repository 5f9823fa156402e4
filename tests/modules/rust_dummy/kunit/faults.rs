// SPDX-License-Identifier: GPL-2.0

//! Memory runs out at each of the allocations between a device's allocation and its release.

#![cfg(CONFIG_FAULT_INJECTION)]

use kernel::{
    net::netdevice::{
        Name,
        NameAssignType,
        UnregisteredDevice, //
    },
    prelude::*, //
};

use super::fail_nth;
use crate::device::Dummy;
use crate::tally::Tally;

const NAME: Name<'static> = Name::from_static(c"rdfault");

/// More than there are; without a bound a bug would make this loop for ever.
const MOST: u32 = 500;

/// Registers and unregisters a device while the `n`th allocation fails. Says how that ended, and
/// whether there were that many.
fn round(n: u32, tally: &'static Tally) -> (Result, bool) {
    let (dev, failed) = fail_nth::during(n, || {
        UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Dummy::new(tally))
            .and_then(|dev| dev.register_netdev())
    });

    (dev.map(drop), failed)
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
}
