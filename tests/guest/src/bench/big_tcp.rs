// SPDX-License-Identifier: GPL-2.0

//! BIG TCP over IPv4: how much data one packet of TCP may have on `lo`, which is more than any header
//! can say.

use rustix::net::RecvFlags;
use rustix::net::SendFlags;

use super::patience;
use crate::compare::wire;
use crate::netlink;

const RTM_SETLINK: u16 = 19;
const IFLA_GSO_IPV4_MAX_SIZE: u16 = 63;

/// The length of `struct ifinfomsg`, and where the device's index is in it.
const INFO: usize = 16;
const INDEX: usize = 4;

/// What `lo` begins with, which is what a header can say, and the most that it takes
/// (`GSO_LEGACY_MAX_SIZE`, `GSO_MAX_SIZE`).
pub const LEGACY: u32 = 1 << 16;
const MOST: u32 = 8 * 65_535;

/// As long as this is there, packets may be as large as they get.
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
    let fail = |why: String| format!("gso_ipv4_max_size {bytes} for lo: {why}");
    let mut body = vec![0; INFO];
    body[INDEX] = 1;
    body.extend(wire::attribute(
        IFLA_GSO_IPV4_MAX_SIZE,
        &bytes.to_ne_bytes(),
    ));
    let request = wire::message(RTM_SETLINK, wire::REQUEST | wire::ACK, &body);
    let socket = netlink::open(None, 0)?;
    patience::limit(&socket).map_err(|e| fail(e.to_string()))?;
    rustix::net::send(&socket, &request, SendFlags::empty()).map_err(|e| fail(e.to_string()))?;
    let answer = netlink::receive(&socket, RecvFlags::empty())?.unwrap_or_default();
    match errno(&answer) {
        Some(0) => Ok(()),
        _ => Err(fail(format!("{answer:x?} was the answer"))),
    }
}

/// What an acknowledgement says.
fn errno(answer: &[u8]) -> Option<u32> {
    let message = wire::messages(answer).next()?;
    let is_error = wire::u16_at(message, 4) == wire::NLMSG_ERROR;
    (is_error && message.len() >= wire::HEADER + 4).then(|| wire::u32_at(message, wire::HEADER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_read() {
        let of = |errno: i32| wire::message(wire::NLMSG_ERROR, 0, &errno.to_ne_bytes());
        assert_eq!(errno(&of(0)), Some(0));
        assert_eq!(errno(&of(-22)), Some(-22_i32 as u32));
        assert_eq!(errno(&wire::message(RTM_SETLINK, 0, &[0; 4])), None);
        assert_eq!(errno(&[]), None);
    }
}
