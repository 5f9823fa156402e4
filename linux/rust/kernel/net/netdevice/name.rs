// SPDX-License-Identifier: GPL-2.0

//! Names of devices.

use crate::prelude::*;

/// A device name, or a pattern with one `%d`, that fits into `dev->name`.
///
/// C's `alloc_netdev_mqs()` stops the machine on a name that is too long; here there is none.
///
/// # Invariants
///
/// The string is shorter than `IFNAMSIZ`.
///
/// # Examples
///
/// ```
/// use kernel::net::netdevice::Name;
///
/// const LO: Name<'static> = Name::from_static(c"lo");
///
/// assert!(Name::new(c"fifteen.chars.x").is_ok());
/// assert_eq!(Name::new(c"sixteen.chars.xy").err(), Some(EINVAL));
/// # let _ = LO;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(&'a CStr);

impl<'a> Name<'a> {
    #[inline(always)]
    const fn fits(name: &CStr) -> bool {
        name.to_bytes_with_nul().len() <= bindings::IFNAMSIZ as usize
    }

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is too long.
    ///
    /// # Examples
    ///
    /// See [`Name`].
    pub const fn new(name: &'a CStr) -> Result<Self> {
        if !Self::fits(name) {
            return Err(EINVAL);
        }

        // INVARIANT: Just checked.
        Ok(Self(name))
    }

    #[inline]
    pub(super) fn as_char_ptr(&self) -> *const c_char {
        self.0.as_char_ptr()
    }
}

impl Name<'static> {
    /// Checks a name when the kernel is built: one that is too long is a compile-time error in a
    /// constant, and a link-time error elsewhere.
    ///
    /// # Examples
    ///
    /// See [`Name`].
    // Always inlined, or the check would be left in.
    #[inline(always)]
    pub const fn from_static(name: &'static CStr) -> Self {
        build_assert!(Self::fits(name), "a device name has at most 15 bytes");

        // INVARIANT: Just checked.
        Self(name)
    }
}

/// Where a name comes from, `dev->name_assign_type`; each is the `NET_NAME_` constant of the same
/// name.
///
/// # Examples
///
/// See [`RegisteredDevice`](super::RegisteredDevice).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum NameAssignType {
    /// Not known; not shown to user space.
    Unknown = bindings::NET_NAME_UNKNOWN as u8,
    /// Numbered by the kernel.
    Enum = bindings::NET_NAME_ENUM as u8,
    /// Named by the kernel, in a way that can be foretold.
    Predictable = bindings::NET_NAME_PREDICTABLE as u8,
    /// Given by user space.
    User = bindings::NET_NAME_USER as u8,
}
