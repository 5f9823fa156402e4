// SPDX-License-Identifier: GPL-2.0

//! Socket buffers, as a transmit function sees them.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use crate::{
    alloc::Flags,
    build_error,
    net::netdevice::{
        Device,
        Operations,
        XmitContext, //
    },
    prelude::*, //
};

/// An owned `struct sk_buff`.
///
/// It must be handed on: to the stack with [`SkBuff::netif_rx`], or back to the kernel's memory
/// with [`SkBuff::drop_reason`] or [`SkBuff::consume`]. Code that lets one go out of scope instead
/// does not link; there is no way to free a packet without saying why.
///
/// # Invariants
///
/// `skb` is valid, and this is its only owner.
pub struct SkBuff {
    skb: NonNull<bindings::sk_buff>,
}

// SAFETY: An owned buffer may be used and freed on any CPU and in any context.
unsafe impl Send for SkBuff {}

/// Why a packet is dropped, `enum skb_drop_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DropReason {
    /// No reason known, or none that has a name.
    NotSpecified = bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED,
    /// The device is not ready.
    DevReady = bindings::skb_drop_reason_SKB_DROP_REASON_DEV_READY,
    /// Out of memory.
    NoMem = bindings::skb_drop_reason_SKB_DROP_REASON_NOMEM,
}

/// What became of a buffer that went to [`SkBuff::netif_rx`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a dropped packet is not to be counted as traffic"]
pub enum NetRx {
    /// It is on the CPU's backlog, `NET_RX_SUCCESS`.
    Success,
    /// It was dropped, and the drop was counted, `NET_RX_DROP`.
    Drop,
}

/// What became of a buffer that went to [`SkBuff::dev_queue_xmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum NetXmit {
    /// It was sent, `NET_XMIT_SUCCESS`.
    Success,
    /// It was dropped, or the queue is congested.
    Drop,
}

/// An Ethernet protocol number, in network byte order as in `skb->protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol(u16);

impl Protocol {
    /// The number in host byte order, such as `0x0800` for IPv4.
    #[inline]
    pub fn to_host(self) -> u16 {
        u16::from_be(self.0)
    }
}

impl SkBuff {
    /// Takes ownership of `skb`.
    ///
    /// # Safety
    ///
    /// `skb` must be valid, and the caller must hand over its ownership.
    #[inline]
    pub(crate) unsafe fn from_raw(skb: NonNull<bindings::sk_buff>) -> Self {
        // INVARIANT: As the safety requirements say.
        Self { skb }
    }

    /// Gives ownership to whoever takes the pointer.
    #[inline]
    pub(crate) fn into_raw(self) -> *mut bindings::sk_buff {
        ManuallyDrop::new(self).skb.as_ptr()
    }

    #[inline]
    fn as_raw(&self) -> *mut bindings::sk_buff {
        self.skb.as_ptr()
    }

    /// Allocates an empty buffer with room for `size` bytes: `alloc_skb()`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Context
    ///
    /// As `flags` allow.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::net::skbuff::{DropReason, SkBuff};
    ///
    /// let mut skb = SkBuff::alloc(4, GFP_KERNEL)?;
    /// let appended = skb.put_data(b"abcd");
    /// let len = skb.len();
    /// skb.drop_reason(DropReason::NotSpecified);
    ///
    /// assert!(appended.is_ok());
    /// assert_eq!(len, 4);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn alloc(size: u32, flags: Flags) -> Result<Self> {
        // SAFETY: Any size and flags are fine.
        let skb = unsafe { bindings::alloc_skb(size, flags.as_raw()) };

