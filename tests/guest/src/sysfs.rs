// SPDX-License-Identifier: GPL-2.0

//! `/sys/class/net/lo`: its files and what is in them, those of its queues among them; gone with the
//! namespace.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::mount::UnmountFlags;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::namespace::Scope;
use crate::own_netns::OwnNetns;
use crate::teardown;
use crate::wait;

/// Where sysfs shows the first namespace.
const SYSFS: &str = "/sys";

/// Where it shows the one that is made here.
const MOUNT: &str = "/tmp/lo-sysfs";

/// What each file of a `lo` that is up has in it, or the error of reading it.
const WANTED: &[(&str, &str)] = &[
    ("addr_assign_type", "0"),
    ("addr_len", "6"),
    ("address", "00:00:00:00:00:00"),
    ("broadcast", "00:00:00:00:00:00"),
    ("carrier", "1"),
    ("carrier_changes", "0"),
    ("carrier_down_count", "0"),
    ("carrier_up_count", "0"),
    ("dev_id", "0x0"),
    ("dev_port", "0"),
    ("dormant", "0"),
    ("duplex", "EINVAL"),
    ("flags", "0x9"),
    ("gro_flush_timeout", "0"),
    ("ifalias", ""),
    ("ifindex", "1"),
    ("iflink", "1"),
    ("link_mode", "0"),
    ("mtu", "65536"),
    ("name_assign_type", "2"),
    ("napi_defer_hard_irqs", "0"),
    ("netdev_group", "0"),
    ("operstate", "unknown"),
    ("proto_down", "0"),
    ("queues/rx-0/rps_cpus", "0"),
    ("queues/rx-0/rps_flow_cnt", "0"),
    ("queues/tx-0/traffic_class", "ENOENT"),
    ("queues/tx-0/tx_maxrate", "0"),
    ("queues/tx-0/tx_timeout", "0"),
    ("queues/tx-0/xps_cpus", "ENOENT"),
    ("queues/tx-0/xps_rxqs", "0"),
    ("speed", "EINVAL"),
    ("statistics/collisions", "0"),
    ("statistics/multicast", "0"),
    ("statistics/rx_bytes", "0"),
    ("statistics/rx_compressed", "0"),
    ("statistics/rx_crc_errors", "0"),
    ("statistics/rx_dropped", "0"),
    ("statistics/rx_errors", "0"),
    ("statistics/rx_fifo_errors", "0"),
    ("statistics/rx_frame_errors", "0"),
    ("statistics/rx_length_errors", "0"),
    ("statistics/rx_missed_errors", "0"),
    ("statistics/rx_nohandler", "0"),
    ("statistics/rx_over_errors", "0"),
    ("statistics/rx_packets", "0"),
    ("statistics/tx_aborted_errors", "0"),
    ("statistics/tx_bytes", "0"),
    ("statistics/tx_carrier_errors", "0"),
    ("statistics/tx_compressed", "0"),
    ("statistics/tx_dropped", "0"),
    ("statistics/tx_errors", "0"),
    ("statistics/tx_fifo_errors", "0"),
    ("statistics/tx_heartbeat_errors", "0"),
    ("statistics/tx_packets", "0"),
    ("statistics/tx_window_errors", "0"),
    ("testing", "0"),
    ("threaded", "0"),
    ("tx_queue_len", "1000"),
    ("type", "772"),
    ("uevent", "INTERFACE=lo\nIFINDEX=1"),
];

/// What grows with traffic.
const COUNTERS: [&str; 4] = ["rx_bytes", "rx_packets", "tx_bytes", "tx_packets"];

/// What is not the device's own: how the kernel manages power.
const LEFT_OUT: &str = "power";

/// The files below a device's directory, by their paths there.
type Files = BTreeMap<String, String>;

/// Reads all files below `directory`; links are not followed.
fn read(directory: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    for entry in walk(directory).map_err(|e| format!("{}: {e}", directory.display()))? {
        let name = entry.strip_prefix(directory).unwrap_or(&entry);
        let mut text = content(&entry)?;
        // A mask of no CPUs has a digit for every four that there could be.
        if entry.ends_with("rps_cpus") && text.chars().all(|digit| digit == '0') {
            text = "0".into();
        }
        files.insert(name.to_string_lossy().into_owned(), text);
    }
    Ok(files)
}

fn walk(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != LEFT_OUT {
            found.extend(walk(&entry.path())?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// What is in a file: its text, or why it has none.
fn content(path: &Path) -> Result<String, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end().into()),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::INVAL) => Ok("EINVAL".into()),
            Some(Errno::OPNOTSUPP) => Ok("EOPNOTSUPP".into()),
            Some(Errno::NOENT) => Ok("ENOENT".into()),
            // It can only be written.
            Some(Errno::IO) => Ok("EIO".into()),
            _ => Err(format!("{}: {error}", path.display())),
        },
    }
}

