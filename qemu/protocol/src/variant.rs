// SPDX-License-Identifier: GPL-2.0

//! The variants of the kernel: who provides `lo` in it.

use serde::Deserialize;
use serde::Serialize;

use crate::by_name::by_name;

/// A variant of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// Nobody at boot; the Rust driver as a module later.
    Module,
    /// The Rust driver, which is part of the kernel.
    Builtin,
    /// The C driver.
    C,
}

impl Variant {
    /// All there are, in the order in which they are tested.
    pub const ALL: [Self; 3] = [Self::Module, Self::Builtin, Self::C];

    /// Its name, as `VARIANT` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Builtin => "builtin",
            Self::C => "c",
        }
    }

    /// Which of the kernel's loopback drivers its configuration chooses.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Module => "CONFIG_NET_LOOPBACK_LATE",
            Self::Builtin => "CONFIG_NET_LOOPBACK_RUST",
            Self::C => "CONFIG_NET_LOOPBACK_C",
        }
    }

    /// Whose configuration `text` is; none if it is nobody's or several ones'.
    pub fn of_config(text: &str) -> Option<Self> {
        let chosen = |variant: &Self| {
            let line = format!("{}=y", variant.symbol());
            text.lines().any(|l| l == line)
        };
        let mut found = Self::ALL.into_iter().filter(chosen);
        match (found.next(), found.next()) {
            (Some(variant), None) => Some(variant),
            _ => None,
        }
    }
}

by_name!(Variant);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood() {
        for variant in Variant::ALL {
            assert_eq!(Variant::parse(variant.name()), Some(variant));
        }
        assert_eq!(Variant::parse("rust"), None);
        assert_eq!(Variant::parse(""), None);
    }

    #[test]
    fn a_configuration_is_one_variant_s_or_nobody_s() {
        let c = "CONFIG_NET=y\n# CONFIG_NET_LOOPBACK_LATE is not set\nCONFIG_NET_LOOPBACK_C=y\n";
        assert_eq!(Variant::of_config(c), Some(Variant::C));
        let late = c.replace("CONFIG_NET_LOOPBACK_C=y", "CONFIG_NET_LOOPBACK_LATE=y");
        assert_eq!(Variant::of_config(&late), Some(Variant::Module));
        for nobody in [
            "",
            "CONFIG_NET_LOOPBACK_C=m\n",
            "CONFIG_NET_LOOPBACK_CX=y\n",
        ] {
            assert_eq!(Variant::of_config(nobody), None, "{nobody}");
        }
        assert_eq!(Variant::of_config(&format!("{c}{late}")), None);
    }
}
