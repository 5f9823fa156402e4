// SPDX-License-Identifier: GPL-2.0

//! A network namespace that nobody has touched: a thread makes it for itself, and it goes with the
//! thread.

// rustix leaves it to the caller that no other thread expects to share what is unshared.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsFd;
use std::thread;

use rustix::io::Errno;
use rustix::thread::move_into_link_name_space;
use rustix::thread::unshare_unsafe;
use rustix::thread::LinkNameSpaceType;
use rustix::thread::UnshareFlags;

use crate::here;
use crate::here::LINK;
use crate::teardown;

/// Lets `work` run in a thread that is in a new namespace. Both are gone when this returns.
pub fn with<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    let (number, result) = in_thread(|| {
        let number = enter()?;
        Ok((number, work()))
    })?;
    teardown::await_end(number)?;
    result
}

/// Lets `work` run in a thread of its own, which may change its namespace.
pub fn in_thread<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|_| Err("a thread of the check has panicked".into()))
}

/// Moves this thread into a new network namespace, and returns its number.
pub fn enter() -> Result<u32, String> {
    unshare().map_err(|e| format!("a new network namespace: {e}"))?;
    here::number()
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
    number: u32,
}

impl Kept {
    /// Makes it.
    pub fn make() -> Result<Self, String> {
        in_thread(|| {
            let number = enter()?;
            let file = File::open(LINK).map_err(|e| format!("{LINK}: {e}"))?;
            Ok(Self { file, number })
        })
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
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
        teardown::await_end(self.number)
    }
}
