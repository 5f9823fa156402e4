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
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    net::net_namespace::Namespace,
    prelude::*,
    types::Opaque, //
};

/// What is done for each namespace, `struct pernet_operations`. What is not implemented is absent
/// from the C structure.
///
/// # Context
///
/// Process context, RTNL not held, `pernet_ops_rwsem` held; both functions may sleep.
///
/// # Examples
///
/// ```
/// use core::sync::atomic::{
///     AtomicUsize,
///     Ordering, //
/// };
/// use kernel::{
///     net::{
///         net_namespace::Namespace,
///         pernet::{
///             self,
///             Registration,
///             Subsys, //
///         }, //
///     },
///     prelude::*, //
/// };
///
/// static NAMESPACES: AtomicUsize = AtomicUsize::new(0);
///
/// /// Counts namespaces.
/// struct Counter;
///
/// #[vtable]
/// impl pernet::Operations for Counter {
///     type Place = Subsys;
///
///     fn init(_net: &Namespace) -> Result {
///         NAMESPACES.fetch_add(1, Ordering::Relaxed);
///         Ok(())
///     }
///
///     fn exit(_net: &Namespace) {
///         NAMESPACES.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
///
/// let registration = KBox::pin_init(Registration::<Counter>::new(), GFP_KERNEL)?;
/// // `init_net` at least.
/// assert!(NAMESPACES.load(Ordering::Relaxed) >= 1);
///
/// drop(registration);
/// assert_eq!(NAMESPACES.load(Ordering::Relaxed), 0);
/// # Ok::<(), Error>(())
/// ```
#[vtable]
pub trait Operations: Sized + 'static {
    /// Where in the list of pernet operations: [`Subsys`], [`Devices`] or the loopback driver's
    /// place.
    type Place: Place;

    /// Called for each namespace that exists at registration, and for each new one.
    ///
    /// An error makes the registration fail, or the creation of the namespace, with that errno.
    fn init(net: &<Self::Place as Place>::Namespace) -> Result;

    /// Called for each namespace that goes away, and for each one that is there when the
    /// registration is dropped or fails. Not called where [`Operations::init`] failed.
    fn exit(_net: &Namespace) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

pub(super) mod sealed {
    pub trait Place {
        /// Whether [`Place::exit`] does anything.
        const HAS_EXIT: bool = false;

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
        /// To be called only from the functions of operations in this place: from exit, or when
        /// init has failed.
        unsafe fn exit(_net: &super::Namespace) {}
    }

    /// How a namespace appears to the operations in a place.
    pub trait View {
        /// # Safety
        ///
        /// `net` must be valid for the lifetime of the result, and the caller must be the init
        /// function of operations in the view's place.
        unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self;
    }
}

/// Where in the list of pernet operations: [`Subsys`], [`Devices`] or the loopback driver's place.
///
/// The order is that of set-up; namespaces are taken down in the reverse order.
///
/// # Examples
///
/// See [`Operations`].
pub trait Place: sealed::Place {
    /// How [`Operations::init`] sees the namespace.
    type Namespace: sealed::View;
}

impl sealed::View for Namespace {
    unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // SAFETY: By the safety requirements.
        unsafe { Namespace::from_raw(net) }
    }
}

/// Among the subsystems, before all devices: `register_pernet_subsys()`.
///
/// # Examples
///
/// See [`Operations`].
pub enum Subsys {}

impl Place for Subsys {
    type Namespace = Namespace;
}

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

/// Among the devices, after the loopback device: `register_pernet_device()`.
///
/// # Examples
///
/// See [`Operations`].
pub enum Devices {}

impl Place for Devices {
    type Namespace = Namespace;
}

impl sealed::Place for Devices {
    unsafe fn register(ops: *mut bindings::pernet_operations) -> c_int {
        // SAFETY: By the safety requirements.
        unsafe { bindings::register_pernet_device(ops) }
    }

    unsafe fn unregister(ops: *mut bindings::pernet_operations) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::unregister_pernet_device(ops) }
    }
}

/// A registration of pernet operations. Dropping it unregisters them.
///
/// It must be gone when its module is: keep it in the module's own structure.
///
/// # Invariants
///
/// `ops` is registered at `T::Place`.
///
/// # Examples
///
/// See [`Operations`].
#[pin_data(PinnedDrop)]
pub struct Registration<T: Operations> {
    #[pin]
    ops: Opaque<bindings::pernet_operations>,
    _p: PhantomData<T>,
}

// SAFETY: The registration may be dropped in any thread.
unsafe impl<T: Operations> Send for Registration<T> {}

// SAFETY: There is nothing that can be done with a shared reference.
unsafe impl<T: Operations> Sync for Registration<T> {}

impl<T: Operations> Registration<T> {
    const OPS: bindings::pernet_operations = bindings::pernet_operations {
        init: Some(Self::init_callback),
        exit: if T::HAS_EXIT || <T::Place as sealed::Place>::HAS_EXIT {
            Some(Self::exit_callback)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    /// Registers `T`.
    ///
    /// # Errors
    ///
    /// The first error that [`Operations::init`] returns; what had been set up by then is undone.
    /// `EBUSY` if there is a driver in the loopback slot already; `ENOMEM`.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Examples
    ///
    /// See [`Operations`].
    pub fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            ops <- Opaque::try_ffi_init(|ops: *mut bindings::pernet_operations| {
                // SAFETY: `ops` is valid for a write.
                unsafe { ops.write(Self::OPS) };

                // SAFETY: `ops` is pinned, and unregistered before it goes away.
                to_result(unsafe { <T::Place as sealed::Place>::register(ops) })
            }),
            _p: PhantomData,
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `pernet_operations::init`.
    pub(super) unsafe extern "C" fn init_callback(net: *mut bindings::net) -> c_int {
        // SAFETY: The kernel passes a valid namespace, and this is the init function of operations
        // at `T::Place`.
        let view = unsafe { <<T::Place as Place>::Namespace as sealed::View>::from_raw(net) };

        let result = T::init(view);
        if result.is_err() {
            // The kernel does not call the exit function of operations whose init has failed.
            //
            // SAFETY: The namespace is valid, and what the place was given, it got from this very
            // function.
            unsafe { <T::Place as sealed::Place>::exit(Namespace::from_raw(net)) };
        }
        from_result(|| result.map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `pernet_operations::exit`.
    pub(super) unsafe extern "C" fn exit_callback(net: *mut bindings::net) {
        // SAFETY: The kernel passes a valid namespace.
        let net = unsafe { Namespace::from_raw(net) };

        // SAFETY: This is the exit function of operations at `T::Place`.
        unsafe { <T::Place as sealed::Place>::exit(net) };
        if T::HAS_EXIT {
            T::exit(net);
        }
    }
}

#[pinned_drop]
impl<T: Operations> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `ops` is registered at `T::Place` by the type invariants.
        unsafe { <T::Place as sealed::Place>::unregister(self.ops.get()) };
    }
}
