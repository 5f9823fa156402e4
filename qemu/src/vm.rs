// SPDX-License-Identifier: GPL-2.0

//! One boot in QEMU, from its command line to the evidence that it leaves.

use std::fs;
use std::fs::File;
use std::io::BufReader;
use std::io::Read;
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
use crate::ui;

/// QEMU's program.
pub const QEMU: &str = "qemu-system-x86_64";

/// How often a boot is looked at.
const POLL: Duration = Duration::from_millis(10);

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
    /// All that the kernel and the shell wrote to the serial console.
    pub console: String,
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
    command.args(["-serial", "chardev:console", "-chardev"]);
    command.arg(format!("file,id=console,path={}", option(&files.console)));
    let complaint =
        File::create(&files.complaint).map_err(|e| Failure::io("write", &files.complaint, e))?;
    command.stdout(Stdio::null()).stderr(complaint);
    let mut child = Child::spawn(&mut command)?;
    let ending = watch(&mut child, boot, &files, each)?;
    child.kill();
    collect(files, ending, nonce, start.elapsed())
}

/// Boots with the console on the lab's own terminal, until the guest ends.
pub fn converse(checkout: &Checkout, boot: &Boot) -> Result<Evidence> {
    let start = Instant::now();
    let files = Files::prepare(checkout, &boot.name)?;
    let nonce = nonce()?;
    // What the kernel has to say would bury the prompt; `dmesg` has it.
    let mut command = qemu(boot, &files, &nonce, "quiet");
    // Ctrl-C belongs to the guest; `mux` gives the way out that works always: Ctrl-A X.
    command
        .args([
            "-serial",
            "chardev:console",
            "-mon",
            "chardev=console",
            "-chardev",
        ])
        .arg(format!(
            "stdio,id=console,mux=on,signal=off,logfile={}",
            option(&files.console)
        ))
        .stdin(Stdio::inherit());
    let status = Child::spawn_foreground(&mut command)?.wait(None)?;
    collect(files, Ending::Exited(status), nonce, start.elapsed())
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
    let start = Instant::now();
    let limits = boot.limits;
    let mut results = Follow::new(&files.results)?;
    let mut console = Follow::new(&files.console)?;
    let mut progress = (start, 0);
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
        if size != progress.1 {
            progress = (Instant::now(), size);
        }
        if start.elapsed() > limits.whole {
            return Ok(Ending::Late(limits.whole));
        }
        if progress.0.elapsed() > limits.quiet {
            return Ok(Ending::Quiet(limits.quiet));
        }
        thread::sleep(POLL);
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

fn collect(files: Files, ending: Ending, nonce: String, time: Duration) -> Result<Evidence> {
    let results = File::open(&files.results).map_err(|e| Failure::io("read", &files.results, e))?;
    let transcript = Transcript::read(BufReader::new(results))
        .map_err(|e| Failure::io("read", &files.results, e))?;
    Ok(Evidence {
        ending,
        console: crate::checkout::read_text(&files.console)?,
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
    fn nonces_differ() {
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert_eq!(one.len(), 16);
        assert_ne!(one, other);
    }
}
