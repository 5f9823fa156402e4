// SPDX-License-Identifier: GPL-2.0

//! A packet is not kept for later: its route is borrowed.

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
    prelude::*,
    sync::SpinLock, //
};

struct Driver {
    kept: SpinLock<Option<SkBuff>>,
}

#[vtable]
impl netdevice::Operations for Driver {
    //~^ ERROR E0277: cannot be sent between threads safely
    //~^^ ERROR E0277: cannot be sent between threads safely
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        *dev.netdev_priv().kept.lock() = Some(skb);
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
    name: "skb_kept",
    authors: ["The rust_loopback authors"],
    description: "Does not compile",
    license: "GPL",
}
