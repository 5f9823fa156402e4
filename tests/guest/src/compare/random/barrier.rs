// SPDX-License-Identifier: GPL-2.0

//! Waits for all that this CPU has to receive: packets that are sent over a device without a wire
//! wait in the CPU's backlog, and what answers them does so, too.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::time::Duration;

/// So many answers to answers are waited for: more than a connection needs to come or to go.
const ROUNDS: usize = 10;

/// How long a packet may take until it counts as lost: the backlog may be full.
const PATIENCE: Duration = Duration::from_millis(500);

/// How many may be lost.
const ATTEMPTS: usize = 40;

/// A socket that sends to itself, in a namespace that is not looked at.
#[derive(Debug)]
pub struct Barrier(UdpSocket);

impl Barrier {
    /// Makes it, in this thread's namespace, where `lo` has to be up.
    pub fn make() -> Result<Self, String> {
        let fail = |e| format!("a socket that sends to itself: {e}");
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        let own = socket.local_addr().map_err(fail)?;
        socket.connect(own).map_err(fail)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(fail)?;
        Ok(Self(socket))
    }

    /// The backlog is a queue: what comes back was behind all that had been sent before.
    pub fn wait(&self) -> Result<(), String> {
        (0..ROUNDS).try_for_each(|round| self.round(round as u8))
    }

    fn round(&self, round: u8) -> Result<(), String> {
        for _ in 0..ATTEMPTS {
            self.0.send(&[round]).map_err(|e| format!("barrier: {e}"))?;
            if self.came_back(round)? {
                return Ok(());
            }
        }
        Err(format!("barrier: {ATTEMPTS} packets were lost"))
    }

    /// Whether this round's packet has come; one of an earlier round, which was late, is not it.
    fn came_back(&self, round: u8) -> Result<bool, String> {
        let mut byte = [0];
        loop {
            match self.0.recv(&mut byte) {
                Ok(_) if byte == [round] => return Ok(true),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(format!("barrier: {e}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_comes_back() {
        let barrier = Barrier::make().unwrap();
        assert_eq!(barrier.wait(), Ok(()));
    }
}
