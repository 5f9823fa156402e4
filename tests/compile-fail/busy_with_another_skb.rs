// SPDX-License-Identifier: GPL-2.0

//! The core gets back the packet that it gave.

use kernel::{
    net::{
        netdevice::NetdevTx,
        skbuff::SkBuff, //
    },
    prelude::*, //
};

fn exchange(skb: SkBuff) -> Result<NetdevTx> {
    let other = SkBuff::alloc(64, GFP_ATOMIC)?;
    skb.consume();
    Ok(NetdevTx::Busy(other)) //~ ERROR E0308: mismatched types
}
