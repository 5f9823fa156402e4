// SPDX-License-Identifier: GPL-2.0

//! The kernel's blackhole device, whoever set it up: C's is as it must be, and no other may be
//! different.

// Looks at the C structure itself, past the abstractions.
#![allow(unsafe_code)]

use kernel::{
    bindings,
    bindings::net_device,
    net::{
        blackhole::BlackholeNetdev,
        netdevice::{
            self,
            Device,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            Setup,
            UnregisteredDevice,
            XmitContext, //
        },
        skbuff::SkBuff, //
    },
    prelude::*, //
};

use super::{
    neigh_table::Entry,
    packet, //
};

const NAME: Name<'static> = Name::from_static(c"rdblack%d");
const ADDRESS: [u8; 4] = [10, 9, 8, 6];

/// More packets than there may be messages at a time.
const MANY: usize = 50;

/// A module's own, which C code would not look at.
static OURS: BlackholeNetdev = BlackholeNetdev::new();

/// A device for it, which would outlive its driver.
struct Second;

#[vtable]
impl netdevice::Operations for Second {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.ether_setup();
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

fn blackhole() -> &'static net_device {
    // SAFETY: It is set once, at boot. Nobody changes what is read of it here.
    unsafe { &*bindings::blackhole_netdev }
}

/// Sends a packet to it: whether it was taken.
fn send() -> Result<bool> {
    // SAFETY: The device is valid for ever. The stack takes the packet.
    let ((), taken) = unsafe {
        packet::give(|skb| {
            (*skb)
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev = bindings::blackhole_netdev;
            bindings::dev_queue_xmit(skb);
        })
    }?;
    Ok(taken)
}

#[kunit_tests(rust_netdev_blackhole)]
mod cases {
    use super::*;

    #[test]
    fn sizes_and_type() {
        let dev = blackhole();

        assert_eq!(dev.mtu, 68);
        assert_eq!(dev.hard_header_len, 14);
        assert_eq!(dev.min_header_len, 14);
        assert_eq!(dev.addr_len, 6);
        assert_eq!(dev.type_, 772);
        assert_eq!(dev.tso_max_size, 8 * 65535);
        assert_eq!(dev.gso_max_size, 65536);
        assert_eq!((dev.num_tx_queues, dev.num_rx_queues), (1, 1));
    }

    #[test]
    fn flags() {
        let dev = blackhole();
        let up = bindings::net_device_flags_IFF_UP | bindings::net_device_flags_IFF_RUNNING;

        assert_eq!(dev.flags, bindings::net_device_flags_IFF_LOOPBACK | up);
        // SAFETY: Only read, as before.
        let fast = unsafe { &dev.__bindgen_anon_1.__bindgen_anon_1 };
        let live = bindings::netdev_priv_flags_IFF_LIVE_ADDR_CHANGE;
        let no_queue = bindings::netdev_priv_flags_IFF_NO_QUEUE;
        assert_eq!(fast.priv_flags() as u32, live | no_queue);
        assert_eq!(fast.lltx(), 1);
        assert_eq!(dev.netns_immutable(), 1);
    }

    #[test]
    fn features() {
        let expected = bindings::NETIF_F_GSO_SOFTWARE
            | 1 << bindings::NETIF_F_SG_BIT
            | 1 << bindings::NETIF_F_FRAGLIST_BIT
            | 1 << bindings::NETIF_F_HW_CSUM_BIT
            | 1 << bindings::NETIF_F_RXCSUM_BIT
            | 1 << bindings::NETIF_F_SCTP_CRC_BIT
            | 1 << bindings::NETIF_F_HIGHDMA_BIT
            | 1 << bindings::NETIF_F_VLAN_CHALLENGED_BIT
            | 1 << bindings::NETIF_F_LOOPBACK_BIT;

        assert_eq!(blackhole().features, expected);
        assert_eq!(blackhole().hw_features, bindings::NETIF_F_GSO_SOFTWARE);
    }

    #[test]
    fn it_is_not_registered() {
        let dev = blackhole();

        // SAFETY: The name ends within its field.
        let name = unsafe { CStr::from_char_ptr(dev.name.as_ptr()) };
        assert_eq!(name, c"blackhole_dev");
        assert_eq!(dev.ifindex, 0);
        assert_eq!(
            u32::from(dev.reg_state),
            bindings::netdev_reg_state_NETREG_UNINITIALIZED
        );
        assert!(dev.header_ops.is_null());
        assert_eq!(u32::from(dev.name_assign_type), bindings::NET_NAME_UNKNOWN);
    }

    #[test]
    fn it_has_no_queue() {
        // SAFETY: The device has one transmit queue, which is active, and so has a discipline.
        let qdisc = unsafe { &*(*blackhole()._tx).qdisc };

        assert!(qdisc.enqueue.is_none());
    }

    #[test]
    fn it_takes_packets() -> Result {
        for _ in 0..MANY {
            assert_eq!(send(), Ok(true));
        }
        Ok(())
    }

    #[test]
    fn its_neighbours_take_packets() -> Result {
        // SAFETY: IPv4 knows the device since boot, and it is there for ever.
        let neigh = unsafe { Entry::make(bindings::blackhole_netdev, ADDRESS) }?;

        assert_eq!(neigh.output(), Ok((0, true)));
        Ok(())
    }

    #[test]
    fn it_is_the_kernel_s_own() -> Result {
        let dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, Second)?;
        let before: *const net_device = blackhole();

        assert_eq!(OURS.set(dev), Err(EPERM));
        assert_eq!(before, blackhole());
        Ok(())
    }
}
