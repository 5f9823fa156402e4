// SPDX-License-Identifier: GPL-2.0

//! One boot in QEMU or in User Mode Linux, from what it has to be to the evidence that it leaves.

mod qemu;
mod uml;

use std::env;
use std::fs;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use lab_protocol::Record;
use lab_protocol::Transcript;
use serde::Deserialize;
use serde::Serialize;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::failure::Result;
use crate::process;
use crate::process::Child;
use crate::process::Tail;
use crate::splat;
use crate::tasks;
use crate::ui;

pub use qemu::QEMU;

/// A splat must be seen whatever its level.
const LOGLEVEL: &str = "ignore_loglevel";

/// How often a boot is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A longer time between two looks is time in which the lab stood still, and most likely its whole
/// machine.
const STANDSTILL: Duration = Duration::from_secs(1);

/// How long User Mode Linux may take to exit after the guest's restart. Now and then it waits for
/// ever: for a process that it has itself ended by then.
const LINGERING: Duration = Duration::from_secs(5);

/// What executes the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The host's virtualisation.
    Kvm,
    /// QEMU's emulation.
    Tcg,
    /// User Mode Linux: the kernel is itself a program of the host.
    Uml,
}

impl Engine {
    /// Its name, as `ACCEL` has it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Kvm => "kvm",
            Engine::Tcg => "tcg",
            Engine::Uml => "uml",
        }
    }

    /// The name of the program that runs.
    pub fn program(self) -> &'static str {
        match self {
            Engine::Kvm | Engine::Tcg => "QEMU",
            Engine::Uml => "User Mode Linux",
        }
    }
}

/// What a boot may take.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, in MiB.
    pub memory: u32,
    /// In all.
    pub whole: Duration,
    /// Without any word from the guest, on the console or in the results.
    pub quiet: Duration,
}

impl Limits {
    /// For an ordinary boot. A sanitised kernel is some times slower and takes more memory; a busy
    /// machine is slow, too.
    pub fn ordinary(debug: bool) -> Self {
        let (factor, memory) = if debug { (4, 1024) } else { (1, 512) };
        Self {
            memory,
            whole: Duration::from_secs(600) * factor,
            quiet: Duration::from_secs(45) * factor,
        }
    }

    /// What ends a boot that has had this time, and has been quiet for that one; nothing yet if none
    /// does.
    fn end(&self, time: Duration, quiet: Duration) -> Option<Ending> {
        if time > self.whole {
            return Some(Ending::Late(self.whole));
        }
        (quiet > self.quiet).then_some(Ending::Quiet(self.quiet))
    }
}

/// How a boot's instructions are counted. Such a boot has one CPU, and its time is the number of
/// instructions so far, in nanoseconds: it is the same boot each time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counted {
    /// QEMU's plugin that counts.
    pub plugin: PathBuf,
    /// The file that the plugin writes.
    pub output: PathBuf,
    /// How many CPUs there might be: that many get memory of their own.
    pub possible_cpus: u32,
}

/// The number that a counted boot's first record must carry. It is on the kernel's command line,
/// and the kernel makes random numbers from that, too.
const COUNTED_NONCE: &str = "0000000000000000";

/// A boot to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Boot {
    /// What it is called: its files are named after it.
    pub name: String,
    /// The kernel's image.
    pub image: PathBuf,
    /// The guest's file system.
    pub initramfs: PathBuf,
    /// What executes it.
    pub engine: Engine,
    /// How many CPUs it has.
    pub cpus: u32,
    /// Further words of the kernel command line.
    pub words: Vec<String>,
    /// How long it may take.
    pub limits: Limits,
    /// Whether to show the console while it boots.
    pub echo: bool,
    /// How its instructions are counted, if they are.
    #[serde(default)]
    pub counted: Option<Counted>,
}

impl Boot {
    /// The number that its first record must carry.
    fn nonce(&self) -> Result<String> {
        match self.counted {
            Some(_) => Ok(COUNTED_NONCE.into()),
            None => nonce(),
        }
    }
}

