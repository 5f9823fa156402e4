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
///
/// # Examples
///
/// ```
/// use kernel::net::etherdevice::ETH_ALEN;
///
/// assert_eq!(ETH_ALEN, 6);
/// ```
pub const ETH_ALEN: u8 = bindings::ETH_ALEN as u8;

/// The least MTU of Ethernet in bytes: that of IPv4.
///
/// # Examples
///
/// ```
/// use kernel::net::etherdevice::ETH_MIN_MTU;
///
/// // The longest header, and the least of fragments.
/// assert_eq!(ETH_MIN_MTU, 60 + 8);
/// ```
pub const ETH_MIN_MTU: u32 = bindings::ETH_MIN_MTU;

/// Length of an Ethernet header in bytes.
///
/// # Examples
///
/// ```
/// use kernel::net::etherdevice::{
///     ETH_ALEN,
///     ETH_HLEN, //
/// };
///
/// // Two addresses and a protocol.
/// assert_eq!(ETH_HLEN, 2 * ETH_ALEN + 2);
/// ```
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
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         etherdevice::eth_mac_addr,
///         netdevice::{
///             Device,
///             Operations,
///             SockAddr, //
///         }, //
///     },
///     prelude::*, //
/// };
///
/// fn set_mac_address<T: Operations>(dev: &Device<T>, addr: &SockAddr) -> Result {
///     eth_mac_addr(dev, addr)
/// }
/// ```
pub fn eth_mac_addr<T: Operations>(dev: &Device<T>, addr: &SockAddr) -> Result {
    // SAFETY: Both are valid by their type invariants; that there is a `SockAddr` means that this
    // is `ndo_set_mac_address`, where RTNL is held.
    to_result(unsafe { bindings::eth_mac_addr(dev.as_raw(), addr.as_ptr()) })
}

/// Whether the device's address is one that a device can have: `eth_validate_addr()`, for
/// [`Operations::validate_addr`].
///
/// # Errors
///
/// `EADDRNOTAVAIL` if the address is a multicast one or zero.
///
/// # Context
///
/// RTNL held.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         etherdevice::eth_validate_addr,
///         netdevice::{
///             Device,
///             Operations, //
///         }, //
///     },
///     prelude::*, //
/// };
///
/// fn validate_addr<T: Operations>(dev: &Device<T>) -> Result {
///     eth_validate_addr(dev)
/// }
/// ```
pub fn eth_validate_addr<T: Operations>(dev: &Device<T>) -> Result {
    // SAFETY: The device is valid by its type invariants.
    to_result(unsafe { bindings::eth_validate_addr(dev.as_raw()) })
}
