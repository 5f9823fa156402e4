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
    net::{
        netdevice::Operations,
        skbuff::SkBuff, //
    },
    prelude::*, //
};

/// A neighbour that is being made on a device of `T`, a `struct neighbour`.
///
/// # Invariants
///
/// `neigh` is valid for `'a`, and nobody else knows of it yet. It has a reference to a device of
/// `T`.
///
/// # Examples
///
/// See [`Output`].
pub struct Neighbour<'a, T: Operations> {
    neigh: NonNull<bindings::neighbour>,
    _p: PhantomData<(&'a mut bindings::neighbour, T)>,
}

impl<T: Operations> Neighbour<'_, T> {
    /// Wraps what `ndo_neigh_construct` is given.
    ///
    /// # Safety
    ///
    /// `neigh` must be valid for the lifetime of the result, known to nobody else, and refer to a
    /// device of `T`.
    #[inline]
    pub(super) unsafe fn from_raw(neigh: NonNull<bindings::neighbour>) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            neigh,
            _p: PhantomData,
        }
    }

    /// Lets packets for this neighbour be sent as the driver says, until its state changes:
    /// `neigh->output`.
    ///
    /// # Examples
    ///
    /// See [`Output`].
    #[inline]
    pub fn set_output(&mut self)
    where
        T: Output,
    {
        // SAFETY: The neighbour is valid and ours alone by the type invariants. It keeps its
        // device, and that waits for all that it is sending when it is unregistered: the driver is
        // there as long as anybody calls this.
        unsafe { (*self.neigh.as_ptr()).output = Some(output_callback::<T>) }
    }
}

/// How a driver sends packets for neighbours on its devices.
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
///         netdevice::{
///             self,
///             Device,
///             NetdevTx,
///             NoStats,
///             Setup,
///             XmitContext, //
///         },
///         skbuff::{
///             DropReason,
///             SkBuff, //
///         }, //
///     },
///     prelude::*, //
/// };
///
/// /// Reaches nobody.
/// struct Nowhere;
///
/// #[vtable]
/// impl netdevice::Operations for Nowhere {
///     type Stats = NoStats;
///
///     fn setup(dev: &mut Setup<'_, Self>) {
///         dev.ether_setup();
///     }
///
///     fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
///         skb.drop_reason(DropReason::DevReady);
///         NetdevTx::Ok
///     }
///
///     fn neigh_construct(_dev: &Device<Self>, neigh: &mut Neighbour<'_, Self>) -> Result {
///         neigh.set_output();
///         Ok(())
///     }
/// }
///
/// impl Output for Nowhere {
///     fn output(skb: SkBuff) -> Result {
///         skb.drop_reason(DropReason::DevReady);
///         Ok(())
///     }
/// }
/// ```
pub trait Output: Operations {
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
unsafe extern "C" fn output_callback<T: Output>(
    _neigh: *mut bindings::neighbour,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: The kernel passes a valid buffer, and with it its ownership; its route stays valid
    // during the call.
    let skb = unsafe { SkBuff::from_raw(NonNull::new_unchecked(skb)) };

    from_result(|| T::output(skb).map(|()| 0))
}
