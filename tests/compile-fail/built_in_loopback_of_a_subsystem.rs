// SPDX-License-Identifier: GPL-2.0

//! What `net_dev_init()` registers for the loopback driver is for the loopback slot.

use kernel::net::{
    loopback::BuiltIn,
    pernet::{
        Operations,
        Subsys, //
    }, //
};

fn take<T: Operations<Place = Subsys>>(_ops: &BuiltIn<T>) {} //~ ERROR E0271: type mismatch
