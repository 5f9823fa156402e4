// SPDX-License-Identifier: GPL-2.0

//! A packet that went to `netif_rx()` is the stack's.

use kernel::net::{
    bottom_half::BhDisabled,
    skbuff::{
        NetRx,
        Received,
        SkBuff, //
    }, //
};

fn receive(skb: SkBuff<Received<'_>>, bh: &BhDisabled) -> u32 {
    match skb.netif_rx(bh) {
        NetRx::Success => skb.len(), //~ ERROR E0382: borrow of moved value: `skb`
        NetRx::Drop => 0,
    }
}
