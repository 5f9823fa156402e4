// SPDX-License-Identifier: GPL-2.0

//! git repositories that the lab makes for a moment. What the user's configuration says about git
//! does not reach them, so the same input gives the same output everywhere.

use std::collections::BTreeMap;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::checkout::make_dir;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::mail::Mail;
use crate::overlay::Content;
use crate::process;
use crate::toolchain::clean;

/// A repository.
#[derive(Debug)]
pub struct Git {
    dir: PathBuf,
    committer: (String, String, String),
}

impl Git {
    /// Makes an empty one in `dir`, where the author of `mail` commits, then.
    pub fn init(dir: &Path, mail: &Mail) -> Result<Self> {
        make_dir(dir)?;
        let (name, address) = mail.identity();
        let this = Self {
            dir: dir.into(),
            committer: (name.into(), address.into(), mail.date.clone()),
        };
        let mut command = this.command();
        // No hooks.
        command.args(["init", "--quiet", "--template=", "--initial-branch=base"]);
        process::output(&mut command, Exit::Internal)?;
        Ok(this)
    }

    /// git in this repository.
    pub fn command(&self) -> Command {
        let mut command = clean("git");
        let (name, address, date) = &self.committer;
        command
            .current_dir(&self.dir)
            .env("HOME", &self.dir)
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", address)
            .env("GIT_COMMITTER_DATE", date)
            .args(["-c", "core.abbrev=12", "-c", "maintenance.auto=false"]);
        command
    }

    /// Makes the commits of `stream`.
    pub fn import(&self, stream: &Stream) -> Result {
        let fail = |e| Failure::new(Exit::Cache, "cannot hand commits to git", e);
        let mut input = tempfile::tempfile().map_err(fail)?;
        input.write_all(&stream.0).map_err(fail)?;
        input.rewind().map_err(fail)?;
        let mut command = self.command();
        command
            .args(["fast-import", "--quiet", "--date-format=rfc2822"])
            .stdin(input);
        process::output(&mut command, Exit::Internal).map(drop)
    }
}

/// Commits to be made, in the format of `git fast-import`.
#[derive(Clone, Debug, Default)]
pub struct Stream(Vec<u8>);

impl Stream {
    /// Adds one to `branch`, by the author of `mail` and at its time. `executable` says which
    /// files are.
    pub fn commit(
        &mut self,
        branch: &str,
        mail: &Mail,
        message: &str,
        change: &BTreeMap<PathBuf, Content>,
        executable: &dyn Fn(&Path) -> bool,
    ) {
        self.line(&format!("commit refs/heads/{branch}"));
        self.line(&format!("author {} {}", mail.author, mail.date));
        self.line(&format!("committer {} {}", mail.author, mail.date));
        self.data(message.as_bytes());
        for (path, content) in change {
            let Some(content) = content else {
                self.line(&format!("D {}", path.display()));
                continue;
            };
            let mode = if executable(path) { 755 } else { 644 };
            self.line(&format!("M 100{mode} inline {}", path.display()));
            self.data(content);
        }
    }

    /// Makes `branch` begin where `from` is now.
    pub fn branch(&mut self, branch: &str, from: &str) {
        self.line(&format!("reset refs/heads/{branch}"));
        self.line(&format!("from refs/heads/{from}\n"));
    }

    fn line(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'\n');
    }

    fn data(&mut self, bytes: &[u8]) {
        self.line(&format!("data {}", bytes.len()));
        self.0.extend_from_slice(bytes);
        self.0.push(b'\n');
    }
}
