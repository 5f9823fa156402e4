// SPDX-License-Identifier: GPL-2.0

//! What the guest tells the lab: one JSON record a line over its own virtio-serial port, closed
//! by [`Record::End`], which counts and checksums all that came before it. A stream without that
//! record, or with one that does not add up, is an incomplete result, never a good one.

mod by_name;
mod job;
mod measure;
mod part;
mod variant;

use std::io;
use std::io::BufRead;
use std::io::Write;

use serde::Deserialize;
use serde::Serialize;

pub use job::End;
pub use job::Job;
pub use job::JOBS;
pub use job::JOBS_DIRECTORY;
pub use measure::Measure;
pub use part::Part;
pub use variant::Variant;

/// The name of the virtio-serial port that carries the records.
pub const PORT_NAME: &str = "lab.results";

/// How one check or test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it must be.
    Passed,
    /// Not as it must be.
    Failed,
    /// Could not be tried here; the detail says why.
    Skipped,
}

/// One line of the guest's report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The first record.
    Hello {
        /// The number that the lab put on this boot's kernel command line.
        nonce: String,
        /// `uname -r`.
        release: String,
        /// `uname -v`.
        version: String,
        /// CPUs online.
        cpus: u32,
        /// Which variant the kernel is by its own configuration; none if that does not tell.
        variant: Option<Variant>,
    },
    /// A module was inserted, or was refused.
    Insmod {
        /// The module's name.
        module: String,
        /// 0, or the errno.
        errno: i32,
        /// What the errno means; empty on success.
        error: String,
        /// How long `finit_module()` took, in milliseconds.
        millis: u64,
    },
    /// The debugfs report of one KUnit suite, as the kernel wrote it.
    Kunit {
        /// The suite's name.
        suite: String,
        /// KTAP text.
        results: String,
    },
    /// Something to show to the person who typed `make run`.
    Show {
        /// The command as a person would type it; empty if there was none.
        command: String,
        /// What it printed.
        output: String,
    },
    /// A test or check began; what hangs is known by this.
    Begin {
        /// The test's name.
        name: String,
    },
    /// A test or check ended.
    Test {
        /// The test's name.
        name: String,
        /// How it ended.
        outcome: Outcome,
        /// Why, when it did not pass.
        detail: String,
        /// How long it took, in milliseconds.
        millis: u64,
    },
    /// Something that was seen of a kernel, to be set beside what is seen of another one.
    Fact {
        /// Where and what, from the general to the special, with dots between: `state.init.up.mtu`.
        /// It occurs once in a boot.
        key: String,
        /// What was seen.
        value: String,
    },
    /// A [`Job`] was run.
    Ran {
        /// Its name.
        name: String,
        /// How it ended.
        end: End,
        /// What it wrote.
        output: String,
    },
    /// How many CPUs there might be, by the kernel: with them grows what has a part for each. Comes
    /// before all else that a benchmark says.
    PossibleCpus {
        /// The number.
        count: u32,
    },
    /// Operations of a workload were done, each between two marks that are instructions. These
    /// records come in the order of the marks.
    Marked {
        /// What it is called.
        workload: String,
        /// How many there were.
        operations: u64,
        /// How many units, such as packets, one of them has.
        units: u64,
    },
    /// Operations of a workload were done in a round, in this time.
    Timed {
        /// What it is called.
        workload: String,
        /// How many there were.
        operations: u64,
        /// How long all of them took.
        nanoseconds: u64,
    },
    /// A figure that is neither.
    Figure {
        /// What of: `scale.netns.memory.2000`.
        name: String,
        /// How much.
        value: f64,
        /// Of what.
        unit: String,
    },
    /// Lines of `/proc/kallsyms` about modules. They hold for all `Marked` records behind, until the
    /// next such lines take their place: a module that is inserted again is elsewhere.
    Symbols {
        /// The lines.
        text: String,
    },
    /// `/proc/sys/kernel/tainted`.
    Taint {
        /// The bits.
        bits: u64,
    },
    /// The last record.
    End {
        /// How many records came before this one.
        count: u64,
        /// FNV-1a over the bytes of all the lines before this one, newlines included.
        checksum: u64,
    },
}

/// FNV-1a, 64 bits: enough to see a lost or damaged line.
#[derive(Clone, Copy, Debug)]
struct Checksum(u64);

