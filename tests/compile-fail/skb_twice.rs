// SPDX-License-Identifier: GPL-2.0

//! A packet is handed on once.

use kernel::net::{
    netdevice::NetdevTx,
    skbuff::SkBuff, //
};

fn free_and_return(skb: SkBuff) -> NetdevTx {
    skb.consume();
    NetdevTx::Busy(skb) //~ ERROR E0382: use of moved value: `skb`
}
