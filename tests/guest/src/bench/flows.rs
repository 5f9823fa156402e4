// SPDX-License-Identifier: GPL-2.0

//! Pairs of threads of which one sends and the other receives, all at the same time. What counts is
//! what has been received.

use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use lab_protocol::Measure;
use lab_protocol::Record;

use super::begin;
use super::patience;
use super::patience::PATIENCE;
use crate::cpus;
use crate::report::Reporter;

/// How many pairs there are.
const FLOWS: [usize; 4] = [1, 2, 4, 8];

/// How long they send.
const TIME: Duration = Duration::from_secs(1);

/// After this long without a datagram there are no more.
const SILENCE: Duration = Duration::from_millis(200);

/// How much is sent at a time.
const TCP_CHUNK: usize = 1 << 16;
const UDP_CHUNK: usize = 1400;

/// A connection, or two sockets that are as good as that.
enum Flow {
    Tcp(TcpStream, TcpStream),
    Udp(UdpSocket, UdpSocket),
}

/// What became of a flow's bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Passed {
    sent: u64,
    received: u64,
    /// From the start of all flows to the last byte of this one.
    time: Duration,
}

impl Passed {
    /// Whether it received something, and no more than there was; all of it if nothing may get lost.
    fn can_be(&self, lossless: bool) -> bool {
        let all = self.received == self.sent;
        self.received > 0 && (all || !lossless && self.received < self.sent)
    }
}

/// What flows are made of.
struct Protocol {
    name: &'static str,
    open: fn() -> io::Result<Flow>,
    /// Whether all that is sent has to arrive.
    lossless: bool,
}

const PROTOCOLS: [Protocol; 2] = [
    Protocol {
        name: "tcp",
        open: tcp,
        lossless: true,
    },
    Protocol {
        name: "udp",
        open: udp,
        lossless: false,
    },
];

/// Measures it.
pub fn all(reporter: &mut Reporter) -> Result<(), String> {
    for protocol in &PROTOCOLS {
        for flows in FLOWS {
            let name = format!("scale.flows.{}.{flows}", protocol.name);
            begin(reporter, Measure::Scale, &name)?;
            let rate = stream(flows, protocol.open)
                .and_then(|passed| judge(&passed, protocol.lossless))
                .map_err(|why| format!("{name}: {why}"))?;
            reporter.send(&Record::Figure {
                name,
                value: rate,
                unit: "Mbit/s".into(),
            })?;
        }
    }
    Ok(())
}

fn tcp() -> io::Result<Flow> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    patience::limit(&listener)?;
    let sender = TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE)?;
    let (receiver, _) = listener.accept()?;
    patience::limit(&sender)?;
    patience::limit(&receiver)?;
    Ok(Flow::Tcp(sender, receiver))
}

fn udp() -> io::Result<Flow> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    receiver.set_read_timeout(Some(SILENCE))?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    patience::limit(&sender)?;
    sender.connect(receiver.local_addr()?)?;
    Ok(Flow::Udp(sender, receiver))
}

/// Lets so many flows send at the same time.
fn stream(flows: usize, open: fn() -> io::Result<Flow>) -> Result<Vec<Passed>, String> {
    let flows: Vec<Flow> = (0..flows)
        .map(|_| open())
        .collect::<Result<_, _>>()
        .map_err(|e| format!("sockets: {e}"))?;
    let start = &Barrier::new(2 * flows.len());
    thread::scope(|scope| {
        let pairs: Vec<_> = flows
            .into_iter()
            .map(|flow| {
                let (sender, receiver) = flow.split();
                (
                    scope.spawn(move || send(sender, start)),
                    scope.spawn(move || receive(receiver, start)),
                )
            })
            .collect();
        pairs
            .into_iter()
            .map(|(sender, receiver)| {
                let sent = cpus::join(sender)?;
                let (received, time) = cpus::join(receiver)?;
                Ok(Passed {
                    sent,
                    received,
                    time,
                })
            })
            .collect()
    })
}

/// Sends once, or receives once: how many bytes; none if there are no more to come.
type Step = Box<dyn FnMut() -> io::Result<usize> + Send>;

impl Flow {
    fn split(self) -> (Step, Step) {
        match self {
            Flow::Tcp(mut sender, mut receiver) => {
                let (payload, mut buffer) = (vec![0; TCP_CHUNK], vec![0; TCP_CHUNK]);
                (
                    Box::new(move || sender.write(&payload)),
                    Box::new(move || receiver.read(&mut buffer)),
                )
            }
            Flow::Udp(sender, receiver) => {
                let (payload, mut buffer) = (vec![0; UDP_CHUNK], vec![0; UDP_CHUNK]);
                let receive = move || match receiver.recv(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
                    other => other,
                };
                (Box::new(move || sender.send(&payload)), Box::new(receive))
            }
        }
    }
}

/// How much was sent in [`TIME`].
fn send(mut once: Step, start: &Barrier) -> Result<u64, String> {
    start.wait();
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < TIME {
        sent += once().map_err(|e| format!("send: {e}"))? as u64;
    }
    Ok(sent)
}

/// How much was received, and when the last of it.
fn receive(mut once: Step, start: &Barrier) -> Result<(u64, Duration), String> {
    start.wait();
    let start = Instant::now();
    let (mut received, mut time) = (0, Duration::ZERO);
    loop {
        match once().map_err(|e| format!("receive: {e}"))? {
            // Where the whole machine has stood still, that is not the end.
            0 if start.elapsed() < TIME => continue,
            0 => return Ok((received, time)),
            len => received += len as u64,
        }
        time = start.elapsed();
    }
}

/// Megabits in a second, of all flows.
fn judge(flows: &[Passed], lossless: bool) -> Result<f64, String> {
    if let Some(flow) = flows.iter().find(|flow| !flow.can_be(lossless)) {
        return Err(format!("a flow that cannot be: {flow:?}"));
    }
    let bytes: u64 = flows.iter().map(|flow| flow.received).sum();
    let time = flows.iter().map(|flow| flow.time).max().unwrap_or_default();
    Ok(8e-6 * bytes as f64 / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(sent: u64, received: u64, seconds: u64) -> Passed {
        Passed {
            sent,
            received,
            time: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn flows_add_up() {
        let flows = [
            passed(9_000_000, 1_000_000, 1),
            passed(3_000_000, 3_000_000, 2),
        ];
        let rate = judge(&flows, false);
        assert_eq!(rate.map(f64::round), Ok(16.0));
    }

    #[test]
    fn each_flow_has_to_flow() {
        assert!(judge(&[passed(1, 1, 1), passed(1, 0, 1)], false).is_err());
        assert!(judge(&[passed(1, 2, 1)], false).is_err());
    }

    #[test]
    fn of_a_connection_nothing_gets_lost() {
        let rate = judge(&[passed(125_000, 125_000, 1)], true);
        assert_eq!(rate.map(f64::round), Ok(1.0));
        assert!(judge(&[passed(2, 1, 1)], true).is_err());
        assert!(judge(&[passed(1, 2, 1)], true).is_err());
    }
}
