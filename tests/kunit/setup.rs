// SPDX-License-Identifier: GPL-2.0

//! What a new lo looks like before it is registered: each field that C sets.

use kernel::{
    net::netdevice::{
        Name,
        NameAssignType,
        UnregisteredDevice, //
    },
    prelude::*, //
};

use crate::Loopback;

const NAME: Name<'static> = Name::from_static(c"lotest");

fn new_lo() -> Result<UnregisteredDevice<'static, Loopback>> {
    UnregisteredDevice::alloc(NAME, NameAssignType::Predictable, Loopback)
}

#[kunit_tests(rust_loopback_setup)]
mod cases {
    use super::*;
    use kernel::net::{
        netdev_features::Features,
        netdevice::{
            Flag,
            Flags,
            PrivFlag, //
        }, //
    };

    #[test]
    fn sizes() -> Result {
        let dev = new_lo()?;

        assert_eq!(dev.mtu(), 65536);
        assert_eq!(dev.hard_header_len(), 14);
        assert_eq!(dev.min_header_len(), 14);
        assert_eq!(dev.addr_len(), 6);
        assert_eq!(dev.tso_max_size(), 8 * 65535);
        // BIG TCP is off until somebody turns it on.
        assert_eq!(dev.gso_max_size(), 65536);
        Ok(())
    }

    #[test]
    fn link_type_is_loopback() -> Result {
        assert_eq!(new_lo()?.link_type(), 772);
        Ok(())
    }

    #[test]
    fn flags_are_loopback_only() -> Result {
        assert_eq!(new_lo()?.flags(), Flags::from(Flag::Loopback));
        Ok(())
    }

    #[test]
    fn priv_flags() -> Result {
        let flags = new_lo()?.priv_flags();

        assert!(flags.contains(PrivFlag::LiveAddrChange));
        assert!(flags.contains(PrivFlag::NoQueue));
        // A packet keeps its route on the way through lo.
        assert!(!flags.contains(PrivFlag::XmitDstRelease));
        assert!(!flags.contains(PrivFlag::XmitDstReleasePerm));
        assert_eq!(
            u32::from(flags),
            u32::from(PrivFlag::LiveAddrChange | PrivFlag::NoQueue)
        );
        Ok(())
    }

    #[test]
    fn bits() -> Result {
        let dev = new_lo()?;

        assert!(dev.lltx());
        assert!(dev.netns_immutable());
        Ok(())
    }

    #[test]
    fn hw_features() -> Result {
        let all_gso: u64 = kernel::bindings::NETIF_F_GSO_SOFTWARE;

        assert_eq!(u64::from(new_lo()?.hw_features()), all_gso);
        assert_eq!(Features::GSO_SOFTWARE, new_lo()?.hw_features());
        Ok(())
    }

    #[test]
    fn features() -> Result {
        // Written out by bit, so that it does not lean on the constants that the driver uses.
        let expected = kernel::bindings::NETIF_F_GSO_SOFTWARE
            | 1 << kernel::bindings::NETIF_F_SG_BIT
            | 1 << kernel::bindings::NETIF_F_FRAGLIST_BIT
            | 1 << kernel::bindings::NETIF_F_HW_CSUM_BIT
            | 1 << kernel::bindings::NETIF_F_RXCSUM_BIT
            | 1 << kernel::bindings::NETIF_F_SCTP_CRC_BIT
            | 1 << kernel::bindings::NETIF_F_HIGHDMA_BIT
            | 1 << kernel::bindings::NETIF_F_VLAN_CHALLENGED_BIT
            | 1 << kernel::bindings::NETIF_F_LOOPBACK_BIT;

        assert_eq!(u64::from(new_lo()?.features()), expected);
        Ok(())
    }

    #[test]
    fn header_ops_are_ethernet() -> Result {
        assert!(new_lo()?.has_eth_header_ops());
        Ok(())
    }

    #[test]
    fn queues() -> Result {
        let dev = new_lo()?;

        assert_eq!(dev.num_tx_queues(), 1);
        assert_eq!(dev.num_rx_queues(), 1);
        assert_eq!(dev.tx_queue_len(), 1000);
        Ok(())
    }

    #[test]
    fn name_and_group() -> Result {
        let dev = new_lo()?;

        assert_eq!(dev.name_assign_type(), 2);
        assert_eq!(dev.group(), 0);
        assert_eq!(dev.ifindex(), 0);
        Ok(())
    }
}
