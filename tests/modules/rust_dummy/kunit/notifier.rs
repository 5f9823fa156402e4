// SPDX-License-Identifier: GPL-2.0

//! A notifier that objects to what happens to a device.

// The notifier chain has no abstraction.
#![allow(unsafe_code)]

use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// Which index it objects to.
pub(super) const INDEX: u32 = 54321;

/// Which event it objects to, a `netdev_cmd`.
static EVENT: Atomic<i32> = Atomic::new(0);

/// Objects to one event of devices with index [`INDEX`], with `EPERM`, as long as it lives.
///
/// # Invariants
///
/// `block` is registered.
#[pin_data(PinnedDrop)]
pub(super) struct Objector {
    #[pin]
    block: Opaque<bindings::notifier_block>,
}

impl Objector {
    pub(super) fn new(event: bindings::netdev_cmd) -> Result<Pin<KBox<Self>>> {
        // CAST: A small number.
        EVENT.store(event as i32, Relaxed);

        KBox::pin_init(
            try_pin_init!(Self {
                block <- Opaque::try_ffi_init(|block: *mut bindings::notifier_block| {
                    // SAFETY: `block` is valid for writes, pinned, and unregistered before it goes
                    // away.
                    unsafe {
                        block.write(pin_init::zeroed());
                        (*block).notifier_call = Some(object);
                        to_result(bindings::register_netdevice_notifier(block))
                    }
                }),
            }? Error),
            GFP_KERNEL,
        )
    }
}

#[pinned_drop]
impl PinnedDrop for Objector {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: It is registered by the type invariants.
        unsafe { bindings::unregister_netdevice_notifier(self.block.get()) };
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
    // SAFETY: The chain passes such a structure, with a valid device.
    let index = unsafe {
        let info = info.cast::<bindings::netdev_notifier_info>();
        (*(*info).dev).ifindex
    };

    // CAST: Small numbers.
    if index as u32 != INDEX || event as i32 != EVENT.load(Relaxed) {
        return bindings::NOTIFY_DONE as c_int;
    }
    // `notifier_from_errno()`
    bindings::NOTIFY_STOP_MASK as c_int | (bindings::NOTIFY_OK as c_int - EPERM.to_errno())
}
