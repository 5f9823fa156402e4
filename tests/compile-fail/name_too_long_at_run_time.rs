// SPDX-License-Identifier: GPL-2.0

//! A name that is no constant is checked, too.

//~ BUILD-ERROR: rust_build_error

use kernel::{
    net::netdevice::Name,
    prelude::*, //
};

#[inline(never)]
pub fn name() -> Name<'static> {
    Name::from_static(c"sixteen_letters_")
}

struct Case;

impl kernel::Module for Case {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("{:?}\n", name());
        Ok(Self)
    }
}

module! {
    type: Case,
    name: "name_too_long_at_run_time",
    authors: ["The rust_loopback authors"],
    description: "Does not link",
    license: "GPL",
}
