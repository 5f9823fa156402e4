// SPDX-License-Identifier: GPL-2.0

//! The legal forms of what the cases misuse: this compiles without a warning, and links.

use kernel::{
    net::{
        ethtool,
        netdevice::{
            self,
            Device,
            Lstats,
            Name,
            NameAssignType,
            NetdevTx,
            RegisteredDevice,
            Setup,
            UnregisteredDevice,
            XmitContext, //
        },
        rtnl,
        skbuff::{
            DropReason,
            NetRx,
            SkBuff, //
        }, //
    },
    prelude::*, //
};

const NAME: Name<'static> = Name::from_static(c"fifteen_letters");

struct Driver;

#[vtable]
impl ethtool::Operations for Driver {
    fn get_link(_dev: &Device<Self>) -> bool {
        true
    }
}

#[vtable]
impl netdevice::Operations for Driver {
    type Stats = Lstats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.set_mtu(1500);
        dev.set_ethtool_ops();
    }

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx {
        let len = skb.len();
        if len == 0 {
            skb.drop_reason(DropReason::NotSpecified);
            return NetdevTx::Ok;
        }
        if skb.netif_rx(cx) == NetRx::Success {
            dev.lstats_add(len, cx);
        }
        NetdevTx::Ok
    }
}

fn hand_to_another_thread(work: impl FnOnce() + Send + 'static) {
    work();
}

struct Control {
    dev: RegisteredDevice<'static, Driver>,
}

impl kernel::Module for Control {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut dev = UnregisteredDevice::<Driver>::alloc(NAME, NameAssignType::Enum)?;
        dev.set_ifindex(2)?;
        let dev = dev.register_netdev()?;
        let guard = rtnl::lock();
        dev.open(&guard)?;
        drop(guard);
        hand_to_another_thread(|| drop(rtnl::lock()));
        Ok(Self { dev })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.dev.close(&rtnl::lock());
    }
}

module! {
    type: Control,
    name: "control",
    authors: ["The rust_loopback authors"],
    description: "Compiles and links",
    license: "GPL",
}
