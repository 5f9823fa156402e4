// SPDX-License-Identifier: GPL-2.0

//! A device as the functions of its driver see it.

use core::{
    marker::PhantomData,
    mem::{
        align_of,
        offset_of, //
    },
};

use super::{
    Flags,
    LinkStats64,
    Operations,
    PrivFlags,
    TxQueue, //
};
use crate::{
    error::to_result,
    net::{
        net_namespace::Namespace,
        netdev_features::Features,
        rtnl::RtnlGuard, //
    },
    prelude::*,
    types::Opaque, //
};

mod sealed {
    pub trait State {}
}

/// Where in its life a device is: [`Unregistered`], [`Visible`] or [`Registered`].
///
/// # Examples
///
/// ```
/// use kernel::net::netdevice::{
///     Device,
///     Operations,
///     State, //
/// };
///
/// // For devices in any state.
/// fn frame_len<T: Operations, S: State>(dev: &Device<T, S>) -> u32 {
///     dev.mtu() + u32::from(dev.hard_header_len())
/// }
/// ```
pub trait State: sealed::State + 'static {}

/// The state of a device that is not registered, or no longer: it may not be there for the rest of
/// the stack. So it is in `ndo_init` and `ndo_uninit`, too.
///
/// # Examples
///
/// See [`State`].
pub enum Unregistered {}

/// The state of a device that user space may see in sysfs, but that need not have a queueing
/// discipline: it is registered, or is just being registered or unregistered. Statistics can be
/// asked for then.
///
/// # Examples
///
/// See [`State`].
pub enum Visible {}

/// The state of a device that is registered, or is `blackhole_netdev`, which is never freed: others
/// find it, and packets may come.
///
/// # Examples
///
/// See [`State`].
pub enum Registered {}

impl sealed::State for Unregistered {}
impl sealed::State for Visible {}
impl sealed::State for Registered {}
impl State for Unregistered {}
impl State for Visible {}
impl State for Registered {}

/// A network device of driver `T`, borrowed: `struct net_device` and its private data.
///
/// All of it can be reached from several CPUs at the same time, so there are shared references
/// only. What a driver changes in its private data needs locks or atomics, or is per CPU.
///
/// C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)
///
/// # Invariants
///
/// The C object is valid, was allocated for `T`, and is in the state that `S` names. Its private
/// data is a valid `T`.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         netdev_features::Features,
///         netdevice::{
///             self,
///             Device,
///             Flag,
///             Name,
///             NameAssignType,
///             NetdevTx,
///             NoStats,
///             Setup,
///             UnregisteredDevice,
///             XmitContext, //
///         },
///         skbuff::SkBuff, //
///     },
///     prelude::*, //
/// };
///
/// // The driver is its private data.
/// struct Sink {
///     budget: u32,
/// }
///
/// #[vtable]
/// impl netdevice::Operations for Sink {
///     type Stats = NoStats;
///
///     fn setup(dev: &mut Setup<'_, Self>) {
///         dev.ether_setup();
///         dev.set_mtu(9000);
///     }
///
///     fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
///         skb.consume();
///         NetdevTx::Ok
///     }
/// }
///
/// const NAME: Name<'static> = Name::from_static(c"sink%d");
///
/// let dev = UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, 2, 1, Sink { budget: 64 })?;
///
/// assert_eq!(dev.netdev_priv().budget, 64);
/// assert_eq!((dev.num_tx_queues(), dev.num_rx_queues()), (2, 1));
/// assert_eq!((dev.min_mtu(), dev.mtu(), dev.max_mtu()), (68, 9000, 1500));
/// assert_eq!((dev.hard_header_len(), dev.addr_len()), (14, 6));
/// assert!(dev.has_eth_header_ops() && !dev.lltx() && !dev.netns_immutable());
/// assert!(dev.flags().contains(Flag::Broadcast));
/// assert_eq!(dev.features(), Features::empty());
/// assert_eq!(dev.ifindex(), 0);
/// # Ok::<(), Error>(())
/// ```
#[repr(C)]
pub struct Device<T: Operations, S: State = Registered> {
    dev: Opaque<bindings::net_device>,
    data: T,
    _s: PhantomData<S>,
}

