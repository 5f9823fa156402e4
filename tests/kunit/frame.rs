// SPDX-License-Identifier: GPL-2.0

//! Frames that the cases of this driver and of the other one send.

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

/// Sends a frame, link-layer header included, over `dev`; also with bottom halves off.
pub(super) fn send<T: Operations>(dev: &Device<T>, frame: &[u8]) -> Result<NetXmit> {
    // CAST: A frame is short.
    let mut skb = SkBuff::alloc(frame.len() as u32, GFP_ATOMIC)?;

    match skb.put_data(frame) {
        Ok(()) => skb.dev_queue_xmit(dev),
        Err(error) => {
            skb.consume();
            Err(error)
        }
    }
}
