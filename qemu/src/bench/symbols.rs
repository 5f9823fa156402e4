// SPDX-License-Identifier: GPL-2.0

//! Which function an address is in: by the kernel's map, and by what the guest says of its modules.

use std::collections::BTreeMap;
use std::ops::Range;

/// How names begin that are no function's: where something begins or ends, space before a function,
/// and places within the one that system calls come to.
const NO_FUNCTION: [&str; 7] = [
    "_text",
    "_stext",
    "__pfx_",
    ".L",
    "entry_SYSCALL_64_",
    "entry_SYSRETQ_",
    "syscall_return_via_sysret",
];

/// In such pieces memory is given to modules, and to what they do only once.
const PAGE: u64 = 4096;

/// No function is longer: the kernel's longest has a sixth of that.
const LONGEST: u64 = 64 * 1024;

/// The functions, by the address that they begin at.
#[derive(Clone, Debug, Default)]
pub struct Symbols(BTreeMap<u64, Symbol>);

/// What begins at an address.
#[derive(Clone, Debug)]
struct Symbol {
    name: String,
    /// The module that it is of, as `/proc/kallsyms` has it; empty for the kernel itself.
    module: String,
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Where it begins.
    pub start: u64,
    /// Where it ends, at the latest.
    pub end: u64,
    /// Its name.
    pub name: &'a str,
}

impl Symbols {
    /// Adds those of lines like the map's: `ffffffff81000040 T entry_SYSCALL_64`. A module's have its
    /// name behind that.
    pub fn add(&mut self, lines: &str) {
        for line in lines.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(address), Some(kind), Some(name)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let is_code = matches!(kind, "t" | "T" | "w" | "W");
            if !is_code || NO_FUNCTION.iter().any(|other| name.starts_with(other)) {
                continue;
            }
            if let Ok(address) = u64::from_str_radix(address, 16) {
                // One of several names will do, but always the same.
                let symbol = Symbol {
                    name: demangled(name),
                    module: words.next().unwrap_or_default().into(),
                };
                let known = self.0.entry(address).or_insert_with(|| symbol.clone());
                if symbol.name < known.name {
                    *known = symbol;
                }
            }
        }
    }

    /// The function that `address` is in; none where nobody knows of one.
    pub fn find(&self, address: u64) -> Option<Function<'_>> {
        let (start, symbol) = self.0.range(..=address).next_back()?;
        let end = self.end(*start, &symbol.module);
        (address < end).then_some(Function {
            start: *start,
            end,
            name: &symbol.name,
        })
    }

    /// Where the function that begins at `start` ends: at the next one of the same module. The last
    /// one may be followed by what has no names any more, such as what another module did to begin
    /// with, but that has pages of its own.
    fn end(&self, start: u64, module: &str) -> u64 {
        let page = (start | (PAGE - 1)).saturating_add(1);
        match self.0.range(start + 1..).next() {
            Some((next, symbol)) if symbol.module == module && next - start <= LONGEST => *next,
            Some((next, _)) => page.min(*next),
            None => page,
        }
    }

    /// Where the function is whose name is as `wanted` says.
    pub fn range_of(&self, wanted: impl Fn(&str) -> bool) -> Option<Range<u64>> {
        let (start, _) = self.0.iter().find(|(_, symbol)| wanted(&symbol.name))?;
        let function = self.find(*start)?;
        Some(function.start..function.end)
    }
}

/// A symbol as its source has it.
pub fn demangled(symbol: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
ffffffff81000000 T _stext
ffffffff81000040 T entry_SYSCALL_64
ffffffff81000050 T entry_SYSCALL_64_after_hwframe
ffffffff81000057 t inner
ffffffff81000060 D data
ffffffff81000100 t __se_sys_read
ffffffff81000100 T __do_sys_read
ffffffff81000200 T _etext
";

    #[test]
    fn functions_are_found() {
        let mut symbols = Symbols::default();
        symbols.add(MAP);
        symbols.add("ffffffffa0000000 t _RNvCs1234_1a4xmit\t[lo]\n");
        let name = |address| symbols.find(address).map(|function| function.name);
        assert_eq!(name(0xffff_ffff_8100_0000), None);
        assert_eq!(name(0xffff_ffff_8100_0050), Some("entry_SYSCALL_64"));
        assert_eq!(name(0xffff_ffff_8100_0061), Some("inner"));
        assert_eq!(name(0xffff_ffff_8100_0100), Some("__do_sys_read"));
        assert_eq!(name(0xffff_ffff_a000_0010), Some("a::xmit"));
        let range = symbols.range_of(|name| name == "inner");
        assert_eq!(range, Some(0xffff_ffff_8100_0057..0xffff_ffff_8100_0100));
        assert_eq!(symbols.range_of(|name| name == "data"), None);
    }

    #[test]
    fn what_has_no_name_gets_none() {
        let mut symbols = Symbols::default();
        symbols.add(MAP);
        symbols.add("ffffffffa0001000 t first\t[lo]\nffffffffa0002ff0 t last\t[lo]\n");
        symbols.add("ffffffffa0004000 t other\t[more]\nffffffffa0104000 t far\t[more]\n");
        let name = |address| symbols.find(address).map(|function| function.name);
        // A module before all that are there now: not the kernel's last function.
        assert_eq!(name(0xffff_ffff_a000_0010), None);
        // A function may be longer than a page, but the last one of a module ends with its page.
        assert_eq!(name(0xffff_ffff_a000_2fef), Some("first"));
        assert_eq!(name(0xffff_ffff_a000_2fff), Some("last"));
        assert_eq!(name(0xffff_ffff_a000_3000), None);
        // What is this far behind a function is not in it.
        assert_eq!(name(0xffff_ffff_a000_4fff), Some("other"));
        assert_eq!(name(0xffff_ffff_a000_5000), None);
        assert_eq!(name(u64::MAX), None);
    }
}
