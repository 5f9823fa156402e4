// SPDX-License-Identifier: GPL-2.0

//! Devices, from allocation to release.

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use super::{
    setup::setup_callback,
    Flags,
    LinkStats64,
    Name,
    NameAssignType,
    Operations,
    PrivFlags, //
};
use crate::{
    error::to_result,
    net::{
        net_namespace::Namespace,
        netdev_features::Features,
        rtnl::RtnlGuard, //
    },
    prelude::*,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

mod sealed {
    pub trait State {}
}

/// Where in its life a device is.
pub trait State: sealed::State + 'static {}

/// Not registered: not in a namespace's list, without statistics and traffic. So it is in
/// `ndo_init`, too.
pub enum Unregistered {}

/// Registered: others find it, and packets may come.
pub enum Registered {}

impl sealed::State for Unregistered {}
impl sealed::State for Registered {}
impl State for Unregistered {}
impl State for Registered {}

macro_rules! getters {
    ($($(#[$doc:meta])* $getter:ident($ty:ty) <= $field:ident;)*) => {
        $(
            $(#[$doc])*
            #[inline]
            pub fn $getter(&self) -> $ty {
                // SAFETY: The device is valid by the type invariants. The core may write the field
                // at the same time, but does so as a whole.
                unsafe { (&raw const (*self.as_raw()).$field).read_volatile() }
            }
        )*
    };
}

/// A network device of driver `T`, borrowed: `struct net_device`.
///
/// # Invariants
///
/// The C object is valid, was allocated for `T`, and is in the state that `S` names.
#[repr(transparent)]
pub struct Device<T: Operations, S: State = Registered> {
    dev: Opaque<bindings::net_device>,
    _p: PhantomData<(T, S)>,
}

// SAFETY: The methods on a shared reference read what does not change, or what C code synchronises.
unsafe impl<T: Operations, S: State> Sync for Device<T, S> {}

impl<T: Operations, S: State> Device<T, S> {
    /// Borrows a device.
    ///
    /// # Safety
    ///
    /// For the lifetime of the returned reference `dev` must be a valid device that was allocated
    /// for `T` and is in state `S`.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(dev: *mut bindings::net_device) -> &'a Self {
        // SAFETY: By the safety requirements; `Device` is transparent.
        unsafe { &*dev.cast() }
    }

    /// The C object.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::net_device {
        self.dev.get()
    }

    /// The index that user space knows the device by.
    #[inline]
    pub fn ifindex(&self) -> u32 {
        // SAFETY: The device is valid by the type invariants.
        unsafe { (&raw const (*self.as_raw()).ifindex).read_volatile() as u32 }
    }

    getters! {
        /// The largest packet that the device takes, in bytes without the header.
        mtu(u32) <= mtu;
        /// The length of the link-layer header in bytes.
        hard_header_len(u16) <= hard_header_len;
        /// The least length of the link-layer header in bytes.
        min_header_len(u8) <= min_header_len;
        /// The length of a link-layer address in bytes.
        addr_len(u8) <= addr_len;
        /// The number of packets that a queue holds by default.
        tx_queue_len(u32) <= tx_queue_len;
        /// How many transmit queues were allocated.
        num_tx_queues(u32) <= num_tx_queues;
        /// How many receive queues were allocated.
        num_rx_queues(u32) <= num_rx_queues;
        /// The largest size of a segmentation offload packet that the device can take, in bytes.
        tso_max_size(u32) <= tso_max_size;
        /// The largest size of a segmentation offload packet that is in use, in bytes.
        gso_max_size(u32) <= gso_max_size;
        /// The type of the link layer, an `ARPHRD_` constant.
        link_type(u16) <= type_;
        /// Where the name comes from, a `NET_NAME_` constant.
        name_assign_type(u8) <= name_assign_type;
        /// The group of devices it belongs to.
        group(i32) <= group;
    }

    /// The features that are on.
    #[inline]
    pub fn features(&self) -> Features {
        // SAFETY: The device is valid by the type invariants.
        Features::from_bits(unsafe { (&raw const (*self.as_raw()).features).read_volatile() })
    }

    /// The features that user space may change.
    #[inline]
    pub fn hw_features(&self) -> Features {
        // SAFETY: The device is valid by the type invariants.
        Features::from_bits(unsafe { (&raw const (*self.as_raw()).hw_features).read_volatile() })
    }

    /// The flags that user space sees.
    #[inline]
    pub fn flags(&self) -> Flags {
        // SAFETY: The device is valid by the type invariants.
        Flags::from_bits(unsafe { (&raw const (*self.as_raw()).flags).read_volatile() })
    }

    /// The private flags.
    #[inline]
    pub fn priv_flags(&self) -> PrivFlags {
        // SAFETY: The device is valid by the type invariants; the driver's setup is over, and the
        // core changes these flags under RTNL only.
        let fast = unsafe { &(*self.as_raw()).__bindgen_anon_1.__bindgen_anon_1 };

        // CAST: The field has 32 bits.
        PrivFlags::from_bits(fast.priv_flags() as u32)
    }

    /// Whether the device does its own locking on transmit.
    #[inline]
    pub fn lltx(&self) -> bool {
        // SAFETY: The device is valid by the type invariants; the driver's setup is over.
        unsafe { (*self.as_raw()).__bindgen_anon_1.__bindgen_anon_1.lltx() != 0 }
    }

    /// Whether the device is bound to its namespace.
    #[inline]
    pub fn netns_immutable(&self) -> bool {
        // SAFETY: The device is valid by the type invariants; the driver's setup is over.
        unsafe { (*self.as_raw()).netns_immutable() != 0 }
    }

    /// Whether the header operations are those of Ethernet.
    #[inline]
    pub fn has_eth_header_ops(&self) -> bool {
        // SAFETY: The device is valid by the type invariants; the driver's setup is over.
        unsafe { (*self.as_raw()).header_ops == &raw const bindings::eth_header_ops }
    }

    /// The namespace that the device is in.
    #[inline]
    pub fn net(&self) -> &Namespace {
        // SAFETY: The device is valid, and does not outlive its namespace.
        unsafe { Namespace::from_raw(bindings::dev_net(self.as_raw())) }
    }
}

impl<T: Operations> Device<T> {
    /// Brings the device up: `dev_open()`.
    ///
    /// # Errors
    ///
    /// What the driver or a notifier returns.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    pub fn open(&self, _rtnl: &RtnlGuard) -> Result {
        // SAFETY: The device is registered by the type invariants, and RTNL is held.
        to_result(unsafe { bindings::dev_open(self.as_raw(), core::ptr::null_mut()) })
    }

    /// Takes the device down: `dev_close()`.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    pub fn close(&self, _rtnl: &RtnlGuard) {
        // SAFETY: The device is registered by the type invariants, and RTNL is held.
        unsafe { bindings::dev_close(self.as_raw()) }
    }

    /// What the core reports as the device's statistics: `dev_get_stats()`.
    ///
    /// # Context
    ///
    /// Any; does not sleep.
    pub fn get_stats(&self) -> LinkStats64 {
        let mut stats = LinkStats64::default();

        // SAFETY: The device is registered by the type invariants; `stats` is valid for writes.
        unsafe { bindings::dev_get_stats(self.as_raw(), stats.as_mut_ptr()) };
        stats
    }
}

