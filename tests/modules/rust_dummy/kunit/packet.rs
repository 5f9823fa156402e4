// SPDX-License-Identifier: GPL-2.0

//! Packets for whom C code gives them to: one can see whether they were taken.

// Packets are made as C code makes them, past the abstractions.
#![allow(unsafe_code)]

use kernel::{
    bindings,
    prelude::*, //
};

/// The stack complains about an empty packet.
const CONTENT: [u8; 60] = [0; 60];

/// How much room C gives for data in a buffer of which so much is asked for.
pub(super) fn tailroom(size: u32) -> Result<u32> {
    // SAFETY: Any size is fine.
    let skb = unsafe { bindings::alloc_skb(size, bindings::GFP_KERNEL) };
    if skb.is_null() {
        return Err(ENOMEM);
    }

    // SAFETY: The buffer is valid and ours.
    let room = unsafe {
        let room = bindings::skb_tailroom(skb);
        bindings::consume_skb(skb);
        room
    };
    // CAST: A linear buffer has room for data.
    Ok(room as u32)
}

/// Gives `to` a packet to take. Returns what it returned, and whether it took the packet.
///
/// # Safety
///
/// `to` must give up one reference to the packet, or leave it, and not use it later.
pub(super) unsafe fn give<R>(to: impl FnOnce(*mut bindings::sk_buff) -> R) -> Result<(R, bool)> {
    // SAFETY: Any size is fine.
    let skb = unsafe { bindings::alloc_skb(CONTENT.len() as u32, bindings::GFP_KERNEL) };
    if skb.is_null() {
        return Err(ENOMEM);
    }

    // SAFETY: The packet is valid and ours, and has room for the content. One of its two references
    // is given away, the other one keeps it until it has been looked at.
    unsafe {
        bindings::skb_put_data(skb, CONTENT.as_ptr().cast(), CONTENT.len() as u32);
        bindings::refcount_inc(&raw mut (*skb).users);
        let ret = to(skb);
        let taken = !bindings::skb_shared(skb);
        bindings::kfree_skb_reason(skb, bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED);
        Ok((ret, taken))
    }
}
