// SPDX-License-Identifier: GPL-2.0

//! The variables that every command takes: `VARIANT`, `DEBUG`, `ACCEL`, `CPUS`, `KERNEL_SRC`,
//! `FILTER`, `SEED`, `COUNT`, `REPLAY`, `BASE` and `V`. They come through the environment, as make hands them on; empty means unset.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use lab_protocol::Variant;

use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::vm::Engine;

/// How the guest is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// KVM if a canary boots under it, else emulation.
    Auto,
    /// KVM or nothing.
    Kvm,
    /// Emulation.
    Tcg,
}

impl From<Engine> for Accel {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Kvm => Self::Kvm,
            Engine::Tcg => Self::Tcg,
            // It takes a kernel of its own, and is nobody's choice.
            Engine::Uml => Self::Auto,
        }
    }
}

/// What random operations are made from unless said otherwise: two runs do the same.
const SEED: u64 = 1;

/// How many random operations there are unless said otherwise.
const COUNT: usize = 10_000;

/// In the name of a build for User Mode Linux.
pub const UML: &str = "-uml";

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which kernel: `linux/configs/variant-<variant>.config`.
    pub variant: Variant,
    /// Which kernels the tests are for: that one, or all there are if none was named.
    pub tested: Vec<Variant>,
    /// The kernel for comparisons: with all that can be put on top of `lo`.
    pub compare: bool,
    /// The kernel for User Mode Linux.
    pub uml: bool,
    /// The sanitised kernel.
    pub debug: bool,
    /// How the guest is executed.
    pub accel: Accel,
    /// The guest's CPUs.
    pub cpus: u32,
    /// A kernel tree or tarball in place of the pinned one.
    pub kernel_src: Option<PathBuf>,
    /// Which tests to run, as a glob.
    pub filter: Option<String>,
    /// What random operations are made from.
    pub seed: u64,
    /// How many of them there are to be.
    pub count: usize,
    /// A file of operations in place of random ones.
    pub replay: Option<PathBuf>,
    /// What an earlier benchmark found.
    pub base: Option<PathBuf>,
    /// Show everything.
    pub verbose: bool,
}

impl Options {
    /// Reads them from the environment.
    pub fn from_env(checkout: &Checkout) -> Result<Self> {
        Self::parse(checkout, |name| {
            env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    fn parse(checkout: &Checkout, get: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name| get(name).filter(|value| !value.is_empty());
        let debug = flag("DEBUG", get("DEBUG"))?;
        if debug && !checkout.path("linux/configs/debug.config").is_file() {
            return Err(Failure::new(
                Exit::Usage,
                "DEBUG=1 is not there yet",
                "there is no linux/configs/debug.config",
            ));
        }
        let named = variant(checkout, get("VARIANT"))?;
        Ok(Self {
            variant: named.unwrap_or(Variant::Module),
            tested: named.map_or_else(|| variants(checkout), |one| vec![one]),
            compare: false,
            uml: false,
            debug,
            accel: accel(get("ACCEL"))?,
            cpus: cpus(get("CPUS"))?,
            kernel_src: get("KERNEL_SRC").map(PathBuf::from),
            filter: get("FILTER"),
            seed: number("SEED", get("SEED"), SEED)?,
            count: number("COUNT", get("COUNT"), COUNT)?,
            replay: get("REPLAY").map(PathBuf::from),
            base: get("BASE").map(PathBuf::from),
            verbose: flag("V", get("V"))?,
        })
    }

    /// The same for `variant`.
    pub fn with(&self, variant: Variant) -> Self {
        Self {
            variant,
            ..self.clone()
        }
    }

    /// The same for the kernel for comparisons.
    pub fn for_comparison(&self) -> Self {
        Self {
            compare: true,
            ..self.clone()
        }
    }

    /// The same for the kernel for User Mode Linux.
    pub fn for_uml(&self) -> Self {
        Self {
            uml: true,
            ..self.clone()
        }
    }

    /// What makes it another kernel than the variant's ordinary one.
    pub fn flavour(&self) -> String {
        let compare = if self.compare { "-compare" } else { "" };
        let uml = if self.uml { UML } else { "" };
        let debug = if self.debug { "-debug" } else { "" };
        format!("{compare}{uml}{debug}")
    }

    /// The build's name: the variant and its flavour.
    pub fn build_name(&self) -> String {
        format!("{}{}", self.variant, self.flavour())
    }
}

fn usage(name: &str, value: &str, allowed: &str) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("{name}={value} makes no sense"),
        format!("{name} is one of: {allowed}"),
    )
}

fn flag(name: &str, value: Option<String>) -> Result<bool> {
    match value.as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(usage(name, other, "0, 1")),
    }
}

