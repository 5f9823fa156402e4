// SPDX-License-Identifier: GPL-2.0

//! The C structure of a device, and how the stack finds it.

// Reads fields that have no getter.
#![allow(unsafe_code)]

use core::ptr;

use kernel::{
    bindings,
    bindings::{
        list_head,
        net_device, //
    },
    net::{
        net_namespace::Namespace,
        netdevice::{
            Device,
            Operations,
            State, //
        },
        rtnl,
        rtnl::RtnlGuard, //
    },
    prelude::*, //
};

/// The largest index, `INT_MAX`.
pub(super) const LAST_INDEX: u32 = i32::MAX as u32;

/// The C structure.
pub(super) fn fields<T: Operations, S: State>(dev: &Device<T, S>) -> &net_device {
    // SAFETY: The device is valid as long as the reference. Nobody changes what cases read of it.
    unsafe { &*dev.as_raw() }
}

/// Its name.
pub(super) fn name(dev: &net_device) -> &CStr {
    // SAFETY: The name ends within its field.
    unsafe { CStr::from_char_ptr(dev.name.as_ptr()) }
}

/// Whether an initialised list has nothing in it.
pub(super) fn is_empty(list: &list_head) -> bool {
    let this: *const list_head = list;

    ptr::eq(list.next, this) && ptr::eq(list.prev, this)
}

/// Which device the stack finds in the initial namespace by this name, if any. Takes RTNL.
pub(super) fn by_name(name: &CStr) -> *const net_device {
    let _rtnl = rtnl::lock();

    // SAFETY: The namespace and the name are valid, and RTNL is held.
    unsafe { bindings::__dev_get_by_name(Namespace::init_net().as_raw(), name.as_char_ptr()) }
}

/// Which device the stack finds in the initial namespace by this index, if any. Takes RTNL.
pub(super) fn by_index(index: u32) -> *const net_device {
    let _rtnl = rtnl::lock();

    // SAFETY: The namespace is valid, and RTNL is held.
    // CAST: There are no larger indices.
    unsafe { bindings::__dev_get_by_index(Namespace::init_net().as_raw(), index as c_int) }
}

/// Has the core give this index next in the initial namespace, or else the next free one. Returns
/// which one would have been next.
pub(super) fn set_next_index(next: u32, _rtnl: &RtnlGuard) -> u32 {
    // SAFETY: The namespace is static, and whoever needs an index has RTNL.
    unsafe { core::mem::replace(&mut (*Namespace::init_net().as_raw()).ifindex, next) }
}

/// How many references there are to a device, over all CPUs.
pub(super) fn references(dev: &net_device) -> c_int {
    // SAFETY: The device is valid.
    unsafe { bindings::netdev_refcnt_read(dev) }
}
