// SPDX-License-Identifier: GPL-2.0

//! Upstream's own tests: which there are, what they need, and what their output means. They are
//! taken from the kernel's source; `tests/compare/upstream.toml` has the list.

mod programs;
mod table;
mod verdicts;

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use lab_protocol::matches;
use lab_protocol::End;
use lab_protocol::Job;
use lab_protocol::Part;
use lab_protocol::Record;
use lab_protocol::JOBS;
use lab_protocol::JOBS_DIRECTORY;

use super::facts::Facts;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::initramfs::Extra;
use crate::prepare::Ready;
use crate::prepare::KUNIT_FILTER;
use crate::vm::Boot;

use programs::Programs;
use table::Table;
use table::Test;
use verdicts::Reader;

/// What the guest needs besides, by its package, with where it goes. The scripts are for these, not
/// for busybox'.
const TOOLS: [(&str, &str, &str); 24] = [
    ("/bin/bash", "bash", "bash"),
    ("/bin/sh", "dash", "dash"),
    ("/bin/date", "date", "coreutils"),
    ("/bin/mktemp", "mktemp", "coreutils"),
    ("/bin/readlink", "readlink", "coreutils"),
    ("/bin/sleep", "sleep", "coreutils"),
    ("/usr/bin/seq", "seq", "coreutils"),
    ("/usr/bin/stdbuf", "stdbuf", "coreutils"),
    ("/usr/bin/timeout", "timeout", "coreutils"),
    ("/bin/grep", "grep", "grep"),
    ("/bin/sed", "sed", "sed"),
    ("/usr/bin/awk", "awk", "mawk"),
    ("/usr/bin/xargs", "xargs", "findutils"),
    ("/usr/bin/jq", "jq", "jq"),
    ("/usr/bin/uuidgen", "uuidgen", "uuid-runtime"),
    ("/usr/bin/nstat", "nstat", "iproute2"),
    ("/usr/bin/ss", "ss", "iproute2"),
    ("/usr/bin/taskset", "taskset", "util-linux"),
    ("/sbin/bridge", "bridge", "iproute2"),
    ("/sbin/sysctl", "sysctl", "procps"),
    ("/sbin/modprobe", "modprobe", "kmod"),
    ("/sbin/ip6tables", "ip6tables", "iptables"),
    ("/sbin/iptables", "iptables", "iptables"),
    ("/usr/sbin/mausezahn", "mausezahn", "netsniff-ng"),
];

/// What some of these load as they run: `pthread_exit()`, `stdbuf` and `iptables` do.
const LOADED: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
    "/usr/libexec/coreutils/libstdbuf.so",
    "/usr/lib/x86_64-linux-gnu/xtables/libxt_conntrack.so",
    "/usr/lib/x86_64-linux-gnu/xtables/libxt_standard.so",
];

/// The KUnit suite of upstream's that has to do with the loopback driver.
const SUITE: &str = "blackholedev";

/// What the tests have written, below `build`.
const OUTPUTS: &str = "report/upstream";

/// The guest is busy with many sockets and much data at times.
const MEMORY: u32 = 1024;

/// All of it, ready to be packed.
#[derive(Debug)]
pub struct Upstream {
    table: Table,
    programs: Programs,
}

impl Upstream {
    /// Reads the list, and builds what is in it from the source of `ready`'s kernel.
    pub fn prepare(checkout: &Checkout, ready: &Ready, verbose: bool) -> Result<Self> {
        let table = Table::load(checkout)?;
        let programs = Programs::build(checkout, &ready.kernel, &table, verbose)?;
        Ok(Self { table, programs })
    }

    /// Makes `boot` one of `ready` that runs the tests.
    pub fn equip(&self, checkout: &Checkout, ready: &Ready, boot: &mut Boot) -> Result {
        let name = format!("upstream-{}", ready.kernel.variant);
        boot.initramfs = ready.pack(checkout, &name, &self.extra(checkout, ready)?)?;
        boot.words.push(format!("{KUNIT_FILTER}={SUITE}"));
        // Nothing comes from a test before it has ended.
        let longest = self.table.test.iter().map(|test| test.seconds).max();
        boot.limits.quiet += Duration::from_secs(longest.unwrap_or_default());
        let jobs = self.table.test.iter().flat_map(Test::jobs);
        boot.limits.whole += Duration::from_secs(jobs.map(|job| job.seconds).sum());
        boot.limits.memory = boot.limits.memory.max(MEMORY);
        Ok(())
    }

    fn extra(&self, checkout: &Checkout, ready: &Ready) -> Result<Extra> {
        let mut extra = Extra::default();
        for (path, name, package) in TOOLS {
            extra.tool(path, name, package);
        }
        for path in LOADED.map(Path::new) {
            extra.program(path, path);
        }
        for name in self.table.names(|test| &test.programs) {
            extra.program(&in_guest(name), &self.programs.path(name));
        }
        for name in self.table.names(|test| &test.files) {
            let host = programs::source(&ready.kernel).join(name);
            if !host.is_file() {
                let what = format!("upstream has no {name}");
                return Err(Failure::new(Exit::Usage, what, table::FILE));
            }
            extra.file(&in_guest(name), &host);
        }
        for (path, host) in programs::module_lists(checkout, &ready.kernel)? {
            extra.file(&path, &host);
        }
        let jobs: Vec<Job> = self.table.test.iter().flat_map(Test::jobs).collect();
        let json = serde_json::to_vec(&jobs)
            .map_err(|e| Failure::new(Exit::Internal, "cannot write the list of tests", e))?;
        let path = checkout.build("initramfs/jobs.json");
        write(&path, &json)?;
        extra.file(Path::new(JOBS), &path);
        Ok(extra)
    }

