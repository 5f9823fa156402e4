// SPDX-License-Identifier: GPL-2.0

//! Operations for each network namespace.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use core::{
    marker::PhantomData,
    pin::Pin, //
};

use crate::{
    error::{
        from_result,
        to_result, //
    },
    net::net_namespace::Namespace,
    prelude::*,
    types::Opaque, //
};

/// What is done for each namespace, `struct pernet_operations`.
///
/// # Context
///
/// Process context, RTNL not held, `pernet_ops_rwsem` held; both functions may sleep.
pub trait Operations: 'static {
    /// Called for each namespace that exists at registration, and for each new one.
    ///
    /// An error makes the registration fail, or the creation of the namespace, with that errno.
    fn init(net: &Namespace) -> Result;

    /// Called for each namespace that goes away, and for each one that is there when the
    /// registration is dropped or fails. Not called where [`Operations::init`] failed.
    fn exit(_net: &Namespace) {}
}

mod sealed {
    /// How a place in the list is taken and left.
    pub trait Place {
        /// # Safety
        ///
        /// `ops` must stay valid and in place until it is unregistered.
        unsafe fn register(ops: *mut bindings::pernet_operations) -> crate::ffi::c_int;

        /// # Safety
        ///
        /// `ops` must be registered in this place.
        unsafe fn unregister(ops: *mut bindings::pernet_operations);

        /// What the place itself does when a namespace goes, before the operations' own `exit`.
        ///
        /// # Safety
        ///
        /// To be called only from the exit function of operations in this place.
        unsafe fn exit(_net: &super::Namespace) {}
    }
}

/// Where in the list of pernet operations.
///
/// The order is that of set-up; namespaces are taken down in the reverse order.
pub trait Place: sealed::Place {}

/// Among the subsystems, before all devices: `register_pernet_subsys()`.
pub enum Subsys {}

impl Place for Subsys {}

impl sealed::Place for Subsys {
    unsafe fn register(ops: *mut bindings::pernet_operations) -> c_int {
        // SAFETY: By the safety requirements.
        unsafe { bindings::register_pernet_subsys(ops) }
    }

    unsafe fn unregister(ops: *mut bindings::pernet_operations) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::unregister_pernet_subsys(ops) }
    }
}

/// Between the subsystems and all other devices: `register_pernet_loopback()`.
#[cfg(CONFIG_NET_LOOPBACK_LATE)]
pub enum Loopback {}

#[cfg(CONFIG_NET_LOOPBACK_LATE)]
impl Place for Loopback {}

#[cfg(CONFIG_NET_LOOPBACK_LATE)]
impl sealed::Place for Loopback {
    unsafe fn register(ops: *mut bindings::pernet_operations) -> c_int {
        // SAFETY: By the safety requirements.
        unsafe { bindings::register_pernet_loopback(ops) }
    }

    unsafe fn unregister(ops: *mut bindings::pernet_operations) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::unregister_pernet_device(ops) }
    }

    unsafe fn exit(net: &Namespace) {
        // In a namespace that goes away, `default_device_exit_batch()` was here before.
        //
        // SAFETY: This is the loopback slot, and in this configuration the kernel has no loopback
        // device of its own.
        unsafe { net.unregister_loopback_dev() }
    }
}

/// A registration of pernet operations. Dropping it unregisters them.
///
/// # Invariants
///
/// `ops` is registered at `P`.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Operations, P: Place> {
    #[pin]
    ops: Opaque<bindings::pernet_operations>,
    _p: PhantomData<(T, P)>,
}

// SAFETY: The registration may be dropped in any thread.
unsafe impl<T: Operations, P: Place> Send for Registration<T, P> {}

// SAFETY: There is nothing that can be done with a shared reference.
unsafe impl<T: Operations, P: Place> Sync for Registration<T, P> {}

impl<T: Operations, P: Place> Registration<T, P> {
    const OPS: bindings::pernet_operations = bindings::pernet_operations {
        init: Some(Self::init_callback),
        exit: Some(Self::exit_callback),
        ..pin_init::zeroed()
    };

    /// Registers `T` at `P`.
    ///
    /// # Errors
    ///
    /// The first error that [`Operations::init`] returns; what had been set up by then is undone.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    pub fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ops <- Opaque::try_ffi_init(|ops: *mut bindings::pernet_operations| {
                // SAFETY: `ops` is valid for a write.
                unsafe { ops.write(Self::OPS) };

                // SAFETY: `ops` is pinned, and unregistered before it goes away.
                to_result(unsafe { P::register(ops) })
            }),
            _p: PhantomData,
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `pernet_operations::init`.
    unsafe extern "C" fn init_callback(net: *mut bindings::net) -> c_int {
        // SAFETY: The kernel passes a valid namespace.
        let net = unsafe { Namespace::from_raw(net) };

        from_result(|| {
            T::init(net)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `pernet_operations::exit`.
    unsafe extern "C" fn exit_callback(net: *mut bindings::net) {
        // SAFETY: The kernel passes a valid namespace.
        let net = unsafe { Namespace::from_raw(net) };

        // SAFETY: These are the operations at `P`.
        unsafe { P::exit(net) };
        T::exit(net);
    }
}

#[pinned_drop]
impl<T: Operations, P: Place> PinnedDrop for Registration<T, P> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `ops` is registered at `P` by the type invariants.
        unsafe { P::unregister(self.ops.get()) };
    }
}
