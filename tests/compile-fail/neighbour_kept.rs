// SPDX-License-Identifier: GPL-2.0

//! A neighbour is the driver's alone only while it is being made.

use kernel::net::{
    neighbour::Neighbour,
    netdevice::Operations, //
};

fn keep<T: Operations>(neigh: Neighbour<'_, T>) -> Neighbour<'static, T> {
    neigh //~ ERROR lifetime may not live long enough
}
