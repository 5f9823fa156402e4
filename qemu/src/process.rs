// SPDX-License-Identifier: GPL-2.0

//! Child processes that never outlive the lab: each runs in a process group of its own, which is
//! killed when the lab is interrupted, when a deadline passes, or when its handle is dropped.
//! Should the lab itself be killed outright, the kernel ends the child (`setpriv --pdeathsig`).

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Pid;
use rustix::process::Signal;

use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::ui;

/// How often a waiting lab looks around.
const POLL: Duration = Duration::from_millis(20);
/// How long a child gets between the polite signal and the other one.
const GRACE: Duration = Duration::from_secs(2);

static KILLED_HARD: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on Ctrl-C and its like are noted, not obeyed: [`check_interrupt`] turns them into a failure.
pub fn catch_signals() -> Result {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        signal_hook::flag::register(signal, flag.clone())
            .map_err(|e| Failure::new(Exit::Internal, "cannot catch signals", e))?;
    }
    Ok(())
}

/// Whether a child had to be killed because it did not end when asked to: what it was writing may
/// be half-written.
pub fn killed_hard() -> bool {
    KILLED_HARD.load(Ordering::Relaxed)
}

/// Fails if the lab has been interrupted.
pub fn check_interrupt() -> Result {
    match INTERRUPTED.get() {
        Some(flag) if flag.load(Ordering::Relaxed) => {
            Err(Failure::new(Exit::Interrupted, "interrupted", ""))
        }
        _ => Ok(()),
    }
}

/// Sleeps until `time` has passed or the lab is interrupted.
pub fn sleep(time: Duration) -> Result {
    let end = Instant::now() + time;
    loop {
        check_interrupt()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(POLL));
    }
}

/// A command that will die with the lab. Its standard input is empty unless set otherwise.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--"])
        .arg(program)
        .stdin(Stdio::null());
    command
}

/// Such a command's name and arguments, as a person would type them.
pub fn shown(command: &Command) -> String {
    let words = command
        .get_args()
        .skip(3)
        .map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}

/// A running child, with all that it started.
#[derive(Debug)]
pub struct Child {
    inner: process::Child,
    name: String,
    done: bool,
}

