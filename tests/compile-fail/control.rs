// SPDX-License-Identifier: GPL-2.0

//! The legal forms of what the cases misuse: this compiles without a warning, and links.

use kernel::{
    net::{
        ethtool,
        net_namespace::Namespace,
        netdev_features::{
            Feature,
            Features, //
        },
        netdevice::{
            self,
            Device,
            Flag,
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

struct Driver {
    busy: bool,
}

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
        dev.set_hard_header_len(14);
        dev.set_flags(Flag::NoArp);
        dev.set_features(Features::GSO_SOFTWARE | Feature::Sg);
        dev.set_ethtool_ops();
    }

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx {
        let len = skb.len();
        if len == 0 {
            skb.drop_reason(DropReason::NotSpecified);
            return NetdevTx::Ok;
        }
        if dev.netdev_priv().busy {
            return NetdevTx::Busy(skb);
        }
        if skb.dst_force(cx).eth_type_trans(dev).netif_rx(cx) == NetRx::Success {
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

fn settle<T: netdevice::Operations>(dev: &Device<T>) {
    dev.carrier_on();
    if let Some(queue) = dev.tx_queue(0) {
        queue.wake();
    }
}

impl kernel::Module for Control {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let data = Driver { busy: false };
        let mut dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, data)?;
        dev.set_ifindex(2)?;
        dev.dev_net_set(Namespace::init_net());
        let guard = rtnl::lock();
        let dev = dev.register_netdevice(&guard)?;
        dev.open(&guard)?;
        if !dev.net(&guard).is_init() {
            dev.unregister_netdevice(&guard);
            return Err(ENODEV);
        }
        settle(&dev);
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
