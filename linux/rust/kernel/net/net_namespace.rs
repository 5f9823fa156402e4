// SPDX-License-Identifier: GPL-2.0

//! Network namespaces.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::ptr;

use crate::{
    net::netdevice::{
        Operations,
        RegisteredDevice, //
    },
    prelude::*,
    types::Opaque, //
};

/// Wraps the kernel's `struct net`. Thread safe.
#[repr(transparent)]
pub struct Namespace {
    inner: Opaque<bindings::net>,
}

// SAFETY: A namespace may be used from any thread.
unsafe impl Send for Namespace {}

// SAFETY: The methods on a shared reference read what does not change, or what C code
// synchronises.
unsafe impl Sync for Namespace {}

impl Namespace {
    /// The initial namespace, `init_net`.
    #[inline]
    pub fn init_net() -> &'static Self {
        // SAFETY: `init_net` is static.
        unsafe { Self::from_raw(&raw mut bindings::init_net) }
    }

    /// Borrows a namespace.
    ///
    /// # Safety
    ///
    /// `net` must be valid and remain so for the lifetime of the returned reference.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // SAFETY: By the safety requirements; `Namespace` is transparent.
        unsafe { &*net.cast() }
    }

    /// The C object.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::net {
        self.inner.get()
    }

    /// Whether this is the initial namespace.
    #[inline]
    pub fn is_init(&self) -> bool {
        ptr::eq(self, Self::init_net())
    }

    #[inline]
    fn loopback_slot(&self) -> *mut *mut bindings::net_device {
        // SAFETY: The namespace is valid; only an address is taken.
        unsafe { &raw mut (*self.as_raw()).loopback_dev }
    }

    /// What `loopback_dev` is while there is no loopback device.
    #[inline]
    fn no_loopback_dev() -> *mut bindings::net_device {
        if cfg!(CONFIG_NET_LOOPBACK_LATE) {
            // SAFETY: `blackhole_netdev` is set once, at boot.
            unsafe { bindings::blackhole_netdev }
        } else {
            ptr::null_mut()
        }
    }

    /// Whether the namespace has a loopback device.
    #[inline]
    pub fn has_loopback_dev(&self) -> bool {
        // SAFETY: The slot is valid, and pointers are read as a whole.
        unsafe { self.loopback_slot().read_volatile() != Self::no_loopback_dev() }
    }

    /// Makes `dev` the loopback device: `net->loopback_dev = dev`.
    ///
    /// From here on the namespace owns the device: it takes it down when it goes away itself, and
    /// the pointer is taken back before the device is freed.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `dev` is not in this namespace, or its index is not `LOOPBACK_IFINDEX`;
    /// `EEXIST` if there is a loopback device already. `dev` is then unregistered.
    ///
    /// # Context
    ///
    /// Process context, RTNL not held; may sleep.
    pub fn set_loopback_dev<T: Operations>(&self, dev: RegisteredDevice<'_, T>) -> Result {
        if dev.ifindex() != bindings::LOOPBACK_IFINDEX || !ptr::eq(dev.net(), self) {
            return Err(EINVAL);
        }
        if self.has_loopback_dev() {
            return Err(EEXIST);
        }

        // SAFETY: The slot is valid. Only the holder of device 1 writes it, and there can be but
        // one. `RegisteredDevice` gives up its ownership.
        unsafe { self.loopback_slot().write_volatile(dev.into_raw()) };
        Ok(())
    }

    /// Takes the pointer back from a loopback device that is about to be freed.
    ///
    /// # Safety
    ///
    /// `dev` must be valid and no longer in use.
    pub(crate) unsafe fn clear_loopback_dev(&self, dev: *mut bindings::net_device) {
        let slot = self.loopback_slot();

        // SAFETY: The slot is valid, and nobody but the owner of device 1 writes it.
        unsafe {
            if slot.read_volatile() == dev {
                slot.write_volatile(Self::no_loopback_dev());
            }
        }
    }

    /// Unregisters the loopback device, if there is one.
    ///
    /// # Safety
    ///
    /// To be called from a pernet operation of the loopback slot, where nothing else sets up or
    /// takes down the loopback device, and only if [`Namespace::set_loopback_dev`] is all that ever
    /// sets it.
    pub(crate) unsafe fn unregister_loopback_dev(&self) {
        if !self.has_loopback_dev() {
            return;
        }

        // SAFETY: The device is registered: its `priv_destructor` takes the pointer back. RTNL is
        // not held in a pernet operation.
        unsafe { bindings::unregister_netdev(self.loopback_slot().read_volatile()) };
    }
}
