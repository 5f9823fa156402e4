// SPDX-License-Identifier: GPL-2.0

//! A driver that sends to its neighbours in a way of its own.

// Makes entries of the neighbour table, which has no abstraction.
#![allow(unsafe_code)]

use kernel::{
    net::{
        neighbour::{
            Neighbour,
            Output, //
        },
        netdevice::{
            self,
            Device,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            RegisteredDevice,
            Setup,
            UnregisteredDevice,
            XmitContext, //
        },
        skbuff::{
            DropReason,
            SkBuff, //
        }, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use super::neigh_table::Entry;

const NAME: Name<'static> = Name::from_static(c"rdneigh%d");
const ADDRESS: [u8; 4] = [10, 9, 8, 7];

/// Refuses neighbours, or takes their packets.
struct Choosy {
    refuses: bool,
}

static TAKEN: Atomic<u32> = Atomic::new(0);

impl Output for Choosy {
    fn output(skb: SkBuff) -> Result {
        TAKEN.add(1, Relaxed);
        skb.drop_reason(DropReason::DevReady);
        Err(EXFULL)
    }
}

#[vtable]
impl netdevice::Operations for Choosy {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.ether_setup();
        dev.eth_hw_addr_random();
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }

    fn neigh_construct(dev: &Device<Self>, neigh: &mut Neighbour<'_, Self>) -> Result {
        if dev.netdev_priv().refuses {
            return Err(EDQUOT);
        }
        neigh.set_output();
        Ok(())
    }
}

fn device(refuses: bool) -> Result<RegisteredDevice<'static, Choosy>> {
    UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Choosy { refuses })?.register_netdev()
}

#[kunit_tests(rust_netdev_neighbour)]
mod cases {
    use super::*;

    #[test]
    fn packets_go_to_the_output_that_was_set() -> Result {
        let dev = device(false)?;
        // SAFETY: The device is registered, and outlives its neighbour.
        let neigh = unsafe { Entry::make(dev.as_raw(), ADDRESS) }?;

        let before = TAKEN.load(Relaxed);
        assert_eq!(neigh.output(), Ok((EXFULL.to_errno(), true)));
        assert_eq!(TAKEN.load(Relaxed), before + 1);
        Ok(())
    }

    #[test]
    fn a_refused_neighbour_is_none() -> Result {
        let dev = device(true)?;

        // SAFETY: As before.
        let refused = unsafe { Entry::make(dev.as_raw(), ADDRESS) };
        assert_eq!(refused.err(), Some(EDQUOT));
        Ok(())
    }
}
