// SPDX-License-Identifier: GPL-2.0

//! The flags of one field are none of another.

use kernel::net::netdevice::{
    Operations,
    PrivFlag,
    Setup, //
};

fn fill_in<T: Operations>(dev: &mut Setup<'_, T>) {
    dev.set_flags(PrivFlag::NoQueue); //~ ERROR E0277: is not satisfied
}
