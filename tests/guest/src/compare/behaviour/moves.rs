// SPDX-License-Identifier: GPL-2.0

//! From one namespace to another: `lo` stays, and nobody takes its name or its number.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use super::message::Message;
use super::scene::link_header;
use super::scene::Scene;
use super::scene::RTM_NEWLINK;
use crate::command;
use crate::fresh;

const RTM_NEWNSID: u16 = 88;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;

const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_TARGET_NETNSID: u16 = 46;
const IFLA_NEW_IFINDEX: u16 = 49;

/// The number that this namespace has for the other one.
const NSID: u32 = 7;

/// What the first device gets that is added to a new namespace.
const OTHER: u32 = 2;

const OWN: &str = "/proc/thread-self/ns/net";

/// A process in another namespace, which goes with it.
struct Elsewhere {
    process: Child,
    namespace: File,
}

impl Elsewhere {
    fn make() -> Result<Self, String> {
        fresh::in_thread(|| {
            fresh::unshare().map_err(|e| format!("a new network namespace: {e}"))?;
            let process = Command::new("sleep")
                .arg("600")
                .env_clear()
                .env("PATH", command::PATH)
                .stdin(Stdio::null())
                .spawn()
                .map_err(|e| format!("sleep: {e}"))?;
            Ok(Self {
                process,
                namespace: open(OWN)?,
            })
        })
    }

    fn fd(&self) -> u32 {
        self.namespace.as_raw_fd() as u32
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // Should it have ended by itself, there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn open(path: &str) -> Result<File, String> {
    File::open(path).map_err(|e| format!("{path}: {e}"))
}

/// `lo` to another namespace, in each way that there is.
pub fn out(scene: &mut Scene) -> Result<(), String> {
    let other = Elsewhere::make()?;
    let own = open(OWN)?;
    let number = Message::new(RTM_NEWNSID, 0, &[0; 4])
        .u32(NETNSA_NSID, NSID)
        .u32(NETNSA_FD, other.fd());
    scene.ask("nsid", number)?;
    for state in ["down", "up"] {
        let (fd, pid) = (other.fd(), other.pid());
        let to = |scene: &mut Scene, how: &str, kind: u16, value: u32| {
            scene.set(&format!("{state}.{how}"), |lo| lo.u32(kind, value))
        };
        to(scene, "fd", IFLA_NET_NS_FD, fd)?;
        to(scene, "pid", IFLA_NET_NS_PID, pid)?;
        to(scene, "nsid", IFLA_TARGET_NETNSID, NSID)?;
        to(scene, "unknown-nsid", IFLA_TARGET_NETNSID, NSID + 1)?;
        to(scene, "unknown-fd", IFLA_NET_NS_FD, 1000)?;
        to(scene, "own", IFLA_NET_NS_FD, own.as_raw_fd() as u32)?;
        scene.set(&format!("{state}.renamed"), |lo| {
            lo.u32(IFLA_NET_NS_FD, fd).text(IFLA_IFNAME, "moved0")
        })?;
        scene.set(&format!("{state}.renumbered"), |lo| {
            lo.u32(IFLA_NET_NS_FD, fd).u32(IFLA_NEW_IFINDEX, 77)
        })?;
        scene.up(&format!("{state}.up"))?;
    }
    scene.down("down")
}

/// Others to where there is a `lo` already.
pub fn others_in(scene: &mut Scene) -> Result<(), String> {
    let other = Elsewhere::make()?;
    scene.line("add", "ip link add d0 type dummy")?;
    let message =
        || Message::new(RTM_NEWLINK, 0, &link_header(OTHER, 0, 0)).u32(IFLA_NET_NS_FD, other.fd());
    scene.ask("as-lo", message().text(IFLA_IFNAME, "lo"))?;
    for index in [1, OTHER] {
        let key = format!("as-{index}");
        scene.ask(&key, message().u32(IFLA_NEW_IFINDEX, index))?;
    }
    Ok(())
}
