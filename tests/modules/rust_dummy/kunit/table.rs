// SPDX-License-Identifier: GPL-2.0

//! What a driver does not implement is not in the C table.

// Looks at the C table itself, past the abstractions.
#![allow(unsafe_code)]

use core::mem::size_of;

use kernel::{
    bindings,
    net::netdevice::{
        self,
        Device,
        Name,
        NameAssignType,
        NetdevTx,
        NoStats,
        Setup,
        UnregisteredDevice,
        XmitContext, //
    },
    net::skbuff::SkBuff,
    prelude::*, //
};

use crate::device::Dummy;
use crate::tally::Tally;

const NAME: Name<'static> = Name::from_static(c"rdtable%d");

/// Implements what it must and no more.
struct Minimal;

#[vtable]
impl netdevice::Operations for Minimal {
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

type Word = usize;

/// The table as a row of words, as all its members are function pointers.
fn words(dev: *mut bindings::net_device) -> &'static [Word] {
    let count = size_of::<bindings::net_device_ops>() / size_of::<Word>();

    // SAFETY: The table is static, and has no padding.
    unsafe { core::slice::from_raw_parts((*dev).netdev_ops.cast(), count) }
}

fn count(dev: *mut bindings::net_device) -> usize {
    words(dev).iter().filter(|word| **word != 0).count()
}

#[kunit_tests(rust_netdev_table)]
mod cases {
    use super::*;

    #[test]
    fn minimal_driver_has_one_operation() -> Result {
        let dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Minimal)?;

        assert_eq!(count(dev.as_raw()), 1);
        // SAFETY: The device and its table are valid.
        let ops = unsafe { &*(*dev.as_raw()).netdev_ops };
        assert!(ops.ndo_start_xmit.is_some());
        Ok(())
    }

    #[test]
    fn full_driver_has_all_of_them() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Dummy::new(&TALLY))?;

        assert_eq!(count(dev.as_raw()), 10);
        // SAFETY: The device and its table are valid.
        let ops = unsafe { &*(*dev.as_raw()).netdev_ops };
        assert!(ops.ndo_init.is_some() && ops.ndo_uninit.is_some());
        assert!(ops.ndo_open.is_some() && ops.ndo_stop.is_some());
        assert!(ops.ndo_start_xmit.is_some());
        assert!(ops.ndo_set_mac_address.is_some() && ops.ndo_validate_addr.is_some());
        assert!(ops.ndo_change_mtu.is_some());
        assert!(ops.ndo_get_stats64.is_some());
        assert!(ops.ndo_change_carrier.is_some());
        Ok(())
    }

    #[test]
    fn ethtool_table_likewise() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Dummy::new(&TALLY))?;

        // SAFETY: The device and its table are valid.
        let ops = unsafe { &*(*dev.as_raw()).ethtool_ops };
        assert!(ops.get_ts_info.is_some());
        assert!(ops.get_link.is_none());
        Ok(())
    }

    #[test]
    fn private_data_is_where_c_has_it() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Dummy::new(&TALLY))?;

        // SAFETY: The device is valid; only an address is taken.
        let c = unsafe { &raw const (*dev.as_raw()).priv_ }.cast::<Dummy>();
        assert!(core::ptr::eq(&*dev.netdev_priv(), c));
        // SAFETY: The device is valid.
        let len = unsafe { (*dev.as_raw()).priv_len };
        assert!(len as usize >= size_of::<Dummy>());
        Ok(())
    }
}
