// SPDX-License-Identifier: GPL-2.0

//! Without RTNL it is `register_netdev()`.

use kernel::{
    net::netdevice::{
        Operations,
        UnregisteredDevice, //
    },
    prelude::*, //
};

fn register<T: Operations>(dev: UnregisteredDevice<'_, T>) -> Result {
    dev.register_netdevice().map(drop) //~ ERROR E0061: takes 1 argument but 0 arguments
}
