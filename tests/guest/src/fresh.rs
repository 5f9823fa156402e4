// SPDX-License-Identifier: GPL-2.0

//! A network namespace that nobody has touched: a thread makes it for itself, and it goes with the
//! thread.

// rustix leaves it to the caller that no other thread expects to share what is unshared.
#![allow(unsafe_code)]

use std::fs;
use std::fs::File;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::move_into_link_name_space;
use rustix::thread::unshare_unsafe;
use rustix::thread::LinkNameSpaceType;
use rustix::thread::UnshareFlags;

use crate::namespace::Scope;
use crate::wait;
use crate::witness::Witness;

/// How long its teardown may take. See `checks::TEARDOWN_DEADLINE`.
const DEADLINE: Duration = Duration::from_secs(15);

/// This thread's namespace.
const LINK: &str = "/proc/thread-self/ns/net";
const WITNESS: &str = "/proc/thread-self/net/lo_witness";

/// Lets `work` run in a thread that is in a new namespace. Both are gone when this returns.
pub fn with<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    let before = alive()?;
    let result = in_thread(|| {
        unshare().map_err(|e| format!("a new network namespace: {e}"))?;
        work()
    });
    gone(before)?;
    result
}

/// Lets `work` run in a thread of its own, which may change its namespace.
pub fn in_thread<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err("a thread of the check has panicked".into()))
}

/// Gives this thread a new network namespace.
pub fn unshare() -> Result<(), Errno> {
    // SAFETY: What is unshared is no file descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
}

/// A namespace that lives on without a thread in it.
#[derive(Debug)]
pub struct Kept {
    file: File,
    /// How many there were before.
    before: u32,
}

impl Kept {
    /// Makes it.
    pub fn make() -> Result<Self, String> {
        let before = alive()?;
        let file = in_thread(|| {
            unshare().map_err(|e| format!("a new network namespace: {e}"))?;
            File::open(LINK).map_err(|e| format!("{LINK}: {e}"))
        })?;
        Ok(Self { file, before })
    }

    /// Lets `work` run in a thread that is in it.
    pub fn within<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send,
    ) -> Result<T, String> {
        in_thread(|| {
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|e| format!("enter a network namespace: {e}"))?;
            work()
        })
    }

    /// Lets go of it. It is gone when this returns.
    pub fn end(self) -> Result<(), String> {
        drop(self.file);
        gone(self.before)
    }
}

/// What the witness says of this thread's namespace.
pub fn witness() -> Result<Witness, String> {
    let text = fs::read_to_string(WITNESS).map_err(|e| format!("{WITNESS}: {e}"))?;
    Witness::parse(&text)
}

/// The number of this thread's namespace, as the listener has it.
pub fn number() -> Result<u32, String> {
    let link = fs::read_link(LINK).map_err(|e| format!("{LINK}: {e}"))?;
    let text = link.to_string_lossy();
    parse_number(&text).ok_or_else(|| format!("{LINK} leads to {text}"))
}

/// Parses `net:[4026531840]`.
fn parse_number(link: &str) -> Option<u32> {
    link.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

/// How many namespaces there are, counting those that are being taken down.
pub fn alive() -> Result<u32, String> {
    Ok(Scope::Init.witness()?.namespaces)
}

/// Waits for there to be no more than `before`.
pub fn gone(before: u32) -> Result<(), String> {
    if wait::until(DEADLINE, || Ok(alive()? <= before))? {
        return Ok(());
    }
    Err(format!(
        "there are {} network namespaces after {} s, not {before}",
        alive()?,
        DEADLINE.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_a_number() {
        assert_eq!(parse_number("net:[4026531840]"), Some(4_026_531_840));
        for other in ["mnt:[4026531840]", "net:[]", "net:[1", "1"] {
            assert_eq!(parse_number(other), None);
        }
        assert!(number().is_ok());
    }
}
