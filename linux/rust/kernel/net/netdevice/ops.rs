// SPDX-License-Identifier: GPL-2.0

//! What a driver implements.

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use super::{
    Device,
    Registered,
    RtnlLinkStats64,
    Setup,
    StatType,
    Unregistered, //
};
use crate::{
    error::{
        from_result,
        VTABLE_DEFAULT_ERROR, //
    },
    net::{
        net_namespace::Namespace,
        skbuff::SkBuff, //
    },
    prelude::*,
    types::NotThreadSafe, //
};

/// The operations of a network device, `struct net_device_ops`. What is not implemented is absent
/// from the C table.
#[vtable]
pub trait Operations: Sized + 'static {
    /// The per-CPU statistics that the core keeps for the device.
    type Stats: StatType;

    /// Fills in a new device, the `setup` of `alloc_netdev_mqs()`.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    fn setup(dev: &mut Setup<'_, Self>);

    /// Called once, when the device is registered.
    ///
    /// An error makes the registration fail with that errno.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn init(_dev: &Device<Self, Unregistered>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sends a packet.
    ///
    /// Runs on several CPUs at once if the device is `lltx` or has several queues.
    ///
    /// # Context
    ///
    /// Bottom halves off, in an RCU read-side section; must not sleep.
    fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx;

    /// Reports the statistics. They are all zero before.
    ///
    /// # Context
    ///
    /// RTNL or an RCU read-side section; must not sleep.
    fn get_stats64(_dev: &Device<Self>, _stats: &mut RtnlLinkStats64<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Changes the device's address.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn set_mac_address(_dev: &Device<Self>, _addr: &SockAddr) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// What became of a packet, `netdev_tx_t`.
pub enum NetdevTx {
    /// The driver took care of it.
    Ok,
    /// The device is busy; the core gets the packet back and tries again later.
    Busy(SkBuff),
}

/// Proof of being in a transmit function.
///
/// # Invariants
///
/// While there is one, bottom halves are off on this CPU, and this is an RCU read-side section.
pub struct XmitContext<'a>(PhantomData<&'a ()>, NotThreadSafe);

/// A link-layer address as `ndo_set_mac_address` is given it.
///
/// # Invariants
///
/// There is one only while that operation runs, and the address is as long as the device's
/// `addr_len`.
#[repr(transparent)]
pub struct SockAddr(c_void);

impl SockAddr {
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut c_void {
        core::ptr::from_ref(self).cast_mut().cast()
    }
}

/// The C table for `T`.
pub(super) struct VTable<T: Operations>(PhantomData<T>);

impl<T: Operations> VTable<T> {
    const OPS: bindings::net_device_ops = bindings::net_device_ops {
        ndo_init: if T::HAS_INIT {
            Some(Self::init_callback)
        } else {
            None
        },
        ndo_start_xmit: Some(Self::start_xmit_callback),
        ndo_get_stats64: if T::HAS_GET_STATS64 {
            Some(Self::get_stats64_callback)
        } else {
            None
        },
        ndo_set_mac_address: if T::HAS_SET_MAC_ADDRESS {
            Some(Self::set_mac_address_callback)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    pub(super) const fn get() -> &'static bindings::net_device_ops {
        &Self::OPS
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_init` of a device of `T`.
    unsafe extern "C" fn init_callback(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: The kernel passes a device of `T` that is being registered.
        let dev = unsafe { Device::<T, Unregistered>::from_raw(dev) };

        from_result(|| {
            T::init(dev)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_start_xmit` of a device of `T`.
    unsafe extern "C" fn start_xmit_callback(
        skb: *mut bindings::sk_buff,
        dev: *mut bindings::net_device,
    ) -> bindings::netdev_tx_t {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        // SAFETY: The kernel passes a valid buffer, and with it its ownership.
        let skb = unsafe { SkBuff::from_raw(NonNull::new_unchecked(skb)) };

        // INVARIANT: The core calls `ndo_start_xmit` with bottom halves off, under RCU.
        let cx = XmitContext(PhantomData, NotThreadSafe);

        match T::start_xmit(skb, dev, &cx) {
            NetdevTx::Ok => bindings::netdev_tx_NETDEV_TX_OK,
            NetdevTx::Busy(skb) => {
                // With this return value the buffer is the core's again.
                let _ = skb.into_raw();
                bindings::netdev_tx_NETDEV_TX_BUSY
            }
        }
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_get_stats64` of a device of `T`.
    unsafe extern "C" fn get_stats64_callback(
        dev: *mut bindings::net_device,
        stats: *mut bindings::rtnl_link_stats64,
    ) {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        // SAFETY: The kernel passes a pointer that is valid for writes during the call.
        let mut stats = unsafe { RtnlLinkStats64::from_raw(NonNull::new_unchecked(stats)) };

        T::get_stats64(dev, &mut stats);
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_set_mac_address` of a device of `T`.
    unsafe extern "C" fn set_mac_address_callback(
        dev: *mut bindings::net_device,
        addr: *mut c_void,
    ) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        // SAFETY: The kernel passes a valid `sockaddr_storage`; `SockAddr` is transparent.
        let addr = unsafe { &*addr.cast::<SockAddr>() };

        from_result(|| {
            T::set_mac_address(dev, addr)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `priv_destructor` of a device of `T`.
    pub(super) unsafe extern "C" fn priv_destructor_callback(dev: *mut bindings::net_device) {
        // SAFETY: The kernel passes a valid device, whose namespace is valid, too.
        let net = unsafe { Namespace::from_raw(bindings::dev_net(dev)) };

        // SAFETY: The kernel is about to free the device.
        unsafe { net.clear_loopback_dev(dev) };
    }
}
