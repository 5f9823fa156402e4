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
use crate::{
    net::{
        ethtool,
        netdev_features::Features, //
    },
    num::casts::u32_as_usize, //
};

/// A device in `alloc_netdev_mqs()`: the only place where its fields can be set.
///
/// What follows from the driver's type is set already: `netdev_ops`, `pcpu_stat_type`,
/// `priv_destructor` and `needs_free_netdev`. So is `netns_immutable`: a device stays in the
/// namespace that it is registered in.
///
/// # Invariants
///
/// `dev` is valid for `'a`, and nobody else knows it.
pub struct Setup<'a, T: Operations> {
    dev: NonNull<bindings::net_device>,
    _p: PhantomData<(&'a mut bindings::net_device, T)>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $setter:ident($ty:ty) => $field:ident;)*) => {
        $(
            $(#[$doc])*
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
        /// Sets the largest packet that the device takes, in bytes without the header.
        set_mtu(u32) => mtu;
        /// Sets the length of the link-layer header in bytes.
        set_hard_header_len(u8) => hard_header_len;
        /// Sets the least length of the link-layer header in bytes.
        set_min_header_len(u8) => min_header_len;
        /// Sets the length of a link-layer address in bytes.
        set_addr_len(u8) => addr_len;
        /// Sets the flags that user space sees.
        set_flags(Flags) => flags;
        /// Sets the features that user space may change.
        set_hw_features(Features) => hw_features;
        /// Sets the features that are on.
        set_features(Features) => features;
    }

    /// Sets the type of the link layer.
    #[inline]
    pub fn set_type(&mut self, value: LinkType) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.dev.as_ptr()).type_ = value as u16 }
    }

    /// Adds private flags.
    #[inline]
    pub fn add_priv_flags(&mut self, flags: PrivFlags) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            let fast = &mut (*self.dev.as_ptr()).__bindgen_anon_1.__bindgen_anon_1;
            fast.set_priv_flags(fast.priv_flags() | u32_as_usize(flags.into()));
        }
    }

    /// Says whether the device does its own locking on transmit, `dev->lltx`.
    #[inline]
    pub fn set_lltx(&mut self, value: bool) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe {
            let fast = &mut (*self.dev.as_ptr()).__bindgen_anon_1.__bindgen_anon_1;
            fast.set_lltx(value.into());
        }
    }

    /// Keeps a packet's route with it on transmit: `netif_keep_dst()`.
    #[inline]
    pub fn keep_dst(&mut self) {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { bindings::netif_keep_dst(self.dev.as_ptr()) }
    }

    /// Sets `ethtool_ops` to those of the driver.
    #[inline]
    pub fn set_ethtool_ops(&mut self)
    where
        T: ethtool::Operations,
    {
        // SAFETY: The device is valid and ours alone by the type invariants.
        unsafe { (*self.dev.as_ptr()).ethtool_ops = ethtool::VTable::<T>::get() }
    }

    /// Sets `header_ops` to those of Ethernet.
    #[inline]
    pub fn set_eth_header_ops(&mut self) {
        // SAFETY: The device is valid and ours alone by the type invariants; `eth_header_ops` is
        // static.
        unsafe { (*self.dev.as_ptr()).header_ops = &raw const bindings::eth_header_ops }
    }

    /// Sets the largest size of a segmentation offload packet: `netif_set_tso_max_size()`.
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
    let raw = unsafe { &mut *dev };

    raw.netdev_ops = VTable::<T>::get();
    raw.set_pcpu_stat_type(pcpu_stat_type::<T::Stats>());
    raw.priv_destructor = Some(VTable::<T>::priv_destructor_callback);
    raw.needs_free_netdev = true;
    raw.set_netns_immutable(1);

    // INVARIANT: A new device is nobody else's.
    T::setup(&mut Setup {
        dev: NonNull::from(raw),
        _p: PhantomData,
    });
}
