// SPDX-License-Identifier: GPL-2.0

//! What can be read about `lo`: in the first namespace and in a new one; before it has ever been up,
//! while it is up and has counted some packets, and down again.

mod client;
mod ethtool;
mod facts;
mod genetlink;
mod ioctls;
mod json;
mod proc_net;
mod programs;
mod rtnetlink;
mod schema;
mod tree;

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::mount::MountFlags;
use rustix::mount::UnmountFlags;

use super::Book;
use crate::command;
use crate::cpus;
use crate::fresh;
use crate::here::proc_net as read_proc_net;
use crate::netlink;
use crate::own_netns::OwnNetns;
use crate::wait;
use facts::join;
use facts::Facts;

/// Where sysfs shows the namespace that is looked at.
const SYSFS: &str = "/tmp/lo-state-sysfs";

/// Where it shows `lo` there.
const DEVICE: &str = "devices/virtual/net/lo";

/// Directories with settings of `lo`.
const SYSCTL: [(&str, &str); 4] = [
    ("ipv4.conf", "/proc/sys/net/ipv4/conf/lo"),
    ("ipv4.neigh", "/proc/sys/net/ipv4/neigh/lo"),
    ("ipv6.conf", "/proc/sys/net/ipv6/conf/lo"),
    ("ipv6.neigh", "/proc/sys/net/ipv6/neigh/lo"),
];

/// How long addresses may take to come and go.
const DEADLINE: Duration = Duration::from_secs(15);

/// Notes all of it.
pub fn look(book: &mut Book<'_>) -> Result<(), String> {
    fs::create_dir_all(SYSFS).map_err(|e| format!("{SYSFS}: {e}"))?;
    fresh::in_thread(|| through_life(book, "init"))?;
    let own = OwnNetns::add("lo-state")?;
    own.inside(|| through_life(book, "netns"))?;
    own.delete()
}

/// Looks at this thread's namespace's `lo`, puts it up and to use, and down again. All on one CPU: there are
/// counters for each.
fn through_life(book: &mut Book<'_>, scope: &str) -> Result<(), String> {
    cpus::stay_on(0)?;
    all(book, &format!("{scope}.down"))?;
    set("up")?;
    settle(true)?;
    traffic()?;
    all(book, &format!("{scope}.up"))?;
    set("down")?;
    settle(false)?;
    all(book, &format!("{scope}.down-again"))
}

fn set(state: &str) -> Result<(), String> {
    command::run(&["ip", "link", "set", "lo", state]).map(drop)
}

/// Waits for `lo` to have `::1` for good, or none. Its IPv4 address comes and stays without delay.
fn settle(up: bool) -> Result<(), String> {
    const OWN: &str = "00000000000000000000000000000001 01";
    const TENTATIVE: &str = " 40 ";
    let addresses = || read_proc_net("if_inet6");
    let done = || {
        let text = addresses()?;
        Ok(text.contains(OWN) == up && !text.contains(TENTATIVE))
    };
    if wait::until(DEADLINE, done)? {
        return Ok(());
    }
    Err(format!("lo's addresses do not settle: {}", addresses()?))
}

/// What `lo` has to count: so many packets, of one length, in both directions.
fn traffic() -> Result<(), String> {
    for address in ["127.0.0.1", "::1"] {
        let line = format!("ping -q -n -c 3 -i 0.002 -W 5 {address}");
        let words: Vec<&str> = line.split(' ').collect();
        command::run(&words)?;
    }
    Ok(())
}

/// Waits for the kernel to have freed what nobody holds any more: it counts that, too. Of a
/// namespace that goes, the last thing is such a wait; one of the next namespaces goes after it. What
/// is freed may let go of something in turn, and that of something else.
fn tidy() -> Result<(), String> {
    const NAMESPACES: usize = 4;
    (0..NAMESPACES).try_for_each(|_| fresh::with(|| Ok(())))
}

/// Notes all that can be read now, below `path`.
fn all(book: &mut Book<'_>, path: &str) -> Result<(), String> {
    tidy()?;
    // First what counts sockets and the like, then what opens some, and programs last.
    note(book, path, "proc", proc_net::read()?)?;
    book.note(&format!("{path}.devices"), devices()?)?;
    note(book, path, "sysctl", sysctl()?)?;
    note(book, path, "sysfs", sysfs()?)?;
    note(book, path, "rtnetlink", rtnetlink::read()?)?;
    note(book, path, "netdev", genetlink::netdev()?)?;
    note(book, path, "ethtool.netlink", genetlink::ethtool()?)?;
    note(book, path, "ethtool.ioctl", ethtool::read())?;
    note(book, path, "ioctl", ioctls::read()?)?;
    note(book, path, "command", programs::read())
}

fn note(book: &mut Book<'_>, path: &str, subject: &str, facts: Facts) -> Result<(), String> {
    let path = format!("{path}.{subject}");
    book.note_all(
        facts
            .iter()
            .map(|(name, value)| (join(&path, name), value.into())),
    )
}

/// The namespace's devices, in the kernel's order: `lo` is the first to come and the last to go.
fn devices() -> Result<String, String> {
    let links = netlink::dump()?;
    let names: Vec<String> = links.into_iter().map(|link| link.name).collect();
    Ok(names.join(" "))
}

fn sysctl() -> Result<Facts, String> {
    let mut facts = Facts::default();
    for (name, directory) in SYSCTL {
        facts.add_below(name, tree::read(Path::new(directory))?);
    }
    Ok(facts)
}

/// `lo`'s directory in sysfs, and those that lead there. What sysfs shows depends on the namespace
/// that it was mounted in.
fn sysfs() -> Result<Facts, String> {
    rustix::mount::mount("sysfs", SYSFS, "sysfs", MountFlags::empty(), None)
        .map_err(|e| format!("mount sysfs: {e}"))?;
    let facts = sysfs_there();
    rustix::mount::unmount(SYSFS, UnmountFlags::empty())
        .map_err(|e| format!("unmount {SYSFS}: {e}"))?;
    facts
}

fn sysfs_there() -> Result<Facts, String> {
    let root = Path::new(SYSFS);
    let mut facts = tree::read(&root.join(DEVICE))?;
    let class = root.join("class/net");
    facts.add_below("class", tree::read(&class.join("lo"))?);
    for directory in [class, root.join("devices/virtual/net")] {
        let fail = |e| format!("{}: {e}", directory.display());
        let names = tree::names(&directory).map_err(fail)?;
        let name = directory.strip_prefix(root).unwrap_or(&directory);
        facts.add(join("all", &name.to_string_lossy()), names.join(" "));
    }
    Ok(facts)
}