// SAFETY: The methods on a shared reference read what does not change, or what C code synchronises;
// the private data is `Sync`.
unsafe impl<T: Operations, S: State> Sync for Device<T, S> {}

macro_rules! getters {
    ($($(#[$doc:meta])* $getter:ident($ty:ty) <= $field:ident;)*) => {
        $(
            $(#[$doc])*
            ///
            /// # Examples
            ///
            /// See [`Device`].
            #[inline]
            pub fn $getter(&self) -> $ty {
                // SAFETY: The device is valid by the type invariants. The core may write the field
                // at the same time, as C readers of it have to expect.
                unsafe { (&raw const (*self.as_raw()).$field).read_volatile() }
            }
        )*
    };
}

impl<T: Operations, S: State> Device<T, S> {
    /// Where C has the private data. Evaluated for each driver: one whose data does not fit does
    /// not compile.
    pub(super) const PRIV_OFFSET: usize = {
        core::assert!(
            align_of::<T>() <= align_of::<bindings::net_device>(),
            "the private data of a device is aligned to a cache line at most"
        );
        core::assert!(offset_of!(Self, data) == offset_of!(bindings::net_device, priv_));

        offset_of!(Self, data)
    };

    /// Borrows a device.
    ///
    /// # Safety
    ///
    /// For the lifetime of the returned reference `dev` must be a valid device that was allocated
    /// for `T` and is in state `S`, and its private data must be a valid `T`.
    #[inline]
    pub(crate) unsafe fn from_raw<'a>(dev: *mut bindings::net_device) -> &'a Self {
        // SAFETY: By the safety requirements. The private data is where `Self` has it.
        unsafe { &*dev.cast() }
    }

    /// The C object.
    ///
    /// # Examples
    ///
    /// For code that calls C itself; see [`Device`] for what needs no such thing.
    #[inline]
    pub fn as_raw(&self) -> *mut bindings::net_device {
        self.dev.get()
    }

    /// The driver's data: `netdev_priv()`.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn netdev_priv(&self) -> Pin<&T> {
        // SAFETY: The data was initialised in place, and stays there until it is dropped.
        unsafe { Pin::new_unchecked(&self.data) }
    }

    /// The index that user space knows the device by. 0 if none has been given yet.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn ifindex(&self) -> u32 {
        // SAFETY: The device is valid by the type invariants.
        // CAST: There are no negative indices.
        unsafe { (&raw const (*self.as_raw()).ifindex).read_volatile() as u32 }
    }

    getters! {
        /// The largest packet that the device takes, in bytes without the header.
        mtu(u32) <= mtu;
        /// The least MTU that user space can set, in bytes.
        min_mtu(u32) <= min_mtu;
        /// The largest MTU that user space can set, in bytes; 0 if there is no limit.
        max_mtu(u32) <= max_mtu;
        /// The length of the link-layer header in bytes.
        hard_header_len(u16) <= hard_header_len;
        /// The least length of the link-layer header in bytes.
        min_header_len(u8) <= min_header_len;
        /// The length of a link-layer address in bytes, 32 at most.
        addr_len(u8) <= addr_len;
        /// The number of packets that a queue holds by default.
        tx_queue_len(u32) <= tx_queue_len;
        /// How many transmit queues were allocated.
        num_tx_queues(u32) <= num_tx_queues;
        /// How many receive queues were allocated.
        num_rx_queues(u32) <= num_rx_queues;
        /// The largest size of a segmentation offload packet that the device can take, in bytes.
        tso_max_size(u32) <= tso_max_size;
        /// The largest size of a segmentation offload packet that is in use, in bytes.
        gso_max_size(u32) <= gso_max_size;
        /// The type of the link layer, an `ARPHRD_` constant.
        link_type(u16) <= type_;
        /// Where the name comes from, a `NET_NAME_` constant.
        name_assign_type(u8) <= name_assign_type;
        /// The group of devices it belongs to.
        group(i32) <= group;
    }

    /// The features that are on.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn features(&self) -> Features {
        // SAFETY: The device is valid by the type invariants.
        Features::from_bits(unsafe { (&raw const (*self.as_raw()).features).read_volatile() })
    }

    /// The features that user space may change.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn hw_features(&self) -> Features {
        // SAFETY: The device is valid by the type invariants.
        Features::from_bits(unsafe { (&raw const (*self.as_raw()).hw_features).read_volatile() })
    }

    /// The flags that user space sees.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn flags(&self) -> Flags {
        // SAFETY: The device is valid by the type invariants.
        Flags::from_bits(unsafe { (&raw const (*self.as_raw()).flags).read_volatile() })
    }

    /// The bit fields that transmit reads, as they are now.
    #[inline]
    fn priv_flags_fast(&self) -> bindings::net_device__bindgen_ty_1__bindgen_ty_1 {
        // SAFETY: The device is valid by the type invariants. The core may write the fields at the
        // same time, as C readers of them have to expect.
        unsafe { (&raw const (*self.as_raw()).__bindgen_anon_1.__bindgen_anon_1).read_volatile() }
    }

    /// The private flags.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn priv_flags(&self) -> PrivFlags {
        // SAFETY: The device is valid by the type invariants. The core may write the field at the
        // same time, as C readers of it have to expect.
        PrivFlags::from_bits(unsafe { bindings::netdev_get_priv_flags(self.as_raw()) })
    }

    /// Whether the device does its own locking on transmit.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn lltx(&self) -> bool {
        self.priv_flags_fast().lltx() != 0
    }

    /// Whether the device is bound to its namespace.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn netns_immutable(&self) -> bool {
        // SAFETY: The device is valid by the type invariants; the driver's setup is over, and
        // nobody else writes this field.
        unsafe { bindings::net_device::netns_immutable_raw(self.as_raw()) != 0 }
    }

    /// Whether the header operations are those of Ethernet.
    ///
    /// # Examples
    ///
    /// See [`Device`].
    #[inline]
    pub fn has_eth_header_ops(&self) -> bool {
        // SAFETY: The device is valid by the type invariants; the driver's setup is over.
        unsafe { (*self.as_raw()).header_ops == &raw const bindings::eth_header_ops }
    }
}

