// SPDX-License-Identifier: GPL-2.0

//! The blackhole device is not registered, so the core allocates no statistics for it.

use kernel::{
    net::{
        blackhole::set_blackhole_netdev,
        netdevice::{
            Lstats,
            Operations,
            UnregisteredDevice, //
        },
    },
    prelude::*, //
};

fn init<T: Operations<Stats = Lstats>>(dev: UnregisteredDevice<'static, T>) -> Result {
    set_blackhole_netdev(dev) //~ ERROR E0271: type mismatch
}
