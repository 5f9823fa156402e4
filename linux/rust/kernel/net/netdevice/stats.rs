// SPDX-License-Identifier: GPL-2.0

//! Statistics of devices.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use super::{
    Device,
    Operations,
    Registered,
    State,
    Visible, //
};
use crate::net::bottom_half::BhDisabled;
use readable::HasStats;

mod sealed {
    /// The type of per-CPU statistics that the core allocates, `enum netdev_stat_type`.
    pub trait StatType {
        /// The C constant.
        const PCPU_STAT_TYPE: bindings::netdev_stat_type;
    }
}

/// A type of per-CPU statistics: [`NoStats`] or [`Lstats`]. The core allocates them when the device
/// is registered.
///
/// # Examples
///
/// See [`Operations`].
pub trait StatType: sealed::StatType + 'static {}

/// No per-CPU statistics.
///
/// # Examples
///
/// See [`Device`].
pub enum NoStats {}

impl StatType for NoStats {}

impl sealed::StatType for NoStats {
    const PCPU_STAT_TYPE: bindings::netdev_stat_type =
        bindings::netdev_stat_type_NETDEV_PCPU_STAT_NONE;
}

/// Packets and bytes only, `struct pcpu_lstats`.
///
/// # Examples
///
/// See [`Operations`].
pub enum Lstats {}

impl StatType for Lstats {}

impl sealed::StatType for Lstats {
    const PCPU_STAT_TYPE: bindings::netdev_stat_type =
        bindings::netdev_stat_type_NETDEV_PCPU_STAT_LSTATS;
}

/// The sum of [`Lstats`] over all possible CPUs. Each CPU's share of it is consistent, also where
/// 64 bits are not read at once.
///
/// # Examples
///
/// ```
/// use kernel::net::netdevice::LstatsSum;
///
/// fn mean_len(sum: LstatsSum) -> Option<u64> {
///     sum.bytes.checked_div(sum.packets)
/// }
///
/// assert_eq!(mean_len(LstatsSum::default()), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LstatsSum {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl<T: Operations<Stats = Lstats>> Device<T> {
    /// Counts a packet of `len` bytes on this CPU: `dev_lstats_add()`.
    ///
    /// # Context
    ///
    /// Bottom halves off.
    ///
    /// # Examples
    ///
    /// See [`Operations`].
    #[inline]
    pub fn lstats_add(&self, len: u32, _bh: &BhDisabled) {
        // SAFETY: A registered device of this type of statistics has its `lstats`. `BhDisabled`
        // says that bottom halves are off, so this CPU's counters are this function's.
        unsafe { bindings::dev_lstats_add(self.as_raw(), len) }
    }
}

mod readable {
    /// A state in which a device has its statistics.
    pub trait HasStats: super::State {}

    impl HasStats for super::Visible {}
    impl HasStats for super::Registered {}
}

impl<T: Operations<Stats = Lstats>, S: HasStats> Device<T, S> {
    /// Adds up the counters of all possible CPUs, as `dev_lstats_read()` does.
    ///
    /// # Context
    ///
    /// Any.
    ///
    /// # Examples
    ///
    /// See [`Operations`].
    #[inline]
    pub fn lstats_read(&self) -> LstatsSum {
        // SAFETY: A device of this type of statistics has its `lstats` before it is visible and
        // until nobody sees it.
        unsafe { lstats_sum(self.as_raw()) }
    }
}

/// What C drivers call as `dev_lstats_read()`. For [`dev_lstats_read!`](crate::dev_lstats_read).
///
/// # Safety
///
/// `dev` must be a valid device with `lstats`, and `packets` and `bytes` valid for writes. They
/// need not be aligned: drivers hand on what they got for `ndo_get_stats64`, which netlink does
/// not align.
#[doc(hidden)]
#[inline]
pub unsafe fn dev_lstats_read(
    dev: *mut bindings::net_device,
    packets: *mut bindings::u64_,
    bytes: *mut bindings::u64_,
) {
    // SAFETY: By the safety requirements.
    unsafe {
        let sum = lstats_sum(dev);
        packets.write_unaligned(sum.packets);
        bytes.write_unaligned(sum.bytes);
    }
}

/// The sum of all possible CPUs' counters.
///
/// # Safety
///
/// `dev` must be a valid device with `lstats`.
#[inline]
unsafe fn lstats_sum(dev: *mut bindings::net_device) -> LstatsSum {
    let mut sum = LstatsSum::default();
    let mut cpu = 0;
    // SAFETY: This reads and writes `cpu`, and the mask, which does not change after boot.
    while unsafe { bindings::find_possible_cpu(&raw mut cpu) } {
        // SAFETY: The CPU is possible, and the device has its statistics for each of these.
        let share = unsafe { cpu_share(bindings::netdev_lstats_cpu_ptr(dev, cpu)) };

        sum.packets = sum.packets.wrapping_add(share.packets);
        sum.bytes = sum.bytes.wrapping_add(share.bytes);
        cpu += 1;
    }
    sum
}

