// SPDX-License-Identifier: GPL-2.0

//! The place of the loopback driver.
//!
//! There is one loopback device in each network namespace, and one driver of it: the C one in
//! [`drivers/net/loopback.c`](srctree/drivers/net/loopback.c), one that is built in and defined
//! with [`loopback_net_ops!`](crate::loopback_net_ops), or a module that comes later. Kconfig says
//! which.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::{
    marker::PhantomData,
    ops::Deref, //
};

use crate::{
    net::{
        net_namespace::Namespace,
        netdevice,
        netdevice::RegisteredDevice,
        pernet::{
            sealed,
            Operations,
            Place,
            Registration, //
        }, //
    },
    prelude::*,
    types::Opaque, //
};

/// The place of the loopback driver in the list of pernet operations: between the subsystems and
/// all other devices.
///
/// There is room for one driver, and only with `CONFIG_NET_LOOPBACK_LATE` is it not taken yet:
/// there a [`Registration`] is `register_pernet_loopback()`. A loopback device that was set here is
/// unregistered when the operations are, and when their init fails after all.
///
/// # Examples
///
/// See [`LoopbackNamespace`].
pub enum Slot {}

impl Place for Slot {
    type Namespace = LoopbackNamespace;
}

impl sealed::View for LoopbackNamespace {
    unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // INVARIANT: By the safety requirements.
        // SAFETY: By the safety requirements; `LoopbackNamespace` is transparent.
        unsafe { &*net.cast() }
    }
}

impl sealed::Place for Slot {
    const HAS_EXIT: bool = true;

    #[cfg(CONFIG_NET_LOOPBACK_LATE)]
    unsafe fn register(ops: *mut bindings::pernet_operations) -> c_int {
        // SAFETY: By the safety requirements.
        unsafe { bindings::register_pernet_loopback(ops) }
    }

    #[cfg(not(CONFIG_NET_LOOPBACK_LATE))]
    unsafe fn register(_ops: *mut bindings::pernet_operations) -> c_int {
        EBUSY.to_errno()
    }

    unsafe fn unregister(ops: *mut bindings::pernet_operations) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::unregister_pernet_device(ops) }
    }

    unsafe fn exit(net: &Namespace) {
        // In a namespace that goes away, `default_device_exit_batch()` was here before.
        if !net.has_loopback_dev() {
            return;
        }

        let slot = net.loopback_slot();

        // Taken back first: whoever found the device before is done with it, or holds a reference
        // that can be seen, when `unregister_netdev()` waits for its users.
        //
        // SAFETY: The slot is valid, and nobody else replaces the device, as there are no other
        // operations in this place. It is registered, as it was set by a
        // `LoopbackNamespace`. RTNL is not held in a pernet operation.
        unsafe {
            let dev = slot.read_volatile();
            slot.write_volatile(Namespace::no_loopback_dev());
            bindings::unregister_netdev(dev);
        }
    }
}

/// A namespace as pernet operations in the [`Slot`] see it: its loopback device can be set.
///
/// # Invariants
///
/// There is one only while [`Operations::init`] of the loopback slot runs for it.
///
/// # Examples
///
/// ```
/// use core::marker::PhantomData;
/// use kernel::{
///     net::{
///         loopback::{
///             self,
///             LoopbackNamespace, //
///         },
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
///     type Place = loopback::Slot;
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
#[repr(transparent)]
pub struct LoopbackNamespace(Namespace);

impl LoopbackNamespace {
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
    pub fn set_loopback_dev<T: netdevice::Operations>(
        &self,
        dev: RegisteredDevice<'_, T>,
    ) -> Result {
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
        // SAFETY: The slot is valid. There can be but one holder of device 1, and nobody else
        // replaces a device that is there. `RegisteredDevice` gives up its ownership.
        unsafe { self.loopback_slot().write_volatile(dev.into_raw()) };
        Ok(())
    }
}

impl Deref for LoopbackNamespace {
    type Target = Namespace;

    #[inline]
    fn deref(&self) -> &Namespace {
        &self.0
    }
}

/// The operations of a loopback driver that is built in: what `net_dev_init()` registers as
/// `loopback_net_ops`, before there is any other device.
///
/// As with the C driver, the kernel panics if they fail for `init_net`.
///
/// # Invariants
///
/// One that the kernel can see is `loopback_net_ops`, and so in the [`Slot`].
///
/// # Examples
///
/// See [`loopback_net_ops!`](crate::loopback_net_ops).
#[repr(transparent)]
pub struct BuiltIn<T: Operations<Place = Slot>> {
    ops: Opaque<bindings::pernet_operations>,
    _p: PhantomData<T>,
}

// SAFETY: There is nothing that can be done with a shared reference; the kernel has locks of its
// own.
unsafe impl<T: Operations<Place = Slot>> Sync for BuiltIn<T> {}

impl<T: Operations<Place = Slot>> BuiltIn<T> {
    /// For [`loopback_net_ops!`](crate::loopback_net_ops).
    ///
    /// # Safety
    ///
    /// The result must be the kernel's `loopback_net_ops`.
    ///
    /// # Examples
    ///
    /// See [`loopback_net_ops!`](crate::loopback_net_ops).
    #[doc(hidden)]
    pub const unsafe fn new() -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            ops: Opaque::new(bindings::pernet_operations {
                init: Some(Self::init_callback),
                // The device needs none: a namespace that goes takes it down with all others.
                exit: if T::HAS_EXIT {
                    Some(Registration::<T>::exit_callback)
                } else {
                    None
                },
                ..pin_init::zeroed()
            }),
            _p: PhantomData,
        }
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `pernet_operations::init`.
    unsafe extern "C" fn init_callback(net: *mut bindings::net) -> c_int {
        // SAFETY: The kernel passes a valid namespace to operations in the slot.
        let errno = unsafe { Registration::<T>::init_callback(net) };

        // SAFETY: As before.
        if errno != 0 && unsafe { Namespace::from_raw(net) }.is_init() {
            let format = c"loopback: Failed to register netdevice: %d\n";

            // The network core cannot start without the device.
            //
            // SAFETY: The format takes one integer.
            unsafe { bindings::panic(format.as_char_ptr(), errno) };
        }
        errno
    }
}

/// Makes pernet operations in the [`Slot`](crate::net::loopback::Slot) those of the built-in
/// loopback driver: defines `loopback_net_ops`, which `net_dev_init()` registers.
///
/// The init function of a [`module!`](macros::module) comes too late for that. There is one such
/// driver in a kernel; a second one does not link. In a module, or without
/// `CONFIG_NET_LOOPBACK_RUST`, this defines nothing.
///
/// # Examples
///
/// ```ignore
/// kernel::loopback_net_ops!(LoopbackNetOps);
/// ```
#[macro_export]
macro_rules! loopback_net_ops {
    ($type:ty) => {
        #[cfg(all(CONFIG_NET_LOOPBACK_RUST, not(MODULE)))]
        // C's name.
        #[allow(non_upper_case_globals)]
        #[no_mangle]
        static loopback_net_ops: $crate::net::loopback::BuiltIn<$type> =
            // SAFETY: It is, by its name.
            unsafe { $crate::net::loopback::BuiltIn::new() };
    };
}
