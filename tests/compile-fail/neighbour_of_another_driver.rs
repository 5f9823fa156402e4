// SPDX-License-Identifier: GPL-2.0

//! The output of a neighbour is its own driver's: another one may go before.

use kernel::net::{
    neighbour::Neighbour,
    netdevice::Operations, //
};

fn construct<T: Operations>(neigh: &mut Neighbour<'_, T>) {
    neigh.set_output() //~ ERROR E0277: the trait bound `T: Output` is not satisfied
}
