// SPDX-License-Identifier: GPL-2.0

//! A packet that went to `netif_rx()` is the stack's.

use kernel::net::{
    netdevice::XmitContext,
    skbuff::{
        NetRx,
        SkBuff, //
    }, //
};

fn receive(skb: SkBuff, cx: &XmitContext<'_>) -> u32 {
    match skb.netif_rx(cx) {
        NetRx::Success => skb.len(), //~ ERROR E0382: borrow of moved value: `skb`
        NetRx::Drop => 0,
    }
}
