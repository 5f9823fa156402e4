// SPDX-License-Identifier: GPL-2.0

//! Where a driver fills in a new device.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use super::{
    ops::VTable,
    stats::pcpu_stat_type,
    Flags,
    LinkType,
    Operations,
    PrivFlags, //
};
use crate::net::{
    ethtool,
    netdev_features::Features, //
};

/// A device in `alloc_netdev_mqs()`: the only place where its fields can be set.
///
/// What follows from the driver's type is set already: `netdev_ops`, `pcpu_stat_type`,
/// `priv_destructor` and `needs_free_netdev`. The private data is not there yet.
///
/// Of flags and features, those that have no name here are not set: a set that was read from
/// another device can have them.
///
/// # Invariants
///
/// `dev` is valid for `'a`, and nobody else knows it.
///
/// # Examples
///
/// ```
/// use kernel::net::{
///     ethtool,
///     netdev_features::{
///         Feature,
///         Features, //
///     },
///     netdevice::{
///         Flag,
///         LinkType,
///         Operations,
///         PrivFlag,
///         Setup, //
///     },
/// };
///
/// // For `Operations::setup`: an Ethernet device that takes packets of any size and has no queue.
/// fn ethernet_setup<T: Operations + ethtool::Operations>(dev: &mut Setup<'_, T>) {
///     dev.ether_setup();
///     dev.set_ethtool_ops();
///     dev.set_flags(Flag::Broadcast | Flag::NoArp);
///     dev.add_priv_flags(PrivFlag::LiveAddrChange | PrivFlag::NoQueue);
///     dev.set_lltx(true);
///     dev.set_features(Feature::Sg | Feature::HwCsum);
///     dev.set_hw_features(Features::GSO_SOFTWARE);
///     dev.set_min_mtu(0);
///     dev.set_max_mtu(0);
///     dev.eth_hw_addr_random();
/// }
///
/// // One without link layer, bound to its namespace, that needs its packets' routes.
/// fn tunnel_setup<T: Operations>(dev: &mut Setup<'_, T>) {
///     dev.set_type(LinkType::None);
///     dev.set_flags(Flag::PointToPoint | Flag::NoArp);
///     dev.set_mtu(1480);
///     dev.set_tx_queue_len(0);
///     dev.set_netns_immutable(true);
///     dev.keep_dst();
/// }
/// ```
pub struct Setup<'a, T: Operations> {
    dev: NonNull<bindings::net_device>,
    _p: PhantomData<(&'a mut bindings::net_device, T)>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $setter:ident($ty:ty) => $field:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Examples
            ///
            /// See [`Setup`].
            #[inline]
            pub fn $setter(&mut self, value: $ty) {
                // SAFETY: The device is valid and ours alone by the type invariants.
                unsafe { (*self.dev.as_ptr()).$field = value.into() }
            }
        )*
    };
}