/// How a boot ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// What executed it exited.
    Exited(ExitStatus),
    /// The deadline for all of it passed.
    Late(Duration),
    /// Nothing came from the guest any more.
    Quiet(Duration),
    /// The guest has done all it does, its restart too, but what executes it did not exit.
    Lingering,
}

/// What a boot left behind.
#[derive(Debug)]
pub struct Evidence {
    /// What executed it.
    pub engine: Engine,
    /// How it ended.
    pub ending: Ending,
    /// All that the kernel and the shell wrote to the serial console, until the lab lost patience.
    pub console: String,
    /// What the kernel then told about its tasks.
    pub tasks: Option<String>,
    /// What came over the results port.
    pub transcript: Transcript,
    /// What QEMU itself had to say; User Mode Linux says it on the console.
    pub complaint: String,
    /// The number that this boot's first record must carry.
    pub nonce: String,
    /// Where the console's text is.
    pub log: PathBuf,
    /// How long it took.
    pub time: Duration,
}

/// The files of one boot.
struct Files {
    console: PathBuf,
    results: PathBuf,
    complaint: PathBuf,
}

impl Files {
    /// Names them, and removes what an earlier boot left there.
    fn prepare(checkout: &Checkout, name: &str) -> Result<Self> {
        let this = Self {
            console: checkout.log(&format!("console-{name}"))?,
            results: checkout.log(&format!("results-{name}"))?,
            complaint: checkout.log(&format!("qemu-{name}"))?,
        };
        for path in [&this.console, &this.results, &this.complaint] {
            File::create(path).map_err(|e| Failure::io("write", path, e))?;
        }
        Ok(this)
    }
}

/// Boots, and hands each record to `each` as it comes.
pub fn boot(
    checkout: &Checkout,
    boot: &Boot,
    each: &mut dyn FnMut(&Record) -> Result,
) -> Result<Evidence> {
    let start = Instant::now();
    let files = Files::prepare(checkout, &boot.name)?;
    let nonce = boot.nonce()?;
    let home = tempfile::tempdir().map_err(|e| Failure::io("write", &env::temp_dir(), e))?;
    let mut command = match boot.engine {
        Engine::Kvm | Engine::Tcg => qemu::alone(boot, &files, &nonce)?,
        Engine::Uml => uml::alone(boot, &files, &nonce, home.path())?,
    };
    let mut child = Child::spawn(&mut command)?;
    let ending = watch(&mut child, boot, &files, each)?;
    let heard = length(&files.console);
    if matches!(ending, Ending::Late(_) | Ending::Quiet(_)) {
        qemu::ask(&mut child, &files.console)?;
    }
    child.kill();
    collect(boot, files, ending, heard, nonce, start.elapsed())
}

fn append(path: &Path) -> Result<File> {
    File::options()
        .append(true)
        .open(path)
        .map_err(|e| Failure::io("write", path, e))
}

/// Boots with the console on the lab's own terminal, until the guest ends.
pub fn converse(checkout: &Checkout, boot: &Boot) -> Result<Evidence> {
    let start = Instant::now();
    let files = Files::prepare(checkout, &boot.name)?;
    let nonce = boot.nonce()?;
    let mut command = qemu::conversing(boot, &files, &nonce);
    let status = Child::spawn_foreground(&mut command)?.wait(None)?;
    let heard = length(&files.console);
    collect(
        boot,
        files,
        Ending::Exited(status),
        heard,
        nonce,
        start.elapsed(),
    )
}

