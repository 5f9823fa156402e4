// SPDX-License-Identifier: GPL-2.0

//! The device that receives a packet is there until the stack has it.

use kernel::net::{
    bottom_half::BhDisabled,
    netdevice::{
        Operations,
        RegisteredDevice, //
    },
    skbuff::{
        Owned,
        SkBuff, //
    },
};

fn inject<T: Operations>(skb: SkBuff<Owned>, dev: RegisteredDevice<'_, T>, bh: &BhDisabled) {
    let skb = skb.eth_type_trans(&dev);
    drop(dev); //~ ERROR E0505: cannot move out of `dev` because it is borrowed
    let _ = skb.netif_rx(bh);
}
