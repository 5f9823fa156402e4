// SPDX-License-Identifier: GPL-2.0

//! Socket buffers, as a network device sees them.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use crate::{
    alloc::Flags,
    build_error,
    net::{
        bottom_half::BhDisabled,
        netdevice::{
            Device,
            Operations,
            XmitContext, //
        }, //
    },
    prelude::*,
    types::NotThreadSafe, //
};

mod sealed {
    pub trait State {}
}

/// How far a buffer is on its way through a device: [`Xmit`], [`Owned`] or [`Received`].
///
/// # Examples
///
/// See [`SkBuff`].
pub trait State: sealed::State {}

/// The state of a buffer that a transmit function was given, or a neighbour's output: its route may
/// be borrowed from the RCU read-side section around that function.
///
/// # Examples
///
/// See [`SkBuff`].
pub enum Xmit {}

/// The state of a buffer that keeps alive all that it points to.
///
/// # Examples
///
/// See [`SkBuff`].
pub enum Owned {}

/// The state of a buffer that a registered device has received, as long as that device is borrowed.
///
/// # Examples
///
/// See [`SkBuff`].
pub struct Received<'dev>(PhantomData<&'dev ()>);

impl sealed::State for Xmit {}
impl sealed::State for Owned {}
impl sealed::State for Received<'_> {}
impl State for Xmit {}
impl State for Owned {}
impl State for Received<'_> {}

/// An owned `struct sk_buff`.
///
/// It must be handed on: to the stack with [`SkBuff::netif_rx`], to a device with
/// [`SkBuff::dev_queue_xmit`], back to the core as
/// [`NetdevTx::Busy`](crate::net::netdevice::NetdevTx::Busy), or to the kernel's memory with
/// [`SkBuff::drop_reason`] or [`SkBuff::consume`]. Code that lets one go out of scope instead does
/// not link; there is no way to free a packet without saying why.
///
/// What was sent can be received only after [`SkBuff::dst_force`] and [`SkBuff::eth_type_trans`],
/// in this order: on the backlog, a packet may have neither a borrowed route nor no device. A
/// buffer cannot be kept for later, or in another thread.
///
/// # Invariants
///
/// `skb` is valid, and this is its only user; pktgen may have a reference, to see when it is freed.
/// In state [`Xmit`] it is what the function that is running was given. In all other states it has
/// no borrowed route; in state [`Received`], `skb->dev` is a device that stays registered for
/// `'dev`.
///
/// # Examples
///
/// ```
/// use kernel::net::{
///     netdevice::{
///         Device,
///         NetdevTx,
///         Operations,
///         XmitContext, //
///     },
///     skbuff::{
///         NetRx,
///         Owned,
///         Received,
///         SkBuff,
///         Xmit, //
///     },
/// };
///
/// // Gives to the stack what the stack gave to the device.
/// fn start_xmit<T: Operations>(
///     skb: SkBuff<Xmit>,
///     dev: &Device<T>,
///     cx: &XmitContext<'_>,
/// ) -> NetdevTx {
///     let skb: SkBuff<Owned> = skb.dst_force(cx);
///     let skb: SkBuff<Received<'_>> = skb.eth_type_trans(dev);
///
///     let len = skb.len();
///     if skb.netif_rx(cx) == NetRx::Success {
///         pr_debug!("{} bytes\n", len);
///     }
///     NetdevTx::Ok
/// }
/// ```
pub struct SkBuff<S: State = Xmit> {
    skb: NonNull<bindings::sk_buff>,
    _p: PhantomData<(S, NotThreadSafe)>,
}

/// Why a packet is dropped, `enum skb_drop_reason`.
///
/// # Examples
///
/// See [`SkBuff::drop_reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DropReason {
    /// No reason known, or none that has a name.
    NotSpecified = bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED,
    /// The device is not ready.
    DevReady = bindings::skb_drop_reason_SKB_DROP_REASON_DEV_READY,
    /// Out of memory.
    NoMem = bindings::skb_drop_reason_SKB_DROP_REASON_NOMEM,
    /// Shorter than its header.
    PktTooSmall = bindings::skb_drop_reason_SKB_DROP_REASON_PKT_TOO_SMALL,
}

