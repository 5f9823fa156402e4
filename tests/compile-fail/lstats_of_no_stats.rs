// SPDX-License-Identifier: GPL-2.0

//! There is nothing to count in where the driver's type has no statistics.

use kernel::net::netdevice::{
    Device,
    NoStats,
    Operations,
    XmitContext, //
};

fn count<T: Operations<Stats = NoStats>>(dev: &Device<T>, cx: &XmitContext<'_>) {
    dev.lstats_add(1, cx); //~ ERROR E0599: trait bounds were not satisfied
}
