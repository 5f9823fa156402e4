// SPDX-License-Identifier: GPL-2.0

//! Private data is dropped once, on each path from allocation to release.

use kernel::{
    bindings,
    net::{
        netdevice::{
            Name,
            NameAssignType,
            RegisteredDevice,
            UnregisteredDevice, //
        },
        rtnl, //
    },
    prelude::*,
    sizes::{
        SZ_1G,
        SZ_32M, //
    }, //
};

use super::{
    drivers::Data,
    notifier,
    notifier::Objector, //
};
use crate::device::{
    Dummy,
    RX_QUEUES,
    TX_QUEUES, //
};
use crate::tally::Tally;

const NAME: Name<'static> = Name::from_static(c"rdpath");

/// A device with that much data takes a share of the guest's memory that shows, and all of these
/// together more than there is.
const LARGE: usize = SZ_32M;
const MEMORY: usize = SZ_1G;

/// What a case expects of its tally.
#[derive(Debug, PartialEq)]
struct Count {
    made: i32,
    dropped: i32,
    inits: i32,
    uninits: i32,
}

impl Count {
    fn of(tally: &Tally) -> Self {
        Self {
            made: tally.made(),
            dropped: tally.dropped(),
            inits: tally.inits(),
            uninits: tally.uninits(),
        }
    }
}

/// Allocated, and released without a word to the rest of the stack.
const NEVER_INITIALISED: Count = Count {
    made: 1,
    dropped: 1,
    inits: 0,
    uninits: 0,
};

/// Through `ndo_init` and `ndo_uninit`.
const ONCE_ALL_THROUGH: Count = Count {
    made: 1,
    dropped: 1,
    inits: 1,
    uninits: 1,
};

/// Registered, and alive.
const ALIVE: Count = Count {
    made: 1,
    dropped: 0,
    inits: 1,
    uninits: 0,
};

fn alloc(name: Name<'_>, tally: &'static Tally) -> Result<UnregisteredDevice<'static, Dummy>> {
    UnregisteredDevice::alloc_mqs(
        name,
        NameAssignType::Enum,
        TX_QUEUES,
        RX_QUEUES,
        Dummy::new(tally),
    )
}

