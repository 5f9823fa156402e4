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
        rtnl, //
    },
    prelude::*, //
};

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

/// How many references there are to a device, over all CPUs.
pub(super) fn references(dev: &net_device) -> c_int {
    // SAFETY: The device is valid.
    unsafe { bindings::netdev_refcnt_read(dev) }
}
