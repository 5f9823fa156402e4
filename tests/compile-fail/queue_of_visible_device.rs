// SPDX-License-Identifier: GPL-2.0

//! A device that user space can see need not have its queueing discipline yet.

use kernel::net::netdevice::{
    Device,
    Operations,
    Visible, //
};

fn wake<T: Operations>(dev: &Device<T, Visible>) {
    let _ = dev.tx_queue(0); //~ ERROR E0599: no method named `tx_queue`
}
