// SPDX-License-Identifier: GPL-2.0

//! Without RTNL a device may leave its namespace, and the namespace may go.

use kernel::net::{
    net_namespace::Namespace,
    netdevice::{
        Device,
        Operations, //
    },
    rtnl, //
};

fn namespace<T: Operations>(dev: &Device<T>) -> &Namespace {
    dev.net(&rtnl::lock()) //~ ERROR E0515: cannot return value referencing temporary value
}
