// SPDX-License-Identifier: GPL-2.0

//! A device that takes packets and tells nobody, with whatever lo does not have: private data that
//! must be dropped, several queues, open and stop, statistics of its own.
//!
//! It is the abstractions' second user, and lives beside lo. Its KUnit suites count what becomes of
//! private data on each path from allocation to release.

// The driver needs none; its tests ask C for things that no driver asks for.
#![deny(unsafe_code)]

mod device;
mod tally;

#[cfg(CONFIG_KUNIT = "y")]
mod kunit;

use kernel::{
    debugfs,
    net::netdevice::{
        Name,
        NameAssignType,
        RegisteredDevice,
        UnregisteredDevice, //
    },
    prelude::*, //
};

use device::{
    Dummy,
    RX_QUEUES,
    TX_QUEUES, //
};
use tally::{
    Tally,
    TALLY, //
};

const NAME: Name<'static> = Name::from_static(c"rdummy%d");

/// The module: one device, and what is known about all of them.
#[pin_data]
struct RustDummy {
    dev: RegisteredDevice<'static, Dummy>,
    #[pin]
    tally: debugfs::Scope<&'static Tally>,
}

impl kernel::InPlaceModule for RustDummy {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            dev: UnregisteredDevice::alloc_mqs(
                NAME,
                NameAssignType::Enum,
                TX_QUEUES,
                RX_QUEUES,
                Dummy::new(&TALLY),
            )?
            .register_netdev()?,
            tally <- debugfs::Scope::dir(&TALLY, c"rust_dummy", |tally, dir| tally.show(dir)),
        })
    }
}

module! {
    type: RustDummy,
    name: "rust_dummy",
    authors: ["The rust_loopback authors"],
    description: "Network device that drops everything, in Rust",
    license: "GPL",
}
