// SPDX-License-Identifier: GPL-2.0

//! The counters are this CPU's only with bottom halves off.

use kernel::net::netdevice::{
    Device,
    Lstats,
    Operations, //
};

fn count<T: Operations<Stats = Lstats>>(dev: &Device<T>) {
    dev.lstats_add(1); //~ ERROR E0061: takes 2 arguments but 1 argument was supplied
}