impl<T: Operations> Device<T, Unregistered> {
    /// Gives the device's locks classes of their own: `netdev_lockdep_set_classes()`.
    ///
    /// Without lockdep this does nothing.
    #[inline]
    pub fn lockdep_set_classes(&self) {
        // SAFETY: The device is valid, and nobody holds the locks of an unregistered device.
        unsafe { bindings::netdev_lockdep_set_classes(self.as_raw()) }
    }
}

/// A device that was allocated and is not registered.
///
/// Dropping it frees it.
///
/// # Invariants
///
/// `dev` is a valid, unregistered device that was allocated for `T`, and this is its only owner.
/// Its namespace is valid for `'net`.
pub struct UnregisteredDevice<'net, T: Operations> {
    dev: NonNull<bindings::net_device>,
    _p: PhantomData<(&'net Namespace, T, NotThreadSafe)>,
}

impl<'net, T: Operations> UnregisteredDevice<'net, T> {
    /// Allocates a device in `init_net` and sets it up: `alloc_netdev_mqs()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is not at least one transmit and one receive queue, `ENOMEM`.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    pub fn alloc_mqs(
        name: Name<'_>,
        name_assign_type: NameAssignType,
        txqs: u32,
        rxqs: u32,
    ) -> Result<Self> {
        if txqs == 0 || rxqs == 0 {
            return Err(EINVAL);
        }

        // SAFETY: `name` is short enough by its type invariants, the numbers of queues are not
        // zero, and `setup_callback` is for this very type.
        let dev = unsafe {
            bindings::alloc_netdev_mqs(
                0,
                name.as_char_ptr(),
                name_assign_type as u8,
                Some(setup_callback::<T>),
                txqs,
                rxqs,
            )
        };

        // INVARIANT: `alloc_netdev_mqs()` gives the ownership of a new device in `init_net`.
        Ok(Self {
            dev: NonNull::new(dev).ok_or(ENOMEM)?,
            _p: PhantomData,
        })
    }

    /// Allocates a device with one queue in each direction: `alloc_netdev()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    pub fn alloc(name: Name<'_>, name_assign_type: NameAssignType) -> Result<Self> {
        Self::alloc_mqs(name, name_assign_type, 1, 1)
    }

    /// Puts the device into namespace `net`: `dev_net_set()`.
    #[inline]
    pub fn dev_net_set(&mut self, net: &'net Namespace) {
        // INVARIANT: `net` is valid for `'net`.
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { bindings::dev_net_set(self.as_raw(), net.as_raw()) }
    }

    /// Asks for an index instead of the next free one, 0.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is larger than `i32::MAX`.
    #[inline]
    pub fn set_ifindex(&mut self, ifindex: u32) -> Result {
        let ifindex = c_int::try_from(ifindex).map_err(|_| EINVAL)?;

        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.as_raw()).ifindex = ifindex };
        Ok(())
    }

    /// Registers the device: `register_netdev()`.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is a device of that name, `EBUSY` if the index is taken, `EINTR` if the
    /// task is killed while it waits for RTNL, `ENOMEM`, and whatever [`Operations::init`] or a
    /// notifier returns. The device is then freed.
    ///
    /// # Context
    ///
    /// Process context, RTNL not held; may sleep.
    pub fn register_netdev(self) -> Result<RegisteredDevice<'net, T>> {
        // SAFETY: The device is valid and unregistered by the type invariants. On an error `self`
        // is dropped, and `free_netdev()` copes with each point at which registration may fail.
        to_result(unsafe { bindings::register_netdev(self.as_raw()) })?;

        // INVARIANT: The device is registered now.
        Ok(RegisteredDevice {
            dev: ManuallyDrop::new(self).dev,
            _p: PhantomData,
        })
    }
}