impl Child {
    /// Starts a command made by [`command`] in a process group of its own.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        Self::start(command.process_group(0))
    }

    /// Starts it in the lab's own group: for a program that talks to the terminal.
    pub fn spawn_foreground(command: &mut Command) -> Result<Self> {
        Self::start(command)
    }

    fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_args().nth(3).map_or_else(
            || command.get_program().to_string_lossy().into_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let inner = command.spawn().map_err(|e| {
            Failure::new(Exit::Setup, format!("cannot start {name}"), e).hint("run scripts/setup")
        })?;
        Ok(Self {
            inner,
            name,
            done: false,
        })
    }

    /// The child's pipes.
    pub fn pipes(&mut self) -> &mut process::Child {
        &mut self.inner
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.inner.try_wait().map_err(|e| {
            Failure::new(Exit::Internal, format!("cannot wait for {}", self.name), e)
        })?;
        self.done |= status.is_some();
        Ok(status)
    }

    /// Waits for it to end. It is killed if the lab is interrupted or `deadline` passes.
    pub fn wait(&mut self, deadline: Option<Duration>) -> Result<ExitStatus> {
        self.wait_and(deadline, &mut || Ok(()))
    }

    /// Like [`Child::wait`], calling `poll` every now and then; an error from it ends the child.
    pub fn wait_and(
        &mut self,
        deadline: Option<Duration>,
        poll: &mut dyn FnMut() -> Result,
    ) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            let late = deadline.is_some_and(|deadline| start.elapsed() > deadline);
            let verdict = if late {
                Err(Failure::new(
                    Exit::Timeout,
                    format!("{} hangs", self.name),
                    format!("not finished after {}", ui::duration(start.elapsed())),
                ))
            } else {
                check_interrupt().and_then(|()| poll())
            };
            if let Err(failure) = verdict {
                self.kill();
                return Err(failure);
            }
            thread::sleep(POLL);
        }
    }

    /// Ends it and its group: politely first. Says whether it went by itself.
    pub fn kill(&mut self) -> bool {
        if self.done {
            return true;
        }
        self.signal(Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < GRACE {
            match self.try_wait() {
                Ok(None) => thread::sleep(POLL),
                Ok(Some(_)) => {
                    // Its own children may still be there.
                    self.signal_group(Signal::KILL);
                    return true;
                }
                Err(_) => break,
            }
        }
        KILLED_HARD.store(true, Ordering::Relaxed);
        self.signal(Signal::KILL);
        // Reaps it; after KILL this does not block for long.
        let _ = self.inner.wait();
        self.done = true;
        false
    }

    fn signal(&self, signal: Signal) {
        self.signal_group(signal);
        // A foreground child has no group of its own.
        if let Some(pid) = self.pid() {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn signal_group(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            // It may be gone by now: all the better.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.inner.id()).ok()?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a command that [`run_logged`] ran came out.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
}

/// Runs a command with all its output going to `log` (appended). `poll` gets the text that has
/// come since its last call, whole lines only, maybe none. With `echo` the text is shown, too.
pub fn run_logged(
    command: &mut Command,
    log: &Path,
    echo: bool,
    deadline: Option<Duration>,
    poll: &mut dyn FnMut(&str),
) -> Result<Finished> {
    let fail = |e| Failure::io("write", log, e);
    let mut out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .map_err(fail)?;
    writeln!(out, "+ {}", shown(command)).map_err(fail)?;
    let mut tail = Tail::at_end(log).map_err(fail)?;
    let err = out.try_clone().map_err(fail)?;
    let mut child = Child::spawn(command.stdout(out).stderr(err))?;
    let mut show = |text: &str| {
        if echo && !text.is_empty() {
            ui::line(text.trim_end_matches('\n'));
        }
        poll(text);
    };
    let status = child.wait_and(deadline, &mut || {
        show(&tail.lines().map_err(fail)?);
        Ok(())
    })?;
    show(&tail.lines().map_err(fail)?);
    Ok(Finished { status })
}

/// Runs a command and returns what it wrote to its standard output; a failure shows both outputs.
pub fn output(command: &mut Command, exit: Exit) -> Result<String> {
    let shown = shown(command);
    let fail = |e: io::Error| Failure::new(exit, format!("cannot run {shown}"), e);
    let (mut out, mut err) = (
        tempfile::tempfile().map_err(fail)?,
        tempfile::tempfile().map_err(fail)?,
    );
    command
        .stdout(out.try_clone().map_err(fail)?)
        .stderr(err.try_clone().map_err(fail)?);
    let status = Child::spawn(command)?.wait(None)?;
    let (out, err) = (
        rewound(&mut out).map_err(fail)?,
        rewound(&mut err).map_err(fail)?,
    );
    if status.success() {
        return Ok(out);
    }
    let said = format!("{out}{err}");
    let why = if said.trim().is_empty() {
        describe(status)
    } else {
        said
    };
    if why.contains("No space left on device") {
        let name = shown.split(' ').next().unwrap_or_default();
        let what = format!("{name} failed: disk full");
        return Err(Failure::new(Exit::DiskFull, what, first_lines(&why))
            .hint("free some space (a kernel build takes about 3 GB) and run again"));
    }
    Err(Failure::new(exit, format!("{shown} failed"), why))
}

fn first_lines(text: &str) -> String {
    text.lines().take(3).collect::<Vec<_>>().join("\n")
}

fn rewound(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    io::Seek::rewind(file)?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// An exit status in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

/// Follows a growing file, line by line.
#[derive(Debug)]
pub struct Tail {
    file: File,
    partial: Vec<u8>,
}

impl Tail {
    /// Follows `path` from its start.
    pub fn at_start(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            partial: Vec::new(),
        })
    }

    fn at_end(path: &Path) -> io::Result<Self> {
        let mut this = Self::at_start(path)?;
        io::Seek::seek(&mut this.file, io::SeekFrom::End(0))?;
        Ok(this)
    }

    /// The whole lines that have come since the last call.
    pub fn lines(&mut self) -> io::Result<String> {
        self.file.read_to_end(&mut self.partial)?;
        let end = self
            .partial
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.partial.drain(..end).collect();
        Ok(String::from_utf8_lossy(&whole).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_returned_and_failure_shows_it() {
        let text = output(command("echo").arg("hello"), Exit::Build).unwrap();
        assert_eq!(text, "hello\n");
        let failure = output(command("ls").arg("/nonexistent"), Exit::Build).unwrap_err();
        assert_eq!(failure.exit, Exit::Build);
        assert!(failure.why.contains("/nonexistent"), "{failure}");
    }

    #[test]
    fn a_deadline_ends_the_child() {
        let start = Instant::now();
        let mut child = Child::spawn(command("sleep").arg("60")).unwrap();
        let failure = child.wait(Some(Duration::from_millis(100))).unwrap_err();
        assert_eq!(failure.exit, Exit::Timeout);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn logged_lines_arrive_whole() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        let mut seen = String::new();
        run_logged(
            command("printf").arg("a\\nb\\n"),
            &log,
            false,
            None,
            &mut |text| seen.push_str(text),
        )
        .unwrap();
        assert_eq!(seen, "a\nb\n");
    }
}
