// SPDX-License-Identifier: GPL-2.0

//! What is received is received by a device.

use kernel::{
    net::{
        bottom_half::BhDisabled,
        skbuff::SkBuff, //
    },
    prelude::*, //
};

fn inject(bh: &BhDisabled) -> Result {
    let skb = SkBuff::alloc(64, GFP_ATOMIC)?;
    let _ = skb.netif_rx(bh); //~ ERROR E0599: no method named `netif_rx`
    Ok(())
}
