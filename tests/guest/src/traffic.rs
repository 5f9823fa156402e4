// SPDX-License-Identifier: GPL-2.0

//! Sockets that talk to their own host all the time, whether there is a `lo` or not.

use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
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
const PATIENCE: Duration = Duration::from_millis(200);

/// Between one packet and the next: there are others that need the CPUs.
const PAUSE: Duration = Duration::from_millis(10);

/// How long traffic may take to come again.
const DEADLINE: Duration = Duration::from_secs(60);

/// One kind of traffic in one namespace.
#[derive(Debug)]
struct Talker {
    what: String,
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
    /// Begins to talk over IPv4 and IPv6 in each of `scopes`. `lo` must be up there.
    pub fn start(scopes: &[Scope]) -> Self {
        let mut traffic = Self {
            stop: Arc::new(AtomicBool::new(false)),
            talkers: Vec::new(),
        };
        for scope in scopes {
            for address in LOCALHOST {
                traffic.add(*scope, address);
            }
        }
        traffic
    }

    fn add(&mut self, scope: Scope, address: IpAddr) {
        let rounds = Arc::new(AtomicU64::new(0));
        let (counter, stop) = (rounds.clone(), self.stop.clone());
        let what = format!("UDP over {address} in {scope:?}");
        let context = what.clone();
        let thread = thread::spawn(move || {
            scope.enter()?;
            talk(address, &counter, &stop).map_err(|e| format!("{context}: {e}"))
        });
        self.talkers.push(Talker {
            what,
            rounds,
            thread,
        });
    }

    /// Waits until everybody has heard something that was sent after this was called.
    pub fn flows(&self) -> Result<(), String> {
        self.talkers.iter().try_for_each(flow)
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

fn flow(talker: &Talker) -> Result<(), String> {
    // What is on its way now may be older.
    let wanted = talker.rounds.load(Ordering::Relaxed) + 2;
    let heard = || {
        if talker.thread.is_finished() {
            return Err(format!("{} has ended", talker.what));
        }
        Ok(talker.rounds.load(Ordering::Relaxed) >= wanted)
    };
    if wait::until(DEADLINE, heard)? {
        return Ok(());
    }
    let seconds = DEADLINE.as_secs();
    Err(format!("{} is silent for {seconds} s", talker.what))
}

/// Sends datagrams to itself. With no `lo` they are lost, or cannot be sent.
fn talk(address: IpAddr, rounds: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
    let socket = UdpSocket::bind((address, 0))?;
    let own = socket.local_addr()?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut number: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let sent = socket.send_to(&number.to_ne_bytes(), own);
        let mut answer = [0; 8];
        // What comes late is older than what was just sent.
        while sent.is_ok() && socket.recv(&mut answer).is_ok() {
            if answer == number.to_ne_bytes() {
                rounds.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
