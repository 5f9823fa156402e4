// SPDX-License-Identifier: GPL-2.0

//! The kernel's configuration: fragments merged by the kernel's own script, and every symbol that
//! they ask for looked up in the outcome. Kconfig drops what it cannot have without a word.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::write_if_changed;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::key::Key;
use crate::options::Options;
use crate::process;
use crate::toolchain::Toolchain;
use crate::ui::Stage;

/// The configuration as it is being made: the real one is replaced only if it differs.
const TRIAL: &str = "lab.config";
/// The key of the finished configuration.
const STAMP: &str = "lab-config";

/// A configuration fragment, read once: an editor may save it at any moment.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Its file's name.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// The fragments of a build, in order: a later one wins.
pub fn fragments(checkout: &Checkout, options: &Options) -> Result<Vec<Fragment>> {
    let mut names = vec!["base".into(), format!("variant-{}", options.variant)];
    if options.compare {
        names.push("compare".into());
    }
    if options.uml {
        names.push("uml".into());
    }
    if options.debug {
        names.push("debug".into());
    }
    let read = |name: String| {
        let name = format!("{name}.config");
        let text = read_text(&checkout.path(&format!("linux/configs/{name}")))?;
        Ok(Fragment { name, text })
    };
    names.into_iter().map(read).collect()
}

/// Whether `fragments` ask for `symbol` to be `y`.
pub fn wants(fragments: &[Fragment], symbol: &str) -> bool {
    let value = |fragment: &Fragment| symbols(&fragment.text).remove(symbol);
    fragments.iter().rev().find_map(value).as_deref() == Some("y")
}

/// A configuration to be made.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// The kernel tree.
    pub linux: &'a Path,
    /// The build directory.
    pub build: &'a Path,
    /// The fragments, in order.
    pub fragments: &'a [Fragment],
    /// Changes whenever Kconfig may decide otherwise: its files or the tools it asks changed.
    pub context: &'a str,
}

impl Config<'_> {
    /// Makes it, unless it is there already.
    pub fn ensure(&self, toolchain: &Toolchain, log: &Path, verbose: bool) -> Result {
        let key = self.key();
        let done = fs::read_to_string(self.build.join(STAMP)).is_ok_and(|old| old == key);
        if done && self.build.join(".config").is_file() {
            return Ok(());
        }
        remove(&self.build.join(STAMP))?;
        let mut stage = Stage::start("configure", "merging the configuration");
        self.merge(toolchain, log, verbose, &mut stage)?;
        let trial = read_text(&self.build.join(TRIAL))?;
        self.check(&trial)?;
        // An unchanged configuration keeps its time, or make would build everything again.
        let config = self.build.join(".config");
        if fs::read_to_string(&config).ok().as_deref() != Some(&trial) {
            write(&config, trial.as_bytes())?;
        }
        remove(&self.build.join(TRIAL))?;
        write(&self.build.join(STAMP), key.as_bytes())?;
        stage.done(&format!(
            "{} fragments, all symbols stuck",
            self.fragments.len()
        ));
        Ok(())
    }

    fn key(&self) -> String {
        let mut key = Key::default();
        key.part("context", self.context.as_bytes());
        for fragment in self.fragments {
            key.part("fragment", fragment.text.as_bytes());
        }
        key.hex()
    }

    fn merge(&self, toolchain: &Toolchain, log: &Path, verbose: bool, stage: &mut Stage) -> Result {
        let make = |target: &str| {
            let mut command = toolchain.make(self.linux)?;
            command
                .arg(format!("O={}", self.build.display()))
                .arg(format!("KCONFIG_CONFIG={TRIAL}"))
                .arg(target);
            Ok(command)
        };
        let mut copies = Vec::new();
        for fragment in self.fragments {
            let copy = self.build.join(format!("lab-{}", fragment.name));
            write_if_changed(&copy, fragment.text.as_bytes())?;
            copies.push(copy);
        }
        let mut merge = toolchain.command("sh");
        merge
            .arg(self.linux.join("scripts/kconfig/merge_config.sh"))
            .args(["-m", "-O"])
            .arg(self.build)
            .arg(TRIAL)
            .args(copies)
            .env("KCONFIG_CONFIG", TRIAL)
            .current_dir(self.build);
        for mut command in [make("tinyconfig")?, merge, make("olddefconfig")?] {
            let finished =
                process::run_logged(&mut command, log, verbose, None, &mut |_| stage.tick())?;
            if !finished.status.success() {
                return Err(super::build::failure("the configuration", log, log));
            }
        }
        Ok(())
    }

    fn check(&self, config: &str) -> Result {
        let mut wanted = BTreeMap::new();
        for fragment in self.fragments {
            for (symbol, value) in symbols(&fragment.text) {
                wanted.insert(symbol, (value, fragment.name.clone()));
            }
        }
        let dropped = dropped(&wanted, &symbols(config));
        if dropped.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Build,
            "the kernel's configuration is not what the fragments ask for",
            dropped.join("\n"),
        )
        .hint("a symbol is dropped when what it depends on is missing, or when this kernel has none of that name"))
    }
}