/// What became of a buffer that went to [`SkBuff::netif_rx`].
///
/// # Examples
///
/// See [`SkBuff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a dropped packet is not to be counted as traffic"]
pub enum NetRx {
    /// It is on the CPU's backlog, `NET_RX_SUCCESS`.
    Success,
    /// It was dropped, and the drop was counted, `NET_RX_DROP`.
    Drop,
}

/// What became of a buffer that went to [`SkBuff::dev_queue_xmit`].
///
/// # Examples
///
/// See [`SkBuff::dev_queue_xmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum NetXmit {
    /// It was sent, or will be, `NET_XMIT_SUCCESS`.
    Success,
    /// It was dropped, or the queue is congested.
    Drop,
}

impl SkBuff<Xmit> {
    /// Takes ownership of the buffer that a transmit function or a neighbour's output is given.
    ///
    /// # Safety
    ///
    /// `skb` must be valid, the caller must hand over its ownership, and the result must not
    /// outlive that function.
    #[inline]
    pub(super) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: As the safety requirements say.
        Self {
            skb,
            _p: PhantomData,
        }
    }

    /// Takes a reference on the route, if it is borrowed: `skb_dst_force()`. The buffer can then
    /// outlive the RCU read-side section.
    ///
    /// # Examples
    ///
    /// See [`SkBuff`].
    #[inline]
    pub fn dst_force(self, _cx: &XmitContext<'_>) -> SkBuff<Owned> {
        // Whether there is a route is of no interest: one that is about to be freed is let go of.
        //
        // SAFETY: `skb` is valid by the type invariants; `XmitContext` says that this is an RCU
        // read-side section.
        let _ = unsafe { bindings::skb_dst_force(self.as_raw()) };

        // INVARIANT: The route, if there is one, is no longer borrowed.
        self.into_state()
    }
}

impl SkBuff<Owned> {
    /// Allocates an empty buffer with room for `size` bytes: `alloc_skb()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `size` is larger than `i32::MAX`, `ENOMEM`.
    ///
    /// # Context
    ///
    /// As `flags` allow.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::skbuff::SkBuff;
    ///
    /// let mut skb = SkBuff::alloc(4, GFP_KERNEL)?;
    /// let appended = skb.put_data(b"abcd");
    /// let len = skb.len();
    /// skb.consume();
    ///
    /// assert!(appended.is_ok());
    /// assert_eq!(len, 4);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn alloc(size: u32, flags: Flags) -> Result<Self> {
        // C adds to the size in 32 bits.
        if c_int::try_from(size).is_err() {
            return Err(EINVAL);
        }

        // SAFETY: Any such size and flags are fine.
        let skb = unsafe { bindings::alloc_skb(size, flags.as_raw()) };

        // INVARIANT: A new buffer has no other owner, and no route.
        Ok(Self {
            skb: NonNull::new(skb).ok_or(ENOMEM)?,
            _p: PhantomData,
        })
    }

    /// Takes the Ethernet header off, notes its protocol, and makes `dev` the receiving device:
    /// `skb->protocol = eth_type_trans(skb, dev)`.
    ///
    /// `dev` is to be in the namespace that the packet comes from: what the packet carries of that
    /// one, it keeps.
    ///
    /// # Examples
    ///
    /// See [`SkBuff`].
    #[inline]
    pub fn eth_type_trans<T: Operations>(self, dev: &Device<T>) -> SkBuff<Received<'_>> {
        // SAFETY: `skb` and `dev` are valid by their type invariants, and this is the only user of
        // `skb`. Its header, if it is long enough to have one, is in the linear part, as C demands:
        // what was allocated here is linear, and what was sent has the header of its device there,
        // or is linear as a whole if that is shorter (`UnregisteredDevice::alloc_mqs()` sees to
        // that). A packet shorter than a header stays as it is, and behind its data there is always
        // room for a header to be read.
        unsafe {
            let protocol = bindings::eth_type_trans(self.as_raw(), dev.as_raw());
            (*self.as_raw())
                .__bindgen_anon_4
                .__bindgen_anon_1
                .as_mut()
                .protocol = protocol;
        }

        // INVARIANT: `skb->dev` is `dev`, which is registered.
        self.into_state()
    }
}

