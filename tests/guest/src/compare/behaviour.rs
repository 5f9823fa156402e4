// SPDX-License-Identifier: GPL-2.0

//! What can be done to `lo`, what is refused and how, and what comes of what is done. Each scenario
//! is in a namespace of its own, or in the first one where that may make a difference, and sees
//! nothing of the others.

mod attributes;
mod device;
mod digest;
mod ethtool;
mod features;
mod flags;
mod ioctls;
mod labels;
mod mac;
mod message;
mod moves;
mod mtu;
mod names;
mod packets;
mod programs;
mod queue;
mod refused;
mod registering;
mod scene;
mod sockets;
mod sysctls;
mod sysfs;
mod traffic;
mod trafficcontrol;
mod upper;

use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use rustix::thread::sched_setaffinity;
use rustix::thread::CpuSet;

use super::Book;
use crate::fresh;
use crate::teardown;
use digest::Digest;
use scene::Scene;

/// How long one step of a scenario may take. The longest is a command that is killed.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where a scenario plays.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// The first namespace.
    Init,
    /// A new one.
    Own,
}

/// A scenario: what it is called, where it plays, and what happens.
struct Scenario(&'static str, Place, fn(&mut Scene) -> Result<(), String>);

/// All of them. Those in the first namespace leave nothing behind, as long as what must be refused
/// is.
const ALL: &[Scenario] = &[
    Scenario("mtu-ioctl", Place::Own, mtu::by_ioctl),
    Scenario("mtu-netlink", Place::Own, mtu::by_netlink),
    Scenario("mtu-sysfs", Place::Own, mtu::by_sysfs),
    Scenario("mac-ioctl", Place::Own, mac::by_ioctl),
    Scenario("mac-netlink", Place::Own, mac::by_netlink),
    Scenario("name-ioctl", Place::Own, names::by_ioctl),
    Scenario("name-netlink", Place::Own, names::by_netlink),
    Scenario("altname", Place::Own, names::alternative),
    Scenario("move", Place::Own, moves::out),
    Scenario("move-in", Place::Own, moves::others_in),
    Scenario("features-netlink", Place::Own, features::by_netlink),
    Scenario("features-ioctl", Place::Own, features::by_ioctl),
    Scenario("qlen", Place::Own, queue::length),
    Scenario("limits", Place::Own, queue::limits),
    Scenario("labels", Place::Own, labels::all),
    Scenario("attributes-down", Place::Own, attributes::down),
    Scenario("attributes-up", Place::Own, attributes::up),
    Scenario("flags-netlink", Place::Own, flags::by_netlink),
    Scenario("flags-ioctl", Place::Own, flags::by_ioctl),
    Scenario("flags-counts", Place::Own, flags::counts),
    Scenario("sysfs-down", Place::Own, sysfs::down),
    Scenario("sysfs-up", Place::Own, sysfs::up),
    Scenario("sysctl-ipv4", Place::Own, sysctls::ipv4),
    Scenario("sysctl-ipv6", Place::Own, sysctls::ipv6),
    Scenario("ioctls", Place::Own, ioctls::all),
    Scenario("ethtool-ioctl", Place::Own, ethtool::by_ioctl),
    Scenario("ethtool-netlink", Place::Own, ethtool::by_netlink),
    Scenario("register", Place::Own, registering::all),
    Scenario("upper", Place::Own, upper::on_top),
    Scenario("master", Place::Own, upper::below),
    Scenario("xdp", Place::Own, programs::xdp),
    Scenario("tc-bpf", Place::Own, programs::filter),
    Scenario("qdisc", Place::Own, trafficcontrol::qdiscs),
    Scenario("filter", Place::Own, trafficcontrol::filters),
    Scenario("sockets", Place::Own, sockets::all),
    Scenario("neighbour", Place::Own, sockets::neighbour),
    Scenario("packets", Place::Own, packets::all),
    Scenario("ping", Place::Own, traffic::pings),
    Scenario("udp", Place::Own, traffic::datagrams),
    Scenario("groups-ipv4", Place::Own, traffic::groups4),
    Scenario("groups-ipv6", Place::Own, traffic::groups6),
    Scenario("init-move", Place::Init, moves::out),
    Scenario("init-register", Place::Init, registering::all),
    Scenario("init-mtu", Place::Init, mtu::by_netlink),
    Scenario("init-name", Place::Init, names::by_netlink),
];

/// Notes all of it.
pub fn look(book: &mut Book<'_>) -> Result<(), String> {
    // What a new lo is like is told once; scenarios tell how theirs is different.
    let (fresh, _) = play(book, &Scenario("fresh", Place::Own, fresh_one), None)?;
    for scenario in ALL {
        let (_, gone) = play(book, scenario, Some(&fresh))?;
        book.note(&format!("{}.end", scenario.0), gone)?;
    }
    Ok(())
}

/// Each detail of a new `lo`.
fn fresh_one(scene: &mut Scene) -> Result<(), String> {
    for (name, value) in scene.digest().entries() {
        scene.note(name, value.as_str())?;
    }
    Ok(())
}

/// Plays one, and notes its facts as they come. What `lo` was like at its beginning, and whether
/// its namespace went, if it had one of its own.
fn play(
    book: &mut Book<'_>,
    scenario: &Scenario,
    fresh: Option<&Digest>,
) -> Result<(Digest, String), String> {
    let Scenario(name, place, run) = *scenario;
    let (sender, facts) = mpsc::channel();
    let fresh = fresh.cloned();
    let thread = thread::spawn(move || perform(place, run, fresh.as_ref(), sender));
    let mut last = String::from("its beginning");
    loop {
        match facts.recv_timeout(DEADLINE) {
            Ok((key, value)) => {
                book.note(&format!("{name}.{key}"), value)?;
                last = key;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = DEADLINE.as_secs();
                return Err(format!("{name}: nothing for {seconds} s after {last}"));
            }
        }
    }
    let (begin, number) = thread
        .join()
        .map_err(|_| format!("{name} panicked after {last}"))?
        .map_err(|e| format!("{name}: {e}"))?;
    let gone = match number.map(teardown::await_end) {
        None => "it stays".into(),
        Some(Ok(())) => "gone".into(),
        // Its number is no fact.
        Some(Err(_)) => "still there".into(),
    };
    Ok((begin, gone))
}

fn perform(
    place: Place,
    run: fn(&mut Scene) -> Result<(), String>,
    fresh: Option<&Digest>,
    facts: Sender<(String, String)>,
) -> Result<(Digest, Option<u32>), String> {
    // What is sent on one CPU is received there, in order.
    let mut one = CpuSet::new();
    one.set(0);
    sched_setaffinity(None, &one).map_err(|e| format!("CPU 0: {e}"))?;
    let number = match place {
        Place::Own => Some(fresh::enter()?),
        Place::Init => None,
    };
    let mut scene = Scene::open(place == Place::Own, facts)?;
    let begin = scene.digest();
    if let Some(fresh) = fresh {
        scene.note("begin", fresh.changes(&begin).join("; "))?;
    }
    run(&mut scene)?;
    Ok((begin, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scenario_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ALL.iter().map(|scenario| scenario.0).collect();
        assert!(names.iter().all(|name| !name.contains('.')));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
