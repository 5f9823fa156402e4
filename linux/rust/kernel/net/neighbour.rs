// SPDX-License-Identifier: GPL-2.0

//! Neighbours: what the stack knows of the other end of a link.
//!
//! C header: [`include/net/neighbour.h`](srctree/include/net/neighbour.h)

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use crate::{
    error::from_result,
    net::skbuff::SkBuff,
    prelude::*, //
};

/// A neighbour that is being made, a `struct neighbour`.
///
/// # Invariants
///
/// `neigh` is valid for `'a`, and nobody else knows of it yet.
///
/// # Examples
///
/// See [`Output`].
pub struct Neighbour<'a> {
    neigh: NonNull<bindings::neighbour>,
    _p: PhantomData<&'a mut bindings::neighbour>,
}

impl Neighbour<'_> {
    /// Wraps what `ndo_neigh_construct` is given.
    ///
    /// # Safety
    ///
    /// `neigh` must be valid for the lifetime of the result, and known to nobody else. When its
    /// device is unregistered, the core must set another output before the driver goes.
    #[inline]
    pub(super) unsafe fn from_raw(neigh: NonNull<bindings::neighbour>) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            neigh,
            _p: PhantomData,
        }
    }

    /// Says how packets for this neighbour are sent, until its state changes: `neigh->output`.
    ///
    /// # Examples
    ///
    /// See [`Output`].
    #[inline]
    pub fn set_output<O: Output>(&mut self) {
        // SAFETY: The neighbour is valid and ours alone by the type invariants. As long as it has
        // this output, its device is there, and so is the driver.
        unsafe { (*self.neigh.as_ptr()).output = Some(output_callback::<O>) }
    }
}

/// How packets for a neighbour are sent.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         neighbour::{
///             Neighbour,
///             Output, //
///         },
///         skbuff::{
///             DropReason,
///             SkBuff, //
///         }, //
///     },
///     prelude::*, //
/// };
///
/// /// Nobody is reached.
/// struct Nowhere;
///
/// impl Output for Nowhere {
///     fn output(skb: SkBuff) -> Result {
///         skb.drop_reason(DropReason::DevReady);
///         Ok(())
///     }
/// }
///
/// // For `netdevice::Operations::neigh_construct`.
/// fn neigh_construct(neigh: &mut Neighbour<'_>) -> Result {
///     neigh.set_output::<Nowhere>();
///     Ok(())
/// }
/// ```
pub trait Output {
    /// Sends a packet, whose link-layer header is not there yet.
    ///
    /// # Context
    ///
    /// RCU read-side section, in a task or with bottom halves off; must not sleep.
    fn output(skb: SkBuff) -> Result;
}

/// # Safety
///
/// To be called by the kernel only, as `neigh->output`.
unsafe extern "C" fn output_callback<O: Output>(
    _neigh: *mut bindings::neighbour,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: The kernel passes a valid buffer, and with it its ownership; its route stays valid
    // during the call.
    let skb = unsafe { SkBuff::from_raw(NonNull::new_unchecked(skb)) };

    from_result(|| O::output(skb).map(|()| 0))
}
