// SPDX-License-Identifier: GPL-2.0

//! Several queues, and packets that wait with the core because the driver is busy.

use kernel::{
    net::{
        netdevice::{
            Name,
            NameAssignType,
            RegisteredDevice,
            UnregisteredDevice, //
        },
        rtnl,
        skbuff::{
            NetXmit,
            SkBuff, //
        },
    },
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::frame;
use crate::device::{
    self,
    Dummy,
    MAX_MTU,
    RX_QUEUES,
    TX_QUEUES, //
};
use crate::tally::Tally;

const NAME: Name<'static> = Name::from_static(c"rdqueue%d");

/// An Ethernet frame of a local experimental protocol.
const FRAME: [u8; 60] = {
    let mut frame = [0; 60];
    [frame[12], frame[13]] = 0x88b5u16.to_be_bytes();
    frame
};

const PACKETS: u64 = 10;

/// Too small for IPv6, which would send packets of its own.
const MTU: u32 = 1279;

fn open(tally: &'static Tally) -> Result<RegisteredDevice<'static, Dummy>> {
    let data = Dummy::new(tally);
    let dev =
        UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, TX_QUEUES, RX_QUEUES, data)?
            .register_netdev()?;

    {
        let rtnl = rtnl::lock();
        dev.set_mtu(MTU, &rtnl)?;
        dev.open(&rtnl)?;
    }
    Ok(dev)
}

fn send(dev: &RegisteredDevice<'_, Dummy>) -> Result<NetXmit> {
    frame::send(dev, &FRAME)
}

/// How many packets all queues have sent.
fn sent(dev: &RegisteredDevice<'_, Dummy>) -> u64 {
    (0..).map_while(|queue| dev.netdev_priv().sent(queue)).sum()
}

/// Waits until `count` packets have been sent.
fn settle(dev: &RegisteredDevice<'_, Dummy>, count: u64) -> Result {
    for _ in 0..1000 {
        if sent(dev) == count {
            return Ok(());
        }
        fsleep(Delta::from_millis(10));
    }
    Err(ETIMEDOUT)
}

#[kunit_tests(rust_netdev_queues)]
mod cases {
    use super::*;

    #[test]
    fn there_are_as_many_as_asked_for() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;

        assert_eq!(dev.num_tx_queues(), TX_QUEUES);
        assert_eq!(dev.num_rx_queues(), RX_QUEUES);
        assert!(dev.tx_queue(0).is_some());
        assert!(dev.tx_queue(TX_QUEUES as u16 - 1).is_some());
        assert!(dev.tx_queue(TX_QUEUES as u16).is_none());
        assert!(dev.tx_queue(u16::MAX).is_none());
        Ok(())
    }

    #[test]
    fn mtu_is_the_drivers_to_refuse() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;

        assert_eq!(dev.mtu(), MTU);
        assert_eq!(dev.set_mtu(MAX_MTU + 1, &rtnl::lock()), Err(EMSGSIZE));
        assert_eq!(dev.mtu(), MTU);
        assert_eq!(dev.set_mtu(u32::MAX, &rtnl::lock()), Err(EINVAL));
        assert_eq!(dev.mtu(), MTU);
        dev.set_mtu(MAX_MTU, &rtnl::lock())?;
        assert_eq!(dev.mtu(), MAX_MTU);
        Ok(())
    }

    #[test]
    fn stopping_one_stops_no_other() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;
        let (first, second) = (
            dev.tx_queue(0).ok_or(ENOENT)?,
            dev.tx_queue(1).ok_or(ENOENT)?,
        );

        first.stop();
        assert!(first.is_stopped());
        assert!(!second.is_stopped());

        first.wake();
        assert!(!first.is_stopped());
        Ok(())
    }

    #[test]
    fn own_statistics_are_what_the_core_reports() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;

        for _ in 0..PACKETS {
            assert_eq!(send(&dev), Ok(NetXmit::Success));
        }
        settle(&dev, PACKETS)?;

        let stats = dev.get_stats(&rtnl::lock());
        assert_eq!(stats.tx_packets(), PACKETS);
        assert_eq!(stats.tx_bytes(), PACKETS * FRAME.len() as u64);
        assert_eq!(stats.rx_packets(), 0);
        Ok(())
    }

    #[test]
    fn refused_packets_wait() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;

        dev.netdev_priv().hold();
        for _ in 0..PACKETS {
            assert_eq!(send(&dev), Ok(NetXmit::Success));
        }
        assert_eq!(sent(&dev), 0);

        // Each of them arrives, and none twice.
        device::release(&dev);
        settle(&dev, PACKETS)?;
        assert_eq!(dev.get_stats(&rtnl::lock()).tx_packets(), PACKETS);
        Ok(())
    }

    #[test]
    fn waiting_packets_go_with_the_device() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;

        dev.netdev_priv().hold();
        for _ in 0..PACKETS {
            assert_eq!(send(&dev), Ok(NetXmit::Success));
        }

        drop(dev);
        assert_eq!((TALLY.made(), TALLY.dropped()), (1, 1));
        Ok(())
    }

    #[test]
    fn short_frames_are_refused() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = open(&TALLY)?;

        for len in [0, 1, 13] {
            let mut skb = SkBuff::alloc(64, GFP_KERNEL)?;
            let put = skb.put_data(&FRAME[..len]);
            assert_eq!(skb.dev_queue_xmit(&dev), Err(EINVAL));
            assert_eq!(put, Ok(()));
        }
        assert_eq!(sent(&dev), 0);
        Ok(())
    }
}
