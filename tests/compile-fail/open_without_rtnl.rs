// SPDX-License-Identifier: GPL-2.0

//! A device is opened under RTNL.

use kernel::{
    net::netdevice::{
        Device,
        Operations, //
    },
    prelude::*, //
};

fn up<T: Operations>(dev: &Device<T>) -> Result {
    dev.open() //~ ERROR E0061: takes 1 argument but 0 arguments were supplied
}
