// SPDX-License-Identifier: GPL-2.0

//! Inserting and removing kernel modules, by the system calls themselves.

use std::ffi::CStr;
use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use lab_protocol::Record;
use rustix::io::Errno;

/// Where the initramfs keeps the modules.
pub const DIRECTORY: &str = "/lab/modules";

/// `O_NONBLOCK`: refuse at once when the module is in use, as `rmmod` asks.
const NONBLOCK: i32 = 0o4000;

/// How long a module may take to go. A device that something still holds is waited for without end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The driver's module, as the kernel calls it.
pub const DRIVER: &str = "rust_loopback";

/// Inserts `file` from [`DIRECTORY`] and says how that went.
pub fn insert(file: &str, arguments: &str) -> Record {
    let start = Instant::now();
    let result = try_insert(&Path::new(DIRECTORY).join(file), arguments);
    let millis = start.elapsed().as_millis() as u64;
    let (errno, error) = match result {
        Ok(()) => (0, String::new()),
        Err(error) => (error.raw_os_error().unwrap_or(-1), error.to_string()),
    };
    let name = Path::new(file).file_stem().unwrap_or_default();
    Record::Insmod {
        module: name.to_string_lossy().into_owned(),
        errno,
        error,
        millis,
    }
}

/// Inserts `file` without parameters; an error is one of the check that needs it.
pub fn insert_again(file: &str) -> Result<(), String> {
    try_insert(&Path::new(DIRECTORY).join(file), "")
        .map_err(|error| format!("insmod {file}: {error}"))
}

fn try_insert(path: &Path, arguments: &str) -> io::Result<()> {
    let file = File::open(path)?;
    let arguments = CString::new(arguments)?;
    rustix::system::finit_module(&file, &arguments, 0)?;
    Ok(())
}

/// Opens `file` from [`DIRECTORY`].
pub fn open(file: &str) -> Result<File, String> {
    let path = Path::new(DIRECTORY).join(file);
    File::open(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Inserts an open module without parameters, by nothing but the system call.
pub fn load(file: &File) -> Result<(), Errno> {
    rustix::system::finit_module(file, c"", 0)
}

/// Removes the module called `name`. It must then be gone.
pub fn remove(name: &str) -> Result<(), String> {
    try_remove(name).map_err(|error| format!("rmmod {name}: {error}"))?;
    match state(name)? {
        None => Ok(()),
        Some(state) => Err(format!("rmmod {name} succeeded, but the module is {state}")),
    }
}

fn try_remove(name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    let (done, end) = mpsc::channel();
    // If it never returns, the thread stays behind: nothing can end it.
    thread::spawn(move || done.send(unload(&name)));
    match end.recv_timeout(PATIENCE) {
        Ok(result) => Ok(result?),
        Err(_) => {
            let why = format!("not done after {} s", PATIENCE.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        }
    }
}

/// Removes the module called `name`, by nothing but the system call.
pub fn unload(name: &CStr) -> Result<(), Errno> {
    rustix::system::delete_module(name, NONBLOCK)
}

/// The state of the module called `name` in `/proc/modules`; `None` if it is not there.
pub fn state(name: &str) -> Result<Option<String>, String> {
    let text = fs::read_to_string("/proc/modules").map_err(|e| format!("/proc/modules: {e}"))?;
    Ok(parse_state(&text, name))
}

fn parse_state(text: &str, name: &str) -> Option<String> {
    text.lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields[0] == name)
        .and_then(|fields| fields.get(4).map(|state| state.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_state() {
        let text = "rust_loopback_x 1 0 - Loading 0x0\n\
                    rust_loopback 24576 2 - Live 0xffffffffa0000000 (O)\n";
        assert_eq!(parse_state(text, "rust_loopback").as_deref(), Some("Live"));
        assert_eq!(parse_state(text, "rust"), None);
        assert_eq!(parse_state("", "rust"), None);
    }
}
