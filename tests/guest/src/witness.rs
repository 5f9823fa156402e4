// SPDX-License-Identifier: GPL-2.0

//! What the kernel says about a namespace's `lo`: `/proc/net/lo_witness`, from `lo_witness.ko`.

use std::fmt;

/// The witness' file, in whatever namespace it is read.
pub const FILE: &str = "/proc/net/lo_witness";

/// A function, as `%pS` prints its address.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// Its symbol.
    pub symbol: String,
    /// The module that it is in; empty if built in.
    pub module: String,
}

impl Function {
    /// Parses `symbol+0x0/0x60 [module]`.
    fn parse(text: &str) -> Result<Self, String> {
        let (place, module) = match text.split_once(" [") {
            Some((place, module)) => (place, module.trim_end_matches(']')),
            None => (text, ""),
        };
        match place.split_once('+') {
            Some((symbol, offset)) if offset.starts_with("0x0/") => Ok(Self {
                symbol: symbol.into(),
                module: module.into(),
            }),
            _ => Err(format!("{FILE}: not the start of a function: {text}")),
        }
    }

    /// Whether it is the Rust driver's: its module's, or, when the kernel has the driver built
    /// in, its crate's.
    fn is_ours(&self, built_in: bool) -> bool {
        if !built_in {
            return self.module == "rust_loopback";
        }
        self.module.is_empty()
            && self.symbol.starts_with("_R")
            && rustc_demangle::demangle(&self.symbol)
                .to_string()
                .contains("rust_loopback")
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = rustc_demangle::demangle(&self.symbol);
        if self.module.is_empty() {
            write!(f, "{name:#}, built in")
        } else {
            write!(f, "{name:#} [{}]", self.module)
        }
    }
}

/// The statement, parsed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Witness {
    /// The transmit function.
    pub transmit: Function,
    /// The destructor, as printed.
    pub destructor: String,
    /// The device's index.
    pub ifindex: u32,
    /// The device's name.
    pub name: String,
    /// Whether it is the first in its namespace's list of devices.
    pub first: bool,
    /// Whether it is in the namespace that it serves.
    pub own: bool,
    /// How many namespaces are alive, counting those whose teardown has not ended.
    pub namespaces: u32,
}

impl Witness {
    /// Parses the file's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once(' '))
                .find_map(|(k, v)| (k == key).then_some(v.trim()))
        };
        let need = |key: &str| {
            value(key).ok_or_else(|| format!("{FILE} has no {key}; it says: {}", text.trim()))
        };
        Ok(Self {
            transmit: Function::parse(need("xmit")?)?,
            destructor: need("destructor")?.into(),
            ifindex: need("ifindex")?
                .parse()
                .map_err(|e| format!("{FILE}: ifindex: {e}"))?,
            name: need("name")?.into(),
            first: need("first")? == "yes",
            own: need("net")? == "own",
            namespaces: need("namespaces")?
                .parse()
                .map_err(|e| format!("{FILE}: namespaces: {e}"))?,
        })
    }

    /// Checks that this `lo` is the Rust driver's and is where it must be.
    pub fn judge(&self, built_in: bool) -> Result<(), String> {
        if !self.transmit.is_ours(built_in) {
            return Err(format!(
                "{} transmits by {}, not by this driver",
                self.name, self.transmit
            ));
        }
        let destructor = Function::parse(&self.destructor)?;
        if !destructor.is_ours(built_in) {
            return Err(format!(
                "lo's destructor is {destructor}, not this driver's"
            ));
        }
        if self.name != "lo" || self.ifindex != 1 {
            return Err(format!(
                "loopback_dev is {} with index {}",
                self.name, self.ifindex
            ));
        }
        if !self.first {
            return Err("lo is not the first in its namespace's device list".into());
        }
        if !self.own {
            return Err("loopback_dev is in another namespace".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: &str = "xmit _RNvCs1234_13rust_loopback4xmit+0x0/0x60 [rust_loopback]\n\
                        destructor _RNvCs1234_13rust_loopback4free+0x0/0x20 [rust_loopback]\n\
                        ifindex 1\nname lo\nfirst yes\nnet own\nnamespaces 1\n";

    #[test]
    fn rust_module_is_ours() {
        let witness = Witness::parse(RUST).unwrap();
        let owner = witness.transmit.to_string();
        assert_eq!(owner, "rust_loopback::xmit [rust_loopback]");
        assert_eq!(witness.namespaces, 1);
        witness.judge(false).unwrap();
        assert!(witness.judge(true).is_err());
    }

    #[test]
    fn built_in_rust_is_ours_where_it_is_built_in() {
        let witness = Witness::parse(&RUST.replace(" [rust_loopback]", "")).unwrap();
        witness.judge(true).unwrap();
        assert!(witness.judge(false).is_err());
    }

    #[test]
    fn c_and_others_are_not() {
        for line in [
            "xmit loopback_xmit+0x0/0xf0",
            "xmit blackhole_netdev_xmit+0x0/0x30",
            "xmit rust_loopback_xmit+0x0/0x30",
            "xmit fake+0x0/0x30 [lab_fault]",
        ] {
            let text = RUST.replace(RUST.lines().next().unwrap(), line);
            let witness = Witness::parse(&text).unwrap();
            assert!(witness.judge(false).is_err(), "{line}");
            assert!(witness.judge(true).is_err(), "{line}");
        }
    }

    #[test]
    fn wrong_place_or_index_is_refused() {
        for (from, to) in [
            ("ifindex 1", "ifindex 2"),
            ("name lo", "name lo0"),
            ("first yes", "first no"),
            ("net own", "net other"),
            ("4free+0x0/0x20 [rust_loopback]", "4free+0x0/0x20 [other]"),
        ] {
            let witness = Witness::parse(&RUST.replace(from, to)).unwrap();
            assert!(witness.judge(false).is_err(), "{to}");
        }
        assert!(Witness::parse("").is_err());
        assert!(Witness::parse(&RUST.replace("xmit+0x0/", "xmit+0x10/")).is_err());
    }
}
