// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of the abstractions, with the dummy as their user. They run when the module is
//! loaded.

mod all_numbers;
mod alloc;
mod blackhole;
mod drivers;
mod events;
mod fail_nth;
mod faults;
#[path = "../../../kunit/frame.rs"]
mod frame;
mod kept_index;
mod neigh_table;
mod neighbour;
mod notifier;
mod open;
mod packet;
mod paths;
mod queues;
mod raw;
mod register;
mod rx_queue;
mod setup;
mod skbuff;
mod stacked;
mod table;
mod warnings;

use kernel::sync::atomic::Relaxed;

use crate::tally::Tally;

macro_rules! readers {
    ($($counter:ident)*) => {
        $(
            fn $counter(&self) -> i32 {
                self.$counter.load(Relaxed)
            }
        )*
    };
}

impl Tally {
    readers! { made dropped inits uninits opens stops }
}
