// SPDX-License-Identifier: GPL-2.0

//! How the lab fails: one exit code for each kind of failure, and one message that says what
//! failed, why, and what to do about it.

use std::fmt;
use std::io;
use std::path::Path;

/// The lab's exit codes. They are an interface: scripts and CI rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done, and it was as it must be.
    Ok = 0,
    /// A bug in the lab itself.
    Internal = 1,
    /// The command line or a variable makes no sense.
    Usage = 2,
    /// `FILTER` matches no test.
    NoMatch = 3,
    /// A tool is missing and could not be installed.
    Setup = 10,
    /// The kernel source could not be fetched.
    Fetch = 11,
    /// What was fetched is not what `linux/kernel.lock` pins.
    Checksum = 12,
    /// `KERNEL_SRC` is no kernel, or none with Rust support, or the patches do not apply.
    Source = 13,
    /// The kernel, a module or a guest program does not build.
    Build = 14,
    /// The cache or the build directory cannot be written.
    Cache = 15,
    /// The disk is full.
    DiskFull = 16,
    /// The guest never came up.
    Boot = 20,
    /// At least one test failed.
    TestFailed = 21,
    /// The guest's kernel panicked.
    GuestPanic = 22,
    /// A deadline passed: the guest hangs.
    Timeout = 23,
    /// The guest's kernel complained: a splat in its log, or an unexpected taint.
    Splat = 24,
    /// Results are missing: no end marker, or an expected suite or case that never reported.
    Incomplete = 25,
    /// The module was built for another kernel.
    StaleModule = 26,
    /// The kernel that was booted is another variant's.
    OtherVariant = 27,
    /// QEMU itself failed.
    Qemu = 28,
    /// Ended by Ctrl-C or a signal.
    Interrupted = 130,
}

impl Exit {
    /// Every exit code, with the line that `make help` prints for it.
    pub const ALL: &'static [(Exit, &'static str)] = &[
        (Exit::Ok, "all as it must be"),
        (Exit::Internal, "a bug in the lab itself"),
        (Exit::Usage, "bad command line or variable"),
        (Exit::NoMatch, "FILTER matches no test"),
        (Exit::Setup, "set-up: a tool is missing"),
        (Exit::Fetch, "fetch: the kernel source cannot be had"),
        (Exit::Checksum, "fetch: not the file that is pinned"),
        (
            Exit::Source,
            "kernel source unusable, or patches do not apply",
        ),
        (Exit::Build, "build failed"),
        (Exit::Cache, "cache or build directory not writable"),
        (Exit::DiskFull, "disk full"),
        (Exit::Boot, "the guest did not come up"),
        (Exit::TestFailed, "a test failed"),
        (Exit::GuestPanic, "guest panic"),
        (Exit::Timeout, "guest hangs: deadline passed"),
        (Exit::Splat, "kernel splat or unexpected taint"),
        (Exit::Incomplete, "results missing or truncated"),
        (Exit::StaleModule, "module of another kernel"),
        (Exit::OtherVariant, "kernel of another variant"),
        (Exit::Qemu, "QEMU itself failed"),
        (Exit::Interrupted, "interrupted"),
    ];

    /// The one that a process exited with, if it is one of these.
    pub fn of(code: Option<i32>) -> Option<Self> {
        let mut all = Self::ALL.iter().map(|(exit, _)| *exit);
        all.find(|exit| Some(i32::from(exit.code())) == code)
    }

    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// A failure as its reader sees it.
#[derive(Debug)]
pub struct Failure {
    /// Which kind.
    pub exit: Exit,
    /// What failed, in one line.
    pub what: String,
    /// Why, as far as known; may hold several lines.
    pub why: String,
    /// What to do about it; empty if there is nothing to say.
    pub hint: String,
}

/// What the lab's functions return.
pub type Result<T = ()> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of kind `exit`: `what` failed because of `why`.
    pub fn new(exit: Exit, what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self {
            exit,
            what: what.into(),
            why: why.to_string(),
            hint: String::new(),
        }
    }

    /// Adds what the reader can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// An I/O error on `path`, sorted into disk full, not writable, and the rest.
    pub fn io(action: &str, path: &Path, error: io::Error) -> Self {
        let what = format!("cannot {action} {}", path.display());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::new(Exit::DiskFull, what, error)
                    .hint("free some space (a kernel build takes about 3 GB) and run again")
            }
            _ => Self::new(Exit::Cache, what, error)
                .hint("check that the directory exists and is yours to write"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.what)?;
        for line in self.why.lines() {
            writeln!(f, "   why: {line}")?;
        }
        if !self.hint.is_empty() {
            writeln!(f, "    do: {}", self.hint)?;
        }
        write!(f, "  exit: {}", self.exit.code())
    }
}

impl std::error::Error for Failure {}
