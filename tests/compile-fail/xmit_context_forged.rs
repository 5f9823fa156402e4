// SPDX-License-Identifier: GPL-2.0

//! Only a transmit function has the proof that it is one.

use kernel::net::netdevice::XmitContext;

fn pretend() {
    let _cx = XmitContext(todo!(), todo!()); //~ ERROR E0423: contains private fields
}
