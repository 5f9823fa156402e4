// SPDX-License-Identifier: GPL-2.0

//! Ethernet framing and addresses.
//!
//! C header: [`include/linux/etherdevice.h`](srctree/include/linux/etherdevice.h)

use crate::{
    error::to_result,
    net::netdevice::{
        Device,
        Operations,
        SockAddr, //
    },
    prelude::*, //
};

/// Length of an Ethernet address in bytes.
pub const ETH_ALEN: u8 = bindings::ETH_ALEN as u8;

/// Length of an Ethernet header in bytes.
pub const ETH_HLEN: u8 = bindings::ETH_HLEN as u8;

/// Sets the Ethernet address: `eth_mac_addr()`, for [`Operations::set_mac_address`].
///
/// # Errors
///
/// `EBUSY` if the device is running and lacks `IFF_LIVE_ADDR_CHANGE`; `EADDRNOTAVAIL` if the
/// address is a multicast one or zero.
///
/// # Context
///
/// RTNL held.
pub fn eth_mac_addr<T: Operations>(dev: &Device<T>, addr: &SockAddr) -> Result {
    // SAFETY: Both are valid by their type invariants; that there is a `SockAddr` means that this
    // is `ndo_set_mac_address`, where RTNL is held.
    to_result(unsafe { bindings::eth_mac_addr(dev.as_raw(), addr.as_ptr()) })
}
