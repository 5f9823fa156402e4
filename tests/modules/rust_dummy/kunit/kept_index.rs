// SPDX-License-Identifier: GPL-2.0

//! In a kernel whose lo comes late, lo's index is kept for it, whoever else needs one. These cases
//! come when there is a lo: for a moment its index is not known to be taken.

#![cfg(CONFIG_NET_LOOPBACK_LATE)]
// Looks at C's structures itself, past the abstractions.
#![allow(unsafe_code)]

use kernel::{
    bindings,
    net::{
        net_namespace::Namespace,
        netdevice::{
            Name,
            RegisteredDevice,
            LOOPBACK_IFINDEX, //
        },
        rtnl,
        rtnl::RtnlGuard, //
    },
    prelude::*, //
};

use super::{
    drivers::{
        alloc,
        drivers, //
    },
    raw, //
};

const NAME: Name<'static> = Name::from_static(c"rdkept%d");

drivers! {
    /// An Ethernet device.
    Ether: |dev| dev.ether_setup();
}

/// Where the array of devices has lo.
// CAST: A small number.
const LO: usize = LOOPBACK_IFINDEX as usize;

/// Does `what` while lo's index is as free as before lo came. Says, too, whether it was when lo got
/// it back.
fn without_lo<R>(_rtnl: &RtnlGuard, what: impl FnOnce() -> R) -> Result<(R, bool)> {
    // SAFETY: The namespace is static; only an address is taken.
    let indexes = unsafe { &raw mut (*Namespace::init_net().as_raw()).dev_by_index };

    // SAFETY: The array has devices by index, and whoever changes that has RTNL. Who looks for all
    // devices meanwhile misses one.
    let lo = unsafe { bindings::xa_erase(indexes, LO) };
    if lo.is_null() {
        return Err(ENODEV);
    }

    let result = what();

    // SAFETY: As before; this is what was there.
    let other = unsafe { bindings::xa_store(indexes, LO, lo, bindings::GFP_KERNEL) };
    Ok((result, other.is_null()))
}

/// Registers a device that gets an index when this one is next.
fn registered_at(next: u32) -> Result<RegisteredDevice<'static, Ether>> {
    let dev = alloc(NAME, Ether)?;
    let rtnl = rtnl::lock();

    let before = raw::set_next_index(next, &rtnl);
    let dev = without_lo(&rtnl, || dev.register_netdevice(&rtnl));
    raw::set_next_index(before, &rtnl);
    // Only now may the device go.
    drop(rtnl);

    let (dev, was_free) = dev?;
    let dev = dev?;
    was_free.then_some(dev).ok_or(EBUSY)
}

#[kunit_tests(rust_netdev_kept_index)]
mod cases {
    use super::*;

    #[test]
    fn it_is_not_the_first() -> Result {
        for next in [0, LOOPBACK_IFINDEX] {
            assert!(registered_at(next)?.ifindex() > LOOPBACK_IFINDEX);
        }
        Ok(())
    }

    #[test]
    fn it_is_not_the_first_after_the_last() -> Result {
        let dev = registered_at(raw::LAST_INDEX + 1)?;

        assert!(dev.ifindex() > LOOPBACK_IFINDEX && dev.ifindex() < raw::LAST_INDEX);
        Ok(())
    }

    #[test]
    fn lo_has_it_again() -> Result {
        drop(registered_at(0)?);

        // SAFETY: The namespace is static, and has its device since before this module came.
        let lo = unsafe { (*Namespace::init_net().as_raw()).loopback_dev }.cast_const();
        assert_eq!(raw::by_index(LOOPBACK_IFINDEX), lo);
        Ok(())
    }
}
