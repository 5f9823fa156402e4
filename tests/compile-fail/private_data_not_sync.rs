// SPDX-License-Identifier: GPL-2.0

//! Private data that two CPUs cannot use at the same time is none.

use core::cell::Cell;
use kernel::{
    net::{
        netdevice::{
            self,
            Device,
            NetdevTx,
            NoStats,
            Setup,
            XmitContext, //
        },
        skbuff::SkBuff, //
    },
    prelude::*, //
};

struct Driver {
    packets: Cell<u64>,
}

#[vtable]
impl netdevice::Operations for Driver {
    //~^ ERROR E0277: cannot be shared between threads safely
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        let packets = &dev.netdev_priv().packets;
        packets.set(packets.get() + 1);
        skb.consume();
        NetdevTx::Ok
    }
}

struct Case;

impl kernel::Module for Case {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

module! {
    type: Case,
    name: "private_data_not_sync",
    authors: ["The rust_loopback authors"],
    description: "Does not compile",
    license: "GPL",
}
