// SPDX-License-Identifier: GPL-2.0

//! What is known of a carrier outlives a device that is on its way out.

use kernel::net::netdevice::{
    Device,
    Operations,
    Unregistered, //
};

fn uninit<T: Operations>(dev: &Device<T, Unregistered>) {
    dev.carrier_off(); //~ ERROR E0599: no method named `carrier_off`
}