/// Checks that `files` are as they must be; whatever has been counted if `counted`.
fn judge(files: &Files, counted: bool) -> Result<(), String> {
    let is_counter = |name: &str| {
        name.strip_prefix("statistics/")
            .is_some_and(|name| COUNTERS.contains(&name))
    };
    let mut odd = Vec::new();
    for (name, wanted) in WANTED {
        match files.get(*name) {
            Some(found) if found == wanted || counted && is_counter(name) => {}
            found => odd.push(format!("{name} is {found:?}, not {wanted:?}")),
        }
    }
    for (name, found) in files {
        if !WANTED.iter().any(|(wanted, _)| wanted == name) {
            odd.push(format!("{name} should not be there; it is {found:?}"));
        }
    }
    if odd.is_empty() {
        return Ok(());
    }
    Err(odd.join("\n"))
}

fn judge_at(sysfs: &Path, counted: bool) -> Result<(), String> {
    let device = sysfs.join("class/net/lo");
    let target = fs::read_link(&device).map_err(|e| format!("{}: {e}", device.display()))?;
    if target != Path::new("../../devices/virtual/net/lo") {
        return Err(format!("class/net/lo leads to {}", target.display()));
    }
    let class = fs::read_link(device.join("subsystem")).map_err(|e| format!("subsystem: {e}"))?;
    if !class.ends_with("class/net") {
        return Err(format!("lo's class is {}", class.display()));
    }
    judge(&read(&device)?, counted)
}

/// The files of the first namespace's `lo`.
pub fn attributes(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    Ok(judge_at(Path::new(SYSFS), true)?)
}

/// Another namespace's `lo` has them, too, and they go with it.
pub fn gone_with_netns(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::up("lo-sysfs")?;
    fs::create_dir_all(MOUNT).map_err(|e| format!("{MOUNT}: {e}"))?;
    own.inside(|| {
        rustix::mount::mount("sysfs", MOUNT, "sysfs", MountFlags::empty(), None)
            .map_err(|e| format!("mount sysfs: {e}"))
    })?;
    let verdict = judge_at(Path::new(MOUNT), false).and_then(|()| goes(own));
    let unmounted = rustix::mount::unmount(MOUNT, UnmountFlags::empty());
    verdict?;
    unmounted.map_err(|e| format!("unmount {MOUNT}: {e}"))?;
    Ok(judge_at(Path::new(SYSFS), true)?)
}

/// Deletes the namespace. The mount does not keep it, and shows then that nothing is left of it.
fn goes(own: OwnNetns) -> Result<(), String> {
    own.delete()?;
    let names = ["class/net/lo", "devices/virtual/net/lo"].map(|name| Path::new(MOUNT).join(name));
    let gone = || Ok(names.iter().all(|path| fs::symlink_metadata(path).is_err()));
    if wait::until(teardown::DEADLINE, gone)? {
        return Ok(());
    }
    Err(format!("lo is still in sysfs: {:?}", read(&names[1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> Files {
        let own = |(name, text): &(&str, &str)| (name.to_string(), text.to_string());
        WANTED.iter().map(own).collect()
    }

    fn with(name: &str, text: &str) -> Files {
        let mut files = right();
        files.insert(name.into(), text.into());
        files
    }

    #[test]
    fn each_file_has_to_be_right() {
        assert!(judge(&right(), false).is_ok());
        for (name, text) in WANTED {
            let mut files = right();
            files.remove(*name);
            assert!(judge(&files, true).is_err(), "{name}");
            let changed = with(name, &format!("{text}1"));
            assert!(judge(&changed, false).is_err(), "{name}");
        }
        assert!(judge(&with("phys_port_id", ""), false).is_err());
    }

    #[test]
    fn only_traffic_may_have_been_counted() {
        assert!(judge(&with("statistics/rx_bytes", "84"), true).is_ok());
        assert!(judge(&with("statistics/rx_bytes", "84"), false).is_err());
        assert!(judge(&with("statistics/rx_errors", "84"), true).is_err());
    }

    #[test]
    fn files_are_read_and_links_not_followed() {
        let directory = std::env::temp_dir().join(format!("sysfs-{}", std::process::id()));
        fs::create_dir_all(directory.join("queues/rx-0")).unwrap();
        fs::create_dir_all(directory.join(LEFT_OUT)).unwrap();
        fs::write(directory.join("mtu"), "65536\n").unwrap();
        fs::write(directory.join("power/control"), "auto\n").unwrap();
        fs::write(directory.join("queues/rx-0/rps_cpus"), "00\n").unwrap();
        std::os::unix::fs::symlink("mtu", directory.join("link")).unwrap();
        let found = read(&directory).unwrap();
        let wanted = [("mtu", "65536"), ("queues/rx-0/rps_cpus", "0")];
        assert_eq!(
            found,
            Files::from(wanted.map(|(n, t)| (n.into(), t.into())))
        );
        fs::remove_dir_all(&directory).unwrap();
        assert!(read(&directory).is_err());
    }
}