impl SkBuff<Received<'_>> {
    /// Puts the buffer on the CPU's backlog, from where the stack receives it: `__netif_rx()`. C's
    /// `netif_rx()` is the same for callers that have not turned bottom halves off; here they must.
    ///
    /// # Context
    ///
    /// Bottom halves off.
    ///
    /// # Examples
    ///
    /// See [`SkBuff`].
    #[inline]
    pub fn netif_rx(self, _bh: &BhDisabled) -> NetRx {
        // SAFETY: The ownership passes to the callee, whatever it returns. `BhDisabled` says that
        // bottom halves are off, as `__netif_rx()` demands. `skb->dev` is registered, and when it
        // is unregistered, its packets on the backlog are flushed; no packet there borrows its
        // route.
        let ret = unsafe { bindings::__netif_rx(self.into_raw()) };

        if ret == bindings::NET_RX_SUCCESS as c_int {
            NetRx::Success
        } else {
            NetRx::Drop
        }
    }
}

impl<S: State> SkBuff<S> {
    /// Gives ownership to whoever takes the pointer.
    #[inline]
    pub(super) fn into_raw(self) -> *mut bindings::sk_buff {
        ManuallyDrop::new(self).skb.as_ptr()
    }

    /// The caller has made the invariants of state `R` true.
    #[inline]
    fn into_state<R: State>(self) -> SkBuff<R> {
        SkBuff {
            skb: ManuallyDrop::new(self).skb,
            _p: PhantomData,
        }
    }

    #[inline]
    fn as_raw(&self) -> *mut bindings::sk_buff {
        self.skb.as_ptr()
    }

    /// Appends `data`: `skb_put_data()`.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is not enough room, where C stops the machine; `EBUSY` if the buffer or
    /// its data has other users.
    ///
    /// # Examples
    ///
    /// See [`SkBuff::alloc`].
    pub fn put_data(&mut self, data: &[u8]) -> Result {
        if data.is_empty() {
            return Ok(());
        }

        // SAFETY: `skb` is valid by the type invariants.
        if unsafe { bindings::skb_shared(self.as_raw()) || bindings::skb_cloned(self.as_raw()) } {
            return Err(EBUSY);
        }

        // SAFETY: `skb` is valid by the type invariants.
        let room = unsafe { bindings::skb_tailroom(self.as_raw()) };
        let len = u32::try_from(data.len()).map_err(|_| ENOSPC)?;
        if i64::from(len) > i64::from(room) {
            return Err(ENOSPC);
        }

        // SAFETY: `skb` is valid, has room for the `len` bytes of `data`, which implies that it is
        // linear, and nobody shares that room.
        unsafe { bindings::skb_put_data(self.as_raw(), data.as_ptr().cast(), len) };
        Ok(())
    }

    /// The length in bytes, paged data included. A frame's header counts until it is taken off.
    ///
    /// # Examples
    ///
    /// See [`SkBuff::alloc`].
    #[inline]
    // A frame has its header: there is no use for `is_empty()`.
    #[expect(clippy::len_without_is_empty)]
    pub fn len(&self) -> u32 {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { (*self.as_raw()).len }
    }

    /// The number of the transmit queue that the core has chosen: `skb_get_queue_mapping()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::{
    ///     netdevice::{
    ///         Device,
    ///         Operations,
    ///         TxQueue, //
    ///     },
    ///     skbuff::SkBuff, //
    /// };
    ///
    /// fn queue_of<'a, T: Operations>(dev: &'a Device<T>, skb: &SkBuff) -> Option<TxQueue<'a>> {
    ///     dev.tx_queue(skb.queue_mapping())
    /// }
    /// ```
    #[inline]
    pub fn queue_mapping(&self) -> u16 {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { (*self.as_raw()).queue_mapping }
    }

