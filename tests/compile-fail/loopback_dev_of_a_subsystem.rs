// SPDX-License-Identifier: GPL-2.0

//! Only the loopback slot sets a namespace's loopback device.

use core::marker::PhantomData;
use kernel::{
    net::{
        net_namespace::Namespace,
        netdevice::{
            Operations,
            RegisteredDevice, //
        },
    },
    prelude::*, //
};

struct NetOps<T>(PhantomData<T>);

impl<T: Operations> NetOps<T> {
    fn init(net: &Namespace, dev: RegisteredDevice<'_, T>) -> Result {
        net.set_loopback_dev(dev) //~ ERROR E0599: no method named `set_loopback_dev`
    }
}
