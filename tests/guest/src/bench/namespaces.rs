// SPDX-License-Identifier: GPL-2.0

//! Network namespaces that come, and go.
//!
//! One is gone when the kernel has taken it off the number of those that its user may have, which is
//! the last it does with it. While no more than one is allowed, another one can be had only then.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustix::io::Errno;
use rustix::thread::move_into_link_name_space;
use rustix::thread::LinkNameSpaceType;

use super::workload::Workload;
use crate::fresh;
use crate::here::LINK;
use crate::setting::Setting;
use crate::teardown::DEADLINE;

/// How many there may be, besides the first one.
const LIMIT: &str = "/proc/sys/user/max_net_namespaces";

/// More than a benchmark has at a time.
const MANY: &str = "8192";

/// Longer than it takes for one to go, with the grace periods that the kernel waits for. Where time is
/// instructions, it passes at once.
const REST: Duration = Duration::from_millis(500);

/// How often to ask whether all are gone.
const PAUSE: Duration = Duration::from_micros(100);

/// Lets the kernel do what it has put off.
pub fn rest() {
    thread::sleep(REST);
}

/// Allows as many as are needed, until it is dropped.
pub fn allow_many() -> Result<Setting, String> {
    Setting::set(LIMIT, MANY)
}

/// The namespace that this thread began in. Others are made one at a time.
pub struct Home {
    file: File,
    _limit: Setting,
}

impl Home {
    /// Remembers it.
    pub fn here() -> Result<Self, String> {
        Ok(Self {
            file: handle()?,
            _limit: Setting::set(LIMIT, "1")?,
        })
    }

    /// Takes this thread back there.
    pub fn enter(&self) -> Result<(), String> {
        move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| format!("enter the first network namespace: {e}"))
    }

    /// A new one, which lives as long as it is held.
    pub fn make(&self) -> Result<File, String> {
        make()?;
        let file = handle()?;
        self.enter()?;
        Ok(file)
    }

    /// Waits until there is no other one. How long after `start` that was, by the clock.
    pub fn await_end(&self, start: Instant) -> Result<Duration, String> {
        let asked = Instant::now();
        loop {
            let time = start.elapsed();
            match fresh::unshare() {
                Ok(()) => {
                    self.enter()?;
                    rest();
                    return Ok(time);
                }
                Err(Errno::NOSPC) if asked.elapsed() < DEADLINE => thread::sleep(PAUSE),
                Err(error) => return Err(complain(error)),
            }
        }
    }

    /// Whether there is no other one, without waiting for it.
    fn judge(&self) -> Result<(), String> {
        make()?;
        self.enter()?;
        rest();
        Ok(())
    }
}

/// This thread's, to be held.
pub fn handle() -> Result<File, String> {
    File::open(LINK).map_err(|e| format!("{LINK}: {e}"))
}

/// Gives this thread a new one.
pub fn make() -> Result<(), String> {
    fresh::unshare().map_err(complain)
}

fn complain(error: Errno) -> String {
    match error {
        Errno::NOSPC => "a network namespace: the one before is still there".into(),
        error => format!("a network namespace: {error}"),
    }
}

/// One is made.
pub struct Create(Home);

impl Create {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self(Home::here()?)))
    }
}

impl Workload for Create {
    fn operate(&mut self) -> Result<(), String> {
        make()
    }

    fn settle(&mut self) -> Result<(), String> {
        self.0.enter()?;
        rest();
        Ok(())
    }

    fn round(&mut self, operations: u64) -> Result<Duration, String> {
        let mut time = Duration::ZERO;
        let many = allow_many()?;
        let mut kept = Vec::new();
        for _ in 0..operations {
            let start = Instant::now();
            make()?;
            time += start.elapsed();
            kept.push(handle()?);
        }
        self.0.enter()?;
        drop((kept, many));
        self.0.await_end(Instant::now())?;
        Ok(time)
    }

    fn finish(self: Box<Self>, _: u64) -> Result<(), String> {
        self.0.await_end(Instant::now()).map(drop)
    }
}

/// The last reference to one goes, and then the namespace. In a round they go together: what takes
/// time is to wait for grace periods, which is done once for all.
pub struct Destroy {
    home: Home,
    kept: Option<File>,
}

impl Destroy {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        Ok(Box::new(Self {
            home: Home::here()?,
            kept: None,
        }))
    }
}

impl Workload for Destroy {
    fn prepare(&mut self) -> Result<(), String> {
        self.kept = Some(self.home.make()?);
        Ok(())
    }

    fn operate(&mut self) -> Result<(), String> {
        self.kept = None;
        rest();
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        self.home.judge()
    }

    fn round(&mut self, operations: u64) -> Result<Duration, String> {
        let many = allow_many()?;
        let kept = (0..operations)
            .map(|_| self.home.make())
            .collect::<Result<Vec<_>, _>>()?;
        drop(many);
        rest();
        let start = Instant::now();
        drop(kept);
        self.home.await_end(start)
    }
}
