// SPDX-License-Identifier: GPL-2.0

//! One allocation of per-CPU memory of a system call fails: `/sys/kernel/debug/percpu_fail`, from
//! `percpu_fail.ko`.

use std::fs;

use rustix::io::Errno;

use crate::loaded::Loaded;

const MODULE: &str = "percpu_fail";
const FILE: &str = "/sys/kernel/debug/percpu_fail";

/// The module that sees to it.
#[derive(Debug)]
pub struct PercpuFail {
    _module: Loaded,
}

/// How a call went.
#[derive(Debug, PartialEq)]
pub struct Attempt {
    /// What it returned.
    pub result: Result<(), Errno>,
    /// The function that got no memory; none if the call has fewer allocations than that.
    pub caller: Option<String>,
}

impl PercpuFail {
    /// Inserts it.
    pub fn insert() -> Result<Self, String> {
        let module = Loaded::insert(MODULE)?;
        Ok(Self { _module: module })
    }

    /// Lets the `nth` allocation fail while this thread makes the system call `call`.
    pub fn attempt(
        &self,
        nth: u32,
        call: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<Attempt, String> {
        let fail = |e| format!("{FILE}: {e}");
        fs::write(FILE, nth.to_string()).map_err(fail)?;
        let result = call();
        let text = fs::read_to_string(FILE).map_err(fail)?;
        // Whatever this thread does next must not fail.
        fs::write(FILE, "0").map_err(fail)?;
        let caller = parse(&text)?;
        Ok(Attempt { result, caller })
    }
}

/// Parses `<how many are left> <caller>`: there is one when none is left.
fn parse(text: &str) -> Result<Option<String>, String> {
    match text.trim().split_once(' ') {
        Some(("0", caller)) if caller != "-" => Ok(Some(caller.into())),
        Some((left, "-")) if left.parse::<u32>().is_ok_and(|left| left > 0) => Ok(None),
        _ => Err(format!("{FILE}: not understood: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_failed_is_read() {
        assert_eq!(
            parse("0 alloc_netdev_mqs\n"),
            Ok(Some("alloc_netdev_mqs".into()))
        );
        assert_eq!(parse("3 -\n"), Ok(None));
        for odd in ["", "0\n", "0 -\n", "3 alloc_netdev_mqs\n", "-1 -\n"] {
            assert!(parse(odd).is_err(), "{odd}");
        }
    }
}
