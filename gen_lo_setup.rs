// SPDX-License-Identifier: GPL-2.0

//! What the loopback device and the blackhole device have in common.

use kernel::net::{
    etherdevice::{
        ETH_ALEN,
        ETH_HLEN, //
    },
    netdev_features::{
        Feature,
        Features, //
    },
    netdevice::{
        Flag,
        LinkType,
        Operations,
        PrivFlag,
        Setup,
        GSO_MAX_SIZE, //
    }, //
};

pub(crate) fn gen_lo_setup<T: Operations>(dev: &mut Setup<'_, T>, mtu: u32) {
    dev.set_mtu(mtu);
    dev.set_hard_header_len(ETH_HLEN);
    dev.set_min_header_len(ETH_HLEN);
    dev.set_addr_len(ETH_ALEN);
    dev.set_type(LinkType::Loopback);
    dev.set_flags(Flag::Loopback);
    dev.add_priv_flags(PrivFlag::LiveAddrChange | PrivFlag::NoQueue);
    dev.set_lltx(true);
    dev.set_netns_immutable(true);
    dev.keep_dst();
    dev.set_hw_features(Features::GSO_SOFTWARE);
    dev.set_features(
        Features::GSO_SOFTWARE
            | Feature::Sg
            | Feature::FragList
            | Feature::HwCsum
            | Feature::RxCsum
            | Feature::SctpCrc
            | Feature::HighDma
            | Feature::VlanChallenged
            | Feature::Loopback,
    );
    dev.set_tso_max_size(GSO_MAX_SIZE);
}
