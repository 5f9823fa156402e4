// SPDX-License-Identifier: GPL-2.0

//! Sockets that nobody waits for without end: a packet that gets lost is to be an error.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_timeout;
use rustix::net::sockopt::Timeout;

/// How long may take what is done at once if all is well.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Limits how long `socket` lets anyone wait, to send or to receive.
pub fn limit(socket: impl AsFd) -> Result<(), Errno> {
    for direction in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, direction, Some(PATIENCE))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn both_directions_are_limited() {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        limit(&socket).unwrap();
        assert_eq!(socket.read_timeout().unwrap(), Some(PATIENCE));
        assert_eq!(socket.write_timeout().unwrap(), Some(PATIENCE));
    }
}