impl Checksum {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Writes records and keeps the books for [`Record::End`].
#[derive(Debug)]
pub struct Sender<W> {
    out: W,
    count: u64,
    checksum: Checksum,
}

impl<W: Write> Sender<W> {
    /// Sends to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            count: 0,
            checksum: Checksum::new(),
        }
    }

    /// Sends one record, at once.
    pub fn send(&mut self, record: &Record) -> io::Result<()> {
        self.send_all(std::slice::from_ref(record))
    }

    /// Sends several records, together: a write takes longer than what is written.
    pub fn send_all(&mut self, records: &[Record]) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        self.checksum.add(&lines);
        self.count += records.len() as u64;
        self.out.write_all(&lines)?;
        self.out.flush()
    }

    /// Sends the end marker.
    pub fn end(mut self) -> io::Result<()> {
        let end = Record::End {
            count: self.count,
            checksum: self.checksum.0,
        };
        self.send(&end)
    }
}

/// What a whole stream of records amounts to.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The records before the end marker, in order.
    pub records: Vec<Record>,
    /// Whether an end marker came, added up, and was the last thing to come.
    pub complete: bool,
    /// What is wrong with the stream, if anything.
    pub damage: Vec<String>,
}

impl Transcript {
    /// Reads a stream to its end.
    pub fn read(input: impl BufRead) -> io::Result<Self> {
        let mut this = Self::default();
        let mut checksum = Checksum::new();
        for line in input.split(b'\n') {
            let line = line?;
            if this.complete {
                this.complete = false;
                this.damage.push("records after the end marker".into());
            }
            match serde_json::from_slice(&line) {
                Ok(Record::End {
                    count,
                    checksum: sum,
                }) => {
                    this.complete = count == this.records.len() as u64 && sum == checksum.0;
                    if !this.complete {
                        this.damage.push("the end marker does not add up".into());
                    }
                }
                Ok(record) => this.records.push(record),
                Err(error) => this.damage.push(format!("unreadable record: {error}")),
            }
            checksum.add(&line);
            checksum.add(b"\n");
        }
        this.complete &= this.damage.is_empty();
        Ok(this)
    }
}

/// Whether the glob `pattern` matches all of `name`: `*` is any run of characters, `?` any one.
/// `FILTER` means the same on the host and in the guest because both ask here.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on if what follows the last `*` does not fit.
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((star, from)) = retry else {
                    return false;
                };
                retry = Some((star, from + 1));
                p = star + 1;
                n = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        let mut sender = Sender::new(&mut out);
        sender.send(&Record::Taint { bits: 4096 }).unwrap();
        sender.send(&Record::Begin { name: "x".into() }).unwrap();
        sender.end().unwrap();
        out
    }

    #[test]
    fn whole_stream_is_complete() {
        let transcript = Transcript::read(&sample()[..]).unwrap();
        assert!(transcript.complete);
        assert_eq!(transcript.records.len(), 2);
    }

    #[test]
    fn together_is_as_one_by_one() {
        let mut out = Vec::new();
        let mut sender = Sender::new(&mut out);
        let records = [
            Record::Taint { bits: 4096 },
            Record::Begin { name: "x".into() },
        ];
        sender.send_all(&records).unwrap();
        sender.end().unwrap();
        assert_eq!(out, sample());
    }

    #[test]
    fn truncation_anywhere_is_incomplete() {
        let stream = sample();
        for cut in 0..stream.len() - 1 {
            let transcript = Transcript::read(&stream[..cut]).unwrap();
            assert!(!transcript.complete, "cut at {cut}");
        }
    }

    #[test]
    fn damage_anywhere_is_incomplete() {
        let stream = sample();
        for at in 0..stream.len() - 1 {
            let mut damaged = stream.clone();
            damaged[at] ^= 1;
            let transcript = Transcript::read(&damaged[..]).unwrap();
            assert!(!transcript.complete, "damaged at {at}");
        }
    }

    #[test]
    fn lost_line_is_incomplete() {
        let stream = sample();
        let start = stream.iter().position(|b| *b == b'\n').unwrap() + 1;
        assert!(!Transcript::read(&stream[start..]).unwrap().complete);
    }

    #[test]
    fn records_after_the_end_are_damage() {
        let mut stream = sample();
        stream.extend(b"{\"record\":\"taint\",\"bits\":0}\n");
        assert!(!Transcript::read(&stream[..]).unwrap().complete);
    }

    #[test]
    fn globs() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "guest.lo.up"),
            ("guest.lo.up", "guest.lo.up"),
            ("guest.*.up", "guest.lo.up"),
            ("*.u?", "guest.lo.up"),
            ("*lo*lo*", "kunit.lo_setup.lo_flags"),
            ("a*b*", "aXbXb"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "guest.lo.up"),
            ("guest", "guest.lo.up"),
            ("lo.*", "guest.lo.up"),
            ("guest.?.up", "guest.lo.up"),
            ("a*b", "aXbX"),
            ("?", ""),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
