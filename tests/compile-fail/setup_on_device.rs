// SPDX-License-Identifier: GPL-2.0

//! The fields of a device that is in use are not its driver's to set.

use kernel::net::netdevice::{
    Device,
    Operations, //
};

fn change<T: Operations>(dev: &Device<T>) {
    dev.set_hard_header_len(14); //~ ERROR E0599: no method named `set_hard_header_len`
}
