// SPDX-License-Identifier: GPL-2.0

//! Listeners on the chain of netdevice notifiers, and one that objects to what happens to a device.

// The notifier chain has no abstraction.
#![allow(unsafe_code)]

use kernel::{
    bindings,
    container_of,
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// Which index the listeners care about.
pub(super) const INDEX: u32 = 54321;

/// Which event the objector objects to, a `netdev_cmd`.
static EVENT: Atomic<i32> = Atomic::new(0);

/// What the chain calls.
type Call = unsafe extern "C" fn(*mut bindings::notifier_block, usize, *mut c_void) -> c_int;

/// A place in the chain.
///
/// # Invariants
///
/// `block` is registered.
#[pin_data(PinnedDrop)]
pub(super) struct Listener {
    #[pin]
    block: Opaque<bindings::notifier_block>,
}

impl Listener {
    /// The place that `priority` gives: who has more of it is called first.
    ///
    /// # Safety
    ///
    /// `call` must be good for being called by the chain, with this very block, until this is gone.
    pub(super) unsafe fn new(call: Call, priority: c_int) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            block <- Opaque::try_ffi_init(move |block: *mut bindings::notifier_block| {
                // SAFETY: `block` is valid for writes, pinned, and unregistered before it goes
                // away.
                unsafe {
                    block.write(pin_init::zeroed());
                    (*block).notifier_call = Some(call);
                    (*block).priority = priority;
                    to_result(bindings::register_netdevice_notifier(block))
                }
            }),
        }? Error)
    }

    /// How to get from the block that the chain passes to the listener.
    ///
    /// # Safety
    ///
    /// `block` must be that of a listener.
    pub(super) unsafe fn of(block: *mut bindings::notifier_block) -> *mut Self {
        // SAFETY: By the safety requirements.
        unsafe { container_of!(Opaque::cast_from(block).cast_mut(), Self, block) }
    }
}

#[pinned_drop]
impl PinnedDrop for Listener {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: It is registered by the type invariants.
        unsafe { bindings::unregister_netdevice_notifier(self.block.get()) };
    }
}

/// The device that an event is about.
///
/// # Safety
///
/// `info` must be what the chain passes.
pub(super) unsafe fn device<'a>(info: *mut c_void) -> &'a bindings::net_device {
    // SAFETY: The chain passes such a structure, with a valid device.
    unsafe { &*(*info.cast::<bindings::netdev_notifier_info>()).dev }
}

/// Objects to one event of devices with index [`INDEX`], with `EPERM`, as long as it lives.
pub(super) struct Objector {
    _listener: Pin<KBox<Listener>>,
}

impl Objector {
    pub(super) fn new(event: bindings::netdev_cmd) -> Result<Self> {
        // CAST: A small number.
        EVENT.store(event as i32, Relaxed);

        // SAFETY: `object()` is for the chain, and does not look at the block.
        let listener = unsafe { Listener::new(object, 0) };
        Ok(Self {
            _listener: KBox::pin_init(listener, GFP_KERNEL)?,
        })
    }
}

/// # Safety
///
/// To be called by the netdevice notifier chain only.
unsafe extern "C" fn object(
    _block: *mut bindings::notifier_block,
    event: usize,
    info: *mut c_void,
) -> c_int {
    // SAFETY: The chain passes it.
    let dev = unsafe { device(info) };

    // CAST: Small numbers.
    if dev.ifindex as u32 != INDEX || event as i32 != EVENT.load(Relaxed) {
        return bindings::NOTIFY_DONE as c_int;
    }
    // `notifier_from_errno()`
    bindings::NOTIFY_STOP_MASK as c_int | (bindings::NOTIFY_OK as c_int - EPERM.to_errno())
}
