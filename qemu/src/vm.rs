// SPDX-License-Identifier: GPL-2.0

//! One boot in QEMU, from its command line to the evidence that it leaves.

use std::fs;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
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
use crate::tasks;
use crate::ui;

/// QEMU's program.
pub const QEMU: &str = "qemu-system-x86_64";

/// How often a boot is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A longer time between two looks is time in which the lab stood still, and most likely its whole
/// machine.
const STANDSTILL: Duration = Duration::from_secs(1);

/// For QEMU's console: a break, and the key for which the kernel tells of all tasks, then the one for
/// what the CPUs execute.
const SYSRQ: [&str; 2] = ["\x01bt", "\x01bl"];
/// How long the answer to one may take in all, and between two lines.
const ANSWER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// What executes the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The host's virtualisation.
    Kvm,
    /// QEMU's emulation.
    Tcg,
}

impl Engine {
    /// Its name, as `ACCEL` has it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Kvm => "kvm",
            Engine::Tcg => "tcg",
        }
    }

    fn arguments(self) -> [&'static str; 4] {
        match self {
            Engine::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Engine::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max"],
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
}

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
}

/// How a boot ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// QEMU exited.
    Exited(ExitStatus),
    /// The deadline for all of it passed.
    Late(Duration),
    /// Nothing came from the guest any more.
    Quiet(Duration),
}

/// What a boot left behind.
#[derive(Debug)]
pub struct Evidence {
    /// How it ended.
    pub ending: Ending,
    /// All that the kernel and the shell wrote to the serial console, until the lab lost patience.
    pub console: String,
    /// What the kernel then told about its tasks.
    pub tasks: Option<String>,
    /// What came over the results port.
    pub transcript: Transcript,
    /// What QEMU itself had to say.
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
    let nonce = nonce()?;
    // A splat must be seen whatever its level.
    let mut command = qemu(boot, &files, &nonce, "ignore_loglevel");
    console(&mut command, &files);
    let complaint =
        File::create(&files.complaint).map_err(|e| Failure::io("write", &files.complaint, e))?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(complaint);
    let mut child = Child::spawn(&mut command)?;
    let ending = watch(&mut child, boot, &files, each)?;
    let heard = length(&files.console);
    if !matches!(ending, Ending::Exited(_)) {
        ask(&mut child, &files.console)?;
    }
    child.kill();
    collect(files, ending, heard, nonce, start.elapsed())
}

/// Has the kernel of a guest that hangs write to its console where its tasks are, if it still can.
fn ask(child: &mut Child, console: &Path) -> Result {
    for keys in SYSRQ {
        let Some(stdin) = &mut child.pipes().stdin else {
            return Ok(());
        };
        // If QEMU has just ended, there is nobody left to be asked.
        if stdin.write_all(keys.as_bytes()).is_err() {
            return Ok(());
        }
        let start = Instant::now();
        let mut heard = (start, length(console));
        while start.elapsed() < ANSWER && heard.0.elapsed() < PAUSE {
            process::check_interrupt()?;
            thread::sleep(POLL);
            let size = length(console);
            if size != heard.1 {
                heard = (Instant::now(), size);
            }
        }
    }
    Ok(())
}

/// The console on QEMU's standard input and output, and in a file. Ctrl-C belongs to the guest; `mux`
/// takes keys that are for QEMU, such as Ctrl-A B for a break.
fn console(command: &mut Command, files: &Files) {
    let chardev = format!(
        "stdio,id=console,mux=on,signal=off,logfile={}",
        option(&files.console)
    );
    command.args(["-serial", "chardev:console", "-chardev", &chardev]);
}

/// Boots with the console on the lab's own terminal, until the guest ends.
pub fn converse(checkout: &Checkout, boot: &Boot) -> Result<Evidence> {
    let start = Instant::now();
    let files = Files::prepare(checkout, &boot.name)?;
    let nonce = nonce()?;
    // What the kernel has to say would bury the prompt; `dmesg` has it.
    let mut command = qemu(boot, &files, &nonce, "quiet");
    console(&mut command, &files);
    // Ctrl-A X is the way out that works always.
    command
        .args(["-mon", "chardev=console"])
        .stdin(Stdio::inherit());
    let status = Child::spawn_foreground(&mut command)?.wait(None)?;
    let heard = length(&files.console);
    collect(files, Ending::Exited(status), heard, nonce, start.elapsed())
}

fn qemu(boot: &Boot, files: &Files, nonce: &str, loglevel: &str) -> Command {
    let mut words = vec![
        "console=ttyS0".to_string(),
        "panic=-1".into(),
        loglevel.into(),
        // There is no keyboard; looking for one delays the end by some tenths of a second.
        "i8042.nokbd".into(),
        "i8042.noaux".into(),
        // For a moment of its start, a kernel that finds itself with five-level page tables takes
        // them for four-level ones; if an interrupt comes just then, KASAN complains.
        "no5lvl".into(),
        // On a busy machine the emulated timer's interrupts may be late when the kernel tries whether
        // they come at all; it would panic.
        "no_timer_check".into(),
        format!("lab.nonce={nonce}"),
    ];
    words.extend(boot.words.iter().cloned());
    let mut command = process::command(QEMU);
    command
        .args(["-machine", "pc", "-no-reboot"])
        .args(["-m", &boot.limits.memory.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        // The firmware tells the kernel of CPUs in sockets of their own, not of other cores.
        .args([
            "-smp",
            &format!("{0},sockets={0},cores=1,threads=1", boot.cpus),
        ])
        .args(boot.engine.arguments())
        .args(["-device", "virtio-serial-pci", "-chardev"])
        .arg(format!("file,id=results,path={}", option(&files.results)))
        .arg("-device")
        .arg(format!(
            "virtserialport,chardev=results,name={}",
            lab_protocol::PORT_NAME
        ))
        // A network card of its own, in a network of its own; nothing is to be booted from there.
        .args(["-netdev", "hubport,id=net,hubid=0"])
        .args(["-device", "virtio-net-pci,netdev=net,romfile="])
        .arg("-kernel")
        .arg(&boot.image)
        .arg("-initrd")
        .arg(&boot.initramfs)
        .arg("-append")
        .arg(words.join(" "));
    command
}

/// A path inside a QEMU option, where a comma ends the value unless doubled.
fn option(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
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
    let limits = boot.limits;
    let mut results = Follow::new(&files.results)?;
    let mut console = Follow::new(&files.console)?;
    let mut progress = (Duration::ZERO, 0);
    loop {
        process::check_interrupt()?;
        // In this order: what QEMU wrote before it exited must be read.
        let ended = child.try_wait()?;
        if boot.echo {
            console.lines()?.lines().for_each(ui::line);
        }
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
        if now > limits.whole {
            return Ok(Ending::Late(limits.whole));
        }
        if now - progress.0 > limits.quiet {
            return Ok(Ending::Quiet(limits.quiet));
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

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Gathers what a boot left. What came on the console behind the first `heard` bytes was asked for.
fn collect(
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
    fn commas_in_paths_are_doubled() {
        assert_eq!(option(Path::new("/a,b/c")), "/a,,b/c");
    }

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
    fn nonces_differ() {
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert_eq!(one.len(), 16);
        assert_ne!(one, other);
    }
}
