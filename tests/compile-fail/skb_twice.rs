// SPDX-License-Identifier: GPL-2.0

//! A packet is handed on once.

use kernel::net::{
    netdevice::{
        NetdevTx,
        XmitContext, //
    },
    skbuff::SkBuff, //
};

fn loop_back(skb: SkBuff, cx: &XmitContext<'_>) -> NetdevTx {
    let _ = skb.netif_rx(cx);
    NetdevTx::Busy(skb) //~ ERROR E0382: use of moved value: `skb`
}