impl<T: Operations> Setup<'_, T> {
    setters! {
        /// Sets the largest packet that the device takes, in bytes without the header: up to
        /// `i32::MAX`.
        set_mtu(u32) => mtu;
        /// Sets the least MTU that user space can set, in bytes.
        set_min_mtu(u32) => min_mtu;
        /// Sets the largest MTU that user space can set, in bytes; 0 for no limit.
        set_max_mtu(u32) => max_mtu;
        /// Sets the length of the link-layer header in bytes.
        set_hard_header_len(u8) => hard_header_len;
        /// Sets the least length of the link-layer header in bytes.
        set_min_header_len(u8) => min_header_len;
        /// Sets the length of a link-layer address in bytes: up to 32, and 6 with Ethernet's header
        /// operations.
        set_addr_len(u8) => addr_len;
        /// Sets how many packets a queue holds by default. 0 makes it a device without queue, that
        /// gets the default should it have one.
        set_tx_queue_len(u32) => tx_queue_len;
    }

    /// Sets the flags that user space sees. Those that say what the device does, rather than what
    /// it is, are not the driver's to set: `Up`, `Running`, `Promisc`, `AllMulti`.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_flags(&mut self, flags: impl Into<Flags>) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.dev.as_ptr()).flags = u32::from(flags.into()) & Flags::all_bits() }
    }

    /// Sets the features that user space may change.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_hw_features(&mut self, features: impl Into<Features>) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            (*self.dev.as_ptr()).hw_features = u64::from(features.into()) & Features::all_bits()
        }
    }

    /// Sets the features that are on.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_features(&mut self, features: impl Into<Features>) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.dev.as_ptr()).features = u64::from(features.into()) & Features::all_bits() }
    }

    /// Sets the type of the link layer.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_type(&mut self, value: LinkType) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.dev.as_ptr()).type_ = value as u16 }
    }

    /// Adds private flags.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn add_priv_flags(&mut self, flags: impl Into<PrivFlags>) {
        let flags = u32::from(flags.into()) & PrivFlags::all_bits();
        let dev = self.dev.as_ptr();

        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            bindings::netdev_set_priv_flags(dev, bindings::netdev_get_priv_flags(dev) | flags)
        };
    }

    /// Says whether the device does its own locking on transmit, `dev->lltx`.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_lltx(&mut self, value: bool) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            let fast = &mut (*self.dev.as_ptr()).__bindgen_anon_1.__bindgen_anon_1;
            fast.set_lltx(value.into());
        }
    }

    /// Says whether the device stays in the namespace that it is registered in,
    /// `dev->netns_immutable`.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_netns_immutable(&mut self, value: bool) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            bindings::net_device::set_netns_immutable_raw(self.dev.as_ptr(), value.into());
        }
    }

    /// Keeps a packet's route with it on transmit: `netif_keep_dst()`.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn keep_dst(&mut self) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { bindings::netif_keep_dst(self.dev.as_ptr()) }
    }

    /// Sets `ethtool_ops` to those of the driver.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_ethtool_ops(&mut self)
    where
        T: ethtool::Operations,
    {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.dev.as_ptr()).ethtool_ops = ethtool::VTable::<T>::get() }
    }

    /// Sets `header_ops` to those of Ethernet. The device must then have room for its header, and
    /// addresses of its length.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn set_eth_header_ops(&mut self) {
        // SAFETY: The device is valid and ours alone by the type invariants; `eth_header_ops` is
        // static.
        unsafe { (*self.dev.as_ptr()).header_ops = &raw const bindings::eth_header_ops }
    }

    /// Sets the fields to what they are for Ethernet: `ether_setup()`.
    ///
    /// But the device does not claim to cope with packets that have other owners
    /// (`IFF_TX_SKB_SHARING`): an [`SkBuff`](crate::net::skbuff::SkBuff) has one.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn ether_setup(&mut self) {
        let dev = self.dev.as_ptr();

        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            bindings::ether_setup(dev);

            let sharing = bindings::netdev_priv_flags_IFF_TX_SKB_SHARING;
            let flags = bindings::netdev_get_priv_flags(dev) & !sharing;
            bindings::netdev_set_priv_flags(dev, flags);
        }
    }

    /// Gives the device a random Ethernet address: `eth_hw_addr_random()`.
    ///
    /// # Examples
    ///
    /// See [`Setup`].
    #[inline]
    pub fn eth_hw_addr_random(&mut self) {
        // SAFETY: The device is valid and ours alone by the type invariants, and has room for the
        // longest address.
        unsafe { bindings::eth_hw_addr_random(self.dev.as_ptr()) }
    }

    /// Sets the largest size of a segmentation offload packet, in bytes:
    /// `netif_set_tso_max_size()`. It is cut to [`GSO_MAX_SIZE`](super::GSO_MAX_SIZE), and must not
    /// be less than 1280, what each link has to carry at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::netdevice::{
    ///     Operations,
    ///     Setup,
    ///     GSO_MAX_SIZE, //
    /// };
    ///
    /// // For a device that takes whatever the stack can make.
    /// fn setup<T: Operations>(dev: &mut Setup<'_, T>) {
    ///     dev.set_tso_max_size(GSO_MAX_SIZE);
    /// }
    /// ```
    #[inline]
    pub fn set_tso_max_size(&mut self, bytes: u32) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { bindings::netif_set_tso_max_size(self.dev.as_ptr(), bytes) }
    }
}

/// The `setup` argument of `alloc_netdev_mqs()`.
///
/// # Safety
///
/// To be called by `alloc_netdev_mqs()` only.
pub(super) unsafe extern "C" fn setup_callback<T: Operations>(dev: *mut bindings::net_device) {
    // SAFETY: The kernel passes a device that it has just allocated.
    unsafe {
        (*dev).netdev_ops = VTable::<T>::get();
        bindings::net_device::set_pcpu_stat_type_raw(dev, pcpu_stat_type::<T::Stats>());
        (*dev).priv_destructor = Some(VTable::<T>::priv_destructor_callback);
        (*dev).needs_free_netdev = true;
    }

    // INVARIANT: A new device is nobody else's.
    T::setup(&mut Setup {
        // SAFETY: The kernel passes no null pointer.
        dev: unsafe { NonNull::new_unchecked(dev) },
        _p: PhantomData,
    });
}
