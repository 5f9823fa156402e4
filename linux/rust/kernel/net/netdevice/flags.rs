// SPDX-License-Identifier: GPL-2.0

//! Flags and link-layer types.

use crate::impl_flags;

impl_flags!(
    /// What user space sees as the flags of a device, `dev->flags`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags(u32);

    /// One flag of a device; each is the `IFF_` constant of the same name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Flag {
        /// Up, by the administrator's will.
        Up = bindings::net_device_flags_IFF_UP,
        /// Has a broadcast address.
        Broadcast = bindings::net_device_flags_IFF_BROADCAST,
        /// A loopback device.
        Loopback = bindings::net_device_flags_IFF_LOOPBACK,
        /// A point-to-point link.
        PointToPoint = bindings::net_device_flags_IFF_POINTOPOINT,
        /// Operational.
        Running = bindings::net_device_flags_IFF_RUNNING,
        /// Has no ARP.
        NoArp = bindings::net_device_flags_IFF_NOARP,
        /// Receives all packets.
        Promisc = bindings::net_device_flags_IFF_PROMISC,
        /// Receives all multicast packets.
        AllMulti = bindings::net_device_flags_IFF_ALLMULTI,
        /// Supports multicast.
        Multicast = bindings::net_device_flags_IFF_MULTICAST,
    }
);

impl Flags {
    /// What C code has set, bits without a name here included.
    #[inline]
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl_flags!(
    /// What the kernel alone sees, `dev->priv_flags`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PrivFlags(u32);

    /// One private flag; each is the `IFF_` constant of the same name.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum PrivFlag {
        /// The core may release a packet's route before transmission.
        XmitDstRelease = bindings::netdev_priv_flags_IFF_XMIT_DST_RELEASE,
        /// As before, whatever is stacked on the device.
        XmitDstReleasePerm = bindings::netdev_priv_flags_IFF_XMIT_DST_RELEASE_PERM,
        /// The address may change while the device runs.
        LiveAddrChange = bindings::netdev_priv_flags_IFF_LIVE_ADDR_CHANGE,
        /// Runs without a queueing discipline.
        NoQueue = bindings::netdev_priv_flags_IFF_NO_QUEUE,
    }
);

impl PrivFlags {
    /// What C code has set, bits without a name here included.
    #[inline]
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// The type of the link layer, `dev->type`; each is the `ARPHRD_` constant of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum LinkType {
    /// Ethernet.
    Ether = bindings::ARPHRD_ETHER as u16,
    /// Loopback.
    Loopback = bindings::ARPHRD_LOOPBACK as u16,
    /// No link layer.
    None = bindings::ARPHRD_NONE as u16,
}
