// SPDX-License-Identifier: GPL-2.0

//! What is left after a registration that failed: nothing. Each case shows it by doing the same
//! thing again, this time with success.

use kernel::{
    net::{
        net_namespace::Namespace,
        netdevice::{
            Name,
            NameAssignType,
            UnregisteredDevice,
            LOOPBACK_IFINDEX, //
        }, //
    },
    prelude::*, //
};

use super::device::TestLo;

const NAME: Name<'static> = Name::from_static(c"lounwind0");
const OTHER: Name<'static> = Name::from_static(c"lounwind1");
const INDEX: u32 = 4242;

#[kunit_tests(rust_loopback_unwind)]
mod cases {
    use super::*;

    #[test]
    fn name_clash() -> Result {
        let first = TestLo::register(NAME)?;
        assert_eq!(TestLo::register(NAME).err(), Some(EEXIST));

        drop(first);
        TestLo::register(NAME)?;
        Ok(())
    }

    #[test]
    fn failing_init() -> Result {
        TestLo::fail_next_init(EPERM);
        assert_eq!(TestLo::register(NAME).err(), Some(EPERM));

        TestLo::register(NAME)?;
        Ok(())
    }

    #[test]
    fn index_clash() -> Result {
        let mut first = TestLo::alloc(NAME)?;
        first.set_ifindex(INDEX)?;
        let first = first.register_netdev()?;
        assert_eq!(first.ifindex(), INDEX);

        let mut second = TestLo::alloc(OTHER)?;
        second.set_ifindex(INDEX)?;
        assert_eq!(second.register_netdev().err(), Some(EBUSY));

        drop(first);
        let mut third = TestLo::alloc(OTHER)?;
        third.set_ifindex(INDEX)?;
        assert_eq!(third.register_netdev()?.ifindex(), INDEX);
        Ok(())
    }

    #[test]
    fn index_1_is_for_loopback_devices() -> Result {
        let mut dev = TestLo::alloc(NAME)?;
        dev.set_ifindex(LOOPBACK_IFINDEX)?;

        assert_eq!(dev.register_netdev().err(), Some(EBUSY));
        Ok(())
    }

    #[test]
    fn index_out_of_range() -> Result {
        assert_eq!(
            TestLo::alloc(NAME)?.set_ifindex(u32::MAX).err(),
            Some(EINVAL)
        );
        Ok(())
    }

    #[test]
    fn another_device_is_no_lo() -> Result {
        let dev = TestLo::register(NAME)?;
        assert_eq!(
            Namespace::init_net().set_loopback_dev(dev).err(),
            Some(EINVAL)
        );

        // The refused device is gone.
        TestLo::register(NAME)?;
        Ok(())
    }

    #[test]
    fn zero_queues() {
        for (txqs, rxqs) in [(0, 1), (1, 0), (0, 0)] {
            let dev =
                UnregisteredDevice::<TestLo>::alloc_mqs(NAME, NameAssignType::Enum, txqs, rxqs);
            assert_eq!(dev.err(), Some(EINVAL));
        }
    }

    #[test]
    fn never_registered() -> Result {
        drop(TestLo::alloc(NAME)?);
        TestLo::register(NAME)?;
        Ok(())
    }
}
