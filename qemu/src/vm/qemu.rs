// SPDX-License-Identifier: GPL-2.0

//! QEMU's command line, and its console's keys.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::append;
use super::length;
use super::Boot;
use super::Counted;
use super::Engine;
use super::Files;
use super::LOGLEVEL;
use super::POLL;
use crate::failure::Result;
use crate::process;
use crate::process::Child;

/// QEMU's program.
pub const QEMU: &str = "qemu-system-x86_64";

/// For QEMU's console: a break, and the key for which the kernel tells of all tasks, then the one for
/// what the CPUs execute.
const SYSRQ: [&str; 2] = ["\x01bt", "\x01bl"];
/// How long the answer to one may take in all, and between two lines.
const ANSWER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// QEMU with nobody at its console.
pub fn alone(boot: &Boot, files: &Files, nonce: &str) -> Result<Command> {
    let mut command = command(boot, files, nonce, LOGLEVEL);
    console(&mut command, files);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(append(&files.complaint)?);
    Ok(command)
}

/// QEMU with its console on the lab's own terminal.
pub fn conversing(boot: &Boot, files: &Files, nonce: &str) -> Command {
    // What the kernel has to say would bury the prompt; `dmesg` has it.
    let mut command = command(boot, files, nonce, "quiet");
    console(&mut command, files);
    // Ctrl-A X is the way out that works always.
    command
        .args(["-mon", "chardev=console"])
        .stdin(Stdio::inherit());
    command
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

/// What executes it, and how many CPUs it has.
fn machine(boot: &Boot) -> Vec<String> {
    let (now, at_most) = match &boot.counted {
        Some(counted) => (1, counted.possible_cpus),
        None => (boot.cpus, boot.cpus),
    };
    // The firmware tells the kernel of CPUs in sockets of their own, not of other cores.
    let cpus = format!("{now},maxcpus={at_most},sockets={at_most},cores=1,threads=1");
    let engine = match &boot.counted {
        Some(counted) => count(counted),
        None => accelerate(boot.engine),
    };
    ["-smp".into(), cpus].into_iter().chain(engine).collect()
}

fn accelerate(engine: Engine) -> Vec<String> {
    let words: &[&str] = match engine {
        Engine::Kvm => &["-accel", "kvm", "-cpu", "host"],
        Engine::Tcg => &["-accel", "tcg,thread=multi", "-cpu", "max"],
        Engine::Uml => &[],
    };
    words.iter().map(|word| (*word).into()).collect()
}

fn count(counted: &Counted) -> Vec<String> {
    let plugin = format!("file={}", option(&counted.plugin));
    [
        "-accel",
        "tcg,thread=single",
        "-cpu",
        "max",
        // A guest that waits is to wait no longer than its clock has to jump.
        "-icount",
        "shift=0,sleep=off",
        // What the guest has for chance, and its date.
        "-seed",
        "1",
        "-rtc",
        "base=2026-01-01,clock=vm",
        "-plugin",
        &format!("{plugin},out={}", option(&counted.output)),
    ]
    .map(String::from)
    .into()
}

/// How a virtio device learns that the guest has something for it: a thread of its own does so in
/// its own time.
fn notified(boot: &Boot) -> &'static str {
    match boot.counted {
        Some(_) => ",ioeventfd=off",
        None => "",
    }
}

fn command(boot: &Boot, files: &Files, nonce: &str, loglevel: &str) -> Command {
    let mut command = process::command(QEMU);
    command
        .args(["-machine", "pc", "-no-reboot"])
        .args(["-m", &boot.limits.memory.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .args(machine(boot))
        .arg("-device")
        .arg(format!("virtio-serial-pci{}", notified(boot)))
        .arg("-chardev")
        .arg(format!("file,id=results,path={}", option(&files.results)))
        .arg("-device")
        .arg(format!(
            "virtserialport,chardev=results,name={}",
            lab_protocol::PORT_NAME
        ))
        // A network card of its own, in a network of its own; nothing is to be booted from there.
        .args(["-netdev", "hubport,id=net,hubid=0"])
        .arg("-device")
        .arg(format!(
            "virtio-net-pci,netdev=net,romfile={}",
            notified(boot)
        ))
        .arg("-kernel")
        .arg(&boot.image)
        .arg("-initrd")
        .arg(&boot.initramfs)
        .arg("-append")
        .arg(words(boot, nonce, loglevel).join(" "));
    command
}

/// The kernel's command line.
fn words(boot: &Boot, nonce: &str, loglevel: &str) -> Vec<String> {
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
    words
}

/// A path inside a QEMU option, where a comma ends the value unless doubled.
fn option(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// Has the kernel of a guest that hangs write to its console where its tasks are, if it still can.
pub fn ask(child: &mut Child, console: &Path) -> Result {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_paths_are_doubled() {
        assert_eq!(option(Path::new("/a,b/c")), "/a,,b/c");
    }
}
