// SPDX-License-Identifier: GPL-2.0

//! The device that routes lead to when their own is gone, `blackhole_netdev`: one for all network
//! namespaces, that is not registered and that nobody sees.
//!
//! C version: [`drivers/net/loopback.c`](srctree/drivers/net/loopback.c)

use crate::{
    net::{
        net_namespace::Namespace,
        netdevice::{
            NoStats,
            Operations,
            UnregisteredDevice, //
        },
        rtnl, //
    },
    prelude::*, //
};

/// Makes `dev` the device that routes lead to when their own is gone. It is up from then on, and
/// for ever. In a kernel whose loopback device comes late, it stands for that one, too.
///
/// # Errors
///
/// `EBUSY` if there is one already: the C loopback driver brings its own.
///
/// # Context
///
/// Process context, RTNL not held; may sleep. To be called at boot: IPv6 does not start without it.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         blackhole,
///         netdevice::{
///             Name,
///             NameAssignType,
///             NoStats,
///             Operations,
///             UnregisteredDevice, //
///         }, //
///     },
///     prelude::*, //
/// };
///
/// fn init<T: Operations<Stats = NoStats> + Default>() -> Result {
///     let name = Name::from_static(c"blackhole_dev");
///     let dev = UnregisteredDevice::alloc(name, NameAssignType::Unknown, T::default())?;
///
///     blackhole::set_blackhole_netdev(dev)
/// }
/// ```
// A device that is not registered has no per-CPU statistics.
pub fn set_blackhole_netdev<T>(dev: UnregisteredDevice<'static, T>) -> Result
where
    T: Operations<Stats = NoStats>,
{
    let _rtnl = rtnl::lock();

    // SAFETY: RTNL is held by whoever sets it.
    if !unsafe { bindings::blackhole_netdev }.is_null() {
        return Err(EBUSY);
    }

    // SAFETY: RTNL is held. The device is valid and so far ours alone, and nobody frees it.
    unsafe { publish(dev.into_raw()) };
    Ok(())
}

/// Brings the device up and makes it `blackhole_netdev`. No module could call what this calls.
///
/// # Safety
///
/// RTNL must be held, and `dev` be valid for ever and nobody else's yet.
unsafe fn publish(dev: *mut bindings::net_device) {
    let slot = Namespace::init_net().loopback_slot();

    // SAFETY: By the safety requirements.
    unsafe {
        bindings::dev_init_scheduler(dev);
        bindings::dev_activate(dev);
        (*dev).flags |= bindings::net_device_flags_IFF_UP | bindings::net_device_flags_IFF_RUNNING;
        bindings::blackhole_netdev = dev;

        // Later namespaces get theirs from `preinit_net()`.
        if cfg!(CONFIG_NET_LOOPBACK_LATE) && (*slot).is_null() {
            *slot = dev;
        }
    }
}

/// Defines `blackhole_netdev` for the C code of the kernel, in place of the one in
/// `drivers/net/loopback.c`. The built-in crate that sets it does so.
///
/// # Examples
///
/// ```ignore
/// kernel::blackhole_netdev!();
/// ```
#[macro_export]
macro_rules! blackhole_netdev {
    () => {
        #[allow(non_upper_case_globals)]
        #[no_mangle]
        static blackhole_netdev: ::core::sync::atomic::AtomicPtr<$crate::bindings::net_device> =
            ::core::sync::atomic::AtomicPtr::new(::core::ptr::null_mut());
    };
}
