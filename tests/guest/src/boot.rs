// SPDX-License-Identifier: GPL-2.0

//! What an init does first and last: mounts, the kernel log, the restart that ends the guest.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use rustix::mount::MountFlags;
use rustix::system::RebootCommand;

const MOUNTS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
    ("tmpfs", "/tmp"),
    ("tmpfs", "/run"),
];

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

/// Opens the virtio-serial port called `name`, waiting for the driver to bring it.
pub fn open_port(name: &str) -> Result<File, String> {
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
    if let Err(error) = rustix::system::reboot(RebootCommand::Restart) {
        log(&format!("lab: restart: {error}"));
    }
    // Returning from init panics the kernel, which the lab cannot overlook.
    ExitCode::FAILURE
}
