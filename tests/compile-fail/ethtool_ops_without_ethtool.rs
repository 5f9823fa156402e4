// SPDX-License-Identifier: GPL-2.0

//! A driver without ethtool operations has none to set.

use kernel::net::netdevice::{
    Operations,
    Setup, //
};

fn fill_in<T: Operations>(dev: &mut Setup<'_, T>) {
    dev.set_ethtool_ops(); //~ ERROR E0277: ethtool::Operations` is not satisfied
}
