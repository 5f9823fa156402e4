// SPDX-License-Identifier: GPL-2.0

//! A neighbour is the driver's alone only while it is being made.

use kernel::net::neighbour::Neighbour;

fn keep(neigh: Neighbour<'_>) -> Neighbour<'static> {
    neigh //~ ERROR lifetime may not live long enough
}
