// SPDX-License-Identifier: GPL-2.0

//! Devices that their driver owns, from allocation to release.
//!
//! The private data must be dropped once, and there are two places where the C code lets go of a
//! device: `free_netdev()`, for one that was never registered, and `priv_destructor`, for one that
//! was. But where registration fails, it is the one, the other or both, according to how far it
//! got. `reg_state` says which: the data of a device that is still `NETREG_UNINITIALIZED` is
//! dropped here before `free_netdev()`, that of any other one by `priv_destructor`.
//!
//! | registration fails | `reg_state` then | `priv_destructor` | drops the data |
//! |---|---|---|---|
//! | before or in `ndo_init` | `UNINITIALIZED` | not called | [`UnregisteredDevice`] |
//! | up to `NETDEV_POST_INIT` | `UNINITIALIZED` | called | [`UnregisteredDevice`] |
//! | at the sysfs entry | `UNREGISTERED` | called | `priv_destructor` |
//! | at `NETDEV_REGISTER` | `UNREGISTERING` | called as RTNL is unlocked | `priv_destructor` |

use core::{
    marker::PhantomData,
    mem::{
        size_of,
        ManuallyDrop, //
    },
    ops::{
        Deref,
        RangeInclusive, //
    },
    ptr::NonNull, //
};

use super::{
    setup::setup_callback,
    Device,
    Flag,
    Name,
    NameAssignType,
    Operations,
    Unregistered,
    LOOPBACK_IFINDEX, //
};
use crate::{
    error::to_result,
    net::{
        etherdevice::{
            ETH_ALEN,
            ETH_HLEN, //
        },
        net_namespace::Namespace,
        netdev_features::Feature,
        rtnl::RtnlGuard, //
    },
    prelude::*,
    types::NotThreadSafe, //
};

/// How many queues a device can have in each direction.
const QUEUES: RangeInclusive<u32> = 1..=65535;

/// The least size of a segmentation offload packet, in bytes: IPv6 asks as much of each link. With
/// less than their headers, TCP's arithmetic wraps.
const MIN_TSO_SIZE: u32 = 1280;

/// Drops the private data of a device.
///
/// # Safety
///
/// `dev` must be a valid device that was allocated for `T`, with valid private data that nobody
/// uses now or later.
#[inline]
unsafe fn drop_priv<T: Operations>(dev: *mut bindings::net_device) {
    // SAFETY: By the safety requirements; the data is at this offset.
    unsafe {
        dev.byte_add(Device::<T>::PRIV_OFFSET)
            .cast::<T>()
            .drop_in_place()
    }
}

/// Whether a device never got as far as its sysfs entry.
///
/// # Safety
///
/// `dev` must be a valid device.
#[inline]
unsafe fn is_uninitialized(dev: *mut bindings::net_device) -> bool {
    // SAFETY: By the safety requirements.
    let state = unsafe { (&raw const (*dev).reg_state).read_volatile() };

    u32::from(state) == bindings::netdev_reg_state_NETREG_UNINITIALIZED
}

/// What `priv_destructor` has to do for the private data.
///
/// # Safety
///
/// To be called from `priv_destructor` of a device of `T` only.
pub(super) unsafe fn destroy_priv<T: Operations>(dev: *mut bindings::net_device) {
    // SAFETY: The device is valid. If it still is uninitialised, registration has failed, and its
    // owner drops the data; otherwise the owner leaves that to this function, and the core has
    // waited for all other users.
    unsafe {
        if !is_uninitialized(dev) {
            drop_priv::<T>(dev);
        }
    }
}

/// A device that was allocated and is not registered.
///
/// Dropping it drops its private data and frees it.
///
/// # Invariants
///
/// `dev` is a valid device that was allocated for `T`, and this is its only owner. It is not
/// registered, and its private data is a valid `T`; or its registration has failed, and the data is
/// valid if `reg_state` is `NETREG_UNINITIALIZED`. Its namespace is valid for `'net`.
///
/// # Examples
///
/// See [`Device`].
pub struct UnregisteredDevice<'net, T: Operations> {
    dev: NonNull<bindings::net_device>,
    _p: PhantomData<(&'net Namespace, T, NotThreadSafe)>,
}

