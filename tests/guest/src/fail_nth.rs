// SPDX-License-Identifier: GPL-2.0

//! One allocation of a system call fails: the kernel's own fault injection, counted from an event
//! that the listener hears in the middle of the call.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::io::Errno;

use crate::listener::Listener;

const FILE: &str = "/proc/thread-self/fail-nth";

/// How a call went.
#[derive(Debug)]
pub struct Attempt {
    /// What it returned.
    pub result: Result<(), Errno>,
    /// How many more allocations it would have taken until one failed; 0 if one has.
    pub left: u32,
}

/// Lets the `nth` allocation after the event `after` fail while this thread makes the system call
/// `call`.
pub fn attempt(
    listener: &Listener,
    after: &str,
    nth: u32,
    call: impl FnOnce() -> Result<(), Errno>,
) -> Result<Attempt, String> {
    let fail = |e| format!("{FILE}: {e}");
    let file = File::options().read(true).write(true).open(FILE);
    let file = file.map_err(fail)?;
    listener.fail(after, nth)?;
    let result = call();
    // Whatever this thread does next must not fail.
    let mut text = [0; 16];
    let read = file.read_at(&mut text, 0);
    file.write_at(b"0", 0).map_err(fail)?;
    let left = parse(&text[..read.map_err(fail)?])?;
    Ok(Attempt { result, left })
}

fn parse(text: &[u8]) -> Result<u32, String> {
    let text = String::from_utf8_lossy(text);
    let number = text.trim();
    number.parse().map_err(|e| format!("{FILE}: {e}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read() {
        assert_eq!(parse(b"12\n"), Ok(12));
        assert!(parse(b"").is_err());
        assert!(parse(b"-1\n").is_err());
    }
}
