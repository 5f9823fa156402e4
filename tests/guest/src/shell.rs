// SPDX-License-Identifier: GPL-2.0

//! The interactive shell on the console.

use std::fs::OpenOptions;
use std::process::Command;

use crate::command::PATH;
use crate::control::Control;

const CONSOLE: &str = "/dev/ttyS0";

/// Runs a login shell on the console until it exits.
pub fn run(control: &Control) -> Result<(), String> {
    let console = OpenOptions::new()
        .read(true)
        .write(true)
        .open(CONSOLE)
        .map_err(|e| format!("{CONSOLE}: {e}"))?;
    let clone = || console.try_clone().map_err(|e| format!("{CONSOLE}: {e}"));
    if let Some((rows, columns)) = control.terminal {
        // Without a size the shell still works, only less prettily.
        let _ = Command::new("stty")
            .env("PATH", PATH)
            .args(["rows", &rows.to_string(), "cols", &columns.to_string()])
            .stdin(clone()?)
            .status();
    }
    // A session of its own with the console as its terminal: so Ctrl-C and job control work.
    Command::new("setsid")
        .args(["-c", "sh", "-l"])
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .env("TERM", "linux")
        .current_dir("/root")
        .stdin(clone()?)
        .stdout(clone()?)
        .stderr(clone()?)
        .status()
        .map(drop)
        .map_err(|e| format!("shell: {e}"))
}
