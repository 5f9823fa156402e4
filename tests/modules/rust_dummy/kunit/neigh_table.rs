// SPDX-License-Identifier: GPL-2.0

//! IPv4's neighbours, as the stack makes and uses them.

// The neighbour table has no abstraction.
#![allow(unsafe_code)]

use core::ptr;

use kernel::{
    bindings,
    prelude::*, //
};

use super::packet;

extern "C" {
    /// A `struct neigh_table`, declared in a header that bindgen does not see.
    static arp_tbl: u8;
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

        let table = (&raw const arp_tbl).cast_mut().cast();

        // SAFETY: The key is as long as the table says, and the device is valid.
        let neigh = unsafe { bindings::__neigh_create(table, key, dev, false) };
        // Small negative numbers are errors.
        // CAST: Errors are small.
        match neigh as isize {
            errno @ -4095..0 => Err(Error::from_errno(errno as c_int)),
            _ => Ok(Self(neigh)),
        }
    }

    /// Sends a packet to it. Returns what its output returned, and whether it took the packet.
    pub(super) fn output(&self) -> Result<(c_int, bool)> {
        // SAFETY: The neighbour is valid, and its output takes the packet.
        unsafe {
            let output = (*self.0).output.ok_or(ENOENT)?;
            packet::give(|skb| output(self.0, skb))
        }
    }
}
