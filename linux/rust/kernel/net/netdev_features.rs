// SPDX-License-Identifier: GPL-2.0

//! Features of network devices.
//!
//! C header: [`include/linux/netdev_features.h`](srctree/include/linux/netdev_features.h)

use crate::{
    bits::bit_u64,
    impl_flags, //
};

impl_flags!(
    /// A set of device features, `netdev_features_t`.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::netdev_features::{Feature, Features};
    ///
    /// let features = Features::GSO_SOFTWARE | Feature::Sg | Feature::HwCsum;
    /// assert!(features.contains(Feature::Tso));
    /// assert!(!features.contains(Feature::RxCsum));
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Features(u64);

    /// One device feature; each is the `NETIF_F_` constant of the same name.
    ///
    /// # Examples
    ///
    /// See [`Features`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Feature {
        /// Scatter/gather I/O.
        Sg = bit_u64(bindings::NETIF_F_SG_BIT),
        /// Can checksum all packets.
        HwCsum = bit_u64(bindings::NETIF_F_HW_CSUM_BIT),
        /// Can DMA to high memory.
        HighDma = bit_u64(bindings::NETIF_F_HIGHDMA_BIT),
        /// Scatter/gather I/O over a list of buffers.
        FragList = bit_u64(bindings::NETIF_F_FRAGLIST_BIT),
        /// Cannot handle VLAN packets.
        VlanChallenged = bit_u64(bindings::NETIF_F_VLAN_CHALLENGED_BIT),
        /// Software segmentation; the core turns it on.
        Gso = bit_u64(bindings::NETIF_F_GSO_BIT),
        /// Generic receive offload; the core turns it on.
        Gro = bit_u64(bindings::NETIF_F_GRO_BIT),
        /// TCPv4 segmentation.
        Tso = bit_u64(bindings::NETIF_F_TSO_BIT),
        /// TCP segmentation with ECN.
        TsoEcn = bit_u64(bindings::NETIF_F_TSO_ECN_BIT),
        /// TCP segmentation may mangle the IPv4 ID.
        TsoMangleId = bit_u64(bindings::NETIF_F_TSO_MANGLEID_BIT),
        /// TCPv6 segmentation.
        Tso6 = bit_u64(bindings::NETIF_F_TSO6_BIT),
        /// SCTP segmentation.
        GsoSctp = bit_u64(bindings::NETIF_F_GSO_SCTP_BIT),
        /// UDP payload segmentation.
        GsoUdpL4 = bit_u64(bindings::NETIF_F_GSO_UDP_L4_BIT),
        /// Segmentation of a list of buffers.
        GsoFragList = bit_u64(bindings::NETIF_F_GSO_FRAGLIST_BIT),
        /// TCP segmentation with accurate ECN.
        GsoAccEcn = bit_u64(bindings::NETIF_F_GSO_ACCECN_BIT),
        /// SCTP checksums.
        SctpCrc = bit_u64(bindings::NETIF_F_SCTP_CRC_BIT),
        /// Receive checksums.
        RxCsum = bit_u64(bindings::NETIF_F_RXCSUM_BIT),
        /// Copy from user space around the cache.
        NoCacheCopy = bit_u64(bindings::NETIF_F_NOCACHE_COPY_BIT),
        /// What is sent comes back.
        Loopback = bit_u64(bindings::NETIF_F_LOOPBACK_BIT),
    }
);

impl Features {
    /// All segmentation of TCP, `NETIF_F_ALL_TSO`.
    ///
    /// # Examples
    ///
    /// See [`Features`].
    pub const ALL_TSO: Self = Self(
        Feature::Tso as u64
            | Feature::Tso6 as u64
            | Feature::TsoEcn as u64
            | Feature::TsoMangleId as u64,
    );

    /// All segmentation that has a software fallback, `NETIF_F_GSO_SOFTWARE`.
    ///
    /// # Examples
    ///
    /// See [`Features`].
    pub const GSO_SOFTWARE: Self = Self(
        Self::ALL_TSO.0
            | Feature::GsoAccEcn as u64
            | Feature::GsoSctp as u64
            | Feature::GsoUdpL4 as u64
            | Feature::GsoFragList as u64,
    );

    /// What C code has set, bits without a name here included.
    #[inline]
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

#[macros::kunit_tests(rust_netdev_features)]
mod tests {
    use super::*;

    #[test]
    fn bits_equal_c() {
        for (feature, c) in [
            (Feature::Sg, bindings::NETIF_F_SG),
            (Feature::HwCsum, bindings::NETIF_F_HW_CSUM),
            (Feature::HighDma, bindings::NETIF_F_HIGHDMA),
            (Feature::FragList, bindings::NETIF_F_FRAGLIST),
            (Feature::VlanChallenged, bindings::NETIF_F_VLAN_CHALLENGED),
            (Feature::Gso, bindings::NETIF_F_GSO),
            (Feature::Gro, bindings::NETIF_F_GRO),
            (Feature::Tso, bindings::NETIF_F_TSO),
            (Feature::TsoEcn, bindings::NETIF_F_TSO_ECN),
            (Feature::TsoMangleId, bindings::NETIF_F_TSO_MANGLEID),
            (Feature::Tso6, bindings::NETIF_F_TSO6),
            (Feature::GsoSctp, bindings::NETIF_F_GSO_SCTP),
            (Feature::GsoUdpL4, bindings::NETIF_F_GSO_UDP_L4),
            (Feature::GsoFragList, bindings::NETIF_F_GSO_FRAGLIST),
            (Feature::GsoAccEcn, bindings::NETIF_F_GSO_ACCECN),
            (Feature::SctpCrc, bindings::NETIF_F_SCTP_CRC),
            (Feature::RxCsum, bindings::NETIF_F_RXCSUM),
            (Feature::NoCacheCopy, bindings::NETIF_F_NOCACHE_COPY),
            (Feature::Loopback, bindings::NETIF_F_LOOPBACK),
        ] {
            assert_eq!(feature as u64, c);
        }
    }

    #[test]
    fn inverting_makes_no_unknown_bits() {
        assert_eq!(u64::from(!Features::empty()), Features::all_bits());
        // Whoever says that must have more operations than there are.
        let filter = bit_u64(bindings::NETIF_F_HW_VLAN_CTAG_FILTER_BIT);
        assert_eq!(Features::all_bits() & filter, 0);
    }

    #[test]
    fn masks_equal_c() {
        assert_eq!(u64::from(Features::ALL_TSO), bindings::NETIF_F_ALL_TSO);
        assert_eq!(
            u64::from(Features::GSO_SOFTWARE),
            bindings::NETIF_F_GSO_SOFTWARE
        );
    }
}