    /// Takes the software transmit timestamp, if the sender asked for one: `skb_tx_timestamp()`.
    ///
    /// To be called as late as possible, but before the buffer is handed on.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::skbuff::SkBuff;
    ///
    /// fn forward(skb: &mut SkBuff) {
    ///     skb.tx_timestamp();
    ///     skb.clear_tstamp();
    ///     skb.orphan();
    /// }
    /// ```
    #[inline]
    pub fn tx_timestamp(&mut self) {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { bindings::skb_tx_timestamp(self.as_raw()) }
    }

    /// Forgets the timestamp: `skb_clear_tstamp()`. The clocks of sender and receiver differ.
    ///
    /// # Examples
    ///
    /// See [`SkBuff::tx_timestamp`].
    #[inline]
    pub fn clear_tstamp(&mut self) {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { bindings::skb_clear_tstamp(self.as_raw()) }
    }

    /// Parts the buffer from the socket that sent it: `skb_orphan()`.
    ///
    /// # Examples
    ///
    /// See [`SkBuff::tx_timestamp`].
    #[inline]
    pub fn orphan(&mut self) {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { bindings::skb_orphan(self.as_raw()) }
    }

    /// Sends a frame, link-layer header included, over `dev`: `dev_queue_xmit()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is shorter than the device's header, `ENOMEM`, `ENETDOWN` if too many devices
    /// send to each other, and what else the transmit path returns. The buffer is then freed. A
    /// device that is down drops it, which is no error.
    ///
    /// # Context
    ///
    /// Process context or bottom half, interrupts on.
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
    ///         skbuff::{
    ///             NetXmit,
    ///             Owned,
    ///             SkBuff, //
    ///         },
    ///     },
    ///     prelude::*, //
    /// };
    ///
    /// fn send<T: Operations>(skb: SkBuff<Owned>, dev: &Device<T>) -> Result {
    ///     match skb.dev_queue_xmit(dev)? {
    ///         NetXmit::Success => Ok(()),
    ///         NetXmit::Drop => Err(ENOBUFS),
    ///     }
    /// }
    /// ```
    pub fn dev_queue_xmit<T: Operations>(self, dev: &Device<T>) -> Result<NetXmit> {
        let len = self.len();
        if len == 0 || len < dev.hard_header_len().into() {
            self.drop_reason(DropReason::PktTooSmall);
            return Err(EINVAL);
        }

        // SAFETY: The buffer is valid, and its ownership passes to the callee, which returns it, a
        // copy that nobody shares, or nothing.
        let skb = unsafe { bindings::skb_share_check(self.into_raw(), bindings::GFP_ATOMIC) };
        if skb.is_null() {
            return Err(ENOMEM);
        }

        // SAFETY: The buffer is valid and its ownership passes to the callee, whatever it returns.
        // `dev` is registered and stays so during the call. If the route is borrowed, this is the
        // RCU read-side section that it is borrowed from: the buffer cannot leave it.
        let ret = unsafe {
            (*skb)
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev = dev.as_raw();
            bindings::dev_queue_xmit(skb)
        };

        match ret {
            ..0 => Err(Error::from_errno(ret)),
            0 => Ok(NetXmit::Success),
            _ => Ok(NetXmit::Drop),
        }
    }

    /// Frees a packet that is lost, and says why: `kfree_skb_reason()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::skbuff::{
    ///     DropReason,
    ///     SkBuff, //
    /// };
    ///
    /// let skb = SkBuff::alloc(0, GFP_KERNEL)?;
    ///
    /// skb.drop_reason(DropReason::PktTooSmall);
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn drop_reason(self, reason: DropReason) {
        // SAFETY: The ownership passes to the callee.
        unsafe { bindings::kfree_skb_reason(self.into_raw(), reason as u32) }
    }

    /// Frees a packet that reached its end: `consume_skb()`. This is no drop.
    ///
    /// # Examples
    ///
    /// See [`SkBuff::alloc`].
    #[inline]
    pub fn consume(self) {
        // SAFETY: The ownership passes to the callee.
        unsafe { bindings::consume_skb(self.into_raw()) }
    }
}

impl<S: State> Drop for SkBuff<S> {
    #[inline(always)]
    fn drop(&mut self) {
        build_error!("an `SkBuff` must be handed on, not forgotten");
    }
}
