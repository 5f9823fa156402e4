// SPDX-License-Identifier: GPL-2.0

//! `lo` itself: how it comes up, and what it counts.

use std::os::fd::OwnedFd;

use rustix::net::AddressFamily;
use rustix::net::SocketType;

use crate::compare::raw;
use crate::net_dev;
use crate::net_dev::Count;
use crate::net_dev::Counters;

const NAME: &str = "lo";

const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCSIFFLAGS: u32 = 0x8914;
const IFF_UP: u16 = 1;

/// Brings up this thread's namespace's `lo`.
pub fn up() -> Result<(), String> {
    set_up(&control_socket()?)
}

/// A socket for requests about this thread's namespace's devices.
pub fn control_socket() -> Result<OwnedFd, String> {
    rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)
        .map_err(|e| format!("a socket: {e}"))
}

/// Brings up the `lo` of the namespace that `socket` is of.
pub fn set_up(socket: &OwnedFd) -> Result<(), String> {
    raw::with_value(socket, SIOCSIFFLAGS, NAME, &IFF_UP.to_ne_bytes())
        .map(drop)
        .map_err(|e| format!("bring up lo: {e}"))
}

/// Whether the `lo` of the namespace that `socket` is of is up.
pub fn judge_up(socket: &OwnedFd) -> Result<(), String> {
    let (_, value) = raw::with_value(socket, SIOCGIFFLAGS, NAME, &[])
        .map_err(|e| format!("the flags of lo: {e}"))?;
    let flags = u16::from_ne_bytes([value[0], value[1]]);
    if flags & IFF_UP != 0 {
        return Ok(());
    }
    Err(format!("lo was brought up; its flags are {flags:#x}"))
}

/// What `lo` had counted before.
#[derive(Debug)]
pub struct Books(Counters);

impl Books {
    /// Looks at it.
    pub fn open() -> Result<Self, String> {
        net_dev::read(NAME).map(Self)
    }

    /// Whether it has since counted exactly this both ways, and dropped so many that it received.
    pub fn judge(&self, packets: u64, bytes: u64, dropped: u64) -> Result<(), String> {
        let wanted = Counters {
            rx: Count { packets, bytes },
            tx: Count { packets, bytes },
            rx_dropped: dropped,
        };
        let moved = self.moved()?;
        if moved == wanted {
            return Ok(());
        }
        Err(format!("lo's counters moved by {moved:?}, not {wanted:?}"))
    }

    /// Whether it has since counted at least this both ways, and dropped nothing.
    pub fn judge_least(&self, packets: u64, bytes: u64) -> Result<(), String> {
        let moved = self.moved()?;
        let enough = |count: Count| count.packets >= packets && count.bytes >= bytes;
        if moved.rx == moved.tx && enough(moved.tx) && moved.rx_dropped == 0 {
            return Ok(());
        }
        Err(format!(
            "lo's counters moved by {moved:?}, at least {packets} packets of {bytes} bytes were sent"
        ))
    }

    /// How many bytes the packets have that it has sent since, on average.
    pub fn mean_len(&self) -> Result<u64, String> {
        let tx = self.moved()?.tx;
        tx.bytes
            .checked_div(tx.packets)
            .ok_or_else(|| "lo has sent nothing".into())
    }

    fn moved(&self) -> Result<Counters, String> {
        Ok(difference(&self.0, &net_dev::read(NAME)?))
    }
}

fn difference(before: &Counters, after: &Counters) -> Counters {
    let count = |before: Count, after: Count| Count {
        packets: after.packets.wrapping_sub(before.packets),
        bytes: after.bytes.wrapping_sub(before.bytes),
    };
    Counters {
        rx: count(before.rx, after.rx),
        tx: count(before.tx, after.tx),
        rx_dropped: after.rx_dropped.wrapping_sub(before.rx_dropped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_before_does_not_count() {
        let counters = |n| Counters {
            rx: Count {
                packets: n,
                bytes: 10 * n,
            },
            tx: Count {
                packets: 2 * n,
                bytes: 20 * n,
            },
            rx_dropped: 3 * n,
        };
        assert_eq!(difference(&counters(4), &counters(6)), counters(2));
    }
}