impl<T: Operations> Device<T> {
    /// The namespace that the device is in: `dev_net()`.
    ///
    /// # Context
    ///
    /// RTNL held: a device may be moved, and a namespace that it left may go away.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::{
    ///     netdevice::{
    ///         Device,
    ///         Operations, //
    ///     },
    ///     rtnl, //
    /// };
    ///
    /// fn is_at_home<T: Operations>(dev: &Device<T>) -> bool {
    ///     let rtnl = rtnl::lock();
    ///     dev.net(&rtnl).is_init()
    /// }
    /// ```
    #[inline]
    pub fn net<'a>(&'a self, _rtnl: &'a RtnlGuard) -> &'a Namespace {
        // SAFETY: The device is valid, and in a namespace that lives; it cannot leave it while RTNL
        // is held.
        unsafe { Namespace::from_raw(bindings::dev_net(self.as_raw())) }
    }

    /// Says that the link is there: `netif_carrier_on()`. It is, until a driver says otherwise.
    ///
    /// # Context
    ///
    /// Any.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     net::netdevice::{
    ///         Device,
    ///         Operations, //
    ///     },
    ///     prelude::*, //
    /// };
    ///
    /// // For `Operations::change_carrier`.
    /// fn change_carrier<T: Operations>(dev: &Device<T>, carrier: bool) -> Result {
    ///     if carrier {
    ///         dev.carrier_on();
    ///     } else {
    ///         dev.carrier_off();
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[inline]
    pub fn carrier_on(&self) {
        // SAFETY: The device is registered by the type invariants.
        unsafe { bindings::netif_carrier_on(self.as_raw()) }
    }

    /// Says that the link is lost: `netif_carrier_off()`.
    ///
    /// # Context
    ///
    /// Any.
    ///
    /// # Examples
    ///
    /// See [`Device::carrier_on`].
    #[inline]
    pub fn carrier_off(&self) {
        // SAFETY: The device is registered by the type invariants.
        unsafe { bindings::netif_carrier_off(self.as_raw()) }
    }