impl<'net, T: Operations> UnregisteredDevice<'net, T> {
    /// Allocates a device in `init_net`, sets it up, and initialises its private data:
    /// `alloc_netdev_mqs()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is not at least one transmit and one receive queue and at most 65535 of
    /// each, or if what [`Operations::setup`] did is no device that the stack can work with;
    /// `ENOMEM`; and what `data` returns.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    pub fn alloc_mqs<E>(
        name: Name<'_>,
        name_assign_type: NameAssignType,
        txqs: u32,
        rxqs: u32,
        data: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        // What a `Device` has more than the C structure, padding included.
        let sizeof_priv = const {
            let size = size_of::<Device<T>>() - Device::<T>::PRIV_OFFSET;
            core::assert!(size <= c_int::MAX as usize);
            // CAST: Just checked.
            size as c_int
        };

        if !QUEUES.contains(&txqs) || !QUEUES.contains(&rxqs) {
            return Err(EINVAL);
        }

        // SAFETY: `name` is short enough by its type invariants, the numbers of queues are not
        // zero, and `setup_callback` is for this very type.
        let dev = unsafe {
            bindings::alloc_netdev_mqs(
                sizeof_priv,
                name.as_char_ptr(),
                name_assign_type as u8,
                Some(setup_callback::<T>),
                txqs,
                rxqs,
            )
        };
        let dev = NonNull::new(dev).ok_or(ENOMEM)?;

        // SAFETY: The allocation has room for a `T` at this offset, aligned, and stays where it is.
        let initialised = unsafe {
            let slot = dev.as_ptr().byte_add(Device::<T>::PRIV_OFFSET);
            pin_init::raw_try_init(slot.cast::<T>(), data)
        };
        if let Err(error) = initialised {
            // SAFETY: This device is new and ours, and there is nothing to drop in it.
            unsafe { bindings::free_netdev(dev.as_ptr()) };
            return Err(error.into());
        }

