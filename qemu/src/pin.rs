// SPDX-License-Identifier: GPL-2.0

//! `linux/kernel.lock`: exactly which kernel source is built here.

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// A pinned Debian package that holds the kernel's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The distribution's suite that has it.
    pub suite: String,
    /// Its name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The SHA-256 of its file.
    pub sha256: String,
}

impl Pin {
    /// Reads the checkout's pin.
    pub fn load(checkout: &Checkout) -> Result<Self> {
        let path = checkout.path("linux/kernel.lock");
        Self::parse(&read_text(&path)?)
            .map_err(|why| Failure::new(Exit::Usage, "linux/kernel.lock makes no sense", why))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let get = |name: &str| {
            text.lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| key.trim() == name)
                .map(|(_, value)| value.trim().to_string())
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("it has no line `{name} = ...`"))
        };
        let this = Self {
            suite: get("suite")?,
            package: get("package")?,
            version: get("version")?,
            sha256: get("sha256")?.to_ascii_lowercase(),
        };
        let digits = this.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if this.sha256.len() != 64 || !digits {
            return Err(format!(
                "its sha256 is not 64 hexadecimal digits: {}",
                this.sha256
            ));
        }
        Ok(this)
    }

    /// The first two numbers of the version, `7.3`: what another version must share to stand in.
    pub fn series(&self) -> &str {
        series(&self.version)
    }
}

/// The first two numbers of a version.
pub fn series(version: &str) -> &str {
    let second_dot = version.match_indices('.').nth(1).map(|(at, _)| at);
    &version[..second_dot.unwrap_or(version.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "# SPDX-License-Identifier: GPL-2.0\nsuite = s\npackage=p\nversion = 7.3.4-1~bpo13+1\n\
        sha256 = 703E369ddd4cce971452f5a593ee55df3a5c10c83caf0fa0df039633ed181ee3\n";

    #[test]
    fn a_good_lock_is_read() {
        let pin = Pin::parse(GOOD).unwrap();
        assert_eq!(pin.version, "7.3.4-1~bpo13+1");
        assert_eq!(pin.series(), "7.3");
        assert!(pin.sha256.starts_with("703e"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let without = GOOD.replace("package=p", "#package=p");
        assert!(Pin::parse(&without).unwrap_err().contains("package"));
        let short = GOOD.replace("1ee3", "1ee");
        assert!(Pin::parse(&short).unwrap_err().contains("sha256"));
    }
}
