// SPDX-License-Identifier: GPL-2.0

//! A device that is not registered cannot be brought up.

use kernel::{
    net::{
        netdevice::{
            Operations,
            UnregisteredDevice, //
        },
        rtnl::RtnlGuard, //
    },
    prelude::*, //
};

fn up<T: Operations>(dev: &UnregisteredDevice<'_, T>, rtnl: &RtnlGuard) -> Result {
    dev.open(rtnl) //~ ERROR E0599: no method named `open`
}
