// SPDX-License-Identifier: GPL-2.0

//! Registration takes the unregistered device.

use kernel::{
    net::netdevice::{
        Operations,
        UnregisteredDevice, //
    },
    prelude::*, //
};

fn register<T: Operations>(mut dev: UnregisteredDevice<'_, T>) -> Result {
    let _registered = dev.register_netdev()?;
    dev.set_ifindex(2) //~ ERROR E0382: borrow of moved value: `dev`
}
