// SPDX-License-Identifier: GPL-2.0

//! The driver's module in a kernel that has a loopback driver: it must stay outside, and leave
//! everything as it was.

use lab_protocol::Record;
use rustix::io::Errno;

use crate::checks;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::modules;
use crate::namespace::Scope;

const FILE: &str = "rust_loopback.ko";

/// Tries to insert it.
pub fn check(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    judge(&modules::insert(FILE, ""))?;
    if let Some(state) = modules::state(modules::DRIVER)? {
        return Err(format!("{FILE} was refused, but the module is {state}").into());
    }
    checks::owner(context, Scope::Init)?;
    checks::ping4(context, Scope::Init)
}

fn judge(record: &Record) -> Result<(), String> {
    match record {
        Record::Insmod { errno, .. } if *errno == Errno::BUSY.raw_os_error() => Ok(()),
        Record::Insmod { errno: 0, .. } => Err(format!("{FILE} went in beside this kernel's lo")),
        Record::Insmod { error, .. } => Err(format!("insmod {FILE}: {error}, not busy")),
        _ => Err(format!("insmod {FILE}: no word of it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_busy_will_do() {
        let insmod = |errno| Record::Insmod {
            module: "rust_loopback".into(),
            errno,
            error: "why".into(),
            millis: 1,
        };
        judge(&insmod(16)).unwrap();
        // Gone in, exists already, no such symbol, no such file.
        for errno in [0, 17, 2, -1] {
            assert!(judge(&insmod(errno)).is_err(), "{errno}");
        }
    }
}
