// SPDX-License-Identifier: GPL-2.0

//! What a driver implements.

use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};

use super::{
    owned::destroy_priv,
    Device,
    Registered,
    RtnlLinkStats64,
    Setup,
    StatType,
    Unregistered,
    Visible,
    LOOPBACK_IFINDEX, //
};
use crate::{
    error::{
        from_result,
        VTABLE_DEFAULT_ERROR, //
    },
    net::{
        bottom_half::BhDisabled,
        neighbour::Neighbour,
        net_namespace::Namespace,
        skbuff::SkBuff, //
    },
    prelude::*,
    types::Opaque, //
};

/// The operations of a network device, `struct net_device_ops`, for the type of its private data.
///
/// What is not implemented is absent from the C table. All functions are given a shared reference:
/// transmit can run at the same time as any of them.
///
/// The data is dropped when the device is released, after the last use: in process context, with
/// RTNL held or not; it may sleep, but must not take RTNL.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         etherdevice::{
///             eth_mac_addr,
///             eth_validate_addr, //
///         },
///         netdevice::{
///             self,
///             Device,
///             Lstats,
///             NetdevTx,
///             RtnlLinkStats64,
///             Setup,
///             SockAddr,
///             Visible,
///             XmitContext, //
///         },
///         skbuff::SkBuff, //
///     },
///     prelude::*, //
/// };
///
/// /// Takes packets and tells nobody.
/// struct Dummy;
///
/// #[vtable]
/// impl netdevice::Operations for Dummy {
///     type Stats = Lstats;
///
///     fn setup(dev: &mut Setup<'_, Self>) {
///         dev.ether_setup();
///         dev.eth_hw_addr_random();
///     }
///
///     fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx {
///         dev.lstats_add(skb.len(), cx);
///         skb.consume();
///         NetdevTx::Ok
///     }
///
///     fn get_stats64(dev: &Device<Self, Visible>, stats: &mut RtnlLinkStats64<'_>) {
///         let sum = dev.lstats_read();
///
///         stats.set_tx_packets(sum.packets);
///         stats.set_tx_bytes(sum.bytes);
///     }
///
///     fn set_mac_address(dev: &Device<Self>, addr: &SockAddr) -> Result {
///         eth_mac_addr(dev, addr)
///     }
///
///     fn validate_addr(dev: &Device<Self>) -> Result {
///         eth_validate_addr(dev)
///     }
/// }
/// ```
#[vtable]
pub trait Operations: Sized + Send + Sync + 'static {
    /// The per-CPU statistics that the core keeps for the device.
    type Stats: StatType;

    /// Fills in a new device, the `setup` of `alloc_netdev_mqs()`.
    ///
    /// # Context
    ///
    /// Process context; may sleep.
    fn setup(dev: &mut Setup<'_, Self>);

    /// Called once, when the device is registered: `ndo_init`.
    ///
    /// An error makes the registration fail with that errno; [`Operations::uninit`] is then not
    /// called.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn init(_dev: &Device<Self, Unregistered>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called once, when the device is unregistered or its registration fails after
    /// [`Operations::init`]: `ndo_uninit`.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn uninit(_dev: &Device<Self, Unregistered>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when the device is brought up: `ndo_open`.
    ///
    /// An error leaves it down.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn open(_dev: &Device<Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when the device is taken down: `ndo_stop`. That cannot be refused.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn stop(_dev: &Device<Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sends a packet: `ndo_start_xmit`.
    ///
    /// Runs on several CPUs at once if the device is `lltx` or has several queues.
    ///
    /// # Context
    ///
    /// Bottom halves off, in an RCU read-side section; must not sleep. With netconsole and the
    /// like, also with interrupts off, where bottom halves must not be turned on: a device for
    /// which that matters has [`PrivFlag::DisableNetpoll`](super::PrivFlag).
    fn start_xmit(skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx;

    /// Changes the device's address: `ndo_set_mac_address`.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn set_mac_address(_dev: &Device<Self>, _addr: &SockAddr) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether the device can be brought up with the address that it has: `ndo_validate_addr`.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn validate_addr(_dev: &Device<Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Prepares for another MTU, in bytes and within the limits of the device: `ndo_change_mtu`.
    ///
    /// The device has it when this has returned without an error.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn change_mtu(_dev: &Device<Self>, _new_mtu: u32) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Reports the statistics: `ndo_get_stats64`. They are all zero before.
    ///
    /// # Context
    ///
    /// RTNL or an RCU read-side section; must not sleep.
    fn get_stats64(_dev: &Device<Self, Visible>, _stats: &mut RtnlLinkStats64<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Prepares a neighbour that is being made: `ndo_neigh_construct`.
    ///
    /// # Context
    ///
    /// RCU read-side section or process context, a lock may be held; must not sleep.
    fn neigh_construct(_dev: &Device<Self>, _neigh: &mut Neighbour<'_, Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Turns the carrier on or off by the administrator's will: `ndo_change_carrier`.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    fn change_carrier(_dev: &Device<Self>, _new_carrier: bool) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// What became of a packet, `netdev_tx_t`.
///
/// # Examples
///
/// ```
/// use kernel::net::{
///     netdevice::NetdevTx,
///     skbuff::SkBuff, //
/// };
///
/// fn send_if(ready: bool, skb: SkBuff) -> NetdevTx {
///     if !ready {
///         return NetdevTx::Busy(skb);
///     }
///     skb.consume();
///     NetdevTx::Ok
/// }
/// ```
pub enum NetdevTx {
    /// The driver took care of it.
    Ok,
    /// The device is busy; the core gets the packet back and tries again later. For devices with a
    /// queue, whose driver has stopped it: the core throws away what a device without one returns.
    Busy(SkBuff),
}

/// Proof of being in a transmit function.
///
/// # Invariants
///
/// While there is one, bottom halves are off on this CPU, and this is an RCU read-side section.
///
/// # Examples
///
/// ```
/// use kernel::net::{
///     netdevice::{
///         Device,
///         Operations,
///         XmitContext, //
///     },
///     skbuff::{
///         NetRx,
///         SkBuff, //
///     },
/// };
///
/// // Sends a packet back to where it came from.
/// fn reflect<T: Operations>(skb: SkBuff, dev: &Device<T>, cx: &XmitContext<'_>) -> NetRx {
///     skb.dst_force(cx).eth_type_trans(dev).netif_rx(cx)
/// }
/// ```
pub struct XmitContext<'a>(BhDisabled, PhantomData<&'a ()>);

impl Deref for XmitContext<'_> {
    type Target = BhDisabled;

    #[inline]
    fn deref(&self) -> &BhDisabled {
        &self.0
    }
}

/// A link-layer address as `ndo_set_mac_address` is given it, a `struct sockaddr`.
///
/// # Invariants
///
/// There is one only while that operation runs, and the address is as long as the device's
/// `addr_len`.
///
/// # Examples
///
/// See [`eth_mac_addr`](crate::net::etherdevice::eth_mac_addr).
#[repr(transparent)]
// Nothing is assumed of the size and alignment of what C passes.
pub struct SockAddr(Opaque<()>);

impl SockAddr {
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut c_void {
        self.0.get().cast()
    }
}

/// The C table for `T`.
pub(super) struct VTable<T: Operations>(PhantomData<T>);

macro_rules! operation {
    ($has:ident, $callback:ident) => {
        if T::$has {
            Some(Self::$callback)
        } else {
            None
        }
    };
}

impl<T: Operations> VTable<T> {
    const OPS: bindings::net_device_ops = bindings::net_device_ops {
        ndo_init: operation!(HAS_INIT, init_callback),
        ndo_uninit: operation!(HAS_UNINIT, uninit_callback),
        ndo_open: operation!(HAS_OPEN, open_callback),
        ndo_stop: operation!(HAS_STOP, stop_callback),
        ndo_start_xmit: Some(Self::start_xmit_callback),
        ndo_set_mac_address: operation!(HAS_SET_MAC_ADDRESS, set_mac_address_callback),
        ndo_validate_addr: operation!(HAS_VALIDATE_ADDR, validate_addr_callback),
        ndo_change_mtu: operation!(HAS_CHANGE_MTU, change_mtu_callback),
        ndo_get_stats64: operation!(HAS_GET_STATS64, get_stats64_callback),
        ndo_neigh_construct: operation!(HAS_NEIGH_CONSTRUCT, neigh_construct_callback),
        ndo_change_carrier: operation!(HAS_CHANGE_CARRIER, change_carrier_callback),
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

        from_result(|| T::init(dev).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_uninit` of a device of `T`.
    unsafe extern "C" fn uninit_callback(dev: *mut bindings::net_device) {
        // SAFETY: The kernel passes a device of `T` that is no longer registered, or not yet; its
        // private data is dropped later.
        let dev = unsafe { Device::<T, Unregistered>::from_raw(dev) };

        T::uninit(dev);
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_open` of a device of `T`.
    unsafe extern "C" fn open_callback(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        from_result(|| T::open(dev).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_stop` of a device of `T`.
    unsafe extern "C" fn stop_callback(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        T::stop(dev);
        0
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

        // SAFETY: The kernel passes a valid buffer, and with it its ownership. Nobody else uses it,
        // as the device does not have `IFF_TX_SKB_SHARING`.
        let skb = unsafe { SkBuff::from_raw(NonNull::new_unchecked(skb)) };

        // INVARIANT: The core calls `ndo_start_xmit` with bottom halves off, under RCU.
        // SAFETY: As before; the context does not outlive this function.
        let cx = XmitContext(unsafe { BhDisabled::assume() }, PhantomData);

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
    /// To be called by the kernel only, as `ndo_set_mac_address` of a device of `T`.
    unsafe extern "C" fn set_mac_address_callback(
        dev: *mut bindings::net_device,
        addr: *mut c_void,
    ) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        // INVARIANT: The kernel passes such an address.
        // SAFETY: The pointer is valid, and the reference covers no bytes.
        let addr = unsafe { &*addr.cast::<SockAddr>() };

        from_result(|| T::set_mac_address(dev, addr).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_validate_addr` of a device of `T`.
    unsafe extern "C" fn validate_addr_callback(dev: *mut bindings::net_device) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        from_result(|| T::validate_addr(dev).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_change_mtu` of a device of `T`.
    unsafe extern "C" fn change_mtu_callback(
        dev: *mut bindings::net_device,
        new_mtu: c_int,
    ) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let device = unsafe { Device::<T, Registered>::from_raw(dev) };

        from_result(|| {
            let new_mtu = u32::try_from(new_mtu).map_err(|_| EINVAL)?;
            T::change_mtu(device, new_mtu)?;

            // SAFETY: The device is valid, and RTNL is held. Others read the field at the same
            // time.
            unsafe { (&raw mut (*device.as_raw()).mtu).write_volatile(new_mtu) };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_get_stats64` of a device of `T`.
    unsafe extern "C" fn get_stats64_callback(
        dev: *mut bindings::net_device,
        stats: *mut bindings::rtnl_link_stats64,
    ) {
        // SAFETY: The kernel passes a device of `T` that is visible: sysfs asks as soon as there is
        // a file, and a last message when the device is unregistered.
        let dev = unsafe { Device::<T, Visible>::from_raw(dev) };

        // SAFETY: The kernel passes a pointer that is valid for writes during the call.
        let mut stats = unsafe { RtnlLinkStats64::from_raw(NonNull::new_unchecked(stats)) };

        T::get_stats64(dev, &mut stats);
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_neigh_construct` of a device of `T`.
    unsafe extern "C" fn neigh_construct_callback(
        dev: *mut bindings::net_device,
        neigh: *mut bindings::neighbour,
    ) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        // SAFETY: The kernel passes a new neighbour, with a reference to this device.
        let mut neigh = unsafe { Neighbour::from_raw(NonNull::new_unchecked(neigh)) };

        from_result(|| T::neigh_construct(dev, &mut neigh).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ndo_change_carrier` of a device of `T`.
    unsafe extern "C" fn change_carrier_callback(
        dev: *mut bindings::net_device,
        new_carrier: bool,
    ) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T, Registered>::from_raw(dev) };

        from_result(|| T::change_carrier(dev, new_carrier).map(|()| 0))
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `priv_destructor` of a device of `T`.
    pub(super) unsafe extern "C" fn priv_destructor_callback(dev: *mut bindings::net_device) {
        // SAFETY: The kernel passes a valid device that is no longer in use. If it has this index,
        // it could not leave its namespace, which waits for it.
        unsafe {
            if (*dev).ifindex == LOOPBACK_IFINDEX as c_int {
                Namespace::from_raw(bindings::dev_net(dev)).clear_loopback_dev(dev);
            }
        }

        // SAFETY: This is `priv_destructor` of a device of `T`.
        unsafe { destroy_priv::<T>(dev) };
    }
}
