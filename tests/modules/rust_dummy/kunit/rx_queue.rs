// SPDX-License-Identifier: GPL-2.0

//! Receive queues, as `net/netdev_rx_queue.h` has them, which bindgen does not see.

// Reads memory as the C structure that it is.
#![allow(unsafe_code)]

use core::slice;

use kernel::{
    bindings::{
        kobject,
        net_device,
        netdevice_tracker, //
    },
    prelude::*, //
};

/// `REG_STATE_REGISTERED`
const REGISTERED: u32 = 1;

/// `struct xdp_rxq_info`
#[repr(C, align(64))]
struct XdpRxqInfo {
    dev: *const net_device,
    queue_index: u32,
    reg_state: u32,
    _mem: [u32; 2],
    _frag_size: u32,
}

/// `struct netdev_rx_queue`. That this is still what C has shows in the queues' own numbers: where
/// one is depends on the length of those before.
#[repr(C, align(64))]
pub(super) struct RxQueue {
    xdp_rxq: XdpRxqInfo,
    #[cfg(CONFIG_RPS)]
    _rps: [usize; 2],
    pub(super) kobj: kobject,
    _groups: *const c_void,
    dev: *const net_device,
    _dev_tracker: netdevice_tracker,
    #[cfg(CONFIG_XDP_SOCKETS)]
    _pool: *const c_void,
    _napi: *const c_void,
    _qcfg: u32,
    _mp_params: [usize; 3],
    _lease: *const c_void,
    _lease_tracker: netdevice_tracker,
}

impl RxQueue {
    /// All those of a device.
    ///
    /// # Safety
    ///
    /// The device must have been allocated to its end.
    pub(super) unsafe fn all(dev: &net_device) -> &[Self] {
        // SAFETY: By the safety requirements there are so many.
        unsafe { slice::from_raw_parts(dev._rx.cast(), dev.num_rx_queues as usize) }
    }

    /// Which one of the device it says it is.
    pub(super) fn index(&self) -> u32 {
        self.xdp_rxq.queue_index
    }

    /// Whether XDP has it registered.
    pub(super) fn is_known_to_xdp(&self) -> bool {
        self.xdp_rxq.reg_state == REGISTERED
    }

    /// Whose it says it is.
    pub(super) fn dev(&self) -> *const net_device {
        self.dev
    }

    /// Whose it is for XDP.
    pub(super) fn xdp_dev(&self) -> *const net_device {
        self.xdp_rxq.dev
    }
}