    /// The facts that follow from what the boot called `name` has run. What that wrote is kept.
    pub fn facts(
        &self,
        checkout: &Checkout,
        name: &str,
        records: &[Record],
    ) -> Result<Vec<Record>> {
        let dir = checkout.build(OUTPUTS).join(name);
        for record in records {
            if let Record::Ran { name, output, .. } = record {
                write(&dir.join(format!("{name}.txt")), output.as_bytes())?;
            }
        }
        self.table.facts(records)
    }

    /// What about the oracle's facts is neither good nor in the list.
    pub fn amiss(&self, facts: &Facts) -> Vec<String> {
        self.table.amiss(facts)
    }
}

/// How a job ended, and what it wrote.
fn ran<'a>(records: &'a [Record], job: &Job) -> Result<(End, &'a str)> {
    let it = records.iter().find_map(|record| match record {
        Record::Ran { name, end, output } if *name == job.name => Some((*end, output.as_str())),
        _ => None,
    });
    it.ok_or_else(|| {
        let what = format!("{} was never run", job.name);
        Failure::new(Exit::Incomplete, what, "the guest left it out")
    })
}

fn in_guest(name: &str) -> PathBuf {
    Path::new(JOBS_DIRECTORY).join(name)
}

impl Table {
    /// What all tests name, each once.
    fn names(&self, of: impl Fn(&Test) -> &Vec<String>) -> BTreeSet<&str> {
        let all = self.test.iter().flat_map(|test| of(test).iter());
        all.map(String::as_str).collect()
    }

    fn facts(&self, records: &[Record]) -> Result<Vec<Record>> {
        let reader = Reader::new()?;
        let mut facts = Vec::new();
        for test in &self.test {
            let reading = test.reading()?;
            for job in test.jobs() {
                let (end, output) = ran(records, &job)?;
                let found = reader.read(&reading, output, end);
                facts.extend(found.into_iter().map(|(sub, value)| Record::Fact {
                    key: format!("{}.{}.{sub}", Part::Upstream, job.name),
                    value,
                }));
            }
        }
        Ok(facts)
    }

    fn amiss(&self, facts: &Facts) -> Vec<String> {
        let mut amiss = Vec::new();
        let mut seen = BTreeSet::new();
        for (key, value) in facts.iter() {
            let word = value.split(' ').next().unwrap_or_default();
            if matches!(word, verdicts::PASS | verdicts::XFAIL) {
                continue;
            }
            // A test that tells of nothing cannot be known to.
            let told = !key.ends_with(verdicts::NONE);
            match self.known(key, word).filter(|_| told) {
                Some(index) => drop(seen.insert(index)),
                None => amiss.push(format!(
                    "{key}: {value}, which {} does not know; see build/{OUTPUTS}",
                    table::FILE
                )),
            }
        }
        for (index, (keys, known)) in self.all_known().enumerate() {
            if !seen.contains(&index) && !known.sometimes {
                amiss.push(format!("nothing at {keys} is {} any more", known.verdict));
            }
        }
        amiss
    }

    /// The number of the entry that says that `key` is known to be `verdict`.
    fn known(&self, key: &str, verdict: &str) -> Option<usize> {
        self.all_known()
            .position(|(keys, known)| known.verdict.name() == verdict && matches(&keys, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(known: &str) -> Table {
        let text = "[[test]]\nname = 'a'\nrun = './a'\nreads = 'tap'\nseconds = 5\n";
        toml::from_str(&format!("{text}{known}")).unwrap()
    }

    fn ran(name: &str, output: &str) -> Record {
        Record::Ran {
            name: name.into(),
            end: End::Exit(0),
            output: output.into(),
        }
    }

    fn amiss(known: &str, output: &str) -> Vec<String> {
        let table = table(known);
        let facts = table.facts(&[ran("a", output)]).unwrap();
        table.amiss(&Facts::of(&facts).unwrap())
    }

    #[test]
    fn what_was_not_run_is_an_error() {
        let failure = table("").facts(&[ran("b", "1..1\nok 1 x\n")]).unwrap_err();
        assert_eq!(failure.exit, Exit::Incomplete);
        let facts = table("").facts(&[ran("a", "1..1\nok 1 x\n")]).unwrap();
        let wanted = Record::Fact {
            key: "upstream.a.x".into(),
            value: "pass".into(),
        };
        assert_eq!(facts[0], wanted);
    }

    #[test]
    fn what_is_not_good_has_to_be_known() {
        const KNOWN: &str = "[[test.known]]\nsub = 'x'\nverdict = 'skip'\nwhy = 'no tool'\n";
        let skipped = "1..1\nok 1 x # SKIP no tool\n";
        assert_eq!(amiss(KNOWN, skipped), [""; 0]);
        assert_eq!(amiss("", skipped).len(), 1);
        // Known to be skipped is not known to fail; and what is known must happen.
        assert_eq!(amiss(KNOWN, "1..1\nnot ok 1 x\n").len(), 2);
        assert_eq!(amiss(KNOWN, "1..1\nok 1 x\n").len(), 1);
    }

    #[test]
    fn what_old_tools_cannot_do_newer_ones_may() {
        let known = "[[test.known]]\nsub = 'x'\nverdict = 'skip'\nsometimes = true\nwhy = 'old'\n";
        assert_eq!(amiss(known, "1..1\nok 1 x # SKIP too old\n"), [""; 0]);
        assert_eq!(amiss(known, "1..1\nok 1 x\n"), [""; 0]);
        assert_eq!(amiss(known, "1..1\nnot ok 1 x\n").len(), 1);
    }

    #[test]
    fn a_test_that_tells_of_nothing_is_never_known() {
        let known = "[[test.known]]\nsub = '*'\nverdict = 'fail'\nwhy = 'x'\n";
        assert!(!amiss(known, "").is_empty());
    }
}