fn alloc_at(index: u32, tally: &'static Tally) -> Result<UnregisteredDevice<'static, Dummy>> {
    let mut dev = alloc(NAME, tally)?;

    dev.set_ifindex(index)?;
    Ok(dev)
}

/// Registers under RTNL, and looks at the tally before RTNL is unlocked.
fn register_locked(
    dev: UnregisteredDevice<'static, Dummy>,
    tally: &'static Tally,
) -> (Result<RegisteredDevice<'static, Dummy>>, Count) {
    let rtnl = rtnl::lock();
    let dev = dev.register_netdevice(&rtnl);
    let count = Count::of(tally);

    (dev, count)
}

#[kunit_tests(rust_netdev_paths)]
mod cases {
    use super::*;

    #[test]
    fn too_many_queues() {
        static TALLY: Tally = Tally::new();

        for (txqs, rxqs) in [
            (0x10000, 1),
            (1, 0x10000),
            (u32::MAX, u32::MAX),
            (0, 1),
            (1, 0),
        ] {
            let dev = UnregisteredDevice::alloc_mqs(
                NAME,
                NameAssignType::Enum,
                txqs,
                rxqs,
                Dummy::new(&TALLY),
            );
            assert_eq!(dev.err(), Some(EINVAL));
        }
        assert_eq!((TALLY.made(), TALLY.dropped()), (0, 0));
    }

    #[test]
    fn initialisation_of_the_data_fails() {
        static TALLY: Tally = Tally::new();

        let dev = UnregisteredDevice::<Dummy>::alloc(
            NAME,
            NameAssignType::Enum,
            Dummy::new(&TALLY).chain(|_| Err(EPERM)),
        );
        assert_eq!(dev.err(), Some(EPERM));
        // What the failing initialiser had made, it has dropped.
        assert_eq!(Count::of(&TALLY), NEVER_INITIALISED);
    }

    #[test]
    fn what_failed_gives_its_memory_back() {
        for _ in 0..MEMORY / LARGE {
            let data = init!(Data {
                data <- pin_init::init_zeroed::<[u8; LARGE]>(),
            }? Error)
            .chain(|_| Err(EPERM));
            let dev =
                UnregisteredDevice::<Data<[u8; LARGE]>>::alloc(NAME, NameAssignType::Enum, data);
            // Without memory that would be another error.
            assert_eq!(dev.err(), Some(EPERM));
        }
    }

    #[test]
    fn never_registered() -> Result {
        static TALLY: Tally = Tally::new();

        let dev = alloc(NAME, &TALLY)?;
        assert_eq!(TALLY.made(), 1);
        assert_eq!(TALLY.dropped(), 0);

        drop(dev);
        assert_eq!(Count::of(&TALLY), NEVER_INITIALISED);
        Ok(())
    }

    #[test]
    fn name_is_not_valid() -> Result {
        static TALLY: Tally = Tally::new();

        let dev = alloc(Name::from_static(c"a/b"), &TALLY)?;
        assert_eq!(dev.register_netdev().err(), Some(EINVAL));
        assert_eq!(Count::of(&TALLY), NEVER_INITIALISED);
        Ok(())
    }

    #[test]
    fn name_is_taken() -> Result {
        static TALLY: Tally = Tally::new();

        let dev = alloc(Name::from_static(c"lo"), &TALLY)?;
        assert_eq!(dev.register_netdev().err(), Some(EEXIST));
        assert_eq!(Count::of(&TALLY), NEVER_INITIALISED);
        Ok(())
    }

    #[test]
    fn index_is_taken() -> Result {
        static TALLY: Tally = Tally::new();
        static OTHER: Tally = Tally::new();

        let mut other = alloc(Name::from_static(c"rdother"), &OTHER)?;
        other.set_ifindex(notifier::INDEX)?;
        let _other = other.register_netdev()?;

        let dev = alloc_at(notifier::INDEX, &TALLY)?;
        assert_eq!(dev.register_netdev().err(), Some(EBUSY));
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        assert_eq!(Count::of(&OTHER), ALIVE);
        Ok(())
    }

    #[test]
    fn refused_after_init() -> Result {
        static TALLY: Tally = Tally::new();
        let _objector = Objector::new(bindings::netdev_cmd_NETDEV_POST_INIT)?;

        let dev = alloc_at(notifier::INDEX, &TALLY)?;
        assert_eq!(dev.register_netdev().err(), Some(EPERM));
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn refused_after_init_under_rtnl() -> Result {
        static TALLY: Tally = Tally::new();
        let _objector = Objector::new(bindings::netdev_cmd_NETDEV_POST_INIT)?;

        let dev = alloc_at(notifier::INDEX, &TALLY)?;
        let (dev, count) = register_locked(dev, &TALLY);
        assert_eq!(dev.err(), Some(EPERM));
        assert_eq!(count, ONCE_ALL_THROUGH);
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn refused_when_registered() -> Result {
        static TALLY: Tally = Tally::new();
        let _objector = Objector::new(bindings::netdev_cmd_NETDEV_REGISTER)?;

        let dev = alloc_at(notifier::INDEX, &TALLY)?;
        assert_eq!(dev.register_netdev().err(), Some(EPERM));
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn refused_when_registered_under_rtnl() -> Result {
        static TALLY: Tally = Tally::new();
        let _objector = Objector::new(bindings::netdev_cmd_NETDEV_REGISTER)?;

        let dev = alloc_at(notifier::INDEX, &TALLY)?;
        let (dev, count) = register_locked(dev, &TALLY);
        assert_eq!(dev.err(), Some(EPERM));
        // The device is still being taken down when registration returns.
        assert_eq!(count.uninits, 1);
        assert_eq!(count.dropped, 0);
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn unregistered() -> Result {
        static TALLY: Tally = Tally::new();

        let dev = alloc(NAME, &TALLY)?.register_netdev()?;
        assert_eq!(Count::of(&TALLY), ALIVE);

        drop(dev);
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn unregistered_under_rtnl() -> Result {
        static TALLY: Tally = Tally::new();

        let dev = alloc(NAME, &TALLY)?;
        let rtnl = rtnl::lock();
        let dev = dev.register_netdevice(&rtnl)?;
        assert_eq!(Count::of(&TALLY), ALIVE);

        dev.unregister_netdevice(&rtnl);
        assert_eq!(TALLY.uninits(), 1);
        assert_eq!(TALLY.dropped(), 0);

        drop(rtnl);
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn unregistered_while_up() -> Result {
        static TALLY: Tally = Tally::new();

        let dev = alloc(NAME, &TALLY)?.register_netdev()?;
        dev.open(&rtnl::lock())?;
        assert_eq!((TALLY.opens(), TALLY.stops()), (1, 0));

        drop(dev);
        assert_eq!((TALLY.opens(), TALLY.stops()), (1, 1));
        assert_eq!(Count::of(&TALLY), ONCE_ALL_THROUGH);
        Ok(())
    }

    #[test]
    fn name_is_free_again_after_each_failure() -> Result {
        static TALLY: Tally = Tally::new();

        for event in [
            bindings::netdev_cmd_NETDEV_POST_INIT,
            bindings::netdev_cmd_NETDEV_REGISTER,
        ] {
            let objector = Objector::new(event)?;
            let dev = alloc_at(notifier::INDEX, &TALLY)?;
            assert_eq!(dev.register_netdev().err(), Some(EPERM));
            drop(objector);

            let dev = alloc_at(notifier::INDEX, &TALLY)?.register_netdev()?;
            assert_eq!(dev.ifindex(), notifier::INDEX);
        }
        assert_eq!(TALLY.made(), 4);
        assert_eq!(TALLY.dropped(), 4);
        Ok(())
    }
}
