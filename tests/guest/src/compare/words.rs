// SPDX-License-Identifier: GPL-2.0

//! Words for what the kernel has numbers for.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// The flags of a device, from the first bit on.
pub const FLAGS: [&str; 19] = [
    "UP",
    "BROADCAST",
    "DEBUG",
    "LOOPBACK",
    "POINTOPOINT",
    "NOTRAILERS",
    "RUNNING",
    "NOARP",
    "PROMISC",
    "ALLMULTI",
    "MASTER",
    "SLAVE",
    "MULTICAST",
    "PORTSEL",
    "AUTOMEDIA",
    "DYNAMIC",
    "LOWER_UP",
    "DORMANT",
    "ECHO",
];

/// The fields of `struct rtnl_link_stats64`.
pub const COUNTERS: [&str; 25] = [
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "multicast",
    "collisions",
    "rx_length_errors",
    "rx_over_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_fifo_errors",
    "rx_missed_errors",
    "tx_aborted_errors",
    "tx_carrier_errors",
    "tx_fifo_errors",
    "tx_heartbeat_errors",
    "tx_window_errors",
    "rx_compressed",
    "tx_compressed",
    "rx_nohandler",
    "rx_otherhost_dropped",
];

/// The names of the flags that are set.
pub fn flags(bits: u32) -> String {
    let set = (0..32).filter(|bit| bits & (1 << bit) != 0);
    let name = |bit: usize| match FLAGS.get(bit) {
        Some(name) => name.to_string(),
        None => format!("bit {bit}"),
    };
    set.map(name).collect::<Vec<_>>().join(",")
}

/// Bytes, as one writes a hardware address.
pub fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(":")
}

/// An address of either family; what is no address, byte by byte.
pub fn ip(bytes: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(octets).to_string();
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(octets) => Ipv6Addr::from(octets).to_string(),
        Err(_) => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_their_names() {
        assert_eq!(flags(0x10049), "UP,LOOPBACK,RUNNING,LOWER_UP");
        assert_eq!(flags(1 << 31), "bit 31");
    }

    #[test]
    fn addresses_can_be_read() {
        assert_eq!(ip(&[127, 0, 0, 1]), "127.0.0.1");
        assert_eq!(ip(&Ipv6Addr::LOCALHOST.octets()), "::1");
        assert_eq!(ip(&[1]), "01");
        assert_eq!(hex(&[0, 1, 0xff]), "00:01:ff");
    }
}
