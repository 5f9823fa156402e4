// SPDX-License-Identifier: GPL-2.0

//! Where a check happens: in the first network namespace or in one that it made.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread;

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::AddressFamily;
use rustix::net::SocketType;
use rustix::thread::move_into_link_name_space;
use rustix::thread::LinkNameSpaceType;

use crate::command;
use crate::here;
use crate::ip;
use crate::ip::Link;
use crate::witness;
use crate::witness::Witness;

/// Where `ip` keeps the namespaces that have names.
const DIRECTORY: &str = "/run/netns";

/// The namespace that the checks make.
pub const NAME: &str = "lo-test";

/// A network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one that the guest boots with.
    Init,
    /// The one called [`NAME`].
    Made,
}

impl Scope {
    /// `ip <arguments>` for this namespace, as one would type it.
    pub fn ip<'a>(self, arguments: &[&'a str]) -> Vec<&'a str> {
        let prefix: &[&str] = match self {
            Scope::Init => &["ip"],
            Scope::Made => &["ip", "-n", NAME],
        };
        [prefix, arguments].concat()
    }

    /// `words` to be run inside this namespace.
    pub fn exec<'a>(self, words: &[&'a str]) -> Vec<&'a str> {
        let prefix: &[&str] = match self {
            Scope::Init => &[],
            Scope::Made => &["ip", "netns", "exec", NAME],
        };
        [prefix, words].concat()
    }

    /// `lo` here, with counters.
    pub fn link(self) -> Result<Link, String> {
        let words = self.ip(&["-j", "-d", "-s", "link", "show", "lo"]);
        ip::parse_one(&command::run(&words)?)
    }

    /// `lo` here, with addresses.
    pub fn addresses(self) -> Result<Link, String> {
        ip::parse_one(&command::run(&self.ip(&["-j", "addr", "show", "lo"]))?)
    }

    /// What the witness says here.
    pub fn witness(self) -> Result<Witness, String> {
        self.run(witness::here)
    }

    /// Whether there is a device called `name` here.
    pub fn has_device(self, name: &str) -> Result<bool, String> {
        self.run(|| {
            let found = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)
                .and_then(|socket| name_to_index(&socket, name));
            match found {
                Ok(_) => Ok(true),
                Err(Errno::NODEV) => Ok(false),
                Err(error) => Err(format!("look for {name} in {self:?}: {error}")),
            }
        })
    }

    /// Does `work` in a thread that is in it.
    fn run<T: Send>(self, work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
        match self {
            Scope::Init => work(),
            Scope::Made => run_in(NAME, work),
        }
    }

    /// Moves this thread into it.
    pub fn enter(self) -> Result<(), String> {
        match self {
            Scope::Init => Ok(()),
            Scope::Made => enter(NAME),
        }
    }

    /// Sets `lo` up; no harm if it is.
    pub fn bring_up(self) -> Result<(), String> {
        command::run(&self.ip(&["link", "set", "lo", "up"])).map(drop)
    }
}

/// Does `work` in a thread that is in the namespace called `name`.
pub fn run_in<T: Send>(
    name: &str,
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter(name)?;
            work()
        });
        thread
            .join()
            .map_err(|_| format!("what ran in {name} panicked"))?
    })
}

/// The number of the namespace called `name`.
pub fn number_of(name: &str) -> Result<u32, String> {
    here::number_of(&Path::new(DIRECTORY).join(name))
}

fn enter(name: &str) -> Result<(), String> {
    let path = Path::new(DIRECTORY).join(name);
    let fail = |e: io::Error| format!("enter {}: {e}", path.display());
    let file = File::open(&path).map_err(fail)?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|e| fail(e.into()))
}
