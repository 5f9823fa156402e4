// SPDX-License-Identifier: GPL-2.0

//! This thread's network namespace: its number, and its files below `/proc/net`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What leads to it.
pub const LINK: &str = "/proc/thread-self/ns/net";

/// Its files below `/proc/net`. That itself shows the namespace of the process' first thread.
const PROC_NET: &str = "/proc/thread-self/net";

/// One of its files below `/proc/net`.
pub fn proc_net(file: &str) -> Result<String, String> {
    let path = Path::new(PROC_NET).join(file);
    fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Its number.
pub fn number() -> Result<u32, String> {
    number_of(Path::new(LINK))
}

/// The number of the namespace that `path` leads to: that of the inode, in decimal digits the one
/// between the brackets of `net:[4026531840]`.
pub fn number_of(path: &Path) -> Result<u32, String> {
    let fail = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let inode = fs::metadata(path).map_err(|e| fail(&e))?.ino();
    u32::try_from(inode).map_err(|e| fail(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_a_number() {
        let link = fs::read_link(LINK).unwrap();
        let wanted = format!("net:[{}]", number().unwrap());
        assert_eq!(link.to_string_lossy(), wanted);
        assert!(number_of(Path::new("/proc/nowhere")).is_err());
    }

    #[test]
    fn files_are_this_namespaces() {
        assert!(proc_net("dev").unwrap().starts_with("Inter-"));
        assert!(proc_net("nothing").unwrap_err().contains("net/nothing"));
    }
}
