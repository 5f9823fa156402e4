// SPDX-License-Identifier: GPL-2.0

//! A set of features has no bits but those that have names.

use kernel::net::netdev_features::Features;

fn everything() -> Features {
    Features(u64::MAX) //~ ERROR E0423: contains private fields
}
