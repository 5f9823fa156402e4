// SPDX-License-Identifier: GPL-2.0

//! What comes of an operation.

use rustix::io::Errno;

/// That.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `ok`, perhaps with what was said; or an errno; or why it was not tried.
    pub said: String,
}

/// Of a system call.
pub fn of(result: Result<(), Errno>) -> Outcome {
    of_errno(result.err().map_or(0, Errno::raw_os_error))
}

/// Of an errno, or 0.
pub fn of_errno(errno: i32) -> Outcome {
    let said = match errno {
        0 => "ok".into(),
        errno => format!("{:?}", nix::errno::Errno::from_raw(errno)),
    };
    Outcome { said }
}

/// Of something that has an answer.
pub fn with(answer: &str) -> Outcome {
    Outcome {
        said: format!("ok, {answer}"),
    }
}

/// Of something that needs what is not there.
pub fn refused(why: &str) -> Outcome {
    Outcome {
        said: format!("not done: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_have_names() {
        assert_eq!(of(Ok(())).said, "ok");
        assert_eq!(of(Err(Errno::NODEV)).said, "ENODEV");
    }
}
