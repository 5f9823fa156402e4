// SPDX-License-Identifier: GPL-2.0

//! What is left after a registration that failed: nothing. Each case shows it by doing the same
//! thing again, this time with success.

use kernel::{
    net::netdevice::{
        Name,
        NameAssignType,
        UnregisteredDevice,
        LOOPBACK_IFINDEX, //
    },
    prelude::*, //
};

use super::device::TestLo;
use crate::Loopback;

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
        assert_eq!(dev.register_netdev().err(), Some(EINVAL));

        let lo = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Loopback)?;
        assert_eq!(lo.register_netdev().err(), Some(EINVAL));
        Ok(())
    }

    #[test]
    fn second_lo_finds_its_index_taken() -> Result {
        let mut lo = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Loopback)?;
        lo.set_ifindex(LOOPBACK_IFINDEX)?;

        assert_eq!(lo.register_netdev().err(), Some(EBUSY));
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
    fn zero_queues() {
        for (txqs, rxqs) in [(0, 1), (1, 0), (0, 0)] {
            let dev =
                UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, txqs, rxqs, Loopback);
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
