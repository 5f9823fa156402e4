// SPDX-License-Identifier: GPL-2.0

//! What an init does first and last: mounts, the kernel log, the restart that ends the guest.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::fs::OFlags;
use rustix::mount::MountFlags;
use rustix::process::WaitOptions;
use rustix::system::RebootCommand;
use rustix::termios;
use rustix::termios::OptionalActions;

const MOUNTS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
    ("tmpfs", "/tmp"),
    ("tmpfs", "/run"),
];

/// User Mode Linux has this, and no other machine.
const USER_MODE: &str = "/proc/exitcode";

/// What the results go to there: a serial line.
const SERIAL: &str = "/dev/ttyS0";

/// How long the results port may take to show up after init started.
const PORT_DEADLINE: Duration = Duration::from_secs(10);

/// Mounts the file systems that everything else needs.
pub fn mount_all() -> Result<(), String> {
    for (kind, target) in MOUNTS {
        fs::create_dir_all(target).map_err(|e| format!("mkdir {target}: {e}"))?;
        match rustix::mount::mount(*kind, *target, *kind, MountFlags::empty(), None) {
            // A kernel with CONFIG_DEVTMPFS_MOUNT may have been here first.
            Ok(()) | Err(rustix::io::Errno::BUSY) => {}
            Err(error) => return Err(format!("mount {kind} on {target}: {error}")),
        }
    }
    Ok(())
}

/// Writes one line to the kernel log, and so to the console. Best effort.
pub fn log(line: &str) {
    if let Ok(mut kmsg) = OpenOptions::new().write(true).open("/dev/kmsg") {
        let _ = writeln!(kmsg, "<3>{line}");
    }
}

/// Opens the port for the results: the virtio-serial one called `name`, or the serial line of a
/// machine that has no such ports.
pub fn open_port(name: &str) -> Result<File, String> {
    if is_user_mode() {
        return open_serial();
    }
    open_virtio(name)
}

fn is_user_mode() -> bool {
    Path::new(USER_MODE).exists()
}

/// Opens the serial line, for bytes to pass as they are.
fn open_serial() -> Result<File, String> {
    let fail = |e: io::Error| format!("open {SERIAL}: {e}");
    let line = OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(SERIAL)
        .map_err(fail)?;
    let mut settings = termios::tcgetattr(&line).map_err(|e| fail(e.into()))?;
    settings.make_raw();
    termios::tcsetattr(&line, OptionalActions::Now, &settings).map_err(|e| fail(e.into()))?;
    Ok(line)
}

/// Opens the virtio-serial port called `name`, waiting for the driver to bring it.
fn open_virtio(name: &str) -> Result<File, String> {
    let start = Instant::now();
    loop {
        if let Some(device) = find_port(name) {
            let path = Path::new("/dev").join(device);
            return OpenOptions::new()
                .write(true)
                .open(&path)
                .map_err(|e| format!("open {}: {e}", path.display()));
        }
        if start.elapsed() > PORT_DEADLINE {
            return Err(format!("no virtio-serial port called {name}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn find_port(name: &str) -> Option<std::ffi::OsString> {
    for entry in fs::read_dir("/sys/class/virtio-ports").ok()?.flatten() {
        let found = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if found.trim_end() == name {
            return Some(entry.file_name());
        }
    }
    None
}

/// Ends the guest: the kernel has no ACPI, so power-off does not work, and QEMU runs with
/// `-no-reboot`.
pub fn restart() -> ExitCode {
    rustix::fs::sync();
    if is_user_mode() {
        end_others();
    }
    if let Err(error) = rustix::system::reboot(RebootCommand::Restart) {
        log(&format!("lab: restart: {error}"));
    }
    // Returning from init panics the kernel, which the lab cannot overlook.
    ExitCode::FAILURE
}

/// Ends all other processes. User Mode Linux lets go of what executes them, and if it is one's turn
/// after that, waits for it for ever.
fn end_others() {
    // There may be none.
    let _ = signal::kill(Pid::from_raw(-1), Signal::SIGKILL);
    while rustix::process::wait(WaitOptions::empty()).is_ok() {}
}