        // INVARIANT: `alloc_netdev_mqs()` gives the ownership of a new device in `init_net`, and
        // its private data has just been initialised.
        let dev = Self {
            dev,
            _p: PhantomData,
        };
        dev.check_setup()?;
        Ok(dev)
    }

    /// Allocates a device with one queue in each direction: `alloc_netdev()`.
    ///
    /// # Errors
    ///
    /// As [`UnregisteredDevice::alloc_mqs`].
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    ///
    /// # Examples
    ///
    /// See [`RegisteredDevice`].
    pub fn alloc<E>(
        name: Name<'_>,
        name_assign_type: NameAssignType,
        data: impl PinInit<T, E>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::alloc_mqs(name, name_assign_type, 1, 1, data)
    }

    /// Refuses what C code takes on trust, and pays for with memory that is not its own.
    fn check_setup(&self) -> Result {
        let running = Flag::Up | Flag::Running | Flag::Promisc | Flag::AllMulti;
        let scattered = Feature::Sg | Feature::FragList;
        let eth = self.has_eth_header_ops();
        let room_for_eth = self.hard_header_len() >= ETH_HLEN.into();

        if self.flags().contains_any(running)
            || u32::from(self.addr_len()) > bindings::MAX_ADDR_LEN
            || c_int::try_from(self.mtu()).is_err()
            || self.tso_max_size() < MIN_TSO_SIZE
            || eth && (!room_for_eth || self.addr_len() != ETH_ALEN)
            // Only then is an Ethernet header in the linear part of each packet.
            || !room_for_eth && (self.features() | self.hw_features()).contains_any(scattered)
        {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// The rest of the stack takes for granted that each namespace has one loopback device, and
    /// that it is number 1.
    fn check_loopback(&self) -> Result {
        let loopback = self.flags().contains(Flag::Loopback);

        if loopback != (self.ifindex() == LOOPBACK_IFINDEX) {
            return Err(EINVAL);
        }
        if loopback && !self.netns_immutable() {
            return Err(EINVAL);
        }
        if !loopback && !cfg!(CONFIG_NET_LOOPBACK_LATE) && !self.net().has_loopback_dev() {
            // It would be number 1.
            return Err(ENODEV);
        }
        Ok(())
    }

    /// The namespace that the device is in or will be in: `dev_net()`.
    #[inline]
    fn net(&self) -> &Namespace {
        // SAFETY: The device is valid, and its namespace is valid for `'net`, by the type
        // invariants.
        unsafe { Namespace::from_raw(bindings::dev_net(self.as_raw())) }
    }

    /// Puts the device into namespace `net`: `dev_net_set()`.
    ///
    /// # Examples
    ///
    /// See [`pernet::Operations`](crate::net::pernet::Operations).
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
    ///
    /// # Examples
    ///
    /// See [`RegisteredDevice`].
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
    /// `EINVAL` if the name is not valid, if the device is a loopback device and has not asked for
    /// [`LOOPBACK_IFINDEX`] or may leave its namespace, or if another device has asked for that
    /// index; `ENODEV` if the namespace gets its loopback device from C code and does not have it
    /// yet; `EEXIST` if there is a device of that name, `ENFILE` if there is one for each number in
    /// a pattern, `EBUSY` if the index is taken, `EINTR` if the task is killed while it waits for
    /// RTNL, `ENOMEM`, and whatever [`Operations::init`] or a notifier returns. The device is then
    /// freed.
    ///
    /// # Context
    ///
    /// Process context, RTNL not held; may sleep.
    ///
    /// # Examples
    ///
    /// See [`RegisteredDevice`].
    pub fn register_netdev(self) -> Result<RegisteredDevice<'net, T>> {
        self.check_loopback()?;

        // SAFETY: The device is valid and unregistered by the type invariants. On an error `self`
        // is dropped, and copes with each point at which registration may fail.
        to_result(unsafe { bindings::register_netdev(self.as_raw()) })?;
        Ok(self.registered())
    }

    /// Registers the device under RTNL: `register_netdevice()`.
    ///
    /// # Errors
    ///
    /// As [`UnregisteredDevice::register_netdev`]. A device that a notifier refused is freed when
    /// RTNL is unlocked.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    ///
    /// # Examples
    ///
    /// See [`RegisteredDevice::unregister_netdevice`].
    pub fn register_netdevice(self, _rtnl: &RtnlGuard) -> Result<RegisteredDevice<'net, T>> {
        self.check_loopback()?;

        // SAFETY: As for `register_netdev()`, and RTNL is held.
        to_result(unsafe { bindings::register_netdevice(self.as_raw()) })?;
        Ok(self.registered())
    }

    /// Gives the ownership to whoever takes the pointer.
    #[inline]
    pub(in crate::net) fn into_raw(self) -> *mut bindings::net_device {
        ManuallyDrop::new(self).dev.as_ptr()
    }

    #[inline]
    fn registered(self) -> RegisteredDevice<'net, T> {
        // INVARIANT: The device is registered now.
        RegisteredDevice {
            dev: ManuallyDrop::new(self).dev,
            _p: PhantomData,
        }
    }
}

impl<T: Operations> Deref for UnregisteredDevice<'_, T> {
    type Target = Device<T, Unregistered>;

    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: The device is valid and unregistered by the type invariants. One whose
        // registration has failed is dropped at once.
        unsafe { Device::from_raw(self.dev.as_ptr()) }
    }
}

impl<T: Operations> Drop for UnregisteredDevice<'_, T> {
    fn drop(&mut self) {
        let dev = self.dev.as_ptr();

        // SAFETY: The device is valid and ours by the type invariants, and so is its data, if it is
        // uninitialised. If its registration has failed so late that it is being unregistered, RTNL
        // is held, as `free_netdev()` demands then.
        unsafe {
            if is_uninitialized(dev) {
                drop_priv::<T>(dev);
            }
            bindings::free_netdev(dev);
        }
    }
}

