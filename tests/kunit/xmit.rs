// SPDX-License-Identifier: GPL-2.0

//! Transmit and statistics.

use kernel::{
    net::{
        bottom_half,
        netdevice::{
            LinkStats64,
            Name,
            RegisteredDevice, //
        },
        rtnl,
        skbuff::NetXmit, //
    },
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use super::{
    device::TestLo,
    frame, //
};

const NAME: Name<'static> = Name::from_static(c"loxmit%d");

const HEADER_LEN: usize = 14;
const PAYLOAD_LEN: usize = 86;

/// A frame of zeros but for its protocol.
const fn frame(protocol: u16) -> [u8; HEADER_LEN + PAYLOAD_LEN] {
    let mut frame = [0; HEADER_LEN + PAYLOAD_LEN];
    [frame[12], frame[13]] = protocol.to_be_bytes();
    frame
}

/// A local experimental protocol, which nobody receives.
const UNKNOWN: [u8; HEADER_LEN + PAYLOAD_LEN] = frame(0x88b5);

/// No good IPv4 packet, but that is for IPv4 to say.
const IPV4: [u8; HEADER_LEN + PAYLOAD_LEN] = frame(0x0800);

/// What the backlog of a CPU takes: one more than `net.core.netdev_max_backlog`, which is 1000
/// unless somebody changes it.
const BACKLOG: u64 = 1001;

const TOO_MANY: u64 = 3 * BACKLOG;

fn open() -> Result<RegisteredDevice<'static, TestLo>> {
    let dev = TestLo::register(NAME)?;

    dev.open(&rtnl::lock())?;
    Ok(dev)
}

fn send(dev: &RegisteredDevice<'_, TestLo>) -> Result<NetXmit> {
    frame::send(dev, &UNKNOWN)
}

/// Waits until the stack has had all of `sent` frames of the unknown protocol. It counts them as
/// dropped, as it finds no handler for them, and so it does with those that found the backlog full.
fn settle(dev: &RegisteredDevice<'_, TestLo>, sent: u64) -> Result<LinkStats64> {
    for _ in 0..1000 {
        let stats = dev.get_stats(&rtnl::lock());
        if stats.rx_dropped() == sent {
            return Ok(stats);
        }
        fsleep(Delta::from_millis(10));
    }
    Err(ETIMEDOUT)
}

#[kunit_tests(rust_loopback_xmit)]
mod cases {
    use super::*;

    #[test]
    fn new_device_has_zero_counters() -> Result {
        let stats = open()?.get_stats(&rtnl::lock());

        assert_eq!(stats.rx_packets() + stats.tx_packets(), 0);
        assert_eq!(stats.rx_bytes() + stats.tx_bytes(), 0);
        Ok(())
    }

    #[test]
    fn what_is_sent_is_received() -> Result {
        let dev = open()?;

        for _ in 0..7 {
            assert_eq!(send(&dev), Ok(NetXmit::Success));
        }

        settle(&dev, 7)?;
        Ok(())
    }

    #[test]
    fn counters_count_payload_both_ways() -> Result {
        let dev = open()?;
        for _ in 0..7 {
            assert_eq!(send(&dev), Ok(NetXmit::Success));
        }
        let stats = settle(&dev, 7)?;

        assert_eq!(stats.tx_packets(), 7);
        assert_eq!(stats.rx_packets(), 7);
        // The link-layer header is off when the bytes are counted.
        assert_eq!(stats.tx_bytes(), 7 * PAYLOAD_LEN as u64);
        assert_eq!(stats.rx_bytes(), 7 * PAYLOAD_LEN as u64);
        assert_eq!(stats.tx_dropped(), 0);
        Ok(())
    }

    #[test]
    fn header_names_the_protocol() -> Result {
        let dev = open()?;

        // With bottom halves off both stay on this CPU, and so in order.
        let bh = bottom_half::local_disable();
        assert_eq!(frame::send(&dev, &IPV4), Ok(NetXmit::Success));
        assert_eq!(send(&dev), Ok(NetXmit::Success));
        drop(bh);

        // IPv4 took the first one: only the second found no handler.
        assert_eq!(settle(&dev, 1)?.rx_packets(), 2);
        assert_eq!(dev.get_stats(&rtnl::lock()).rx_dropped(), 1);
        Ok(())
    }

    #[test]
    fn lstats_are_what_the_core_reports() -> Result {
        let dev = open()?;
        assert_eq!(send(&dev), Ok(NetXmit::Success));
        let stats = settle(&dev, 1)?;
        let sum = dev.lstats_read();

        assert_eq!(sum.packets, stats.tx_packets());
        assert_eq!(sum.bytes, stats.tx_bytes());
        Ok(())
    }

    #[test]
    fn full_backlog_is_drop_not_traffic() -> Result {
        let dev = open()?;

        let bh = bottom_half::local_disable();
        for _ in 0..TOO_MANY {
            // The driver takes a packet even if the stack then has no room for it.
            assert_eq!(send(&dev), Ok(NetXmit::Success));
        }
        drop(bh);

        let stats = settle(&dev, TOO_MANY)?;
        assert_eq!(stats.tx_packets(), BACKLOG);
        assert_eq!(stats.rx_packets(), stats.tx_packets());
        assert_eq!(stats.tx_bytes(), stats.tx_packets() * PAYLOAD_LEN as u64);
        Ok(())
    }

    #[test]
    fn down_device_sends_nothing() -> Result {
        let dev = open()?;
        dev.close(&rtnl::lock());

        assert_eq!(send(&dev), Ok(NetXmit::Drop));
        assert_eq!(dev.get_stats(&rtnl::lock()).tx_packets(), 0);
        Ok(())
    }

    #[test]
    fn unregistering_under_traffic() -> Result {
        for _ in 0..5 {
            let dev = open()?;
            for _ in 0..100 {
                assert_eq!(send(&dev), Ok(NetXmit::Success));
            }
            drop(dev);
        }
        Ok(())
    }
}
