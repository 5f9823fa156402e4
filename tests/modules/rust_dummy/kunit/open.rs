// SPDX-License-Identifier: GPL-2.0

//! A device that its driver does not let up.

use kernel::{
    net::{
        netdevice::{
            self,
            Device,
            Flag,
            Name,
            NetdevTx,
            NoStats,
            RegisteredDevice,
            Setup,
            XmitContext, //
        },
        rtnl,
        skbuff::SkBuff, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use super::drivers::alloc;

const NAME: Name<'static> = Name::from_static(c"rdopen%d");

/// Does not open as long as it is told so.
struct Shut {
    refuses: Atomic<bool>,
}

#[vtable]
impl netdevice::Operations for Shut {
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn open(dev: &Device<Self>) -> Result {
        match dev.netdev_priv().refuses.load(Relaxed) {
            true => Err(EXFULL),
            false => Ok(()),
        }
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

/// What comes of opening it, and whether it is up then.
fn open(dev: &RegisteredDevice<'_, Shut>) -> (Result, bool) {
    let result = dev.open(&rtnl::lock());

    (result, dev.flags().contains(Flag::Up))
}

#[kunit_tests(rust_netdev_open)]
mod cases {
    use super::*;

    #[test]
    fn refused_by_the_driver() -> Result {
        let driver = Shut {
            refuses: Atomic::new(true),
        };
        let dev = alloc(NAME, driver)?.register_netdev()?;

        assert_eq!(open(&dev), (Err(EXFULL), false));
        dev.netdev_priv().refuses.store(false, Relaxed);
        assert_eq!(open(&dev), (Ok(()), true));
        Ok(())
    }
}
