// SPDX-License-Identifier: GPL-2.0

//! What pings must add to the counters of a loopback device.

use crate::ip::Counters;
use crate::ip::Stats;

/// Payload that the pings carry.
pub const PAYLOAD: u64 = 56;

/// ICMP's header, of both versions.
const ICMP: u64 = 8;

/// IPv4's header.
pub const IPV4: u64 = 20;

/// IPv6's header.
pub const IPV6: u64 = 40;

/// The traffic that `echoes` pings over IP with a header of `header` bytes make in each
/// direction: a request and a reply each. The Ethernet header is taken off before counting, as
/// in C.
pub fn of_pings(echoes: u64, header: u64) -> Counters {
    let packets = 2 * echoes;
    Counters {
        packets,
        bytes: packets * (header + ICMP + PAYLOAD),
        errors: 0,
        dropped: 0,
    }
}

/// Checks that between `before` and `after` each direction counted exactly `traffic`.
pub fn judge(before: Stats, after: Stats, traffic: Counters) -> Result<(), String> {
    for (name, before, after) in [("rx", before.rx, after.rx), ("tx", before.tx, after.tx)] {
        let moved = Counters {
            bytes: after.bytes.wrapping_sub(before.bytes),
            packets: after.packets.wrapping_sub(before.packets),
            errors: after.errors.wrapping_sub(before.errors),
            dropped: after.dropped.wrapping_sub(before.dropped),
        };
        if moved != traffic {
            return Err(format!("{name} moved by {moved:?}, expected {traffic:?}"));
        }
    }
    if after.rx != after.tx {
        return Err(format!("rx {:?} differs from tx {:?}", after.rx, after.tx));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(packets: u64, bytes: u64) -> Stats {
        let counters = Counters {
            packets,
            bytes,
            ..Counters::default()
        };
        Stats {
            rx: counters,
            tx: counters,
        }
    }

    #[test]
    fn exact_movement_passes() {
        let traffic = of_pings(3, IPV4);
        assert_eq!((traffic.packets, traffic.bytes), (6, 504));
        judge(stats(1, 84), stats(7, 588), traffic).unwrap();
    }

    #[test]
    fn anything_else_fails() {
        let traffic = of_pings(3, IPV4);
        assert!(judge(stats(0, 0), stats(0, 0), traffic).is_err());
        assert!(judge(stats(0, 0), stats(7, 504), traffic).is_err());
        assert!(judge(stats(0, 0), stats(6, 588), traffic).is_err());
        let mut after = stats(6, 504);
        after.rx.dropped = 1;
        assert!(judge(stats(0, 0), after, traffic).is_err());
    }
}