/// One CPU's counters, both from the same moment.
///
/// # Safety
///
/// `stats` must be valid.
#[inline]
unsafe fn cpu_share(stats: *const bindings::pcpu_lstats) -> LstatsSum {
    // SAFETY: By the safety requirements; these functions are for counters that change meanwhile.
    unsafe {
        loop {
            let start = bindings::u64_stats_fetch_begin(&raw const (*stats).syncp);
            let share = LstatsSum {
                packets: bindings::u64_stats_read(&raw const (*stats).packets),
                bytes: bindings::u64_stats_read(&raw const (*stats).bytes),
            };
            if !bindings::u64_stats_fetch_retry(&raw const (*stats).syncp, start) {
                return share;
            }
        }
    }
}

/// Defines `dev_lstats_read()` for the C drivers of the kernel, in place of the one in
/// `drivers/net/loopback.c`. One built-in crate does so.
///
/// # Examples
///
/// ```ignore
/// kernel::dev_lstats_read!();
/// ```
#[macro_export]
macro_rules! dev_lstats_read {
    () => {
        /// Adds up a device's `lstats`.
        ///
        /// # Safety
        ///
        /// As C has it: `dev` must be a valid device with `lstats`, and the other pointers valid
        /// for writes, if not aligned.
        #[$crate::prelude::export]
        unsafe extern "C" fn dev_lstats_read(
            dev: *mut $crate::bindings::net_device,
            packets: *mut $crate::bindings::u64_,
            bytes: *mut $crate::bindings::u64_,
        ) {
            // SAFETY: By the safety requirements.
            unsafe { $crate::net::netdevice::dev_lstats_read(dev, packets, bytes) }
        }
    };
}

/// Where the statistics go, `struct rtnl_link_stats64`.
///
/// # Invariants
///
/// `stats` is valid for writes for `'a`, but need not be aligned: rtnetlink passes a pointer into a
/// message.
///
/// # Examples
///
/// ```
/// use kernel::net::netdevice::{
///     LstatsSum,
///     RtnlLinkStats64, //
/// };
///
/// // What a loopback device sent, it has received.
/// fn report(stats: &mut RtnlLinkStats64<'_>, sum: LstatsSum) {
///     stats.set_rx_packets(sum.packets);
///     stats.set_tx_packets(sum.packets);
///     stats.set_rx_bytes(sum.bytes);
///     stats.set_tx_bytes(sum.bytes);
/// }
/// ```
pub struct RtnlLinkStats64<'a> {
    stats: NonNull<bindings::rtnl_link_stats64>,
    _p: PhantomData<&'a mut bindings::rtnl_link_stats64>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $setter:ident => $field:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Examples
            ///
            /// See [`RtnlLinkStats64`].
            #[inline]
            pub fn $setter(&mut self, value: u64) {
                // SAFETY: `stats` is valid for writes by the type invariants; only the address of
                // the field is taken, and the write does not ask for alignment.
                unsafe { (&raw mut (*self.stats.as_ptr()).$field).write_unaligned(value) }
            }
        )*
    };
}

impl RtnlLinkStats64<'_> {
    /// Wraps what `ndo_get_stats64` is given.
    ///
    /// # Safety
    ///
    /// `stats` must be valid for writes for the lifetime of the result.
    #[inline]
    pub(super) unsafe fn from_raw(stats: NonNull<bindings::rtnl_link_stats64>) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            stats,
            _p: PhantomData,
        }
    }

    setters! {
        /// Packets received.
        set_rx_packets => rx_packets;
        /// Packets sent.
        set_tx_packets => tx_packets;
        /// Bytes received.
        set_rx_bytes => rx_bytes;
        /// Bytes sent.
        set_tx_bytes => tx_bytes;
        /// Packets that the device received but had no room for.
        set_rx_dropped => rx_dropped;
        /// Packets that could not be sent.
        set_tx_dropped => tx_dropped;
    }
}

/// The statistics of a device, as the core reports them: `struct rtnl_link_stats64`.
///
/// # Examples
///
/// See [`Device::get_stats`].
#[derive(Clone, Copy, Default)]
pub struct LinkStats64(bindings::rtnl_link_stats64);

macro_rules! link_stats {
    ($($(#[$doc:meta])* $field:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Examples
            ///
            /// See [`Device::get_stats`].
            #[inline]
            pub fn $field(&self) -> u64 {
                self.0.$field
            }
        )*
    };
}

impl LinkStats64 {
    #[inline]
    pub(super) fn as_mut_ptr(&mut self) -> *mut bindings::rtnl_link_stats64 {
        &mut self.0
    }

    link_stats! {
        /// Packets received.
        rx_packets;
        /// Packets sent.
        tx_packets;
        /// Bytes received.
        rx_bytes;
        /// Bytes sent.
        tx_bytes;
        /// Packets that came in but were dropped, for want of room or of a handler.
        rx_dropped;
        /// Packets that could not be sent.
        tx_dropped;
    }
}

#[inline]
pub(super) const fn pcpu_stat_type<S: StatType>() -> bindings::netdev_stat_type {
    S::PCPU_STAT_TYPE
}
