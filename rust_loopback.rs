// SPDX-License-Identifier: GPL-2.0

//! The loopback device.
//!
//! The twin of the C driver over `kernel::net`, with the same functions in the same order. What is
//! sent to `lo` comes back as received, in the same buffer, by way of the CPU's backlog.
//!
//! C version: [`drivers/net/loopback.c`](srctree/drivers/net/loopback.c)

#![forbid(unsafe_code)]

mod gen_lo_setup;
mod net_init;

#[cfg(CONFIG_RUST_LOOPBACK_KUNIT_TEST)]
#[path = "tests/kunit/mod.rs"]
mod kunit;

use kernel::{
    net::{
        etherdevice::eth_mac_addr,
        ethtool,
        netdevice::{
            self,
            Device,
            Lstats,
            NetdevTx,
            RtnlLinkStats64,
            Setup,
            SockAddr,
            Unregistered,
            Visible,
            XmitContext, //
        },
        skbuff::{
            NetRx,
            SkBuff, //
        }, //
    },
    prelude::*, //
};

use gen_lo_setup::gen_lo_setup;

/// The higher levels take care of making this non-reentrant: it is called with bottom halves off.
#[inline]
fn loopback_xmit<T>(mut skb: SkBuff, dev: &Device<T>, cx: &XmitContext<'_>) -> NetdevTx
where
    T: netdevice::Operations<Stats = Lstats>,
{
    skb.tx_timestamp();

    // Do not fool net_timestamp_check() with various clock bases.
    skb.clear_tstamp();

    skb.orphan();

    // The packet leaves the RCU section that its route was found in.
    let skb = skb.dst_force(cx);

    // Sets skb->protocol, too.
    let skb = skb.eth_type_trans(dev);

    // netif_rx() takes the buffer.
    let len = skb.len();
    if skb.netif_rx(cx) == NetRx::Success {
        dev.lstats_add(len, cx);
    }

    NetdevTx::Ok
}

fn loopback_get_stats64<T>(dev: &Device<T, Visible>, stats: &mut RtnlLinkStats64<'_>)
where
    T: netdevice::Operations<Stats = Lstats>,
{
    let sum = dev.lstats_read();

    stats.set_rx_packets(sum.packets);
    stats.set_tx_packets(sum.packets);
    stats.set_rx_bytes(sum.bytes);
    stats.set_tx_bytes(sum.bytes);
}

/// The loopback device is special. There is only one instance per network namespace.
struct Loopback;

// What the core calls is inlined into its callback: its machine code would be there twice.
#[vtable]
impl ethtool::Operations for Loopback {
    #[inline]
    fn get_link(_dev: &Device<Self>) -> bool {
        true
    }

    #[inline]
    fn get_ts_info(dev: &Device<Self>, info: &mut ethtool::TsInfo<'_>) -> Result {
        ethtool::op_get_ts_info(dev, info)
    }
}

#[vtable]
impl netdevice::Operations for Loopback {
    type Stats = Lstats;

    #[inline]
    fn setup(dev: &mut Setup<'_, Self>) {
        gen_lo_setup(dev, 64 * 1024);
        dev.set_ethtool_ops();
        dev.set_eth_header_ops();
    }

    #[inline]
    fn init(dev: &Device<Self, Unregistered>) -> Result {
        dev.lockdep_set_classes();
        Ok(())
    }

    #[inline]
    fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx {
        loopback_xmit(skb, dev, cx)
    }

    #[inline]
    fn get_stats64(dev: &Device<Self, Visible>, stats: &mut RtnlLinkStats64<'_>) {
        loopback_get_stats64(dev, stats);
    }

    #[inline]
    fn set_mac_address(dev: &Device<Self>, addr: &SockAddr) -> Result {
        eth_mac_addr(dev, addr)
    }
}

kernel::loopback_net_ops!(net_init::LoopbackNetOps);

module! {
    type: net_init::RustLoopback,
    name: "rust_loopback",
    authors: ["The rust_loopback authors"],
    description: "Loopback network device, in Rust",
    license: "GPL",
}
