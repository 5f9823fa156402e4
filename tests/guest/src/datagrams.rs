// SPDX-License-Identifier: GPL-2.0

//! Datagrams with a number and a size, from anywhere in this thread's namespace to one socket that
//! has room for all of them.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::ops::Range;
use std::time::Duration;

use rustix::net::sockopt::set_socket_recv_buffer_size_force;

/// The headers that `lo` counts: IPv4's and UDP's. Ethernet's is off by then.
pub const HEADERS: u64 = 20 + 8;

/// The smallest datagram: its number.
pub const SMALLEST: usize = 8;

/// The largest that is sent here.
const LARGEST: usize = 2048;

/// Room for all that a check sends.
const ROOM: usize = 16 << 20;

/// How long a datagram may take that must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who receives.
#[derive(Debug)]
pub struct Inbox {
    socket: UdpSocket,
    /// Where to send to.
    pub address: SocketAddr,
}

impl Inbox {
    /// One in this thread's namespace.
    pub fn new() -> Result<Self, String> {
        let open = || -> io::Result<Self> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            set_socket_recv_buffer_size_force(&socket, ROOM)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        open().map_err(|e| format!("a socket: {e}"))
    }

    /// The number of the next datagram, which is waited for.
    pub fn next(&self) -> Result<u64, String> {
        self.receive().map_err(|e| format!("no datagram came: {e}"))
    }

    /// The numbers of all datagrams that are there, as they came.
    pub fn drain(&self) -> Result<Vec<u64>, String> {
        let mut numbers = Vec::new();
        self.socket
            .set_nonblocking(true)
            .map_err(|e| e.to_string())?;
        let end = loop {
            match self.receive() {
                Ok(number) => numbers.push(number),
                Err(error) => break error,
            }
        };
        self.socket
            .set_nonblocking(false)
            .map_err(|e| e.to_string())?;
        match end.kind() {
            io::ErrorKind::WouldBlock => Ok(numbers),
            _ => Err(format!("receive datagrams: {end}")),
        }
    }

    fn receive(&self) -> io::Result<u64> {
        let mut data = [0; LARGEST];
        let len = self.socket.recv(&mut data)?;
        let number = data[..len].first_chunk().copied();
        number.map(u64::from_ne_bytes).ok_or_else(|| {
            let what = format!("a datagram of {len} bytes");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}

/// Who sends.
#[derive(Debug)]
pub struct Sender {
    socket: UdpSocket,
    data: Vec<u8>,
}

impl Sender {
    /// One in this thread's namespace, whose datagrams to `address` carry `size` bytes.
    pub fn new(address: SocketAddr, size: usize) -> Result<Self, String> {
        let open = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(address)?;
            Ok(socket)
        };
        let socket = open().map_err(|e| format!("a socket to {address}: {e}"))?;
        let data = vec![0; size.clamp(SMALLEST, LARGEST)];
        Ok(Self { socket, data })
    }

    /// Sends one with this number.
    pub fn send(&mut self, number: u64) -> Result<(), String> {
        self.data[..SMALLEST].copy_from_slice(&number.to_ne_bytes());
        match self.socket.send(&self.data) {
            Ok(len) if len == self.data.len() => Ok(()),
            Ok(len) => Err(format!("send: {len} of {} bytes", self.data.len())),
            Err(error) => Err(format!("send: {error}")),
        }
    }

    /// Sends one for each of these numbers.
    pub fn send_all(&mut self, mut numbers: Range<u64>) -> Result<(), String> {
        numbers.try_for_each(|number| self.send(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_arrive_in_order() {
        // Not everybody may have as much room.
        let Ok(inbox) = Inbox::new() else { return };
        let mut sender = Sender::new(inbox.address, 100).unwrap();
        sender.send_all(3..6).unwrap();
        assert_eq!(inbox.next(), Ok(3));
        assert_eq!(inbox.drain(), Ok(vec![4, 5]));
        assert_eq!(inbox.drain(), Ok(Vec::new()));
    }
}
