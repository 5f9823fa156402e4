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
/// assert!(Name::new(c"exactly15chars.").is_ok());
/// assert_eq!(Name::new(c"sixteen.charshere").err(), Some(EINVAL));
/// # let _ = LO;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(&'a CStr);

impl<'a> Name<'a> {
    const fn fits(name: &CStr) -> bool {
        name.to_bytes_with_nul().len() <= bindings::IFNAMSIZ as usize
    }

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is too long.
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
    /// Checks a name at compile time: to be used for constants.
    ///
    /// # Panics
    ///
    /// If the name is too long, which in a constant is a compile-time error.
    pub const fn from_static(name: &'static CStr) -> Self {
        core::assert!(Self::fits(name), "a device name has at most 15 bytes");

        // INVARIANT: Just checked.
        Self(name)
    }
}

/// Where a name comes from, `dev->name_assign_type`; each is the `NET_NAME_` constant of the same
/// name.
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
