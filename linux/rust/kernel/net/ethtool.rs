// SPDX-License-Identifier: GPL-2.0

//! Ethtool operations.
//!
//! C header: [`include/linux/ethtool.h`](srctree/include/linux/ethtool.h)

use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

use crate::{
    error::{
        from_result,
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    net::netdevice::{
        self,
        Device, //
    },
    prelude::*, //
};

/// What a device tells `ethtool`, `struct ethtool_ops`. What is not implemented is absent from the
/// C table.
///
/// It is implemented for the type that [`netdevice::Operations`] is implemented for, and takes
/// effect with [`Setup::set_ethtool_ops`](netdevice::Setup::set_ethtool_ops).
///
/// # Context
///
/// RTNL held; may sleep.
///
/// # Examples
///
/// ```
/// use kernel::{
///     net::{
///         ethtool::{
///             self,
///             TsInfo, //
///         },
///         netdevice::{
///             self,
///             Device,
///             NetdevTx,
///             NoStats,
///             Setup,
///             XmitContext, //
///         },
///         skbuff::SkBuff, //
///     },
///     prelude::*, //
/// };
///
/// struct Sink;
///
/// #[vtable]
/// impl ethtool::Operations for Sink {
///     fn get_link(_dev: &Device<Self>) -> bool {
///         true
///     }
///
///     fn get_ts_info(dev: &Device<Self>, info: &mut TsInfo<'_>) -> Result {
///         ethtool::op_get_ts_info(dev, info)
///     }
/// }
///
/// #[vtable]
/// impl netdevice::Operations for Sink {
///     type Stats = NoStats;
///
///     fn setup(dev: &mut Setup<'_, Self>) {
///         dev.set_ethtool_ops();
///     }
///
///     fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
///         skb.consume();
///         NetdevTx::Ok
///     }
/// }
/// ```
#[vtable]
pub trait Operations: netdevice::Operations {
    /// Whether the link is up. The core asks while the device is running, and otherwise knows.
    fn get_link(_dev: &Device<Self>) -> bool {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Which timestamps the device can take.
    fn get_ts_info(_dev: &Device<Self>, _info: &mut TsInfo<'_>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The answer to [`Operations::get_ts_info`], `struct kernel_ethtool_ts_info`.
///
/// # Invariants
///
/// `info` is valid for writes for `'a`.
///
/// # Examples
///
/// See [`Operations`].
pub struct TsInfo<'a> {
    info: NonNull<bindings::kernel_ethtool_ts_info>,
    _p: PhantomData<&'a mut bindings::kernel_ethtool_ts_info>,
}

/// Says that the stack takes software timestamps: `ethtool_op_get_ts_info()`.
///
/// # Errors
///
/// None at present; C returns 0.
///
/// # Context
///
/// RTNL held.
///
/// # Examples
///
/// See [`Operations`].
pub fn op_get_ts_info<T: Operations>(dev: &Device<T>, info: &mut TsInfo<'_>) -> Result {
    // SAFETY: Both are valid by their type invariants.
    to_result(unsafe { bindings::ethtool_op_get_ts_info(dev.as_raw(), info.info.as_ptr()) })
}

/// The C table for `T`.
pub(super) struct VTable<T: Operations>(PhantomData<T>);

impl<T: Operations> VTable<T> {
    const OPS: bindings::ethtool_ops = bindings::ethtool_ops {
        get_link: if T::HAS_GET_LINK {
            Some(Self::get_link_callback)
        } else {
            None
        },
        get_ts_info: if T::HAS_GET_TS_INFO {
            Some(Self::get_ts_info_callback)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    pub(super) const fn get() -> &'static bindings::ethtool_ops {
        &Self::OPS
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ethtool_ops::get_link` of a device of `T`.
    unsafe extern "C" fn get_link_callback(dev: *mut bindings::net_device) -> u32 {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T>::from_raw(dev) };

        T::get_link(dev).into()
    }

    /// # Safety
    ///
    /// To be called by the kernel only, as `ethtool_ops::get_ts_info` of a device of `T`.
    unsafe extern "C" fn get_ts_info_callback(
        dev: *mut bindings::net_device,
        info: *mut bindings::kernel_ethtool_ts_info,
    ) -> c_int {
        // SAFETY: The kernel passes a registered device of `T`.
        let dev = unsafe { Device::<T>::from_raw(dev) };

        // INVARIANT: The kernel passes an initialised structure that is the callee's to write.
        let mut info = TsInfo {
            // SAFETY: The kernel passes no null pointer.
            info: unsafe { NonNull::new_unchecked(info) },
            _p: PhantomData,
        };

        from_result(|| {
            T::get_ts_info(dev, &mut info)?;
            Ok(0)
        })
    }
}
