// SPDX-License-Identifier: GPL-2.0

//! Devices that send what they are given over the next one: how deep that goes has a bound.

use kernel::{
    net::{
        netdevice::{
            self,
            Device,
            Flag,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            RegisteredDevice,
            Setup,
            UnregisteredDevice,
            XmitContext, //
        },
        rtnl,
        skbuff::SkBuff, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

use super::frame;

const NAME: Name<'static> = Name::from_static(c"rdstack%d");

/// More than the stack of a task has room for, if each of them may call the next.
const TOO_MANY: usize = 30;

/// What the core lets packets go through: `XMIT_RECURSION_LIMIT` and the first.
const DEEPEST: u32 = 9;

type Relays = KVec<Arc<RegisteredDevice<'static, Relay>>>;

/// Sends over the next device, or is the last one.
struct Relay {
    next: Option<Arc<RegisteredDevice<'static, Relay>>>,
    packets: Atomic<u32>,
}

#[vtable]
impl netdevice::Operations for Relay {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.ether_setup();
        dev.set_flags(Flag::NoArp);
        // The locks of devices of one driver are all of one class: they must not nest.
        dev.set_lltx(true);
        // Too small for IPv6, which would send packets of its own.
        dev.set_mtu(1000);
        dev.eth_hw_addr_random();
    }

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        let relay = dev.netdev_priv();

        relay.packets.add(1, Relaxed);
        match &relay.next {
            // What became of it is for the next one to say.
            Some(next) => drop(skb.dev_queue_xmit(next)),
            None => skb.consume(),
        }
        NetdevTx::Ok
    }
}

/// `count` devices, the last one first.
fn stack(count: usize) -> Result<Relays> {
    let mut relays = Relays::new();

    for _ in 0..count {
        let relay = Relay {
            next: relays.last().cloned(),
            packets: Atomic::new(0),
        };
        let dev =
            UnregisteredDevice::alloc(NAME, NameAssignType::Enum, relay)?.register_netdev()?;
        dev.open(&rtnl::lock())?;
        relays.push(Arc::new(dev, GFP_KERNEL)?, GFP_KERNEL)?;
    }
    Ok(relays)
}

/// Sends one packet from the top. Says how many devices saw it.
fn send(relays: &Relays) -> Result<u32> {
    let top = relays.last().ok_or(ENOENT)?;

    let _ = frame::send(top, &[0; 60])?;
    Ok(relays
        .iter()
        .map(|relay| relay.netdev_priv().packets.load(Relaxed))
        .sum())
}

/// Takes them down from the top: each of them keeps the next one.
fn take_down(mut relays: Relays) {
    while relays.pop().is_some() {}
}

#[kunit_tests(rust_netdev_stacked)]
mod cases {
    use super::*;

    #[test]
    fn a_few_devices_hand_it_down() -> Result {
        let relays = stack(3)?;

        assert_eq!(send(&relays), Ok(3));
        take_down(relays);
        Ok(())
    }

    #[test]
    fn too_many_do_not() -> Result {
        let relays = stack(TOO_MANY)?;

        assert_eq!(send(&relays), Ok(DEEPEST));
        take_down(relays);
        Ok(())
    }
}