fn accel(value: Option<String>) -> Result<Accel> {
    match value.as_deref() {
        None | Some("auto") => Ok(Accel::Auto),
        Some("kvm") => Ok(Accel::Kvm),
        Some("tcg") => Ok(Accel::Tcg),
        Some(other) => Err(usage("ACCEL", other, "auto, kvm, tcg")),
    }
}

fn cpus(value: Option<String>) -> Result<u32> {
    let Some(value) = value else { return Ok(4) };
    match value.parse() {
        Ok(n @ 1..=8) => Ok(n),
        _ => Err(usage("CPUS", &value, "1, 2, 3, 4, 5, 6, 7, 8")),
    }
}

fn number<T: FromStr>(name: &str, value: Option<String>, unset: T) -> Result<T> {
    let Some(value) = value else { return Ok(unset) };
    value
        .parse()
        .map_err(|_| usage(name, &value, "the whole numbers from 0 on"))
}

fn variant(checkout: &Checkout, value: Option<String>) -> Result<Option<Variant>> {
    let Some(value) = value else { return Ok(None) };
    let known = variants(checkout);
    if let Some(variant) = Variant::parse(&value).filter(|variant| known.contains(variant)) {
        return Ok(Some(variant));
    }
    let names: Vec<&str> = known.into_iter().map(Variant::name).collect();
    Err(usage("VARIANT", &value, &names.join(", ")))
}

/// The variants there are, each with a configuration fragment of its own.
fn variants(checkout: &Checkout) -> Vec<Variant> {
    let there = |variant: &Variant| {
        let fragment = format!("linux/configs/variant-{variant}.config");
        checkout.path(&fragment).is_file()
    };
    Variant::ALL.into_iter().filter(there).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const EMPTY: [(&str, &str); 11] = [
        ("VARIANT", ""),
        ("DEBUG", ""),
        ("ACCEL", ""),
        ("CPUS", ""),
        ("KERNEL_SRC", ""),
        ("FILTER", ""),
        ("SEED", ""),
        ("COUNT", ""),
        ("REPLAY", ""),
        ("BASE", ""),
        ("V", ""),
    ];

    fn checkout() -> (tempfile::TempDir, Checkout) {
        let dir = tempfile::tempdir().unwrap();
        let configs = dir.path().join("linux/configs");
        fs::create_dir_all(&configs).unwrap();
        for name in ["variant-module.config", "variant-c.config", "base.config"] {
            fs::write(configs.join(name), "").unwrap();
        }
        let root = dir.path().into();
        (dir, Checkout { root })
    }

    fn parse(pairs: &[(&str, &str)]) -> Result<Options> {
        let (_dir, checkout) = checkout();
        Options::parse(&checkout, |name| {
            let pair = pairs.iter().find(|(n, _)| *n == name);
            pair.map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn unset_and_empty_are_defaults() {
        for pairs in [&[][..], &EMPTY] {
            let options = parse(pairs).unwrap();
            assert_eq!(options.variant, Variant::Module);
            assert_eq!(options.tested, [Variant::Module, Variant::C]);
            assert_eq!(options.cpus, 4);
            assert_eq!(options.accel, Accel::Auto);
            assert!(!options.debug && !options.verbose);
            assert!(options.kernel_src.is_none() && options.filter.is_none());
            assert_eq!((options.seed, options.count), (SEED, COUNT));
            assert!(options.replay.is_none() && options.base.is_none());
        }
    }

    #[test]
    fn who_names_a_variant_gets_that_one_only() {
        let options = parse(&[("VARIANT", "c"), ("DEBUG", "0")]).unwrap();
        assert_eq!(options.variant, Variant::C);
        assert_eq!(options.tested, [Variant::C]);
        assert_eq!(options.build_name(), "c");
        let mut options = options.with(Variant::Module);
        options.debug = true;
        assert_eq!(options.build_name(), "module-debug");
        assert_eq!(
            options.for_comparison().build_name(),
            "module-compare-debug"
        );
        options.debug = false;
        assert_eq!(options.for_uml().build_name(), "module-uml");
    }

    #[test]
    fn nonsense_is_refused_and_what_is_allowed_is_named() {
        for (pair, named) in [
            (("VARIANT", "rust"), "module, c"),
            (("VARIANT", "builtin"), "module, c"),
            (("ACCEL", "hvf"), "auto, kvm, tcg"),
            (("CPUS", "0"), "1, 2"),
            (("CPUS", "9"), "1, 2"),
            (("CPUS", "many"), "1, 2"),
            (("V", "yes"), "0, 1"),
            (("DEBUG", "2"), "0, 1"),
            (("SEED", "-1"), "from 0 on"),
            (("COUNT", "many"), "from 0 on"),
        ] {
            let failure = parse(&[pair]).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.why.contains(named), "{failure}");
        }
    }
}
