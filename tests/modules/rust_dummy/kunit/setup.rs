// SPDX-License-Identifier: GPL-2.0

//! What a driver sets up is what the device has, unless the stack could not work with it.

use kernel::{
    net::{
        netdev_features::Feature,
        netdevice::{
            self,
            Device,
            Flag,
            LinkType,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            PrivFlag,
            PrivFlags,
            Setup,
            UnregisteredDevice,
            XmitContext, //
        },
        skbuff::SkBuff, //
    },
    prelude::*, //
};

use super::drivers::{
    self,
    drivers, //
};

const NAME: Name<'static> = Name::from_static(c"rdsetup%d");

/// A device whose setup is what a case needs: number `CASE` of [`MISTAKES`].
struct Mistaken<const CASE: usize>;

type Mistake = fn(&mut dyn Fields);

/// The setters that the cases need, whatever the number of the case.
trait Fields {
    fn addr_len(&mut self, len: u8);
    fn hard_header_len(&mut self, len: u8);
    fn flags(&mut self, flag: Flag);
    fn mtu(&mut self, mtu: u32);
    fn tso_max_size(&mut self, bytes: u32);
}

impl<T: netdevice::Operations> Fields for Setup<'_, T> {
    fn addr_len(&mut self, len: u8) {
        self.set_addr_len(len);
    }

    fn hard_header_len(&mut self, len: u8) {
        self.set_hard_header_len(len);
    }

    fn flags(&mut self, flag: Flag) {
        self.set_flags(flag);
    }

    fn mtu(&mut self, mtu: u32) {
        self.set_mtu(mtu);
    }

    fn tso_max_size(&mut self, bytes: u32) {
        self.set_tso_max_size(bytes);
    }
}

const NONE: usize = 0;
const ADDR_TOO_SHORT: usize = 1;
const HEADER_TOO_SHORT: usize = 2;
const UP: usize = 3;
const PROMISC: usize = 4;
const MTU_TOO_LARGE: usize = 5;
const TSO_TOO_SMALL: usize = 6;

const MISTAKES: [Mistake; 7] = [
    |_| (),
    |dev| dev.addr_len(5),
    |dev| dev.hard_header_len(13),
    |dev| dev.flags(Flag::Up),
    |dev| dev.flags(Flag::Promisc),
    |dev| dev.mtu(1 << 31),
    |dev| dev.tso_max_size(1279),
];

#[vtable]
impl<const CASE: usize> netdevice::Operations for Mistaken<CASE> {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.ether_setup();
        if let Some(mistake) = MISTAKES.get(CASE) {
            mistake(dev);
        }
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

fn alloc<const CASE: usize>() -> Result<UnregisteredDevice<'static, Mistaken<CASE>>> {
    UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Mistaken::<CASE>)
}

/// A device without room for a link-layer header, whose user may turn on feature bit `BIT`.
struct Headless<const BIT: u64>;

const SG: u64 = Feature::Sg as u64;
const FRAG_LIST: u64 = Feature::FragList as u64;
const HIGH_DMA: u64 = Feature::HighDma as u64;

#[vtable]
impl<const BIT: u64> netdevice::Operations for Headless<BIT> {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.set_type(LinkType::None);
        for feature in [Feature::Sg, Feature::FragList, Feature::HighDma] {
            if feature as u64 == BIT {
                dev.set_hw_features(feature);
            }
        }
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

fn alloc_headless<const BIT: u64>() -> Result<UnregisteredDevice<'static, Headless<BIT>>> {
    UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Headless::<BIT>)
}

drivers! {
    /// A link layer of its own, with the longest addresses that there can be.
    LongAddr: |dev| {
        dev.set_type(LinkType::None);
        dev.set_addr_len(32);
    };
    /// With longer ones.
    LongerAddr: |dev| {
        dev.set_type(LinkType::None);
        dev.set_addr_len(33);
    };
    /// Has one private flag more than others.
    Live: |dev| {
        dev.ether_setup();
        dev.add_priv_flags(PrivFlag::LiveAddrChange);
    };
}

/// The private flags that each device begins with.
fn first_priv_flags() -> PrivFlags {
    PrivFlag::XmitDstRelease | PrivFlag::XmitDstReleasePerm
}

#[kunit_tests(rust_netdev_setup)]
mod cases {
    use super::*;

    #[test]
    fn without_mistake() {
        assert!(alloc::<NONE>().is_ok());
    }

    #[test]
    fn address_is_too_long() -> Result {
        assert_eq!(drivers::alloc(NAME, LongAddr)?.addr_len(), 32);
        assert_eq!(drivers::alloc(NAME, LongerAddr).err(), Some(EINVAL));
        Ok(())
    }

    #[test]
    fn address_is_none_of_ethernet() {
        assert_eq!(alloc::<ADDR_TOO_SHORT>().err(), Some(EINVAL));
    }

    #[test]
    fn header_does_not_fit() {
        assert_eq!(alloc::<HEADER_TOO_SHORT>().err(), Some(EINVAL));
    }

    #[test]
    fn flags_are_not_the_drivers() {
        assert_eq!(alloc::<UP>().err(), Some(EINVAL));
        assert_eq!(alloc::<PROMISC>().err(), Some(EINVAL));
    }

    #[test]
    fn mtu_is_too_large() {
        assert_eq!(alloc::<MTU_TOO_LARGE>().err(), Some(EINVAL));
    }

    #[test]
    fn tso_max_size_is_too_small() {
        assert_eq!(alloc::<TSO_TOO_SMALL>().err(), Some(EINVAL));
    }

    #[test]
    fn scattered_packets_have_their_header_in_one_piece() {
        assert_eq!(alloc_headless::<SG>().err(), Some(EINVAL));
        assert_eq!(alloc_headless::<FRAG_LIST>().err(), Some(EINVAL));
        assert!(alloc_headless::<HIGH_DMA>().is_ok());
    }

    #[test]
    fn ether_setup() -> Result {
        let dev = alloc::<NONE>()?;

        assert_eq!(dev.link_type(), LinkType::Ether as u16);
        assert_eq!(dev.hard_header_len(), 14);
        assert_eq!(dev.min_header_len(), 14);
        assert_eq!(dev.addr_len(), 6);
        assert_eq!(dev.mtu(), 1500);
        assert_eq!((dev.min_mtu(), dev.max_mtu()), (68, 1500));
        assert_eq!(dev.flags(), Flag::Broadcast | Flag::Multicast);
        // An `SkBuff` is never shared, and nobody is told that it may be.
        assert_eq!(dev.priv_flags(), first_priv_flags());
        Ok(())
    }

    #[test]
    fn private_flags_are_added() -> Result {
        let dev = drivers::alloc(NAME, Live)?;

        assert_eq!(
            dev.priv_flags(),
            first_priv_flags() | PrivFlag::LiveAddrChange
        );
        Ok(())
    }
}
