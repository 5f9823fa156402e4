// SPDX-License-Identifier: GPL-2.0

//! IPv4's neighbours, as the stack makes and uses them.

#![allow(unsafe_code)]

use core::ptr;

use kernel::{
    bindings,
    prelude::*, //
};

extern "C" {
    /// Declared in a header that bindgen does not see.
    static mut arp_tbl: bindings::neigh_table;
}

/// A neighbour, which is the table's: it goes when its device does.
pub(super) struct Entry(*mut bindings::neighbour);

impl Entry {
    /// Makes the neighbour with IPv4 address `address` on `dev`.
    ///
    /// # Safety
    ///
    /// `dev` must be a device that IPv4 knows, and must outlive the result.
    pub(super) unsafe fn make(dev: *mut bindings::net_device, address: [u8; 4]) -> Result<Self> {
        let key: *const c_void = ptr::from_ref(&address).cast();

        // SAFETY: The key is as long as the table says, and the device is valid.
        let neigh = unsafe { bindings::__neigh_create(&raw mut arp_tbl, key, dev, false) };
        // Small negative numbers are errors.
        // CAST: Errors are small.
        match neigh as isize {
            errno @ -4095..0 => Err(Error::from_errno(errno as c_int)),
            _ => Ok(Self(neigh)),
        }
    }

    /// Sends a packet to it. Returns what its output returned, and whether it took the packet.
    pub(super) fn output(&self) -> Result<(c_int, bool)> {
        // SAFETY: Any size is fine.
        let skb = unsafe { bindings::alloc_skb(64, bindings::GFP_KERNEL) };
        if skb.is_null() {
            return Err(ENOMEM);
        }

        // SAFETY: The packet is valid and ours. One of the two references that it has is given
        // away, as the output demands, and the other one keeps it until it is looked at. The
        // neighbour is valid.
        unsafe {
            bindings::refcount_inc(&raw mut (*skb).users);
            let output = (*self.0).output.ok_or(ENOENT)?;
            let ret = output(self.0, skb);
            let taken = !bindings::skb_shared(skb);
            bindings::kfree_skb_reason(
                skb,
                bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED,
            );
            Ok((ret, taken))
        }
    }
}
