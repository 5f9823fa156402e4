// SPDX-License-Identifier: GPL-2.0

//! What `lo` does to a packet: how it lies in the backlog afterwards, and when it was sent.

use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Timestamping;
use nix::sys::socket::sockopt::TxTime;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockaddrIn;
use nix::sys::socket::TimestampingFlag;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::cpus;
use crate::datagrams::Inbox;
use crate::datagrams::HEADERS;
use crate::datagrams::SMALLEST;
use crate::hold::Hold;
use crate::hold::Holder;
use crate::own_netns::OwnNetns;
use crate::wait;

/// The headers of a TCP segment that carries data: IPv4's, TCP's, and its timestamps.
const TCP_HEADERS: usize = 20 + 20 + 12;

/// What a frame without content has, and its header.
const FRAME: usize = 60;
const ETHERNET: usize = 14;

/// The protocols of packets.
const IPV4: &str = "0800";
const EXPERIMENTAL: &str = "88b5";

/// What a datagram says, and when it is to be sent.
const NUMBER: u64 = 7;
const TIME: u64 = 1_234_567_890;

/// How long what comes at once may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Packets lie in the backlog as if a wire had brought them, and nothing of their sender is left:
/// no socket to be charged, no route that is only lent, no time when they were to be sent.
pub fn handed_over(_: &mut Context<'_>) -> Verdict {
    let (sender, target) = cpus::two()?;
    let holder = Holder::new()?;
    let net = OwnNetns::up("lo-own")?;
    net.steer(Some(target))?;
    net.inside(|| {
        cpus::on(sender, || {
            datagram(&holder, target)?;
            segment(&holder, target)
        })
    })?;
    Ok(net.delete()?)
}

/// How the only packet of that size has to lie there; `tstamp` is what its time has to be.
fn judge(hold: &Hold<'_>, protocol: &str, len: usize, tstamp: &str) -> Result<(), String> {
    // Whoever sends TCP may have an acknowledgement there, too.
    let of_size = |line: &&String| line.contains(&format!(" len {len} "));
    let packets = hold.packets()?;
    let found: Vec<&String> = packets.iter().filter(of_size).collect();
    let wanted = format!(
        "dev lo protocol {protocol} type 0 len {len} mac 14 socket no dst held tstamp {tstamp}"
    );
    match found[..] {
        [one] if one.starts_with(&wanted) => Ok(()),
        _ => Err(format!(
            "in the backlog are {packets:?}, expected {wanted:?}"
        )),
    }
}

/// Whoever hands over a packet with a lent route: it is the packet's own in the backlog.
pub fn lent_route(_: &mut Context<'_>) -> Verdict {
    let (cpu, _) = cpus::two()?;
    let holder = Holder::new()?;
    let net = OwnNetns::up("lo-lent")?;
    net.inside(|| {
        cpus::on(cpu, || {
            let hold = holder.hold(cpu)?;
            hold.lend()?;
            judge(&hold, EXPERIMENTAL, FRAME - ETHERNET, "0")?;
            hold.release()
        })
    })?;
    Ok(net.delete()?)
}

fn datagram(holder: &Holder, cpu: usize) -> Result<(), String> {
    let inbox = Inbox::new()?;
    let hold = holder.hold(cpu)?;
    send_at(inbox.address, NUMBER, TIME).map_err(|e| format!("send at a time: {e}"))?;
    judge(&hold, IPV4, HEADERS as usize + SMALLEST, "0")?;
    hold.release()?;
    match inbox.next()? {
        NUMBER => Ok(()),
        other => Err(format!("datagram {other} came, not {NUMBER}")),
    }
}

/// Sends a datagram that says when it is to be sent, by the wall clock. Whoever receives it would
/// take that for when it came.
fn send_at(address: SocketAddr, number: u64, time: u64) -> nix::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|_| Errno::EADDRINUSE)?;
    let config = nix::libc::sock_txtime {
        clockid: nix::libc::CLOCK_REALTIME,
        flags: 0,
    };
    setsockopt(&socket, TxTime, &config)?;
    let SocketAddr::V4(address) = address else {
        return Err(Errno::EAFNOSUPPORT);
    };
    let data = number.to_ne_bytes();
    let control = [ControlMessage::TxTime(&time)];
    let to = SockaddrIn::from(address);
    let fd = socket.as_raw_fd();
    sendmsg(
        fd,
        &[IoSlice::new(&data)],
        &control,
        MsgFlags::empty(),
        Some(&to),
    )
    .map(drop)
}

/// TCP lends its packets the route that the socket has. When they are to be sent is by another clock,
/// which receivers know of.
fn segment(holder: &Holder, cpu: usize) -> Result<(), String> {
    let fail = |e: io::Error| format!("TCP over lo: {e}");
    let (mut client, mut server) = connection().map_err(fail)?;
    let hold = holder.hold(cpu)?;
    client.write_all(b"segment").map_err(fail)?;
    judge(&hold, IPV4, TCP_HEADERS + b"segment".len(), "")?;
    hold.release()?;
    let mut data = [0; 7];
    server.read_exact(&mut data).map_err(fail)?;
    if &data != b"segment" {
        return Err(format!("TCP over lo brought {data:x?}"));
    }
    Ok(())
}

/// A connection over which both ends have talked.
fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
    }
    let mut byte = [0];
    client.write_all(b"c")?;
    server.read_exact(&mut byte)?;
    server.write_all(b"s")?;
    client.read_exact(&mut byte)?;
    Ok((client, server))
}

/// Who asks when its packets were sent is told: once for each.
pub fn timestamp(_: &mut Context<'_>) -> Verdict {
    let net = OwnNetns::up("lo-own")?;
    net.inside(|| {
        let fail = |e: io::Error| format!("UDP over lo: {e}");
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(fail)?;
        sender
            .connect(receiver.local_addr().map_err(fail)?)
            .map_err(fail)?;
        let wanted = TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
        setsockopt(&sender, Timestamping, &wanted).map_err(|e| fail(e.into()))?;
        for _ in 0..2 {
            sender.send(b"when?").map_err(fail)?;
            let mut found = 0;
            wait::until(PATIENCE, || {
                found += stamps(&sender)?;
                Ok(found > 0)
            })?;
            found += stamps(&sender)?;
            if found != 1 {
                return Err(format!("a packet was sent {found} times"));
            }
        }
        Ok(())
    })?;
    Ok(net.delete()?)
}

/// How many reports of packets that were sent there are.
fn stamps(socket: &UdpSocket) -> Result<usize, String> {
    let mut found = 0;
    let mut data = [0; 256];
    let mut control = nix::cmsg_space!([nix::libc::timespec; 3], [u8; 64]);
    loop {
        let mut parts = [IoSliceMut::new(&mut data)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        let message = match recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut control), flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return Ok(found),
            Err(error) => return Err(format!("reports of packets that were sent: {error}")),
        };
        let controls = message.cmsgs().map_err(|e| format!("reports: {e}"))?;
        for control in controls {
            if let ControlMessageOwned::ScmTimestampsns(stamps) = control {
                found += usize::from(Duration::from(stamps.system) > Duration::ZERO);
            }
        }
    }
}
