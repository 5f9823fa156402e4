// SPDX-License-Identifier: GPL-2.0

//! Not any pointer can be what routes lead to.

use core::cell::UnsafeCell;
use kernel::net::blackhole::BlackholeNetdev;

static FORGED: BlackholeNetdev = BlackholeNetdev(UnsafeCell::new(1 as *mut _)); //~ ERROR E0423: cannot initialize a tuple struct which contains private fields
