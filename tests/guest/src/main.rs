// SPDX-License-Identifier: GPL-2.0

//! The guest's init: mounts what is needed, inserts the modules, runs the checks and reports to
//! the lab over a virtio-serial port. On the host, `guest --list` prints the names of its
//! checks, `guest --list-shown` of those that `make run` does.

mod boot;
mod checks;
mod command;
mod control;
mod counted;
mod counters;
mod dummy;
mod faults;
mod frame;
mod ip;
mod kunit;
mod leaks;
mod modules;
mod namespace;
mod ping;
mod reload;
mod report;
mod sabotage;
mod session;
mod shell;
mod tally;
mod traffic;
mod unload;
mod wait;
mod witness;

use std::process::ExitCode;

fn main() -> ExitCode {
    let shown_only = match std::env::args().nth(1).as_deref() {
        Some("--list") => Some(false),
        Some("--list-shown") => Some(true),
        _ => None,
    };
    if let Some(shown_only) = shown_only {
        for check in checks::ALL.iter().filter(|c| c.shown || !shown_only) {
            println!("{}", check.name);
        }
        return ExitCode::SUCCESS;
    }
    if !rustix::process::getpid().is_init() {
        eprintln!("guest: this is the init of the lab's guest; outside of it only --list works");
        return ExitCode::from(2);
    }
    if let Err(error) = session::run() {
        boot::log(&format!("lab: {error}"));
    }
    boot::restart()
}
