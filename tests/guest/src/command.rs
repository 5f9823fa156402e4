// SPDX-License-Identifier: GPL-2.0

//! Runs a command with a deadline.

use std::io::Read;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;

/// Where programs are.
pub const PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin";

/// How long any command in the guest may take. Generous: TCG on a busy machine is slow.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs `words` and returns what it wrote to its standard output. Anything but success within
/// the deadline is an error that says what the command said.
pub fn run(words: &[&str]) -> Result<String, String> {
    let line = words.join(" ");
    let (program, arguments) = words.split_first().ok_or("empty command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{line}: {e}"))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let errors = thread::spawn(move || slurp(&mut stderr));
        let output = slurp(&mut stdout);
        let errors = errors.join().unwrap_or_default();
        let _ = sender.send((child.wait(), output, errors));
    });
    let Ok((status, output, errors)) = receiver.recv_timeout(DEADLINE) else {
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        return Err(format!(
            "{line}: no end within {} s, killed",
            DEADLINE.as_secs()
        ));
    };
    match status {
        Ok(status) if status.success() => Ok(output),
        Ok(status) => Err(format!("{line}: {status}: {}", said(&output, &errors))),
        Err(error) => Err(format!("{line}: {error}")),
    }
}

fn slurp(pipe: &mut Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn said<'a>(output: &'a str, errors: &'a str) -> &'a str {
    if errors.trim().is_empty() {
        output.trim()
    } else {
        errors.trim()
    }
}
