// SPDX-License-Identifier: GPL-2.0

//! Locks between labs, on files: any number may share one, or a single one has it for itself.
//! A lock ends with its process, however that ends. Children inherit a [`Lock`], so that a compiler
//! that outlives a killed lab by a moment still keeps others out of the directory it writes to.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::io::FdFlags;

use crate::checkout::make_dir;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;
use crate::ui::Stage;

/// How long to wait for a lock: longer than any build takes.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// With how many others a lock can be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With all that only use the thing.
    Shared,
    /// With none.
    Exclusive,
}

impl Mode {
    fn operation(self) -> FlockOperation {
        match self {
            Mode::Shared => FlockOperation::NonBlockingLockShared,
            Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        }
    }
}

/// A held lock.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock at `path` if that is possible right now.
    pub fn try_take(path: &Path, mode: Mode) -> Result<Option<Self>> {
        let lock = Self::open(path)?;
        Ok(lock.attempt(mode)?.then_some(lock))
    }

    /// Takes the lock at `path`; says that it waits, and for `what`, if it has to.
    pub fn take(path: &Path, mode: Mode, what: &str) -> Result<Self> {
        let lock = Self::open(path)?;
        lock.wait(mode, what)?;
        Ok(lock)
    }

    fn open(path: &Path) -> Result<Self> {
        make_dir(path.parent().unwrap_or(path))?;
        let fail = |e| Failure::io("open the lock", path, e);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(fail)?;
        rustix::io::fcntl_setfd(&file, FdFlags::empty()).map_err(|e| fail(e.into()))?;
        Ok(Self {
            file,
            path: path.into(),
        })
    }

    fn attempt(&self, mode: Mode) -> Result<bool> {
        match rustix::fs::flock(&self.file, mode.operation()) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(e) => Err(Failure::io("lock", &self.path, e.into())),
        }
    }

    fn wait(&self, mode: Mode, what: &str) -> Result {
        if self.attempt(mode)? {
            return Ok(());
        }
        let mut stage = Stage::start("wait", &format!("another lab {what}"));
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            stage.tick();
            process::sleep(Duration::from_millis(100))?;
            if self.attempt(mode)? {
                stage.done(&format!("another lab {what}: it has finished"));
                return Ok(());
            }
        }
        Err(Failure::new(
            Exit::Timeout,
            format!("another lab {what}, for too long"),
            format!("waited {} minutes", PATIENCE.as_secs() / 60),
        )
        .hint(format!("find out who holds {}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_excludes_exclusive_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::try_take(&path, Mode::Shared).unwrap().unwrap();
        let second = Lock::try_take(&path, Mode::Shared).unwrap();
        assert!(second.is_some());
        assert!(Lock::try_take(&path, Mode::Exclusive).unwrap().is_none());
        drop((first, second));
        assert!(Lock::try_take(&path, Mode::Exclusive).unwrap().is_some());
    }
}
