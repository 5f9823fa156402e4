// SPDX-License-Identifier: GPL-2.0

//! The blackhole device is not registered, so the core allocates no statistics for it.

use kernel::{
    net::{
        blackhole::BlackholeNetdev,
        netdevice::{
            Lstats,
            Operations,
            UnregisteredDevice, //
        },
    },
    prelude::*, //
};

fn init<T>(blackhole: &'static BlackholeNetdev, dev: UnregisteredDevice<'static, T>) -> Result
where
    T: Operations<Stats = Lstats>,
{
    blackhole.set(dev) //~ ERROR E0271: type mismatch
}
