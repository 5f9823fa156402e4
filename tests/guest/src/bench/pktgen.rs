// SPDX-License-Identifier: GPL-2.0

//! The kernel's own packet generator on `lo`. What it sends is for another machine's hardware
//! address, so that IP drops it at once: what is measured is the device and the queue behind it.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;

use super::lo::Books;
use super::workload::Workload;

/// Its file, which the lab has inserted where it has one.
pub const MODULE: &str = "pktgen.ko";

/// How many packets an operation has.
pub const PACKETS: u64 = 1000;

const DIRECTORY: &str = "/proc/net/pktgen";
const THREAD: &str = "kpktgend_0";
const CONTROL: &str = "pgctrl";

/// How long a packet is, and how long what `lo` counts of it.
const SIZE: u64 = 60;
const COUNTED: u64 = SIZE - 14;

/// The open control file.
pub struct Pktgen {
    control: File,
    books: Books,
}

impl Pktgen {
    /// Sets it up.
    pub fn boxed() -> Result<Box<dyn Workload>, String> {
        write(THREAD, "rem_device_all")?;
        write(THREAD, "add_device lo")?;
        for command in [
            format!("count {PACKETS}"),
            format!("pkt_size {SIZE}"),
            "clone_skb 0".into(),
            "delay 0".into(),
            "dst 127.0.0.1".into(),
            "dst_mac 02:00:00:00:00:01".into(),
        ] {
            write("lo", &command)?;
        }
        let path = format!("{DIRECTORY}/{CONTROL}");
        let control = File::options()
            .write(true)
            .open(&path)
            .map_err(|e| format!("{path}: {e}"))?;
        Ok(Box::new(Self {
            control,
            books: Books::open()?,
        }))
    }
}

fn write(file: &str, command: &str) -> Result<(), String> {
    let path = format!("{DIRECTORY}/{file}");
    fs::write(&path, command).map_err(|e| format!("{path}: {command}: {e}"))
}

impl Workload for Pktgen {
    fn operate(&mut self) -> Result<(), String> {
        // It returns when all is sent.
        self.control
            .write_all(b"start")
            .map_err(|e: io::Error| format!("start it: {e}"))
    }

    fn settle(&mut self) -> Result<(), String> {
        let path = format!("{DIRECTORY}/lo");
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        judge(&text).ok_or_else(|| format!("{path}: not {PACKETS} packets without errors: {text}"))
    }

    fn finish(self: Box<Self>, operations: u64) -> Result<(), String> {
        let packets = operations * PACKETS;
        self.books.judge(packets, packets * COUNTED, 0)
    }
}

/// Whether all packets were sent, and each of them made anew.
fn judge(text: &str) -> Option<()> {
    let value = |key: &str| {
        let (_, rest) = text.split_once(key)?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let done = text.lines().any(|line| line.starts_with("Result: OK"));
    let found = (
        value("pkts-sofar:")?,
        value("errors:")?,
        value("clone_skb:")?,
    );
    (done && found == (PACKETS, 0, 0)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Params: count 1000  min_pkt_size: 60  max_pkt_size: 60
     frags: 0  delay: 0  clone_skb: 0  ifname: lo
     flows: 0 flowlen: 0
Current:
     pkts-sofar: 1000  errors: 0
     started: 71us  stopped: 3010us idle: 7us
Result: OK: 2939(c2932+d7) usec, 1000 (60byte,0frags)
  340252pps 163Mb/sec (163320960bps) errors: 0
";

    #[test]
    fn all_packets_have_to_be_sent() {
        assert_eq!(judge(TEXT), Some(()));
        for (good, bad) in [
            ("sofar: 1000", "sofar: 999"),
            ("errors: 0\n     started", "errors: 1\n     started"),
            ("clone_skb: 0", "clone_skb: 1"),
            ("Result: OK", "Result: Idle"),
        ] {
            assert_eq!(judge(&TEXT.replace(good, bad)), None, "{bad}");
        }
        assert_eq!(judge(""), None);
    }
}
