// SPDX-License-Identifier: GPL-2.0

//! Sockets that talk to their own host all the time, whether there is a `lo` or not.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::namespace::Scope;
use crate::wait;

const LOCALHOST: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How long a packet is waited for: with no `lo`, none comes.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long traffic may take to come again. TCP waits longer from one attempt to the next.
const DEADLINE: Duration = Duration::from_secs(60);

/// One kind of traffic in one namespace.
#[derive(Debug)]
struct Talker {
    what: String,
    datagrams: bool,
    /// How often what was sent came back.
    rounds: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), String>>,
}

/// All of it. It goes on until [`Traffic::end`].
#[derive(Debug)]
pub struct Traffic {
    stop: Arc<AtomicBool>,
    talkers: Vec<Talker>,
}

impl Traffic {
    /// Begins to talk over UDP and TCP, IPv4 and IPv6, in each of `scopes`. `lo` must be up there.
    pub fn start(scopes: &[Scope]) -> Self {
        let mut traffic = Self {
            stop: Arc::new(AtomicBool::new(false)),
            talkers: Vec::new(),
        };
        for scope in scopes {
            for address in LOCALHOST {
                traffic.add(*scope, address, true);
                traffic.add(*scope, address, false);
            }
        }
        traffic
    }

    fn add(&mut self, scope: Scope, address: IpAddr, datagrams: bool) {
        let (name, talk): (_, Talk) = if datagrams {
            ("UDP", talk_udp)
        } else {
            ("TCP", talk_tcp)
        };
        let rounds = Arc::new(AtomicU64::new(0));
        let (counter, stop) = (rounds.clone(), self.stop.clone());
        let what = format!("{name} over {address} in {scope:?}");
        let context = what.clone();
        let thread = thread::spawn(move || {
            scope.enter()?;
            talk(address, &counter, &stop).map_err(|e| format!("{context}: {e}"))
        });
        self.talkers.push(Talker {
            what,
            datagrams,
            rounds,
            thread,
        });
    }

    /// Waits until everybody has heard something that was sent after this was called.
    pub fn all_flow(&self) -> Result<(), String> {
        flow(self.talkers.iter())
    }

    /// The same for datagrams only: a connection takes its time to try again.
    pub fn datagrams_flow(&self) -> Result<(), String> {
        flow(self.talkers.iter().filter(|talker| talker.datagrams))
    }

    /// Ends it. An error is one that no missing `lo` explains.
    pub fn end(self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        for talker in self.talkers {
            talker
                .thread
                .join()
                .map_err(|_| format!("{} panicked", talker.what))??;
        }
        Ok(())
    }
}

fn flow<'a>(talkers: impl Iterator<Item = &'a Talker>) -> Result<(), String> {
    for talker in talkers {
        // What is on its way now may be older.
        let wanted = talker.rounds.load(Ordering::Relaxed) + 2;
        let heard = || {
            if talker.thread.is_finished() {
                return Err(format!("{} has ended", talker.what));
            }
            Ok(talker.rounds.load(Ordering::Relaxed) >= wanted)
        };
        if !wait::until(DEADLINE, heard)? {
            let seconds = DEADLINE.as_secs();
            return Err(format!("{} is silent for {seconds} s", talker.what));
        }
    }
    Ok(())
}

type Talk = fn(IpAddr, &AtomicU64, &AtomicBool) -> io::Result<()>;

/// Sends datagrams to itself. With no `lo` they are lost, or cannot be sent.
fn talk_udp(address: IpAddr, rounds: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
    let socket = UdpSocket::bind((address, 0))?;
    let own = socket.local_addr()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut number: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let sent = socket.send_to(&number.to_ne_bytes(), own);
        let mut answer = [0; 8];
        // One that is late is not the one that was just sent.
        if sent.is_ok() && socket.recv(&mut answer).is_ok() && answer == number.to_ne_bytes() {
            rounds.fetch_add(1, Ordering::Relaxed);
        }
        if sent.is_err() {
            thread::sleep(PATIENCE);
        }
    }
    Ok(())
}

/// Sends numbers over one connection, which has to outlive each `lo`: what was lost is sent again.
fn talk_tcp(address: IpAddr, rounds: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    let mut near = TcpStream::connect(listener.local_addr()?)?;
    let (mut far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_read_timeout(Some(PATIENCE))?;
    let mut number: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        near.write_all(&number.to_ne_bytes())?;
        let Some(answer) = receive(&mut far, stop)? else {
            break;
        };
        if answer != number {
            let what = format!("{answer} came, not {number}");
            return Err(io::Error::other(what));
        }
        rounds.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The next number, unless `stop` comes first.
fn receive(stream: &mut TcpStream, stop: &AtomicBool) -> io::Result<Option<u64>> {
    let mut number = [0; 8];
    let mut have = 0;
    while have < number.len() {
        match stream.read(&mut number[have..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
    }
    Ok(Some(u64::from_ne_bytes(number)))
}