/// A registered device that its driver owns.
///
/// Dropping it unregisters it, drops its private data and frees it. That takes RTNL, so it must not
/// be dropped where RTNL is held; [`RegisteredDevice::unregister_netdevice`] is for there.
///
/// A device keeps neither its module nor its namespace alive. It must be gone when they are: keep
/// it in the module's own structure, and do not [`forget`](core::mem::forget) it.
///
/// # Invariants
///
/// `dev` is a registered device of `T`, and this is its only owner. It is in a namespace that
/// lives: the one that it was registered in, which lives for `'net`, or one that user space has
/// moved it to.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::netdevice::{
///         self,
///         Device,
///         Name,
///         NameAssignType,
///         NetdevTx,
///         NoStats,
///         Setup,
///         UnregisteredDevice,
///         XmitContext, //
///     },
///     net::skbuff::SkBuff,
///     prelude::*, //
/// };
///
/// struct Sink;
///
/// #[vtable]
/// impl netdevice::Operations for Sink {
///     type Stats = NoStats;
///
///     fn setup(dev: &mut Setup<'_, Self>) {
///         dev.ether_setup();
///     }
///
///     fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
///         skb.consume();
///         NetdevTx::Ok
///     }
/// }
///
/// let name = Name::from_static(c"doctest%d");
/// let mut dev = UnregisteredDevice::alloc(name, NameAssignType::Enum, Sink)?;
/// dev.set_ifindex(1234)?;
///
/// let dev = dev.register_netdev()?;
/// assert_eq!(dev.ifindex(), 1234);
///
/// // Unregisters it.
/// drop(dev);
/// # Ok::<(), Error>(())
/// ```
pub struct RegisteredDevice<'net, T: Operations> {
    dev: NonNull<bindings::net_device>,
    _p: PhantomData<(&'net Namespace, T)>,
}

// SAFETY: A device may be used and unregistered from any thread, and its private data is `Send`.
unsafe impl<T: Operations> Send for RegisteredDevice<'_, T> {}

// SAFETY: As for `Device`.
unsafe impl<T: Operations> Sync for RegisteredDevice<'_, T> {}

impl<T: Operations> RegisteredDevice<'_, T> {
    /// Unregisters the device under RTNL: `unregister_netdevice()`.
    ///
    /// Its private data is dropped, and the device is freed, when RTNL is unlocked.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     net::{
    ///         netdevice::{
    ///             Operations,
    ///             RegisteredDevice,
    ///             UnregisteredDevice, //
    ///         },
    ///         rtnl, //
    ///     },
    ///     prelude::*, //
    /// };
    ///
    /// // Nobody sees both of them, or neither.
    /// fn replace<'net, T: Operations>(
    ///     old: RegisteredDevice<'net, T>,
    ///     new: UnregisteredDevice<'net, T>,
    /// ) -> Result<RegisteredDevice<'net, T>> {
    ///     let rtnl = rtnl::lock();
    ///
    ///     old.unregister_netdevice(&rtnl);
    ///     new.register_netdevice(&rtnl)
    /// }
    /// ```
    pub fn unregister_netdevice(self, _rtnl: &RtnlGuard) {
        // SAFETY: The device is registered and ours by the type invariants, and RTNL is held. As
        // `needs_free_netdev` is set, it is freed, too.
        unsafe { bindings::unregister_netdevice_queue(self.into_raw(), core::ptr::null_mut()) }
    }

    /// Gives the ownership to whoever takes the pointer.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut bindings::net_device {
        ManuallyDrop::new(self).dev.as_ptr()
    }
}

impl<T: Operations> Deref for RegisteredDevice<'_, T> {
    type Target = Device<T>;

    #[inline]
    fn deref(&self) -> &Device<T> {
        // SAFETY: The device is valid and registered by the type invariants.
        unsafe { Device::from_raw(self.dev.as_ptr()) }
    }
}

impl<T: Operations> Drop for RegisteredDevice<'_, T> {
    fn drop(&mut self) {
        // SAFETY: The device is registered and ours by the type invariants. As `needs_free_netdev`
        // is set, this frees it, too.
        unsafe { bindings::unregister_netdev(self.dev.as_ptr()) }
    }
}
