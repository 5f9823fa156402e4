// SPDX-License-Identifier: GPL-2.0

//! What IPv4 and UDP have counted: `/proc/net/snmp`, in the namespace of the thread that reads it.

use crate::here;

const FILE: &str = "snmp";

/// What a receiver's protocols say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snmp {
    /// Packets that came up to IPv4.
    pub received: u64,
    /// Datagrams that nobody waited for.
    pub no_ports: u64,
    /// Datagrams for which a socket had no room, or that were wrong.
    pub errors: u64,
}

/// Reads it.
pub fn read() -> Result<Snmp, String> {
    let text = here::proc_net(FILE)?;
    parse(&text).ok_or_else(|| format!("/proc/net/{FILE}: not understood: {text}"))
}

fn parse(text: &str) -> Option<Snmp> {
    Some(Snmp {
        received: value(text, "Ip: ", "InReceives")?,
        no_ports: value(text, "Udp: ", "NoPorts")?,
        errors: value(text, "Udp: ", "InErrors")?,
    })
}

/// The number called `name`: each protocol has a line of names and one of numbers.
fn value(text: &str, protocol: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split(' ').position(|word| word == name)?;
    numbers.split(' ').nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "\
Ip: Forwarding DefaultTTL InReceives InHdrErrors
Ip: 2 64 1234 0
UdpLite: InDatagrams NoPorts InErrors
UdpLite: 9 9 9
Udp: InDatagrams NoPorts InErrors OutDatagrams
Udp: 10 1 2 13
";

    #[test]
    fn names_and_numbers_are_paired() {
        let wanted = Snmp {
            received: 1234,
            no_ports: 1,
            errors: 2,
        };
        assert_eq!(parse(SNMP), Some(wanted));
    }

    #[test]
    fn what_is_missing_is_no_zero() {
        assert_eq!(parse(&SNMP.replace("InReceives", "Received")), None);
        assert_eq!(parse(""), None);
    }
}