/// The symbols that differ from what was asked for, each in a sentence.
fn dropped(
    wanted: &BTreeMap<String, (String, String)>,
    got: &BTreeMap<String, String>,
) -> Vec<String> {
    let show = |value: &str| match value {
        "n" => "not set".to_string(),
        value => value.to_string(),
    };
    wanted
        .iter()
        .filter_map(|(symbol, (value, fragment))| {
            let is = got.get(symbol).map_or("n", String::as_str);
            (is != value).then(|| {
                let (value, is) = (show(value), show(is));
                format!("CONFIG_{symbol}: {fragment} wants it {value}, but it is {is}")
            })
        })
        .collect()
}

/// The symbols that a configuration or a fragment speaks of; `n` for those it says are not set.
fn symbols(text: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        let unset = line
            .strip_prefix("# CONFIG_")
            .and_then(|rest| rest.strip_suffix(" is not set"));
        if let Some(symbol) = unset {
            all.insert(symbol.to_string(), "n".to_string());
        } else if let Some((symbol, value)) =
            line.strip_prefix("CONFIG_").and_then(|l| l.split_once('='))
        {
            all.insert(symbol.to_string(), value.to_string());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use lab_protocol::Variant;

    use super::*;

    fn wanted(fragments: &[&str]) -> BTreeMap<String, (String, String)> {
        let mut all = BTreeMap::new();
        for text in fragments {
            for (symbol, value) in symbols(text) {
                all.insert(symbol, (value, "f".into()));
            }
        }
        all
    }

    #[test]
    fn what_stuck_is_fine() {
        let got = symbols("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=8\nCONFIG_S=\"x y\"\n");
        let fragment = "# why\nCONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_GONE is not set\n\
            CONFIG_N=8\nCONFIG_S=\"x y\"\nCONFIG_OFF=n\n";
        assert!(dropped(&wanted(&[fragment]), &got).is_empty());
    }

    #[test]
    fn what_was_dropped_or_forced_is_named_each() {
        let got = symbols("CONFIG_B=y\nCONFIG_N=4\n");
        let asked = wanted(&["CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_N=8\n"]);
        let dropped = dropped(&asked, &got);
        assert_eq!(dropped.len(), 3);
        assert_eq!(dropped[0], "CONFIG_A: f wants it y, but it is not set");
        assert_eq!(dropped[1], "CONFIG_B: f wants it not set, but it is y");
        assert_eq!(dropped[2], "CONFIG_N: f wants it 8, but it is 4");
    }

    /// What a kernel says that it is must be what its fragment asked for.
    #[test]
    fn each_variant_s_fragment_asks_for_its_loopback_driver_and_no_other() {
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../linux/configs");
        let mut checked = 0;
        for entry in fs::read_dir(configs).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let Some(name) = name.strip_prefix("variant-") else {
                continue;
            };
            let variant = Variant::parse(name).expect(name);
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(Variant::of_config(&text), Some(variant));
            checked += 1;
        }
        assert!(checked > 0);
    }

    #[test]
    fn a_later_fragment_wins() {
        let texts = ["CONFIG_A=y\n", "# CONFIG_A is not set\nCONFIG_B=y\n"];
        let asked = wanted(&texts);
        assert!(dropped(&asked, &symbols("CONFIG_B=y")).is_empty());
        let fragments = texts.map(|text| Fragment {
            name: "f".into(),
            text: text.into(),
        });
        assert!(!super::wants(&fragments, "A"));
        assert!(super::wants(&fragments, "B"));
        assert!(!super::wants(&fragments, "C"));
    }
}
