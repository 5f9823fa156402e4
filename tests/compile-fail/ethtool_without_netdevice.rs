// SPDX-License-Identifier: GPL-2.0

//! Ethtool asks network devices only.

use kernel::{
    net::ethtool,
    prelude::*, //
};

struct Case;

#[vtable]
impl ethtool::Operations for Case {} //~ ERROR E0277: netdevice::Operations` is not satisfied

impl kernel::Module for Case {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

module! {
    type: Case,
    name: "ethtool_without_netdevice",
    authors: ["The rust_loopback authors"],
    description: "Does not compile",
    license: "GPL",
}
