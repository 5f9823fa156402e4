// SPDX-License-Identifier: GPL-2.0

//! A packet is handed on or dropped with a reason, on every path.

//~ BUILD-ERROR: rust_build_error

use kernel::{
    net::skbuff::{
        DropReason,
        SkBuff, //
    },
    prelude::*, //
};

/// Forgets the packets that are empty.
#[inline(never)]
pub fn forget(skb: SkBuff) {
    if skb.len() != 0 {
        skb.drop_reason(DropReason::NotSpecified);
    }
}

struct Case;

impl kernel::Module for Case {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

module! {
    type: Case,
    name: "skb_forgotten",
    authors: ["The rust_loopback authors"],
    description: "Does not link",
    license: "GPL",
}
