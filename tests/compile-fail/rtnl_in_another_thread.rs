// SPDX-License-Identifier: GPL-2.0

//! A task unlocks RTNL itself.

use kernel::net::rtnl;

fn hand_to_another_thread(_work: impl FnOnce() + Send + 'static) {}

fn unlock_elsewhere() {
    let guard = rtnl::lock();
    hand_to_another_thread(move || drop(guard)); //~ ERROR E0277: cannot be sent between threads
}
