// SPDX-License-Identifier: GPL-2.0

//! Network namespaces.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::ptr;

use crate::types::Opaque;
#[cfg(CONFIG_NET_LOOPBACK_LATE)]
use core::ops::Deref;

#[cfg(CONFIG_NET_LOOPBACK_LATE)]
use crate::{
    net::netdevice::{
        Operations,
        RegisteredDevice, //
    },
    prelude::*, //
};

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
        unsafe { self.loopback_slot().read_volatile() != Self::no_loopback_dev() }
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

    /// Unregisters the loopback device, if there is one.
    ///
    /// # Safety
    ///
    /// To be called from a pernet operation of the loopback slot, where nothing else sets up or
    /// takes down the loopback device.
    #[cfg(CONFIG_NET_LOOPBACK_LATE)]
    pub(super) unsafe fn unregister_loopback_dev(&self) {
        if !self.has_loopback_dev() {
            return;
        }

        let slot = self.loopback_slot();

        // Taken back first: whoever found the device before is done with it, or holds a reference
        // that can be seen, when `unregister_netdev()` waits for its users.
        //
        // SAFETY: The slot is valid, and nobody else writes it now. The device is registered, as it
        // was set by a `LoopbackNamespace`. RTNL is not held in a pernet operation.
        unsafe {
            let dev = slot.read_volatile();
            slot.write_volatile(Self::no_loopback_dev());
            bindings::unregister_netdev(dev);
        }
    }
}

/// A namespace as pernet operations in the loopback slot see it: its loopback device can be set.
///
/// # Invariants
///
/// There is one only while [`pernet::Operations::init`] of the loopback slot runs for it.
///
/// [`pernet::Operations::init`]: super::pernet::Operations::init
///
/// # Examples
///
/// ```
/// use core::marker::PhantomData;
/// use kernel::{
///     net::{
///         net_namespace::LoopbackNamespace,
///         netdevice::{
///             self,
///             Name,
///             NameAssignType,
///             UnregisteredDevice,
///             LOOPBACK_IFINDEX, //
///         },
///         pernet, //
///     },
///     prelude::*, //
/// };
///
/// struct LoopbackNetOps<T>(PhantomData<T>);
///
/// #[vtable]
/// impl<T: netdevice::Operations + Default> pernet::Operations for LoopbackNetOps<T> {
///     type Place = pernet::Loopback;
///
///     fn init(net: &LoopbackNamespace) -> Result {
///         let name = Name::from_static(c"lo");
///         let assign_type = NameAssignType::Predictable;
///         let mut dev = UnregisteredDevice::alloc(name, assign_type, T::default())?;
///
///         dev.dev_net_set(net);
///         dev.set_ifindex(LOOPBACK_IFINDEX)?;
///         net.set_loopback_dev(dev.register_netdev()?)
///     }
/// }
/// ```
#[cfg(CONFIG_NET_LOOPBACK_LATE)]
#[repr(transparent)]
pub struct LoopbackNamespace(Namespace);

#[cfg(CONFIG_NET_LOOPBACK_LATE)]
impl LoopbackNamespace {
    /// Borrows a namespace.
    ///
    /// # Safety
    ///
    /// `net` must be valid for the lifetime of the result, and the caller must be the init function
    /// of pernet operations in the loopback slot.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // INVARIANT: By the safety requirements.
        // SAFETY: By the safety requirements; `LoopbackNamespace` is transparent.
        unsafe { &*net.cast() }
    }

    /// Makes `dev` the loopback device: `net->loopback_dev = dev`.
    ///
    /// From here on the namespace owns the device: it takes it down when it goes away itself or
    /// when the pernet operations are unregistered, and the pointer is taken back before the device
    /// is freed.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `dev` is not in this namespace, may leave it, or does not have the index
    /// [`LOOPBACK_IFINDEX`](super::netdevice::LOOPBACK_IFINDEX); `EEXIST` if there is a loopback
    /// device already. `dev` is then unregistered.
    ///
    /// # Context
    ///
    /// Process context, RTNL not held; may sleep.
    ///
    /// # Examples
    ///
    /// See [`LoopbackNamespace`].
    pub fn set_loopback_dev<T: Operations>(&self, dev: RegisteredDevice<'_, T>) -> Result {
        if dev.ifindex() != bindings::LOOPBACK_IFINDEX || !dev.netns_immutable() {
            return Err(EINVAL);
        }
        // SAFETY: The device is valid; only pointers are compared.
        if unsafe { bindings::dev_net(dev.as_raw()) } != self.as_raw() {
            return Err(EINVAL);
        }
        if self.has_loopback_dev() {
            return Err(EEXIST);
        }

        // INVARIANT: All that is asked of a loopback device has just been checked.
        // SAFETY: The slot is valid. Only the holder of device 1 writes it, and there can be but
        // one. `RegisteredDevice` gives up its ownership.
        unsafe { self.loopback_slot().write_volatile(dev.into_raw()) };
        Ok(())
    }
}

#[cfg(CONFIG_NET_LOOPBACK_LATE)]
impl Deref for LoopbackNamespace {
    type Target = Namespace;

    #[inline]
    fn deref(&self) -> &Namespace {
        &self.0
    }
}
