// SPDX-License-Identifier: GPL-2.0

//! Network devices.
//!
//! A driver implements [`Operations`] for the type of its private data. [`UnregisteredDevice`] is
//! what it allocates, [`Setup`] is where it fills in the fields, [`RegisteredDevice`] is what it
//! gets from registration, and [`Device`] is what its operations are given.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

mod device;
mod flags;
mod name;
mod ops;
mod owned;
mod queue;
mod setup;
mod stats;

pub use self::{
    device::{
        Device,
        Registered,
        State,
        Unregistered,
        Visible, //
    },
    flags::{
        Flag,
        Flags,
        LinkType,
        PrivFlag,
        PrivFlags, //
    },
    name::{
        Name,
        NameAssignType, //
    },
    ops::{
        NetdevTx,
        Operations,
        SockAddr,
        XmitContext, //
    },
    owned::{
        RegisteredDevice,
        UnregisteredDevice, //
    },
    queue::TxQueue,
    setup::Setup,
    stats::{
        dev_lstats_read,
        LinkStats64,
        Lstats,
        LstatsSum,
        NoStats,
        RtnlLinkStats64,
        StatType, //
    },
};

/// The index of a namespace's loopback device.
///
/// # Examples
///
/// See [`UnregisteredDevice::set_ifindex`].
pub const LOOPBACK_IFINDEX: u32 = bindings::LOOPBACK_IFINDEX;

/// The largest size of a segmentation offload packet, in bytes: `GSO_MAX_SIZE`.
///
/// # Examples
///
/// See [`Setup::set_tso_max_size`].
pub const GSO_MAX_SIZE: u32 = bindings::GSO_MAX_SIZE;
