// SPDX-License-Identifier: GPL-2.0

//! Network namespaces.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::ptr;

use crate::types::Opaque;

/// Wraps the kernel's `struct net`. Thread safe.
///
/// # Invariants
///
/// The C object is valid, and its `loopback_dev` is either what it is while there is no loopback
/// device, or a registered device with index `LOOPBACK_IFINDEX` in this very namespace that cannot
/// leave it.
///
/// # Examples
///
/// ```
/// use kernel::net::net_namespace::Namespace;
///
/// assert!(Namespace::init_net().is_init());
/// ```
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
    ///
    /// # Examples
    ///
    /// See [`Namespace`].
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
    ///
    /// # Examples
    ///
    /// For code that calls C itself; see [`Namespace`] for what needs no such thing.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::net {
        self.inner.get()
    }

    /// Whether this is the initial namespace.
    ///
    /// # Examples
    ///
    /// See [`Namespace`].
    #[inline]
    pub fn is_init(&self) -> bool {
        ptr::eq(self, Self::init_net())
    }

    #[inline]
    pub(super) fn loopback_slot(&self) -> *mut *mut bindings::net_device {
        // SAFETY: The namespace is valid; only an address is taken.
        unsafe { &raw mut (*self.as_raw()).loopback_dev }
    }

    /// What `loopback_dev` is while there is no loopback device.
    #[inline]
    pub(super) fn no_loopback_dev() -> *mut bindings::net_device {
        if cfg!(CONFIG_NET_LOOPBACK_LATE) {
            // SAFETY: `blackhole_netdev` is set once, at boot.
            unsafe { bindings::blackhole_netdev }
        } else {
            ptr::null_mut()
        }
    }

    /// Whether the namespace has a loopback device.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     net::net_namespace::Namespace,
    ///     prelude::*, //
    /// };
    ///
    /// fn need_loopback(net: &Namespace) -> Result {
    ///     net.has_loopback_dev().then_some(()).ok_or(ENODEV)
    /// }
    /// ```
    #[inline]
    pub fn has_loopback_dev(&self) -> bool {
        // SAFETY: The slot is valid, and pointers are read as a whole.
        let dev = unsafe { self.loopback_slot().read_volatile() };

        // Early at boot there is no blackhole device yet.
        !dev.is_null() && dev != Self::no_loopback_dev()
    }

    /// Takes the pointer back from a loopback device that is about to be freed.
    ///
    /// # Safety
    ///
    /// `dev` must be valid and no longer in use.
    pub(super) unsafe fn clear_loopback_dev(&self, dev: *mut bindings::net_device) {
        let slot = self.loopback_slot();

        // SAFETY: The slot is valid, and nobody but the owner of device 1 writes it.
        unsafe {
            if slot.read_volatile() == dev {
                slot.write_volatile(Self::no_loopback_dev());
            }
        }
    }
}
