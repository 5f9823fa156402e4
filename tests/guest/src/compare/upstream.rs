// SPDX-License-Identifier: GPL-2.0

//! Upstream's own tests: runs those that the lab has put here, each in a namespace of its own, and
//! sends what they write. What that says is for the lab to read.

use std::fs;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use lab_protocol::End;
use lab_protocol::Job;
use lab_protocol::Record;
use lab_protocol::JOBS;
use lab_protocol::JOBS_DIRECTORY;
use nix::sys::signal::kill;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::process::wait;
use rustix::process::WaitOptions;

use crate::command;
use crate::command::PATH;
use crate::namespace::Scope;
use crate::own_netns::OwnNetns;
use crate::report::Reporter;

/// What a program writes goes here: a pipe would be kept open by whatever it leaves behind.
const OUTPUT: &str = "/tmp/job.output";

/// How often to look whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// Runs them all.
pub fn run(reporter: &mut Reporter) -> Result<(), String> {
    let text = fs::read(JOBS).map_err(|e| format!("{JOBS}: {e}"))?;
    let jobs: Vec<Job> = serde_json::from_slice(&text).map_err(|e| format!("{JOBS}: {e}"))?;
    link_descriptors()?;
    // Those that run in the first namespace need it; the others get a lo of their own.
    Scope::Init.bring_up()?;
    for job in jobs {
        reporter.send(&Record::Begin {
            name: job.name.clone(),
        })?;
        let (end, output) = run_job(&job).map_err(|e| format!("{}: {e}", job.name))?;
        reporter.send(&Record::Ran {
            name: job.name,
            end,
            output,
        })?;
    }
    Ok(())
}

/// bash wants `/dev/fd`, which elsewhere comes from udev.
fn link_descriptors() -> Result<(), String> {
    let path = "/dev/fd";
    symlink("/proc/self/fd", path).map_err(|e| format!("{path}: {e}"))
}

fn run_job(job: &Job) -> Result<(End, String), String> {
    let words: Vec<&str> = job.words.iter().map(String::as_str).collect();
    let end = if job.first_namespace {
        run_words(&words, job.seconds)?
    } else {
        let own = OwnNetns::up("selftest")?;
        // This also shows the namespace's devices in /sys.
        let prefix = ["ip", "netns", "exec", own.name()];
        run_words(&[&prefix, &words[..]].concat(), job.seconds)?
    };
    command::run(&["ip", "-all", "netns", "delete"])?;
    let output = fs::read(OUTPUT).map_err(|e| format!("{OUTPUT}: {e}"))?;
    Ok((end, String::from_utf8_lossy(&output).into_owned()))
}

/// Runs a command, and lets nothing of it live on.
fn run_words(words: &[&str], seconds: u64) -> Result<End, String> {
    let mut child = start(words)?;
    let end = wait_for(&mut child, Duration::from_secs(seconds));
    end_all();
    end
}

fn start(words: &[&str]) -> Result<Child, String> {
    let fail = |e| format!("{OUTPUT}: {e}");
    let output = File::create(OUTPUT).map_err(fail)?;
    let errors = output.try_clone().map_err(fail)?;
    let (program, arguments) = words.split_first().ok_or("empty command")?;
    Command::new(program)
        .args(arguments)
        .current_dir(JOBS_DIRECTORY)
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(|e| format!("{}: {e}", words.join(" ")))
}

fn wait_for(child: &mut Child, deadline: Duration) -> Result<End, String> {
    let start = Instant::now();
    while start.elapsed() < deadline {
        if let Some(status) = child.try_wait().map_err(|e| format!("wait: {e}"))? {
            let signal = End::Signal(status.signal().unwrap_or_default());
            return Ok(status.code().map_or(signal, End::Exit));
        }
        thread::sleep(POLL);
    }
    Ok(End::Late)
}

/// Kills every process but this one, and waits until they are gone: the next test finds nothing of
/// this one.
fn end_all() {
    // No process to kill is no error here.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    while let Ok(Some(_)) = wait(WaitOptions::empty()) {}
}