/// A number that no other boot has.
fn nonce() -> Result<String> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 8];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| Failure::io("read", path, e))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Waits for the end, within the limits.
fn watch(
    child: &mut Child,
    boot: &Boot,
    files: &Files,
    each: &mut dyn FnMut(&Record) -> Result,
) -> Result<Ending> {
    let mut clock = Clock::start();
    let mut results = Follow::new(&files.results)?;
    let mut console = Follow::new(&files.console)?;
    let mut progress = (Duration::ZERO, 0);
    let mut restarts = false;
    loop {
        process::check_interrupt()?;
        // In this order: what was written before it exited must be read.
        let ended = child.try_wait()?;
        let said = console.lines()?;
        if boot.echo {
            said.lines().for_each(ui::line);
        }
        restarts = is_last_word(&said, restarts);
        for line in results.lines()?.lines() {
            // What cannot be read is the judge's business, not progress.
            if let Ok(record) = serde_json::from_str(line) {
                each(&record)?;
            }
        }
        if let Some(status) = ended {
            return Ok(Ending::Exited(status));
        }
        let size = length(&files.console) + length(&files.results);
        let now = clock.look();
        if size != progress.1 {
            progress = (now, size);
        }
        let quiet = now - progress.0;
        if boot.engine == Engine::Uml && quiet > LINGERING && restarts {
            return Ok(Ending::Lingering);
        }
        if let Some(ending) = boot.limits.end(now, quiet) {
            return Ok(ending);
        }
        thread::sleep(POLL);
    }
}

/// The time that a guest has had. If the machine stood still, as one does that is suspended or that
/// is itself a guest, then so did the guest.
struct Clock {
    last: Instant,
    time: Duration,
}

impl Clock {
    fn start() -> Self {
        Self {
            last: Instant::now(),
            time: Duration::ZERO,
        }
    }

    /// The time until now, if it is asked for often.
    fn look(&mut self) -> Duration {
        self.advance(Instant::now())
    }

    fn advance(&mut self, now: Instant) -> Duration {
        self.time += (now - self.last).min(STANDSTILL);
        self.last = now;
        self.time
    }
}

/// A growing file of a boot.
struct Follow<'a> {
    path: &'a Path,
    tail: Tail,
}

impl<'a> Follow<'a> {
    fn new(path: &'a Path) -> Result<Self> {
        let tail = Tail::at_start(path).map_err(|e| Failure::io("read", path, e))?;
        Ok(Self { path, tail })
    }

    fn lines(&mut self) -> Result<String> {
        self.tail
            .lines()
            .map_err(|e| Failure::io("read", self.path, e))
    }
}

/// Whether the last thing that the kernel said is that it restarts; `before` is what held before
/// it `said` this.
fn is_last_word(said: &str, before: bool) -> bool {
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    last.map_or(before, |line| line.trim_end().ends_with(splat::RESTART))
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Gathers what a boot left. What came on the console behind the first `heard` bytes was asked for.
fn collect(
    boot: &Boot,
    files: Files,
    ending: Ending,
    heard: u64,
    nonce: String,
    time: Duration,
) -> Result<Evidence> {
    let results = File::open(&files.results).map_err(|e| Failure::io("read", &files.results, e))?;
    let transcript = Transcript::read(BufReader::new(results))
        .map_err(|e| Failure::io("read", &files.results, e))?;
    let mut console = crate::checkout::read(&files.console)?;
    let told = console.split_off(console.len().min(heard as usize));
    Ok(Evidence {
        engine: boot.engine,
        ending,
        console: String::from_utf8_lossy(&console).into_owned(),
        tasks: tasks::describe(&String::from_utf8_lossy(&told)),
        transcript,
        complaint: crate::checkout::read_text(&files.complaint)?,
        nonce,
        log: files.console,
        time,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_is_not_the_guests_time() {
        let mut clock = Clock::start();
        let start = clock.last;
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(clock.advance(at(10)), Duration::from_millis(10));
        assert_eq!(clock.advance(at(60_010)), Duration::from_millis(1010));
        assert_eq!(clock.advance(at(60_510)), Duration::from_millis(1510));
    }

    #[test]
    fn a_restart_is_the_last_word() {
        let restarts = |text: &str| is_last_word(text, false);
        assert!(restarts(
            "[    1.0] x\n[    2.0] reboot: Restarting system\n\n"
        ));
        assert!(!restarts(
            "[    1.0] reboot: Restarting system\n[    2.0] x\n"
        ));
        assert!(!restarts(""));
        assert!(is_last_word("\n", true));
        assert!(!is_last_word("[    3.0] y\n", true));
    }

    #[test]
    fn nonces_differ() {
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert_eq!(one.len(), 16);
        assert_ne!(one, other);
    }
}