        // INVARIANT: A new buffer has no other owner.
        Ok(Self {
            skb: NonNull::new(skb).ok_or(ENOMEM)?,
        })
    }

    /// Appends `data`: `skb_put_data()`.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there is not enough room; C stops the machine there.
    pub fn put_data(&mut self, data: &[u8]) -> Result {
        // SAFETY: `skb` is valid by the type invariants.
        let room = unsafe { bindings::skb_tailroom(self.as_raw()) };
        let len = u32::try_from(data.len()).map_err(|_| ENOSPC)?;
        if i64::from(len) > i64::from(room) {
            return Err(ENOSPC);
        }

        // SAFETY: `skb` is valid, and has room for the `len` bytes of `data`.
        unsafe { bindings::skb_put_data(self.as_raw(), data.as_ptr().cast(), len) };
        Ok(())
    }

    /// Sends a frame, link-layer header included, over `dev`: `dev_queue_xmit()`.
    ///
    /// # Errors
    ///
    /// `ENETDOWN` if the device is down, and what else the transmit path returns.
    ///
    /// # Context
    ///
    /// Process context or bottom half, interrupts on.
    pub fn dev_queue_xmit<T: Operations>(self, dev: &Device<T>) -> Result<NetXmit> {
        let skb = self.into_raw();

        // SAFETY: The buffer is valid and its ownership passes to the callee, whatever it returns.
        // `dev` is registered and stays so during the call.
        let ret = unsafe {
            (*skb)
                .__bindgen_anon_1
                .__bindgen_anon_1
                .__bindgen_anon_1
                .dev = dev.as_raw();
            bindings::__dev_queue_xmit(skb, core::ptr::null_mut())
        };

        match ret {
            ..0 => Err(Error::from_errno(ret)),
            0 => Ok(NetXmit::Success),
            _ => Ok(NetXmit::Drop),
        }
    }

    /// The length in bytes, paged data included.
    #[inline]
    // A frame has its header: there is no use for `is_empty()`.
    #[expect(clippy::len_without_is_empty)]
    pub fn len(&self) -> u32 {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { (*self.as_raw()).len }
    }

    /// Takes the software transmit timestamp, if the sender asked for one: `skb_tx_timestamp()`.
    ///
    /// To be called as late as possible, but before the buffer is handed on.
    #[inline]
    pub fn tx_timestamp(&mut self) {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { bindings::skb_tx_timestamp(self.as_raw()) }
    }

    /// Forgets the timestamp: `skb_clear_tstamp()`. The clocks of sender and receiver differ.
    #[inline]
    pub fn clear_tstamp(&mut self) {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { bindings::skb_clear_tstamp(self.as_raw()) }
    }

    /// Parts the buffer from the socket that sent it: `skb_orphan()`.
    #[inline]
    pub fn orphan(&mut self) {
        // SAFETY: `skb` is valid by the type invariants.
        unsafe { bindings::skb_orphan(self.as_raw()) }
    }

    /// Takes a reference on the route, if the buffer has one that is not counted:
    /// `skb_dst_force()`. The buffer can then outlive the RCU read-side section.
    ///
    /// Returns whether the buffer has a route afterwards.
    #[inline]
    pub fn dst_force(&mut self, _cx: &XmitContext<'_>) -> bool {
        // SAFETY: `skb` is valid by the type invariants; `XmitContext` says that this is an RCU
        // read-side section.
        unsafe { bindings::skb_dst_force(self.as_raw()) }
    }

    /// Takes the Ethernet header off and makes `dev` the receiving device: `eth_type_trans()`.
    ///
    /// Returns the protocol that the header names.
    #[inline]
    pub fn eth_type_trans<T: Operations>(&mut self, dev: &Device<T>) -> Protocol {
        // SAFETY: `skb` and `dev` are valid by their type invariants. `dev` is registered, and what
        // is left of its packets on a backlog is flushed when it is unregistered, so `skb->dev`
        // does not dangle.
        Protocol(unsafe { bindings::eth_type_trans(self.as_raw(), dev.as_raw()) })
    }

    /// Sets the protocol by which the stack finds the packet's handler.
    #[inline]
    pub fn set_protocol(&mut self, protocol: Protocol) {
        // SAFETY: `skb` is valid by the type invariants, and this is its only owner.
        unsafe {
            (*self.as_raw())
                .__bindgen_anon_4
                .__bindgen_anon_1
                .as_mut()
                .protocol = protocol.0
        }
    }

    /// Puts the buffer on the CPU's backlog, from where the stack receives it: `__netif_rx()`.
    #[inline]
    pub fn netif_rx(self, _cx: &XmitContext<'_>) -> NetRx {
        // SAFETY: The ownership passes to the callee, whatever it returns. `XmitContext` says that
        // bottom halves are off, as `__netif_rx()` demands.
        let ret = unsafe { bindings::__netif_rx(self.into_raw()) };

        if ret == bindings::NET_RX_SUCCESS as c_int {
            NetRx::Success
        } else {
            NetRx::Drop
        }
    }

    /// Frees a packet that is lost, and says why: `kfree_skb_reason()`.
    #[inline]
    pub fn drop_reason(self, reason: DropReason) {
        // SAFETY: The ownership passes to the callee.
        unsafe { bindings::kfree_skb_reason(self.into_raw(), reason as u32) }
    }

    /// Frees a packet that reached its end: `consume_skb()`. This is no drop.
    #[inline]
    pub fn consume(self) {
        // SAFETY: The ownership passes to the callee.
        unsafe { bindings::consume_skb(self.into_raw()) }
    }
}

impl Drop for SkBuff {
    #[inline(always)]
    fn drop(&mut self) {
        build_error!("an `SkBuff` must be handed on, not forgotten");
    }
}
