// SPDX-License-Identifier: GPL-2.0

//! Flags and link-layer types.

use crate::impl_flags;

impl_flags!(
    /// What user space sees as the flags of a device, `dev->flags`.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::netdevice::{
    ///     Flag,
    ///     Flags, //
    /// };
    ///
    /// let flags: Flags = Flag::Loopback | Flag::NoArp;
    /// assert!(flags.contains(Flag::NoArp));
    /// assert!(!flags.contains(Flag::Up));
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags(u32);

    /// One flag of a device; each is the `IFF_` constant of the same name.
    ///
    /// # Examples
    ///
    /// See [`Flags`].
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
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::netdevice::{
    ///     PrivFlag,
    ///     PrivFlags, //
    /// };
    ///
    /// let flags: PrivFlags = PrivFlag::LiveAddrChange | PrivFlag::NoQueue;
    /// assert!(flags.contains(PrivFlag::NoQueue));
    /// assert!(!flags.contains(PrivFlag::XmitDstRelease));
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PrivFlags(u32);

    /// One private flag; each is the `IFF_` constant of the same name.
    ///
    /// # Examples
    ///
    /// See [`PrivFlags`].
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
        /// Not for netconsole and the like.
        DisableNetpoll = bindings::netdev_priv_flags_IFF_DISABLE_NETPOLL,
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
///
/// # Examples
///
/// ```
/// use kernel::net::netdevice::{
///     LinkType,
///     Operations,
///     Setup, //
/// };
///
/// // For `Operations::setup`: packets without a link-layer header.
/// fn setup<T: Operations>(dev: &mut Setup<'_, T>) {
///     dev.set_type(LinkType::None);
/// }
/// ```
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

#[macros::kunit_tests(rust_netdev_flags)]
mod tests {
    use super::*;

    // The numbers are those of the interface to user space.
    #[test]
    fn flags_equal_c() {
        for (flag, c) in [
            (Flag::Up, 1 << 0),
            (Flag::Broadcast, 1 << 1),
            (Flag::Loopback, 1 << 3),
            (Flag::PointToPoint, 1 << 4),
            (Flag::Running, 1 << 6),
            (Flag::NoArp, 1 << 7),
            (Flag::Promisc, 1 << 8),
            (Flag::AllMulti, 1 << 9),
            (Flag::Multicast, 1 << 12),
        ] {
            assert_eq!(flag as u32, c);
        }
    }

    #[test]
    fn priv_flags_equal_c() {
        for (flag, c) in [
            (
                PrivFlag::XmitDstRelease,
                bindings::netdev_priv_flags_IFF_XMIT_DST_RELEASE,
            ),
            (
                PrivFlag::XmitDstReleasePerm,
                bindings::netdev_priv_flags_IFF_XMIT_DST_RELEASE_PERM,
            ),
            (
                PrivFlag::LiveAddrChange,
                bindings::netdev_priv_flags_IFF_LIVE_ADDR_CHANGE,
            ),
            (PrivFlag::NoQueue, bindings::netdev_priv_flags_IFF_NO_QUEUE),
            (
                PrivFlag::DisableNetpoll,
                bindings::netdev_priv_flags_IFF_DISABLE_NETPOLL,
            ),
        ] {
            assert_eq!(flag as u32, c);
        }
    }

    #[test]
    fn link_types_equal_c() {
        assert_eq!(u32::from(LinkType::Ether as u16), bindings::ARPHRD_ETHER);
        assert_eq!(
            u32::from(LinkType::Loopback as u16),
            bindings::ARPHRD_LOOPBACK
        );
        assert_eq!(u32::from(LinkType::None as u16), bindings::ARPHRD_NONE);
    }

    #[test]
    fn inverting_makes_no_unknown_bits() {
        assert_eq!(u32::from(!Flags::empty()), Flags::all_bits());
        assert_eq!(u32::from(!PrivFlags::empty()), PrivFlags::all_bits());
        // Nobody can say by accident that a device copes with shared packets.
        assert_eq!(
            PrivFlags::all_bits() & bindings::netdev_priv_flags_IFF_TX_SKB_SHARING,
            0
        );
    }
}
