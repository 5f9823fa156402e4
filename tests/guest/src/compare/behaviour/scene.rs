// SPDX-License-Identifier: GPL-2.0

//! Where a scenario plays: a namespace of its own or the first one, what is asked and told there,
//! and what of `lo` is otherwise after each step.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

use rustix::mount::MountFlags;
use rustix::mount::UnmountFlags;

use super::device::Device;
use super::digest::Digest;
use super::digest::LO;
use super::message::attributes;
use super::message::Message;
use super::message::Netlink;
use super::refused::done;
use super::refused::told;
use super::refused::Done;
use super::refused::Refused;
use crate::boot;
use crate::command;
use crate::compare::wire::u32_at;
use crate::compare::wire::u64_at;
use crate::compare::wire::HEADER;
use crate::compare::words::COUNTERS;

/// Where sysfs shows the first namespace, and where a scenario's own.
const SYSFS: &str = "/sys";
const MOUNT: &str = "/tmp/behaviour-sysfs";

pub const RTM_NEWLINK: u16 = 16;
pub const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_STATS64: u16 = 23;

/// That of a new `lo`.
const MTU: u32 = 65536;

pub const IFF_UP: u32 = 1;

/// `struct ifinfomsg` of a device.
pub fn link_header(index: u32, flags: u32, change: u32) -> Vec<u8> {
    [0, index, flags, change].map(u32::to_ne_bytes).concat()
}

/// A place and what is known of it.
#[derive(Debug)]
pub struct Scene {
    facts: Sender<(String, String)>,
    kernel: Netlink,
    /// For the ioctls.
    pub device: Device,
    sysfs: Sysfs,
    features: Vec<String>,
    last: Digest,
    counted: Vec<u64>,
}

impl Scene {
    /// Opens it in this thread's namespace, which is the first one or, if `own`, another.
    pub fn open(own: bool, facts: Sender<(String, String)>) -> Result<Self, String> {
        let device = Device::open()?;
        // Without a lo that can be asked, that is what the facts say.
        let features = device.feature_names().unwrap_or_default();
        let mut this = Self {
            facts,
            kernel: Netlink::open(None)?,
            device,
            sysfs: Sysfs::open(own)?,
            features,
            last: Digest::default(),
            counted: Vec::new(),
        };
        this.last = this.digest();
        this.counted = this.counters();
        Ok(this)
    }

    /// All of `lo`, as it is now.
    pub fn digest(&self) -> Digest {
        Digest::take(&self.kernel, &self.device, &self.features)
    }

    /// What the features are called.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Tells something.
    pub fn note(&self, key: &str, value: impl Into<String>) -> Result<(), String> {
        let fact = (key.to_string(), value.into());
        self.facts.send(fact).map_err(|_| "nobody listens".into())
    }

    /// Tells what came of a step, and what of `lo` has changed by it.
    pub fn did(&mut self, key: &str, done: Done) -> Result<(), String> {
        self.came(key, told(done))
    }

    /// The same of several like steps at once, each with what it is called.
    pub fn did_all(&mut self, key: &str, all: Vec<(String, Done)>) -> Result<(), String> {
        self.came(key, together(all))
    }

    fn came(&mut self, key: &str, what: String) -> Result<(), String> {
        let now = self.digest();
        let mut words = vec![what];
        words.extend(self.last.changes(&now));
        self.last = now;
        self.note(key, words.join("; "))
    }

    /// A step that is a message of rtnetlink.
    pub fn ask(&mut self, key: &str, message: Message) -> Result<(), String> {
        let answer = self.kernel.ask(message);
        self.did(key, done(answer))
    }

    /// A step that sets attributes of `lo`.
    pub fn set(&mut self, key: &str, with: impl FnOnce(Message) -> Message) -> Result<(), String> {
        let message = Message::new(RTM_NEWLINK, 0, &link_header(LO, 0, 0));
        self.ask(key, with(message))
    }

    /// A step that sets the flags in `change` as they are in `flags`.
    pub fn set_flags(&mut self, key: &str, flags: u32, change: u32) -> Result<(), String> {
        self.ask(
            key,
            Message::new(RTM_NEWLINK, 0, &link_header(LO, flags, change)),
        )
    }

    /// `lo` goes up.
    pub fn up(&mut self, key: &str) -> Result<(), String> {
        self.set_flags(key, IFF_UP, IFF_UP)
    }

    /// `lo` goes down.
    pub fn down(&mut self, key: &str) -> Result<(), String> {
        self.set_flags(key, 0, IFF_UP)
    }

    /// Gives the first device its name, its flags and its MTU back, whatever it has now. Tells only
    /// that this cannot be done.
    pub fn restore(&mut self, key: &str, up: bool) -> Result<(), String> {
        let flags = if up { IFF_UP } else { 0 };
        let message = Message::new(RTM_NEWLINK, 0, &link_header(LO, flags, u32::MAX))
            .text(IFLA_IFNAME, super::device::LO)
            .u32(IFLA_MTU, MTU);
        let answer = self.kernel.ask(message);
        self.last = self.digest();
        match answer {
            Ok(_) => Ok(()),
            Err(refused) => self.note(&format!("{key}.not-restored"), refused.0),
        }
    }

