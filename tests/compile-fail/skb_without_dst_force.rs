// SPDX-License-Identifier: GPL-2.0

//! A packet that waits on the backlog needs a route of its own.

use kernel::net::{
    netdevice::{
        Device,
        Operations, //
    },
    skbuff::SkBuff, //
};

fn receive<T: Operations>(skb: SkBuff, dev: &Device<T>) {
    skb.eth_type_trans(dev).consume(); //~ ERROR E0599: no method named `eth_type_trans`
}
