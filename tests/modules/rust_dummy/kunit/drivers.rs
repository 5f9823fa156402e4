// SPDX-License-Identifier: GPL-2.0

//! Drivers that differ in what they set up, and do nothing else.

use kernel::{
    net::{
        netdevice::{
            self,
            Device,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            Operations,
            Setup,
            UnregisteredDevice,
            XmitContext, //
        },
        skbuff::SkBuff, //
    },
    prelude::*, //
};

/// Drivers without data, and how they set up a device.
macro_rules! drivers {
    ($($(#[$doc:meta])* $name:ident: |$dev:ident| $setup:expr;)*) => {
        $(
            $(#[$doc])*
            struct $name;

            #[vtable]
            impl ::kernel::net::netdevice::Operations for $name {
                type Stats = ::kernel::net::netdevice::NoStats;

                fn setup($dev: &mut ::kernel::net::netdevice::Setup<'_, Self>) {
                    $setup
                }

                fn start_xmit(
                    skb: ::kernel::net::skbuff::SkBuff,
                    _dev: &::kernel::net::netdevice::Device<Self>,
                    _cx: &::kernel::net::netdevice::XmitContext<'_>,
                ) -> ::kernel::net::netdevice::NetdevTx {
                    skb.consume();
                    ::kernel::net::netdevice::NetdevTx::Ok
                }
            }
        )*
    };
}

pub(super) use drivers;

/// A driver that sets up nothing, with private data of a type that a case cares about.
pub(super) struct Data<T> {
    pub(super) data: T,
}

#[vtable]
impl<T: Send + Sync + 'static> netdevice::Operations for Data<T> {
    type Stats = NoStats;

    fn setup(_dev: &mut Setup<'_, Self>) {}

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

/// Allocates a device of a driver.
pub(super) fn alloc<T: Operations>(
    name: Name<'_>,
    driver: T,
) -> Result<UnregisteredDevice<'static, T>> {
    UnregisteredDevice::alloc(name, NameAssignType::Enum, driver)
}
