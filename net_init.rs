// SPDX-License-Identifier: GPL-2.0

//! How the loopback device comes up: in each network namespace, before any other device. Built in,
//! `net_dev_init()` sees to that; a module registers by itself.

use kernel::{
    net::{
        loopback::{
            self,
            LoopbackNamespace, //
        },
        netdevice::{
            Name,
            NameAssignType,
            UnregisteredDevice,
            LOOPBACK_IFINDEX, //
        },
        pernet, //
    },
    prelude::*,
};

use crate::Loopback;

const LO: Name<'static> = Name::from_static(c"lo");

/// `loopback_net_ops`
pub(crate) struct LoopbackNetOps;

#[vtable]
impl pernet::Operations for LoopbackNetOps {
    type Place = loopback::Slot;

    /// `loopback_net_init()`
    ///
    /// There is no `exit`: a namespace takes its devices down by itself, `lo` last.
    #[inline]
    fn init(net: &LoopbackNamespace) -> Result {
        let mut dev = UnregisteredDevice::alloc(LO, NameAssignType::Predictable, Loopback)?;

        dev.dev_net_set(net);
        // Other devices may be there already. In init_net they are.
        dev.set_ifindex(LOOPBACK_IFINDEX)?;

        net.set_loopback_dev(dev.register_netdev()?)
    }
}

/// The module: lo is there as long as it is.
#[cfg(MODULE)]
#[pin_data]
pub(crate) struct RustLoopback {
    #[pin]
    net_ops: pernet::Registration<LoopbackNetOps>,
}

#[cfg(MODULE)]
impl kernel::InPlaceModule for RustLoopback {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            net_ops <- pernet::Registration::new(),
        })
    }
}

/// Built in: when modules start, lo has been there for long.
#[cfg(not(MODULE))]
pub(crate) struct RustLoopback;

#[cfg(not(MODULE))]
impl kernel::Module for RustLoopback {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}
