// SPDX-License-Identifier: GPL-2.0

//! Private data is seen by several CPUs at once: it is shared.

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
    packets: u64,
}

#[vtable]
impl netdevice::Operations for Driver {
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        dev.netdev_priv().packets += 1; //~ ERROR E0594: cannot assign to data in dereference
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
    name: "private_data_changed",
    authors: ["The rust_loopback authors"],
    description: "Does not compile",
    license: "GPL",
}
