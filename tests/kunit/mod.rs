// SPDX-License-Identifier: GPL-2.0

//! KUnit suites of the loopback driver. They run when the module is loaded.

mod device;
mod frame;
mod pernet;
mod setup;
mod unwind;
mod xmit;
