// SPDX-License-Identifier: GPL-2.0

//! Only the macro makes pernet operations the built-in driver's: anybody else could register them
//! elsewhere.

use kernel::net::{
    loopback::{
        BuiltIn,
        Slot, //
    },
    pernet::Operations, //
};

fn make<T: Operations<Place = Slot>>() -> BuiltIn<T> {
    BuiltIn::new() //~ ERROR E0133: call to unsafe function
}
