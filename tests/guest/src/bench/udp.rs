// SPDX-License-Identifier: GPL-2.0

//! A datagram that is sent and received.

use std::io;
use std::net::Ipv4Addr;
use std::net::UdpSocket;

use super::lo::Books;
use super::patience;
use super::workload::Workload;
use crate::datagrams::HEADERS;

/// Two sockets, and what goes from one to the other.
pub struct Udp {
    sender: UdpSocket,
    receiver: UdpSocket,
    payload: Vec<u8>,
    buffer: Vec<u8>,
    received: usize,
    books: Books,
}

impl Udp {
    /// Sets it up for datagrams with so many bytes.
    pub fn boxed(size: usize) -> Result<Box<dyn Workload>, String> {
        let (sender, receiver) = pair().map_err(|e| format!("UDP sockets: {e}"))?;
        Ok(Box::new(Self {
            sender,
            receiver,
            payload: (0..size).map(|at| (at % 251) as u8).collect(),
            buffer: vec![0; size + 1],
            received: 0,
            books: Books::open()?,
        }))
    }
}

fn pair() -> io::Result<(UdpSocket, UdpSocket)> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Chance has chosen that port. With another such one, both might be in the same chain of the
    // kernel's table, and looked for longer.
    let port = receiver.local_addr()?.port() ^ 1;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    patience::limit(&receiver)?;
    patience::limit(&sender)?;
    sender.connect(receiver.local_addr()?)?;
    Ok((sender, receiver))
}

impl Workload for Udp {
    fn prepare(&mut self) -> Result<(), String> {
        // No datagram is as the one before.
        if let Some(byte) = self.payload.first_mut() {
            *byte = byte.wrapping_add(1);
        }
        Ok(())
    }

    fn operate(&mut self) -> Result<(), String> {
        self.sender
            .send(&self.payload)
            .and_then(|_| self.receiver.recv(&mut self.buffer))
            .map(|len| self.received = len)
            .map_err(|e| format!("a datagram over lo: {e}"))
    }

    fn settle(&mut self) -> Result<(), String> {
        if self.buffer[..self.received] == self.payload {
            return Ok(());
        }
        Err(format!(
            "of {} bytes {} came back, or others",
            self.payload.len(),
            self.received
        ))
    }

    fn finish(self: Box<Self>, operations: u64) -> Result<(), String> {
        let bytes = operations * (self.payload.len() as u64 + HEADERS);
        self.books.judge(operations, bytes, 0)
    }
}
