// SPDX-License-Identifier: GPL-2.0

//! Frames that the cases send.

use kernel::{
    net::{
        netdevice::{
            Device,
            Operations, //
        },
        skbuff::{
            NetXmit,
            SkBuff, //
        }, //
    },
    prelude::*, //
};

/// Sends a frame, link-layer header included, over `dev`.
pub(super) fn send<T: Operations>(dev: &Device<T>, frame: &[u8]) -> Result<NetXmit> {
    // CAST: A frame is short.
    let mut skb = SkBuff::alloc(frame.len() as u32, GFP_KERNEL)?;

    match skb.put_data(frame) {
        Ok(()) => skb.dev_queue_xmit(dev),
        Err(error) => {
            skb.consume();
            Err(error)
        }
    }
}
