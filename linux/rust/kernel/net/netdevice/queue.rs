// SPDX-License-Identifier: GPL-2.0

//! Transmit queues.

use crate::types::Opaque;

/// A transmit queue of a registered device, borrowed: `struct netdev_queue`.
///
/// A driver stops one when it has no room for another packet, and wakes it when it has. The core
/// keeps the packets meanwhile.
///
/// # Examples
///
/// ```
/// use kernel::net::netdevice::{
///     Device,
///     Operations, //
/// };
///
/// // For `Operations::open`.
/// fn wake_all<T: Operations>(dev: &Device<T>) {
///     let mut index = 0;
///
///     while let Some(queue) = dev.tx_queue(index) {
///         if queue.is_stopped() {
///             queue.wake();
///         }
///         index += 1;
///     }
/// }
/// ```
#[derive(Clone, Copy)]
pub struct TxQueue<'a>(&'a Opaque<bindings::netdev_queue>);

impl<'a> TxQueue<'a> {
    /// Borrows a queue.
    ///
    /// # Safety
    ///
    /// For `'a`, `queue` must be a queue of a registered device.
    #[inline]
    pub(super) unsafe fn from_raw(queue: *mut bindings::netdev_queue) -> Self {
        // SAFETY: By the safety requirements; `Opaque` is transparent.
        Self(unsafe { &*queue.cast() })
    }

    /// Lets the core hand on no more packets: `netif_tx_stop_queue()`.
    ///
    /// # Context
    ///
    /// Any.
    ///
    /// # Examples
    ///
    /// See [`TxQueue`].
    #[inline]
    pub fn stop(self) {
        // SAFETY: The queue is valid.
        unsafe { bindings::netif_tx_stop_queue(self.0.get()) }
    }

    /// Lets the core go on: `netif_tx_wake_queue()`.
    ///
    /// # Context
    ///
    /// Any.
    ///
    /// # Examples
    ///
    /// See [`TxQueue`].
    #[inline]
    pub fn wake(self) {
        // SAFETY: The queue is valid, and as the device is registered, it has a queueing
        // discipline.
        unsafe { bindings::netif_tx_wake_queue(self.0.get()) }
    }

    /// Whether the driver has stopped it: `netif_tx_queue_stopped()`.
    ///
    /// # Examples
    ///
    /// See [`TxQueue`].
    #[inline]
    pub fn is_stopped(self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::netif_tx_queue_stopped(self.0.get()) }
    }
}