impl<T: Operations> core::ops::Deref for UnregisteredDevice<'_, T> {
    type Target = Device<T, Unregistered>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: The device is valid and unregistered by the type invariants.
        unsafe { Device::from_raw(self.dev.as_ptr()) }
    }
}

impl<T: Operations> Drop for UnregisteredDevice<'_, T> {
    fn drop(&mut self) {
        // SAFETY: The device is valid, unregistered and ours by the type invariants.
        unsafe { bindings::free_netdev(self.dev.as_ptr()) }
    }
}

/// A registered device that its driver owns.
///
/// Dropping it unregisters and frees it.
///
/// # Invariants
///
/// `dev` is a registered device of `T`. It cannot leave its namespace, which is not taken down
/// during `'net`.
pub struct RegisteredDevice<'net, T: Operations> {
    dev: NonNull<bindings::net_device>,
    _p: PhantomData<(&'net Namespace, T)>,
}

// SAFETY: A device may be used and unregistered from any thread.
unsafe impl<T: Operations> Send for RegisteredDevice<'_, T> {}

// SAFETY: As for `Device`.
unsafe impl<T: Operations> Sync for RegisteredDevice<'_, T> {}

impl<T: Operations> RegisteredDevice<'_, T> {
    /// Gives the ownership to whoever takes the pointer.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut bindings::net_device {
        ManuallyDrop::new(self).dev.as_ptr()
    }
}

impl<T: Operations> core::ops::Deref for RegisteredDevice<'_, T> {
    type Target = Device<T>;

    #[inline]
    fn deref(&self) -> &Device<T> {
        // SAFETY: The device is valid and registered by the type invariants.
        unsafe { Device::from_raw(self.dev.as_ptr()) }
    }
}

impl<T: Operations> Drop for RegisteredDevice<'_, T> {
    fn drop(&mut self) {
        // SAFETY: The device is registered by the type invariants. As `needs_free_netdev` is set,
        // this frees it, too.
        unsafe { bindings::unregister_netdev(self.dev.as_ptr()) }
    }
}
