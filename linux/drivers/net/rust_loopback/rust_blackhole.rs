// SPDX-License-Identifier: GPL-2.0

//! What the kernel needs of `drivers/net/loopback.c` besides `lo`, where that file is not built.
//! Above all the blackhole device, `blackhole_netdev`: routes that have expired lead there. Unlike
//! `lo` there is one for all network namespaces, from boot on.
//!
//! C version: [`drivers/net/loopback.c`](srctree/drivers/net/loopback.c)

#![forbid(unsafe_code)]

mod gen_lo_setup;

use kernel::{
    net::{
        etherdevice::ETH_MIN_MTU,
        neighbour::{
            self,
            Neighbour, //
        },
        netdevice::{
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
        skbuff::{
            DropReason,
            SkBuff, //
        }, //
    },
    net_warn_ratelimited,
    prelude::*, //
};

use gen_lo_setup::gen_lo_setup;

kernel::blackhole_netdev! {
    type: BlackholeNetdev,
    name: "rust_blackhole",
    init: || {
        let name = Name::from_static(c"blackhole_dev");
        UnregisteredDevice::alloc(name, NameAssignType::Unknown, BlackholeNetdev)
    },
}

kernel::dev_lstats_read!();

struct BlackholeNetdev;

#[vtable]
impl netdevice::Operations for BlackholeNetdev {
    type Stats = NoStats;

    /// `blackhole_netdev_setup()`
    fn setup(dev: &mut Setup<'_, Self>) {
        gen_lo_setup(dev, ETH_MIN_MTU);
    }

    /// `blackhole_netdev_xmit()`
    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.drop_reason(DropReason::NotSpecified);
        net_warn_ratelimited!("blackhole_netdev_xmit(): Dropping skb.\n");
        NetdevTx::Ok
    }

    /// `blackhole_neigh_construct()`
    fn neigh_construct(_dev: &Device<Self>, neigh: &mut Neighbour<'_, Self>) -> Result {
        neigh.set_output();
        Ok(())
    }
}

impl neighbour::Output for BlackholeNetdev {
    /// `blackhole_neigh_output()`
    fn output(skb: SkBuff) -> Result {
        skb.drop_reason(DropReason::NotSpecified);
        Ok(())
    }
}
