// SPDX-License-Identifier: GPL-2.0

//! What the kernel says about a namespace's `lo`: `/proc/net/lo_witness`, from `lo_witness.ko`.

use std::fmt;

use lab_protocol::Variant;

use crate::here::proc_net;

/// The witness' file.
pub const FILE: &str = "/proc/net/lo_witness";
/// Its name there.
pub const NAME: &str = "lo_witness";

/// The C driver's functions.
const C_XMIT: &str = "loopback_xmit";
const C_FREE: &str = "loopback_dev_free";

/// What is in the names of the Rust driver's, which are the abstractions' for its type.
const RUST_XMIT: [&str; 2] = ["rust_loopback::Loopback>", "start_xmit_callback"];
const RUST_FREE: [&str; 2] = ["rust_loopback::Loopback>", "priv_destructor_callback"];

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
    pub fn parse(text: &str) -> Result<Self, String> {
        let (place, module) = match text.split_once(" [") {
            Some((place, module)) => (place, module.trim_end_matches(']')),
            None => (text, ""),
        };
        match place.split_once('+') {
            Some((symbol, offset)) if offset.starts_with("0x0/") => Ok(Self {
                symbol: symbol.into(),
                module: module.into(),
            }),
            _ => Err(format!("not the start of a function: {text}")),
        }
    }

    /// Whether it is of the driver that `variant`'s `lo` has to be of: by where it is, and by its
    /// name, which is `c` or has all of `rust` in it.
    pub fn is_of(&self, variant: Variant, c: &str, rust: &[&str]) -> bool {
        let module = match variant {
            Variant::Module => "rust_loopback",
            Variant::Builtin | Variant::C => "",
        };
        self.module == module
            && match variant {
                Variant::C => self.symbol == c,
                Variant::Module | Variant::Builtin => self.is_rust(rust),
            }
    }

    /// Whether it is a Rust function in whose name there are all of `parts`.
    fn is_rust(&self, parts: &[&str]) -> bool {
        let name = format!("{:#}", rustc_demangle::demangle(&self.symbol));
        self.symbol.starts_with("_R") && parts.iter().all(|part| name.contains(part))
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

/// What the witness says of this thread's namespace.
pub fn here() -> Result<Witness, String> {
    Witness::parse(&proc_net(NAME)?)
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
    /// Where IPv6's special entries lead: `here` if each of their pointers leads to it.
    pub ipv6: String,
    /// The numbers of the namespaces that there are, with those whose teardown has not ended.
    pub namespaces: Vec<u32>,
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
            ipv6: need("ipv6")?.into(),
            namespaces: need("namespaces")?
                .split(' ')
                .map(|word| word.parse())
                .collect::<Result<_, _>>()
                .map_err(|e| format!("{FILE}: namespaces: {e}"))?,
        })
    }

    /// Checks that this `lo` is of the driver that it has to be of, and where it must be.
    pub fn judge(&self, variant: Variant) -> Result<(), String> {
        let driver = match variant {
            Variant::Module => "this driver as a module",
            Variant::Builtin => "this driver, built in",
            Variant::C => "C's",
        };
        if !self.transmit.is_of(variant, C_XMIT, &RUST_XMIT) {
            return Err(format!(
                "{} transmits by {}, not by {driver}",
                self.name, self.transmit
            ));
        }
        let destructor = Function::parse(&self.destructor)?;
        if !destructor.is_of(variant, C_FREE, &RUST_FREE) {
            return Err(format!(
                "lo's destructor is {destructor}, not one of {driver}"
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
        if self.ipv6 != "here" {
            return Err(format!("lo is there, but IPv6's {}", self.ipv6));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const XMIT: &str = "_RNvMs0_NtNtNtCsl7L7n58I0Vr_6kernel3net9netdevice3opsINtB5_6VTable\
                        NtCs3fFaQSKNDY1_13rust_loopback8LoopbackE19start_xmit_callbackB13_";
    const FREE: &str = "_RNvMs0_NtNtNtCsl7L7n58I0Vr_6kernel3net9netdevice3opsINtB5_6VTable\
                        NtCs3fFaQSKNDY1_13rust_loopback8LoopbackE24priv_destructor_callbackB13_";
    const TRANSMIT: &str =
        "<kernel::net::netdevice::ops::VTable<rust_loopback::Loopback>>::start_xmit_callback";

    fn text(xmit: &str, free: &str, module: &str) -> String {
        format!(
            "xmit {xmit}+0x0/0x60{module}\ndestructor {free}+0x0/0x20{module}\n\
             ifindex 1\nname lo\nfirst yes\nnet own\n\
             ipv6 here\nnamespaces 4026531840 4026532001\n"
        )
    }

    fn module() -> String {
        text(XMIT, FREE, " [rust_loopback]")
    }

    fn c() -> String {
        text("loopback_xmit", "loopback_dev_free", "")
    }

    /// For which variants' kernels such a `lo` is right.
    fn right_for(text: &str) -> Vec<Variant> {
        let witness = Witness::parse(text).unwrap();
        let is_right = |variant: &Variant| witness.judge(*variant).is_ok();
        Variant::ALL.into_iter().filter(is_right).collect()
    }

    #[test]
    fn what_is_said_is_read() {
        let witness = Witness::parse(&module()).unwrap();
        let owner = witness.transmit.to_string();
        assert_eq!(owner, format!("{TRANSMIT} [rust_loopback]"));
        assert_eq!(witness.namespaces, [4_026_531_840, 4_026_532_001]);
        assert!(Witness::parse("").is_err());
        assert!(Witness::parse(&module().replace("4026532001", "-")).is_err());
        assert!(Witness::parse(&module().replacen("+0x0/", "+0x10/", 1)).is_err());
    }

    #[test]
    fn each_driver_is_right_for_its_own_variant_only() {
        assert_eq!(right_for(&module()), [Variant::Module]);
        assert_eq!(right_for(&text(XMIT, FREE, "")), [Variant::Builtin]);
        assert_eq!(right_for(&c()), [Variant::C]);
    }

    #[test]
    fn others_are_right_for_none() {
        let kunit = XMIT.replace("8LoopbackE", "6TestLoE");
        for (xmit, free, module) in [
            ("blackhole_netdev_xmit", "loopback_dev_free", ""),
            ("rust_loopback_xmit", FREE, ""),
            (&kunit, FREE, ""),
            (&kunit, FREE, " [rust_loopback]"),
            ("loopback_xmit", FREE, ""),
            (XMIT, "loopback_dev_free", ""),
            (FREE, FREE, ""),
            (XMIT, FREE, " [rust_counted_lo]"),
            ("fake", FREE, " [lab_fault]"),
            ("loopback_xmit", "loopback_dev_free", " [loopback]"),
            ("loopback_xmit", "loopback_dev_free", " [rust_loopback]"),
        ] {
            assert!(right_for(&text(xmit, free, module)).is_empty(), "{xmit}");
        }
    }

    #[test]
    fn wrong_place_or_index_is_refused() {
        for (from, to) in [
            ("ifindex 1", "ifindex 2"),
            ("name lo", "name lo0"),
            ("first yes", "first no"),
            ("net own", "net other"),
            ("ipv6 here", "ipv6 ip6_null_entry leads to (none)"),
        ] {
            for text in [module(), c()] {
                assert!(right_for(&text.replace(from, to)).is_empty(), "{to}");
            }
        }
    }
}
