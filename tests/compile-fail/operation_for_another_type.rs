// SPDX-License-Identifier: GPL-2.0

//! All operations of a driver are for the same type of private data.

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

struct Other;

struct Driver;

#[vtable]
impl netdevice::Operations for Other {
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

#[vtable]
impl netdevice::Operations for Driver {
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn open(_dev: &Device<Other>) -> Result {
        //~^ ERROR E0053: incompatible type for trait
        Ok(())
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
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
    name: "operation_for_another_type",
    authors: ["The rust_loopback authors"],
    description: "Does not compile",
    license: "GPL",
}
