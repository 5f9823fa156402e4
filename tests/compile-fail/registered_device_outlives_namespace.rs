// SPDX-License-Identifier: GPL-2.0

//! A device in a namespace cannot outlive it.

use kernel::{
    net::{
        net_namespace::Namespace,
        netdevice::{
            Operations,
            RegisteredDevice,
            UnregisteredDevice, //
        },
    },
    prelude::*, //
};

fn keep<T: Operations>(
    mut dev: UnregisteredDevice<'static, T>,
    net: &Namespace,
) -> Result<RegisteredDevice<'static, T>> {
    dev.dev_net_set(net); //~ ERROR E0521: borrowed data escapes outside of function
    dev.register_netdev()
}
