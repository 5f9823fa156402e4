// SPDX-License-Identifier: GPL-2.0

//! Where a check happens: in the first network namespace or in one that it made.

use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::thread::move_into_link_name_space;
use rustix::thread::LinkNameSpaceType;

use crate::command;
use crate::ip;
use crate::ip::Link;
use crate::witness;
use crate::witness::Witness;

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
        let text = match self {
            Scope::Init => {
                fs::read_to_string(witness::FILE).map_err(|e| format!("{}: {e}", witness::FILE))?
            }
            Scope::Made => command::run(&self.exec(&["cat", witness::FILE]))?,
        };
        Witness::parse(&text)
    }

    /// Moves this thread into it.
    pub fn enter(self) -> Result<(), String> {
        if self == Scope::Init {
            return Ok(());
        }
        let path = Path::new("/run/netns").join(NAME);
        let fail = |e: io::Error| format!("enter {}: {e}", path.display());
        let file = File::open(&path).map_err(fail)?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|e| fail(e.into()))
    }

    /// Sets `lo` up; no harm if it is.
    pub fn bring_up(self) -> Result<(), String> {
        command::run(&self.ip(&["link", "set", "lo", "up"])).map(drop)
    }
}
