// SPDX-License-Identifier: GPL-2.0

//! The kernel's own checkpatch over the series. What it finds must be expected, with a reason, in
//! `linux/patches/checkpatch-exceptions.txt`; and what is expected there must be found.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use lab_protocol::matches;

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::kernel::Kernel;
use crate::process;
use crate::toolchain::clean;

/// The expected findings.
const EXCEPTIONS: &str = "linux/patches/checkpatch-exceptions.txt";
/// What it prints last about each patch.
const SUMMARY: &str = "total: ";

/// checkpatch with all that it has to say, for this kernel.
pub fn command(kernel: &Kernel) -> Command {
    let mut command = clean("perl");
    command
        .arg(kernel.source.join("scripts/checkpatch.pl"))
        .args(["--strict", "--quiet", "--terse", "--show-types"])
        .arg(format!("--root={}", kernel.source.display()))
        // A patch that git tracks it would take for source code.
        .env("GIT_DIR", "none");
    command
}

/// Runs it over `patches`; what is not as expected.
pub fn run(checkout: &Checkout, kernel: &Kernel, patches: &[PathBuf]) -> Result<Vec<String>> {
    let exceptions = Exception::parse(&read_text(&checkout.path(EXCEPTIONS))?)
        .map_err(|why| Failure::new(Exit::TestFailed, format!("cannot read {EXCEPTIONS}"), why))?;
    let log = checkout.log("checkpatch")?;
    crate::checkout::remove(&log)?;
    let mut command = command(kernel);
    // By their names only: where they are now they will not stay.
    let names = patches.iter().filter_map(|patch| patch.file_name());
    if let Some(dir) = patches.first().and_then(|patch| patch.parent()) {
        command.current_dir(dir).args(names);
    }
    process::run_logged(&mut command, &log, false, None, &mut |_| ())?;
    let said = read_text(&log)?;
    // The first line is the command.
    let said: Vec<_> = said.lines().skip(1).collect();
    Ok(judge(&said, patches.len(), &exceptions))
}

/// What in checkpatch's words about `patches` patches is not as expected.
fn judge(said: &[&str], patches: usize, exceptions: &[Exception]) -> Vec<String> {
    let mut used = vec![false; exceptions.len()];
    let mut wrong = Vec::new();
    let (summaries, findings): (Vec<_>, Vec<_>) = said
        .iter()
        .filter(|line| !line.is_empty())
        .partition(|line| line.starts_with(SUMMARY));
    for line in findings {
        let expected = Finding::parse(line)
            .and_then(|finding| exceptions.iter().position(|e| e.covers(&finding)));
        match expected {
            Some(n) => used[n] = true,
            None => wrong.push(line.to_string()),
        }
    }
    for (exception, used) in exceptions.iter().zip(used) {
        if !used {
            let line = exception.line;
            wrong.push(format!("{EXCEPTIONS}:{line}: nothing like this was found"));
        }
    }
    if summaries.len() != patches {
        let found = summaries.len();
        wrong.push(format!("checkpatch looked at {found} of {patches} patches"));
    }
    wrong
}

/// An expected finding.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    /// Where in the file it is.
    line: usize,
    /// A glob over the names of patches.
    patch: String,
    /// The finding's type.
    kind: String,
    /// A part of its message.
    part: String,
}

impl Exception {
    /// Reads lines like `<patch> <type> <part of the message> # <reason>`.
    fn parse(text: &str) -> std::result::Result<Vec<Self>, String> {
        let lines = text.lines().enumerate();
        lines
            .filter(|(_, text)| !text.is_empty() && !text.starts_with('#'))
            .map(|(n, text)| {
                Self::read(n + 1, text).ok_or_else(|| {
                    format!(
                        "line {} is not `<patch> <type> <part of the message> # <reason>`",
                        n + 1
                    )
                })
            })
            .collect()
    }

    fn read(line: usize, text: &str) -> Option<Self> {
        let (finding, reason) = text.split_once(" # ")?;
        let (patch, rest) = finding.trim().split_once(' ')?;
        let (kind, part) = rest.trim().split_once(' ')?;
        (!reason.trim().is_empty()).then(|| Self {
            line,
            patch: patch.into(),
            kind: kind.into(),
            part: part.trim().into(),
        })
    }

    fn covers(&self, finding: &Finding) -> bool {
        matches(&self.patch, finding.patch)
            && self.kind == finding.kind
            && finding.message.contains(&self.part)
    }
}

/// A finding, as `<path>:<line>: <level>:<type>: <message>`.
struct Finding<'a> {
    patch: &'a str,
    kind: &'a str,
    message: &'a str,
}

impl<'a> Finding<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (place, rest) = line.split_once(": ")?;
        let (path, _line) = place.rsplit_once(':')?;
        let (kind, message) = rest.split_once(": ")?;
        let (_level, kind) = kind.split_once(':')?;
        Some(Self {
            patch: Path::new(path).file_name()?.to_str()?,
            kind,
            message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = "\
# SPDX-License-Identifier: GPL-2.0

*              FILE_PATH_CHANGES  does MAINTAINERS need  # there is an entry
0002-*.patch   LONG_LINE          exceeds 100            # a table
";
    const SAID: [&str; 4] = [
        "build/0001-x.patch:29: WARNING:FILE_PATH_CHANGES: added, does MAINTAINERS need updating?",
        "total: 0 errors, 1 warnings, 0 checks, 7 lines checked",
        "build/0002-y.patch:4: WARNING:LONG_LINE: line length of 103 exceeds 100 columns",
        "total: 0 errors, 1 warnings, 0 checks, 7 lines checked",
    ];

    #[test]
    fn what_is_expected_is_fine() {
        let exceptions = Exception::parse(EXPECTED).unwrap();
        assert_eq!(judge(&SAID, 2, &exceptions), [""; 0]);
    }

    #[test]
    fn a_finding_of_another_patch_type_or_message_is_not_expected() {
        let exceptions = Exception::parse(EXPECTED).unwrap();
        for (from, to) in [
            ("0002-y", "0003-y"),
            ("LONG_LINE", "LONG_LINE_COMMENT"),
            ("exceeds 100", "exceeds 80"),
        ] {
            let other = SAID[2].replace(from, to);
            let said = [SAID[0], SAID[1], SAID[2], &other, SAID[3]];
            assert_eq!(judge(&said, 2, &exceptions), [other.as_str()]);
        }
    }

    #[test]
    fn an_exception_that_nothing_needs_is_wrong() {
        let exceptions = Exception::parse(EXPECTED).unwrap();
        let said = [SAID[0], SAID[1], SAID[3]];
        let wrong = judge(&said, 2, &exceptions);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("exceptions.txt:4: "), "{wrong:?}");
    }

    #[test]
    fn a_run_that_went_wrong_is_not_clean() {
        let said = ["Can't locate Encode.pm"];
        let wrong = judge(&said, 2, &[]);
        assert_eq!(wrong[0], said[0]);
        assert_eq!(wrong[1], "checkpatch looked at 0 of 2 patches");
    }

    #[test]
    fn an_exception_has_a_reason() {
        for bad in ["* LONG_LINE exceeds", "* LONG_LINE exceeds # ", "* X # why"] {
            let why = Exception::parse(bad).unwrap_err();
            assert!(why.contains("line 1"), "{why}");
        }
    }
}
