// SPDX-License-Identifier: GPL-2.0

//! What every kbuild run has in common: how its log becomes an error message, and how a build
//! directory whose build was cut short is made trustworthy again.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::write_if_changed;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::key;
use crate::progress;

/// In a build directory while something is being built there.
const MARKER: &str = "lab-building";
/// How many lines of a log make it into an error message.
const SHOWN: usize = 16;

/// Says that a build begins in `dir`.
pub fn begin(dir: &Path) -> Result {
    write(&dir.join(MARKER), b"")
}

/// Says that nothing in `dir` is half-written: the build's make has ended by itself.
pub fn end(dir: &Path) -> Result {
    remove(&dir.join(MARKER))
}

/// If a build in `dir` was cut short, removes every file that it wrote: one of them may be
/// half-written and yet look newer than its source. Returns how many.
pub fn recover(dir: &Path) -> Result<usize> {
    let marker = dir.join(MARKER);
    let Ok(began) = fs::metadata(&marker).and_then(|m| m.modified()) else {
        return Ok(0);
    };
    let mut removed = 0;
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.map_err(key::walk_failure)?;
        if !entry.file_type().is_file() || entry.path() == marker {
            continue;
        }
        let metadata = entry.metadata().map_err(key::walk_failure)?;
        if metadata.modified().unwrap_or(SystemTime::now()) >= began {
            remove(entry.path())?;
            removed += 1;
        }
    }
    remove(&marker)?;
    Ok(removed)
}

/// Makes a copy in `dir` of the build in `from` one of a build in `to`. What was done is in files
/// whose names end in `.cmd`, word by word, and some of these words are the build's own path: make
/// would do all of that again.
pub fn relocate(dir: &Path, from: &Path, to: &Path) -> Result {
    let (from, to) = (from.to_string_lossy(), to.to_string_lossy());
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.map_err(key::walk_failure)?;
        let is_record = entry.file_name().to_string_lossy().ends_with(".cmd");
        if !is_record || !entry.file_type().is_file() {
            continue;
        }
        let path = entry.path();
        let bytes = fs::read(path).map_err(|e| Failure::io("read", path, e))?;
        // What is no text is as good as no record, and is made again.
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let moved = replace_path(&text, &from, &to);
        write_if_changed(path, moved.as_bytes())?;
    }
    Ok(())
}

/// Replaces a path, and not one that merely begins like it.
fn replace_path(text: &str, from: &str, to: &str) -> String {
    let mut parts = text.split(from);
    let mut result = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        result += if part.starts_with(goes_on) { from } else { to };
        result += part;
    }
    result
}

/// A failed build: the errors in its log, and the log's name.
pub fn failure(what: &str, log: &Path, shown: &Path) -> Failure {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let what = format!("cannot build {what}");
    let full = |hint: &str| format!("{hint}the full log is {}", shown.display());
    if text.contains("No space left on device") {
        return Failure::new(Exit::DiskFull, what, "No space left on device")
            .hint(full("free some space (a kernel build takes about 3 GB); "));
    }
    Failure::new(Exit::Build, what, errors(&text)).hint(full(""))
}

/// The lines of a build's log that say what went wrong.
fn errors(log: &str) -> String {
    let telling: Vec<_> = log
        .lines()
        .filter(|line| progress::step(line).is_none())
        .filter(|line| !line.starts_with("make[") && !line.starts_with("+ "))
        .filter(|line| !line.trim().is_empty())
        .collect();
    let first = telling.iter().position(|line| is_error(line));
    let start = first.unwrap_or(telling.len().saturating_sub(SHOWN));
    let lines: Vec<_> = telling[start..].iter().take(SHOWN).copied().collect();
    lines.join("\n")
}

fn is_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    [
        "error:",
        "error[",
        "undefined reference",
        "undefined symbol",
        "***",
        "undefined!",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;
    use std::time::Duration;

    #[test]
    fn the_first_error_is_shown_without_the_noise() {
        let log = "+ make\n  CC      a.o\n  CC      b.o\nb.c:1:2: error: no\n    1 | x\n\
            \x20 CC      c.o\nmake[2]: *** [b.o] Error 1\nmake[1]: *** [b] Error 2\n";
        assert_eq!(errors(log), "b.c:1:2: error: no\n    1 | x");
    }

    #[test]
    fn a_log_without_an_error_shows_its_end() {
        assert_eq!(errors("  CC      a.o\nsomething odd\n"), "something odd");
    }

    #[test]
    fn what_a_build_that_was_cut_short_wrote_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old.o"), dir.path().join("sub/new.o"));
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(&old, "").unwrap();
        sleep(Duration::from_millis(20));
        begin(dir.path()).unwrap();
        sleep(Duration::from_millis(20));
        fs::write(&new, "").unwrap();
        assert_eq!(recover(dir.path()).unwrap(), 1);
        assert!(old.exists() && !new.exists());
        // Once is enough.
        fs::write(&new, "").unwrap();
        assert_eq!(recover(dir.path()).unwrap(), 0);
        assert!(new.exists());
    }

    #[test]
    fn a_copied_build_is_one_of_its_new_place() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let text = "a /k/b-x/y /k/b-x-debug /k/b-x\n";
        let record = write("rust/.core.o.cmd", text.as_bytes());
        let other = write("rust/core.d", text.as_bytes());
        let odd = write("odd.cmd", b"\xff /k/b-x/y");
        relocate(dir.path(), Path::new("/k/b-x"), Path::new("/k/b-z")).unwrap();
        let moved = fs::read_to_string(&record).unwrap();
        assert_eq!(moved, "a /k/b-z/y /k/b-x-debug /k/b-z\n");
        assert_eq!(fs::read_to_string(&other).unwrap(), text);
        assert_eq!(fs::read(&odd).unwrap(), b"\xff /k/b-x/y");
    }

    #[test]
    fn a_build_that_ended_keeps_its_files() {
        let dir = tempfile::tempdir().unwrap();
        begin(dir.path()).unwrap();
        fs::write(dir.path().join("x.o"), "").unwrap();
        end(dir.path()).unwrap();
        assert_eq!(recover(dir.path()).unwrap(), 0);
        assert!(dir.path().join("x.o").exists());
    }
}
