// SPDX-License-Identifier: GPL-2.0

//! The device.

use kernel::{
    net::{
        bottom_half,
        etherdevice::{
            eth_mac_addr,
            eth_validate_addr, //
        },
        ethtool::{
            self,
            TsInfo, //
        },
        netdev_features::{
            Feature,
            Features, //
        },
        netdevice::{
            self,
            Device,
            Flag,
            NetdevTx,
            NoStats,
            PrivFlag,
            RtnlLinkStats64,
            Setup,
            SockAddr,
            Unregistered,
            Visible,
            XmitContext, //
        },
        skbuff::{
            DropReason,
            SkBuff, //
        },
    },
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        SpinLock, //
    },
};

use crate::tally::{
    Counted,
    Tally, //
};

/// How many transmit queues a device has.
pub(crate) const TX_QUEUES: u32 = 4;

/// How many receive queues it has. Nothing comes in.
pub(crate) const RX_QUEUES: u32 = 2;

/// The largest MTU that it agrees to, in bytes.
pub(crate) const MAX_MTU: u32 = 9000;

/// What one queue has sent.
#[derive(Default)]
struct QueueStats {
    packets: u64,
    bytes: u64,
}

/// One queue. Its lock is taken with bottom halves off, as in transmit.
#[pin_data]
struct Queue {
    #[pin]
    stats: SpinLock<QueueStats>,
}

/// The private data.
pub(crate) struct Dummy {
    queues: KVec<Pin<KBox<Queue>>>,
    refused: Atomic<u64>,
    /// While this is set, packets are refused and wait with the core.
    held: AtomicFlag,
    tally: Counted,
}

impl Dummy {
    /// What a device's data is at first.
    pub(crate) fn new(tally: &'static Tally) -> impl Init<Self, Error> {
        try_init!(Self {
            queues: {
                let mut queues = KVec::new();
                for _ in 0..TX_QUEUES {
                    let queue = pin_init!(Queue {
                        stats <- new_spinlock!(QueueStats::default()),
                    });
                    queues.push(KBox::pin_init(queue, GFP_KERNEL)?, GFP_KERNEL)?;
                }
                queues
            },
            refused: Atomic::new(0),
            held: AtomicFlag::new(false),
            tally: Counted::new(tally),
        })
    }

    /// From now on packets wait with the core.
    pub(crate) fn hold(&self) {
        self.held.store(true, Relaxed);
    }

    /// How many packets a queue has sent.
    pub(crate) fn sent(&self, queue: usize) -> Option<u64> {
        let _bh = bottom_half::local_disable();

        // The lock must be free before bottom halves are on again: no temporary in the last line.
        let packets = self.queues.get(queue)?.stats.lock().packets;
        Some(packets)
    }
}

/// Lets packets go on that [`Dummy::hold`] made wait.
pub(crate) fn release(dev: &Device<Dummy>) {
    dev.netdev_priv().held.store(false, Relaxed);
    wake_all(dev);
}

fn wake_all(dev: &Device<Dummy>) {
    let mut index = 0;

    while let Some(queue) = dev.tx_queue(index) {
        queue.wake();
        index += 1;
    }
}

#[vtable]
impl ethtool::Operations for Dummy {
    fn get_ts_info(dev: &Device<Self>, info: &mut TsInfo<'_>) -> Result {
        ethtool::op_get_ts_info(dev, info)
    }
}

#[vtable]
impl netdevice::Operations for Dummy {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        let features = Features::GSO_SOFTWARE
            | Feature::Sg
            | Feature::FragList
            | Feature::HwCsum
            | Feature::HighDma;

        dev.ether_setup();
        dev.set_ethtool_ops();
        dev.set_flags(Flag::Broadcast | Flag::NoArp);
        dev.add_priv_flags(PrivFlag::LiveAddrChange);
        dev.set_features(features);
        dev.set_hw_features(features);
        dev.eth_hw_addr_random();
        dev.set_min_mtu(0);
        dev.set_max_mtu(0);
    }

    fn init(dev: &Device<Self, Unregistered>) -> Result {
        dev.lockdep_set_classes();
        dev.netdev_priv().tally.count_init();
        Ok(())
    }

    fn uninit(dev: &Device<Self, Unregistered>) {
        dev.netdev_priv().tally.count_uninit();
    }

    fn open(dev: &Device<Self>) -> Result {
        dev.netdev_priv().tally.count_open();
        wake_all(dev);
        Ok(())
    }

    fn stop(dev: &Device<Self>) {
        dev.netdev_priv().tally.count_stop();
    }

    fn start_xmit(mut skb: SkBuff, dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        let data = dev.netdev_priv();
        let index = skb.queue_mapping();
        let Some(queue) = data.queues.get(usize::from(index)) else {
            skb.drop_reason(DropReason::DevReady);
            return NetdevTx::Ok;
        };

        if data.held.load(Relaxed) {
            data.refused.add(1, Relaxed);
            if let Some(queue) = dev.tx_queue(index) {
                queue.stop();
            }
            return NetdevTx::Busy(skb);
        }

        skb.tx_timestamp();
        {
            let mut stats = queue.stats.lock();
            stats.packets += 1;
            stats.bytes += u64::from(skb.len());
        }
        skb.consume();
        NetdevTx::Ok
    }

    fn set_mac_address(dev: &Device<Self>, addr: &SockAddr) -> Result {
        eth_mac_addr(dev, addr)
    }

    fn validate_addr(dev: &Device<Self>) -> Result {
        eth_validate_addr(dev)
    }

    fn change_mtu(_dev: &Device<Self>, new_mtu: u32) -> Result {
        if new_mtu > MAX_MTU {
            return Err(EMSGSIZE);
        }
        Ok(())
    }

    fn get_stats64(dev: &Device<Self, Visible>, stats: &mut RtnlLinkStats64<'_>) {
        let data = dev.netdev_priv();
        let (mut packets, mut bytes) = (0, 0);

        let bh = bottom_half::local_disable();
        for queue in &data.queues {
            let queue = queue.stats.lock();
            packets += queue.packets;
            bytes += queue.bytes;
        }
        drop(bh);

        stats.set_tx_packets(packets);
        stats.set_tx_bytes(bytes);
        stats.set_tx_dropped(data.refused.load(Relaxed));
    }

    fn change_carrier(dev: &Device<Self>, new_carrier: bool) -> Result {
        if new_carrier {
            dev.carrier_on();
        } else {
            dev.carrier_off();
        }
        Ok(())
    }
}
