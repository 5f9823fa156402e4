// SPDX-License-Identifier: GPL-2.0

//! User Mode Linux's command line.

use std::path::Path;
use std::process::Command;

use rustix::process::Resource;
use rustix::process::Rlimit;

use super::append;
use super::Boot;
use super::Files;
use super::LOGLEVEL;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;

/// Where it makes the file that is its memory, if that is a file system in memory.
const SHM: &str = "/dev/shm";

const MIB: u64 = 1 << 20;

/// User Mode Linux, with its console on its standard error and the results on its standard output:
/// nothing of its own is written there unless it dies, and then they are not whole. What it keeps
/// beside its memory is in `home`.
pub fn alone(boot: &Boot, files: &Files, nonce: &str, home: &Path) -> Result<Command> {
    check_room(boot.limits.memory)?;
    // A panic aborts it; what is left of it is of use to nobody.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)
        .map_err(|e| Failure::new(Exit::Internal, "cannot do without core files", e))?;
    let mut command = process::command(&boot.image);
    command
        .arg(format!("mem={}M", boot.limits.memory))
        .arg(format!("ncpus={}", boot.cpus))
        // Quicker than by tracing, and it takes this to have several CPUs. The guest could get at its
        // kernel's memory that way, but it is ours.
        .args(["seccomp=on", "noreboot"])
        .arg(format!("initrd={}", boot.initramfs.display()))
        .arg(format!("uml_dir={}/", home.display()))
        // Before the console is there as well.
        .args(["stderr=1", "con=null", "con0=null,fd:2", "console=tty0"])
        .args(["ssl=null", "ssl0=null,fd:1"])
        .arg(LOGLEVEL)
        .arg(format!("lab.nonce={nonce}"))
        .args(&boot.words)
        // Its memory is a file; without these it finds a file system that is memory itself.
        .env_remove("TMPDIR")
        .env_remove("TMP")
        .env_remove("TEMP")
        .stdout(append(&files.results)?)
        .stderr(append(&files.console)?);
    Ok(command)
}

/// Its file has holes at first: if there is no room for what fills them, it dies of SIGBUS at any
/// time, and nobody sees why.
fn check_room(memory: u32) -> Result {
    // Where that directory is not there, it takes another one, and says so.
    let Ok(there) = rustix::fs::statvfs(SHM) else {
        return Ok(());
    };
    judge_room(memory, there.f_bavail.saturating_mul(there.f_frsize))
}

/// `free` is in bytes, `memory` in MiB.
fn judge_room(memory: u32, free: u64) -> Result {
    if free >= u64::from(memory) * MIB {
        return Ok(());
    }
    let what = format!("{SHM} is too small for User Mode Linux");
    let why = format!(
        "its memory takes {memory} MiB there, and {} MiB are free",
        free / MIB
    );
    let hint = format!(
        "remove files there, or: mount -o remount,size={}M {SHM}",
        2 * memory
    );
    Err(Failure::new(Exit::Setup, what, why).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_refused_with_both_numbers() {
        assert!(judge_room(512, 512 * MIB).is_ok());
        let failure = judge_room(512, 512 * MIB - 1).unwrap_err();
        assert_eq!(failure.exit, Exit::Setup);
        assert!(failure.why.contains("512 MiB"), "{}", failure.why);
        assert!(failure.why.contains("511 MiB"), "{}", failure.why);
    }
}
