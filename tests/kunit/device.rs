// SPDX-License-Identifier: GPL-2.0

//! A device for tests: lo's own functions under another name.
//!
//! It is no loopback device to the rest of the stack, so init_net's lo stays the only one.

use core::sync::atomic::{
    AtomicI32,
    Ordering, //
};

use kernel::{
    net::{
        netdevice::{
            self,
            Device,
            Flag,
            Lstats,
            Name,
            NameAssignType,
            NetdevTx,
            RegisteredDevice,
            RtnlLinkStats64,
            Setup,
            Unregistered,
            UnregisteredDevice,
            Visible,
            XmitContext, //
        },
        skbuff::SkBuff, //
    },
    prelude::*,
};

/// What the next `ndo_init` returns: 0 or a negative errno.
static INIT_ERRNO: AtomicI32 = AtomicI32::new(0);

pub(super) struct TestLo;

impl TestLo {
    pub(super) fn alloc(name: Name<'_>) -> Result<UnregisteredDevice<'static, Self>> {
        UnregisteredDevice::alloc(name, NameAssignType::Enum, Self)
    }

    pub(super) fn register(name: Name<'_>) -> Result<RegisteredDevice<'static, Self>> {
        Self::alloc(name)?.register_netdev()
    }

    /// Makes `ndo_init` fail with `error`, once.
    pub(super) fn fail_next_init(error: Error) {
        INIT_ERRNO.store(error.to_errno(), Ordering::Relaxed);
    }
}

#[vtable]
impl netdevice::Operations for TestLo {
    type Stats = Lstats;

    fn setup(dev: &mut Setup<'_, Self>) {
        crate::gen_lo_setup(dev, 64 * 1024);
        dev.set_flags(Flag::NoArp);
        dev.set_eth_header_ops();
    }

    fn init(_dev: &Device<Self, Unregistered>) -> Result {
        kernel::error::to_result(INIT_ERRNO.swap(0, Ordering::Relaxed))
    }

    fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx {
        crate::loopback_xmit(skb, dev, cx)
    }

    fn get_stats64(dev: &Device<Self, Visible>, stats: &mut RtnlLinkStats64<'_>) {
        crate::loopback_get_stats64(dev, stats);
    }
}
