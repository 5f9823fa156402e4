// SPDX-License-Identifier: GPL-2.0

//! Fault injection, where the kernel has it: a task may ask that an allocation of its own fails,
//! and that must then happen to any allocation, and quietly. Nothing fails that is not asked to.

use std::fs;
use std::path::Path;

const DIRECTORY: &str = "/sys/kernel/debug";

const SETTINGS: &[(&str, &str)] = &[
    // Also allocations that may sleep, which nearly all do.
    ("failslab/ignore-gfp-wait", "N"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/ignore-gfp-highmem", "N"),
    // The stack that each failure would print looks like a splat.
    ("failslab/verbose", "0"),
    ("fail_page_alloc/verbose", "0"),
];

/// Sets it up, if this kernel has it.
pub fn prepare() -> Result<(), String> {
    prepare_in(Path::new(DIRECTORY))
}

fn prepare_in(directory: &Path) -> Result<(), String> {
    for (name, value) in SETTINGS {
        let path = directory.join(name);
        if path.exists() {
            fs::write(&path, value).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_set_and_nothing_is_made() {
        let directory = std::env::temp_dir().join(format!("faults-{}", std::process::id()));
        fs::create_dir_all(directory.join("failslab")).unwrap();
        let wait = directory.join("failslab/ignore-gfp-wait");
        fs::write(&wait, "Y").unwrap();
        prepare_in(&directory).unwrap();
        assert_eq!(fs::read_to_string(&wait).unwrap(), "N");
        assert!(!directory.join("failslab/verbose").exists());
        assert!(!directory.join("fail_page_alloc").exists());
        fs::remove_dir_all(&directory).unwrap();
    }
}
