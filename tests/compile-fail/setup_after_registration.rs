// SPDX-License-Identifier: GPL-2.0

//! The owner of a registered device cannot set its fields either.

use kernel::{
    net::netdevice::{
        Operations,
        UnregisteredDevice, //
    },
    prelude::*, //
};

fn register<T: Operations>(dev: UnregisteredDevice<'_, T>) -> Result {
    let dev = dev.register_netdev()?;
    dev.set_ifindex(2)?; //~ ERROR E0599: no method named `set_ifindex`
    Ok(())
}