    /// Brings the device up: `dev_open()`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is detached, and what [`Operations::validate_addr`],
    /// [`Operations::open`] or a notifier returns.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    ///
    /// # Examples
    ///
    /// See [`RtnlGuard`].
    pub fn open(&self, _rtnl: &RtnlGuard) -> Result {
        // SAFETY: The device is registered by the type invariants, and RTNL is held.
        to_result(unsafe { bindings::dev_open(self.as_raw(), core::ptr::null_mut()) })
    }

    /// Takes the device down: `dev_close()`.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    ///
    /// # Examples
    ///
    /// See [`RtnlGuard`].
    pub fn close(&self, _rtnl: &RtnlGuard) {
        // SAFETY: The device is registered by the type invariants, and RTNL is held.
        unsafe { bindings::dev_close(self.as_raw()) }
    }

    /// Changes the largest packet that the device takes, in bytes without the header:
    /// `dev_set_mtu()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the device has other limits, `ENODEV` if it is detached, and what
    /// [`Operations::change_mtu`] or a notifier returns.
    ///
    /// # Context
    ///
    /// Process context, RTNL held; may sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     net::{
    ///         netdevice::{
    ///             Device,
    ///             Operations, //
    ///         },
    ///         rtnl, //
    ///     },
    ///     prelude::*, //
    /// };
    ///
    /// // A device stacked on another one gets what fits into the other one's packets.
    /// fn fit<T: Operations, U: Operations>(upper: &Device<T>, lower: &Device<U>) -> Result {
    ///     let room = u32::from(upper.hard_header_len());
    ///
    ///     upper.set_mtu(lower.mtu().saturating_sub(room), &rtnl::lock())
    /// }
    /// ```
    pub fn set_mtu(&self, new_mtu: u32, _rtnl: &RtnlGuard) -> Result {
        let new_mtu = c_int::try_from(new_mtu).map_err(|_| EINVAL)?;

        // SAFETY: The device is registered by the type invariants, and RTNL is held.
        to_result(unsafe { bindings::dev_set_mtu(self.as_raw(), new_mtu) })
    }

    /// What the core reports as the device's statistics: `dev_get_stats()`.
    ///
    /// # Context
    ///
    /// RTNL held; does not sleep. (C lets RCU do, too. But then [`Operations::get_stats64`] could
    /// ask for what it is asked for.)
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::{
    ///     netdevice::{
    ///         Device,
    ///         Operations, //
    ///     },
    ///     rtnl, //
    /// };
    ///
    /// fn is_idle<T: Operations>(dev: &Device<T>) -> bool {
    ///     dev.get_stats(&rtnl::lock()).tx_packets() == 0
    /// }
    /// ```
    pub fn get_stats(&self, _rtnl: &RtnlGuard) -> LinkStats64 {
        let mut stats = LinkStats64::default();

        // SAFETY: The device is registered by the type invariants; `stats` is valid for writes.
        unsafe { bindings::dev_get_stats(self.as_raw(), stats.as_mut_ptr()) };
        stats
    }

    /// Transmit queue number `index`, from 0 on: `netdev_get_tx_queue()`. `None` if there are not
    /// so many.
    ///
    /// # Examples
    ///
    /// See [`TxQueue`].
    #[inline]
    pub fn tx_queue(&self, index: u16) -> Option<TxQueue<'_>> {
        if u32::from(index) >= self.num_tx_queues() {
            return None;
        }

        // SAFETY: The device is registered by the type invariants, and has that many queues.
        Some(unsafe { TxQueue::from_raw((*self.as_raw())._tx.add(index.into())) })
    }
}

impl<T: Operations> Device<T, Unregistered> {
    /// Gives the device's locks classes of their own: `netdev_lockdep_set_classes()`.
    ///
    /// Without lockdep this does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     net::netdevice::{
    ///         Device,
    ///         Operations,
    ///         Unregistered, //
    ///     },
    ///     prelude::*, //
    /// };
    ///
    /// // For `Operations::init`.
    /// fn init<T: Operations>(dev: &Device<T, Unregistered>) -> Result {
    ///     dev.lockdep_set_classes();
    ///     Ok(())
    /// }
    /// ```
    #[inline]
    pub fn lockdep_set_classes(&self) {
        // SAFETY: The device is valid, and nobody holds the locks of an unregistered device.
        unsafe { bindings::netdev_lockdep_set_classes(self.as_raw()) }
    }
}