    /// A step that is an ioctl about `lo`, with `value` behind its name.
    pub fn ioctl(&mut self, key: &str, number: u32, value: &[u8]) -> Result<(), String> {
        let answer = self.device.value(number, value);
        self.did(key, done(answer))
    }

    /// A step that is a command, given as one line without quotes; what it says is told.
    pub fn line(&mut self, key: &str, line: &str) -> Result<(), String> {
        self.line_done(key, line).map(drop)
    }

    /// The same; whether it was done.
    pub fn line_done(&mut self, key: &str, line: &str) -> Result<bool, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = command::run(&words).map(|said| said.trim().into());
        let succeeded = done.is_ok();
        self.did(key, done.map_err(Refused))?;
        Ok(succeeded)
    }

    /// The directory of `lo` in sysfs.
    pub fn directory(&self) -> PathBuf {
        self.sysfs.path.join("class/net/lo")
    }

    /// A step that writes to a file of `lo` in sysfs.
    pub fn write(&mut self, key: &str, file: &str, value: &str) -> Result<(), String> {
        let path = self.directory().join(file);
        let written = write(&path, value);
        self.did(key, written)
    }

    /// Tells what has been counted since this was called last.
    pub fn count(&mut self, key: &str) -> Result<(), String> {
        let now = self.counters();
        let moved = COUNTERS.iter().enumerate().filter_map(|(at, name)| {
            let [now, before] = [&now, &self.counted].map(|all| all.get(at).copied().unwrap_or(0));
            (now != before).then(|| format!("{name} {:+}", now.wrapping_sub(before) as i64))
        });
        let text = moved.collect::<Vec<_>>().join(" ");
        self.counted = now;
        self.note(key, text)
    }

    /// The counters of `lo`; none if there is no `lo`.
    fn counters(&self) -> Vec<u64> {
        let wanted = Message::new(RTM_GETLINK, 0, &link_header(0, 0, 0));
        let messages = self.kernel.dump(wanted).unwrap_or_default();
        let lo = messages.iter().find(|m| u32_at(m, HEADER + 4) == LO);
        let all = lo
            .map(|message| attributes(message, HEADER + 16))
            .unwrap_or_default();
        let stats = all.into_iter().find(|(kind, _)| *kind == IFLA_STATS64);
        let stats = stats.map(|(_, value)| value).unwrap_or_default();
        (0..stats.len() / 8)
            .map(|at| u64_at(stats, at * 8))
            .collect()
    }
}

/// Several answers in one text: those that are alike only once, behind whom they were given to.
fn together(all: Vec<(String, Done)>) -> String {
    let mut texts: Vec<(String, Vec<String>)> = Vec::new();
    for (name, done) in all {
        let text = told(done);
        match texts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, names)) => names.push(name),
            None => texts.push((text, vec![name])),
        }
    }
    match &texts[..] {
        [(text, _)] => text.clone(),
        _ => {
            let one =
                |(text, names): &(String, Vec<String>)| format!("{}: {text}", names.join(", "));
            texts.iter().map(one).collect::<Vec<_>>().join("; ")
        }
    }
}

/// Writes `value` to a file of the kernel's, in one go.
pub fn write(path: &Path, value: &str) -> Done {
    let file = OpenOptions::new().write(true).open(path);
    done(file.and_then(|mut file| file.write(value.as_bytes())))
}

/// Where this namespace's devices are in sysfs.
#[derive(Debug)]
struct Sysfs {
    path: PathBuf,
    mounted: bool,
}

impl Sysfs {
    /// A mount shows the namespace that it was made in.
    fn open(own: bool) -> Result<Self, String> {
        if !own {
            return Ok(Self {
                path: SYSFS.into(),
                mounted: false,
            });
        }
        std::fs::create_dir_all(MOUNT).map_err(|e| format!("{MOUNT}: {e}"))?;
        rustix::mount::mount("sysfs", MOUNT, "sysfs", MountFlags::empty(), None)
            .map_err(|e| format!("mount sysfs: {e}"))?;
        Ok(Self {
            path: MOUNT.into(),
            mounted: true,
        })
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        if !self.mounted {
            return;
        }
        if let Err(error) = rustix::mount::unmount(MOUNT, UnmountFlags::DETACH) {
            boot::log(&format!("lab: unmount {MOUNT}: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_answers_are_told_once() {
        let ok = |name: &str| (name.to_string(), Ok(String::new()));
        let no = |name: &str| (name.to_string(), Err(Refused::by(22)));
        assert_eq!(together(vec![ok("a"), ok("b")]), "ok");
        assert_eq!(
            together(vec![ok("a"), no("b"), ok("c")]),
            "a, c: ok; b: errno EINVAL"
        );
    }

    #[test]
    fn a_link_s_header_has_its_fields_in_place() {
        let header = link_header(1, 0x100, 0x200);
        assert_eq!([4, 8, 12].map(|at| u32_at(&header, at)), [1, 0x100, 0x200]);
        assert_eq!(header.len(), 16);
    }
}
