// SPDX-License-Identifier: GPL-2.0

//! How the kernel answers.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// What was refused, as a fact has it: the errno's name, and the reason if the kernel gives one.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused(pub String);

/// What came of something: what there is to say of it if it was done, or why it was not.
pub type Done = Result<String, Refused>;

impl Refused {
    /// By an errno as the kernel has it.
    pub fn by(errno: i32) -> Self {
        match Errno::from_raw(errno) {
            // The kernel has some of its own, which get out nevertheless.
            Errno::UnknownErrno => Self(format!("errno {errno}")),
            errno => Self(format!("errno {errno:?}")),
        }
    }

    /// With a reason.
    pub fn because(self, reason: &str) -> Self {
        match reason {
            "" => self,
            _ => Self(format!("{}: {reason}", self.0)),
        }
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::by(errno as i32)
    }
}

impl From<rustix::io::Errno> for Refused {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::by(errno.raw_os_error())
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::by(errno),
            None => Self(error.to_string()),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The same as the value of a fact.
pub fn told(done: Done) -> String {
    match done {
        Ok(text) if text.is_empty() => "ok".into(),
        Ok(text) => format!("ok: {text}"),
        Err(refused) => refused.0,
    }
}

/// What was done, with nothing to say of it.
pub fn done<T, E: Into<Refused>>(result: Result<T, E>) -> Done {
    result.map(|_| String::new()).map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_can_be_read() {
        assert_eq!(told(Ok(String::new())), "ok");
        assert_eq!(told(Ok("2 bytes".into())), "ok: 2 bytes");
        assert_eq!(told(Err(Refused::by(22))), "errno EINVAL");
        let refused = Refused::by(95).because("not here");
        assert_eq!(refused.to_string(), "errno EOPNOTSUPP: not here");
        let error = io::Error::from_raw_os_error(1);
        assert_eq!(Refused::from(error), Refused("errno EPERM".into()));
        assert_eq!(Refused::by(524), Refused("errno 524".into()));
    }
}
