// SPDX-License-Identifier: GPL-2.0

//! A namespace of a sequence, set up so that nothing in it waits for a clock.

use std::fs;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;

use rustix::thread::move_into_link_name_space;
use rustix::thread::LinkNameSpaceType;

use super::view::View;
use crate::fresh;
use crate::here;
use crate::here::LINK;
use crate::teardown;

/// What would happen some time later, or by chance, does not; or it happens at once.
const SETTINGS: [(&str, &str); 13] = [
    // No address has to ask first whether somebody else has it.
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    // Nobody asks for routers.
    ("ipv6/conf/default/router_solicitations", "0"),
    // Errors are sent however many there were before.
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv4/icmp_msgs_per_sec", "1000000"),
    ("ipv4/icmp_msgs_burst", "1000000"),
    // TCP repeats nothing within a sequence.
    ("ipv4/tcp_rto_min_us", "60000000"),
    ("ipv4/tcp_early_retrans", "0"),
    ("ipv4/tcp_recovery", "0"),
    ("ipv4/tcp_synack_retries", "0"),
    ("ipv4/tcp_no_metrics_save", "1"),
    ("ipv4/tcp_autocorking", "0"),
];

/// What is the same for all namespaces.
const KERNEL: [(&str, &str); 4] = [
    // A neighbour is known, or it is not, but nobody is asked.
    ("ipv4/neigh/default/mcast_solicit", "0"),
    ("ipv6/neigh/default/mcast_solicit", "0"),
    // Few enough packets for a large one's fragments to be too many.
    ("core/netdev_max_backlog", "100"),
    // A kernel with tunnels has some of each kind in every namespace, with addresses drawn at random.
    ("core/fb_tunnels_only_for_init_net", "1"),
];

/// To be done once, in the first namespace.
pub fn prepare_kernel() -> Result<(), String> {
    set(&KERNEL)
}

fn set(settings: &[(&str, &str)]) -> Result<(), String> {
    for (name, value) in settings {
        let file = format!("/proc/sys/net/{name}");
        fs::write(&file, value).map_err(|e| format!("{file}: {value}: {e}"))?;
    }
    Ok(())
}

/// A way into a namespace.
#[derive(Debug)]
pub struct Door {
    file: File,
    namespace: u32,
}

impl Door {
    /// To that of this thread.
    pub fn here() -> Result<Self, String> {
        Ok(Self {
            file: File::open(LINK).map_err(|e| format!("{LINK}: {e}"))?,
            namespace: here::number()?,
        })
    }

    /// Takes this thread there.
    pub fn enter(&self) -> Result<(), String> {
        move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| format!("enter a network namespace: {e}"))
    }

    /// For the kernel, to be told which one is meant.
    pub fn number(&self) -> u32 {
        self.file.as_raw_fd() as u32
    }

    /// Closes it, and waits until the namespace is gone.
    pub fn close(self) -> Result<(), String> {
        drop(self.file);
        teardown::await_end(self.namespace)
    }
}

/// A namespace.
#[derive(Debug)]
pub struct Space {
    /// The way in.
    pub door: Door,
    /// What is seen of it.
    pub view: View,
}

impl Space {
    /// Makes one. This thread is in it then.
    pub fn make() -> Result<Self, String> {
        fresh::unshare().map_err(|e| format!("a new network namespace: {e}"))?;
        set(&SETTINGS)?;
        Ok(Self {
            door: Door::here()?,
            view: View::open()?,
        })
    }

    /// Lets it go. It is gone when this returns.
    pub fn end(self) -> Result<(), String> {
        drop(self.view);
        self.door.close()
    }
}
