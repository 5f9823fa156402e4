// SPDX-License-Identifier: GPL-2.0

//! A connection whose two ends are this thread's. What is read has been sent before; where it is not
//! there at once, that is an error, and not a matter of waiting for a timer.
//!
//! No acknowledgement is late: in a conversation each goes along with the next byte, and of a stream's
//! last bytes receipt is acknowledged between the operations.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;

use rustix::net::sockopt;

use super::big_tcp;
use super::big_tcp::BigTcp;
use super::lo::Books;
use super::patience;
use super::patience::PATIENCE;
use super::workload::Workload;

/// What is sent in one operation.
const LEN: usize = 1 << 20;

/// Much more than that; given, so that the kernel does not look for a size of its own.
const BUFFER: usize = 1 << 22;

struct Pair {
    client: TcpStream,
    server: TcpStream,
}

impl Pair {
    fn open() -> Result<Self, String> {
        Self::connect().map_err(|e| format!("a TCP connection: {e}"))
    }

    fn connect() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        sockopt::set_socket_recv_buffer_size_force(&listener, BUFFER)?;
        patience::limit(&listener)?;
        let client = TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE)?;
        let (server, _) = listener.accept()?;
        for end in [&client, &server] {
            end.set_nodelay(true)?;
            end.set_nonblocking(true)?;
            sockopt::set_socket_send_buffer_size(end, BUFFER)?;
        }
        Ok(Self { client, server })
    }
}

/// A byte there, and one back.
pub struct RoundTrip {
    pair: Pair,
    byte: [u8; 1],
    answer: [u8; 2],
    received: usize,
    books: Books,
}

impl RoundTrip {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self {
            pair: Pair::open()?,
            byte: [0],
            answer: [0; 2],
            received: 0,
            books: Books::open()?,
        }))
    }

    fn talk(&mut self) -> io::Result<usize> {
        let Pair { client, server } = &mut self.pair;
        let mut question = [0; 2];
        client.write_all(&self.byte)?;
        let len = server.read(&mut question)?;
        server.write_all(&question[..len])?;
        client.read(&mut self.answer)
    }
}

impl Workload for RoundTrip {
    fn prepare(&mut self) -> Result<(), String> {
        self.byte[0] = self.byte[0].wrapping_add(1);
        Ok(())
    }

    fn operate(&mut self) -> Result<(), String> {
        self.received = self
            .talk()
            .map_err(|e| format!("a byte there and back: {e}"))?;
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        if self.answer[..self.received] == self.byte {
            return Ok(());
        }
        Err(format!(
            "{:?} was sent, {:?} came back",
            self.byte,
            &self.answer[..self.received]
        ))
    }

    fn finish(self: Box<Self>, operations: u64) -> Result<(), String> {
        // Each with at least the headers of IP and TCP.
        self.books.judge_least(2 * operations, 2 * operations * 41)
    }
}

/// Many bytes in one direction.
pub struct Stream {
    pair: Pair,
    payload: Vec<u8>,
    buffer: Vec<u8>,
    books: Books,
    big: Option<BigTcp>,
}

impl Stream {
    /// Sets it up; so many bytes are sent at a time.
    pub fn boxed(chunk: usize) -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self::new(chunk, None)?))
    }

    /// The same with packets as large as they get.
    pub fn boxed_big(chunk: usize) -> Result<Box<dyn Workload>, String> {
        // Connections have what their route's device allows when they are made.
        let big = BigTcp::allow()?;
        Ok(Box::new(Self::new(chunk, Some(big))?))
    }

    fn new(chunk: usize, big: Option<BigTcp>) -> Result<Self, String> {
        Ok(Self {
            pair: Pair::open()?,
            payload: (0..chunk).map(|at| (at % 251) as u8).collect(),
            buffer: vec![0; chunk],
            books: Books::open()?,
            big,
        })
    }

    fn chunks(&self) -> usize {
        LEN / self.payload.len()
    }

    fn flow(&mut self) -> io::Result<()> {
        for _ in 0..self.chunks() {
            self.pair.client.write_all(&self.payload)?;
            self.pair.server.read_exact(&mut self.buffer)?;
        }
        Ok(())
    }
}

impl Workload for Stream {
    fn prepare(&mut self) -> Result<(), String> {
        self.payload.rotate_left(1);
        self.buffer.fill(0);
        Ok(())
    }

    fn operate(&mut self) -> Result<(), String> {
        self.flow().map_err(|e| format!("a chunk over lo: {e}"))
    }

    fn settle(&mut self) -> Result<(), String> {
        sockopt::set_tcp_quickack(&self.pair.server, true)
            .map_err(|e| format!("acknowledge at once: {e}"))?;
        if self.buffer == self.payload {
            return Ok(());
        }
        Err("what came is not what was sent".into())
    }

    fn finish(self: Box<Self>, operations: u64) -> Result<(), String> {
        let chunks = operations * self.chunks() as u64;
        self.books.judge_least(chunks, operations * LEN as u64)?;
        // Acknowledgements are packets, too, and small.
        let mean = self.books.mean_len()?;
        let is_big = mean > u64::from(big_tcp::LEGACY);
        if is_big != self.big.is_some() {
            return Err(format!("{mean} bytes in a packet, on average"));
        }
        self.big.map_or(Ok(()), BigTcp::forbid)
    }
}
