// SPDX-License-Identifier: GPL-2.0

//! A frame as it is sent by a packet socket. It is of a type that nobody has a use for, so that the
//! way in ends where a protocol would begin: neither sockets nor answers are in the measurement.

use std::os::fd::OwnedFd;

use rustix::net::AddressFamily;
use rustix::net::SendFlags;
use rustix::net::SocketType;

use super::lo::Books;
use super::patience;
use super::workload::Workload;
use crate::frame::LinkAddress;

/// For local experiments, says IEEE 802.
const EXPERIMENTAL: u16 = 0x88b5;

const ETHERNET: usize = 14;

/// The shortest frame there is, without what a wire adds.
const FRAME: usize = 60;

/// The socket and the frame.
pub struct RawPacket {
    socket: OwnedFd,
    frame: [u8; FRAME],
    sent: usize,
    books: Books,
}

impl RawPacket {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        // With no protocol it receives nothing.
        let socket = rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None)
            .and_then(|socket| {
                rustix::net::bind(&socket, &LinkAddress::of_lo(0))?;
                patience::limit(&socket)?;
                Ok(socket)
            })
            .map_err(|e| format!("a packet socket on lo: {e}"))?;
        let mut frame = [0; FRAME];
        frame[ETHERNET - 2..ETHERNET].copy_from_slice(&EXPERIMENTAL.to_be_bytes());
        Ok(Box::new(Self {
            socket,
            frame,
            sent: FRAME,
            books: Books::open()?,
        }))
    }
}

impl Workload for RawPacket {
    fn operate(&mut self) -> Result<(), String> {
        self.sent = rustix::net::send(&self.socket, &self.frame, SendFlags::empty())
            .map_err(|e| format!("a frame to lo: {e}"))?;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        if self.sent == FRAME {
            return Ok(());
        }
        Err(format!("of {FRAME} bytes {} were sent", self.sent))
    }

    fn finish(self: Box<Self>, operations: u64) -> Result<(), String> {
        let bytes = operations * (FRAME - ETHERNET) as u64;
        self.books.judge(operations, bytes, operations)
    }
}
