// SPDX-License-Identifier: GPL-2.0

//! BIG TCP over IPv4: how much data one packet of TCP may have on `lo`, which is more than any header
//! can say.

use crate::compare::random::message::Attributes;
use crate::compare::random::message::Netlink;
use crate::compare::random::message::Request;

const RTM_SETLINK: u16 = 19;
const IFLA_GSO_IPV4_MAX_SIZE: u16 = 63;

/// The length of `struct ifinfomsg`, and where the device's index is in it.
const INFO: usize = 16;
const INDEX: usize = 4;

/// What `lo` begins with, which is what a header can say, and the most that it takes
/// (`GSO_LEGACY_MAX_SIZE`, `GSO_MAX_SIZE`).
pub const LEGACY: u32 = 1 << 16;
const MOST: u32 = 8 * 65_535;

/// Packets may be as large as they get, until this is used up.
pub struct BigTcp(());

impl BigTcp {
    /// Lets connections have them that are made from now on.
    pub fn allow() -> Result<Self, String> {
        set_limit(MOST)?;
        Ok(Self(()))
    }

    /// Sets `lo` back.
    pub fn forbid(self) -> Result<(), String> {
        set_limit(LEGACY)
    }
}

fn set_limit(bytes: u32) -> Result<(), String> {
    let mut info = [0; INFO];
    info[INDEX] = 1;
    let request = Request {
        kind: RTM_SETLINK,
        flags: 0,
        body: Attributes::after(&info).number(IFLA_GSO_IPV4_MAX_SIZE, bytes),
    };
    match Netlink::open(None)?.ask(&request)? {
        0 => Ok(()),
        errno => Err(format!("gso_ipv4_max_size {bytes} for lo: errno {errno}")),
    }
}
