// SPDX-License-Identifier: GPL-2.0

//! The device that routes lead to when their own is gone, `blackhole_netdev`: one for all network
//! namespaces, that is not registered and that nobody sees.
//!
//! C version: [`drivers/net/loopback.c`](srctree/drivers/net/loopback.c)

use core::{
    cell::UnsafeCell,
    ptr, //
};

use crate::{
    net::{
        netdevice::{
            NoStats,
            Operations,
            UnregisteredDevice, //
        },
        rtnl, //
    },
    prelude::*, //
};

/// What `blackhole_netdev` is for the C code of the kernel: a pointer to a device. For
/// [`blackhole_netdev!`](crate::blackhole_netdev).
///
/// # Examples
///
/// See [`blackhole_netdev!`](crate::blackhole_netdev).
#[doc(hidden)]
#[repr(transparent)]
pub struct BlackholeNetdev(UnsafeCell<*mut bindings::net_device>);

// SAFETY: It is changed under RTNL.
unsafe impl Sync for BlackholeNetdev {}

impl BlackholeNetdev {
    /// No device yet.
    // For a static, which `Default` cannot make.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(ptr::null_mut()))
    }

    /// Brings the device up, and lets routes lead to it from then on and for ever.
    ///
    /// # Errors
    ///
    /// `EPERM` if this is not the kernel's `blackhole_netdev`, as in a module, which the device
    /// would outlive; `EBUSY` if there is a device already.
    ///
    /// # Context
    ///
    /// Process context, RTNL not held; may sleep.
    // A device that is not registered has no per-CPU statistics.
    pub fn set<T>(&'static self, dev: UnregisteredDevice<'static, T>) -> Result
    where
        T: Operations<Stats = NoStats>,
    {
        let _rtnl = rtnl::lock();

        self.check()?;
        // SAFETY: RTNL is held. The device is valid and so far ours alone; nobody frees it, and
        // its driver is built in.
        unsafe { self.publish(dev.into_raw()) };
        Ok(())
    }

    /// Whether there may be a device. RTNL is held.
    // Not a part of any module, so that it compares with the kernel's.
    #[inline(never)]
    fn check(&self) -> Result {
        let kernel_s = &raw const bindings::blackhole_netdev;

        if !ptr::eq(self.0.get(), kernel_s) {
            return Err(EPERM);
        }
        // SAFETY: It is changed under RTNL only, which is held.
        if !unsafe { *self.0.get() }.is_null() {
            return Err(EBUSY);
        }
        Ok(())
    }

    /// # Safety
    ///
    /// RTNL must be held, and `dev` be valid for ever and nobody else's yet.
    // Not a part of any module, as that could not call what this calls.
    #[inline(never)]
    unsafe fn publish(&self, dev: *mut bindings::net_device) {
        // SAFETY: By the safety requirements.
        unsafe {
            bindings::dev_init_scheduler(dev);
            bindings::dev_activate(dev);
            (*dev).flags |=
                bindings::net_device_flags_IFF_UP | bindings::net_device_flags_IFF_RUNNING;
            *self.0.get() = dev;
        }
    }
}

/// Defines `blackhole_netdev`, in place of the one in `drivers/net/loopback.c`, and
/// `rust_blackhole_netdev_init()`, which sets it to what `init` returns. C calls that at boot,
/// before IPv6 asks for the device.
///
/// It stands where another driver has [`module!`](macros::module). There is one such crate in a
/// kernel, built in; a second one does not link.
///
/// # Examples
///
/// ```ignore
/// kernel::blackhole_netdev! {
///     type: MyBlackhole,
///     name: "my_blackhole",
///     init: || UnregisteredDevice::alloc(NAME, NameAssignType::Unknown, MyBlackhole),
/// }
/// ```
#[macro_export]
macro_rules! blackhole_netdev {
    (type: $type:ty, name: $name:literal, init: $init:expr $(,)?) => {
        // What `module!` defines for other macros.
        const __LOG_PREFIX: &[u8] = concat!($name, "\0").as_bytes();

        type LocalModule = $type;

        impl $crate::ModuleMetadata for $type {
            const NAME: &'static $crate::str::CStr = $crate::c_str!($name);

            // SAFETY: What is built in has no module, as C says with a null pointer.
            const THIS_MODULE: $crate::ThisModule =
                unsafe { $crate::ThisModule::from_ptr(::core::ptr::null_mut()) };
        }

        // C's name.
        #[allow(non_upper_case_globals)]
        #[no_mangle]
        static blackhole_netdev: $crate::net::blackhole::BlackholeNetdev =
            $crate::net::blackhole::BlackholeNetdev::new();

        #[no_mangle]
        extern "C" fn rust_blackhole_netdev_init() -> $crate::ffi::c_int {
            let set = || -> $crate::error::Result {
                let dev: $crate::net::netdevice::UnregisteredDevice<'static, $type> = ($init)()?;
                blackhole_netdev.set(dev)
            };

            $crate::error::from_result(|| set().map(|()| 0))
        }
    };
}
