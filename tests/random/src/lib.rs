// SPDX-License-Identifier: GPL-2.0

//! Random operations on network devices. The lab makes them from a seed, and cuts those down that
//! show a difference; the guest does them. Between the two they are text, a line each, which is
//! what a person reads, too.

mod generate;
mod operation;
mod rng;
mod script;

pub use generate::generate;
pub use operation::Action;
pub use operation::Netns;
pub use operation::Operation;
pub use operation::Prefix;
pub use operation::RouteKind;
pub use operation::Setting;
pub use operation::SocketAction;
pub use operation::SocketKind;
pub use rng::Rng;
pub use script::Script;
pub use script::Sequence;
