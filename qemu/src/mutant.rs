// SPDX-License-Identifier: GPL-2.0

//! Seeded faults: `tests/mutants/*.toml` has one after the other, each a piece of a file and what
//! stands there instead.

use std::fs;

use lab_protocol::Variant;
use serde::Deserialize;

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

const DIRECTORY: &str = "tests/mutants";

/// All tests that run in the guest.
pub const ALL_TESTS: &str = "?u*";

/// A seeded fault.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// What it is called: a few words with underscores between them. Once read, what its file is
    /// called comes before that: `driver.counted_twice`.
    pub name: String,
    /// The file that it is in.
    pub file: String,
    /// What stands there, once.
    pub from: String,
    /// What it puts there instead.
    pub to: String,
    /// The kernel that shows it.
    #[serde(default = "module")]
    pub variant: Variant,
    /// Whether it takes the sanitised kernel to see it.
    #[serde(default)]
    pub debug: bool,
    /// The tests that are to see it; all, if it does not say.
    #[serde(default = "tests")]
    pub tests: String,
    /// Whether it is one of the few that stand for all of them.
    #[serde(default)]
    pub sample: bool,
}

/// A file of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

fn module() -> Variant {
    Variant::Module
}

fn tests() -> String {
    ALL_TESTS.into()
}

impl Mutant {
    /// What the file, whose text is `text`, is with it.
    pub fn of(&self, text: &str) -> Result<String> {
        if self.from == self.to {
            return Err(self.bad("changes nothing"));
        }
        match text.matches(&self.from).count() {
            1 => Ok(text.replacen(&self.from, &self.to, 1)),
            count => Err(self.bad(&format!(
                "what it replaces is {count} times in {}, not once",
                self.file
            ))),
        }
    }

    fn bad(&self, why: &str) -> Failure {
        let what = format!("mutant {} cannot be made", self.name);
        Failure::new(Exit::Usage, what, why).hint(format!("mend it in {DIRECTORY}"))
    }
}

/// All of them, file by file. Each can be made, and no two have the same name.
pub fn all(checkout: &Checkout) -> Result<Vec<Mutant>> {
    let directory = checkout.path(DIRECTORY);
    let fail = |e| Failure::io("read", &directory, e);
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).map_err(fail)? {
        files.push(entry.map_err(fail)?.path());
    }
    files.sort();
    let mut all: Vec<Mutant> = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        for mut mutant in parse(&read_text(&file)?, &checkout.show(&file))? {
            mutant.name = format!("{stem}.{}", mutant.name);
            all.push(mutant);
        }
    }
    for (index, mutant) in all.iter().enumerate() {
        mutant.of(&read_text(&checkout.path(&mutant.file))?)?;
        if all[..index].iter().any(|other| other.name == mutant.name) {
            return Err(mutant.bad("there is another one of that name"));
        }
    }
    Ok(all)
}

fn parse(text: &str, file: &str) -> Result<Vec<Mutant>> {
    let list: List = toml::from_str(text)
        .map_err(|e| Failure::new(Exit::Usage, format!("{file} cannot be read"), e))?;
    Ok(list.mutant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "[[mutant]]\nname = \"deaf\"\nfile = \"a.rs\"\nfrom = '''\n    hear();\n'''\nto = \"\"\n";

    fn one(text: &str) -> Mutant {
        parse(text, "x.toml").unwrap().remove(0)
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let mutant = one(TEXT);
        assert_eq!(
            (mutant.name.as_str(), mutant.variant),
            ("deaf", Variant::Module)
        );
        assert_eq!((mutant.debug, mutant.sample), (false, false));
        assert_eq!(mutant.tests, ALL_TESTS);
        let more =
            format!("{TEXT}variant = \"c\"\ndebug = true\ntests = \"kunit.*\"\nsample = true\n");
        let mutant = one(&more);
        assert_eq!(
            (mutant.variant, mutant.tests.as_str()),
            (Variant::C, "kunit.*")
        );
        assert!(mutant.debug && mutant.sample);
        assert!(parse(&TEXT.replace("file", "fiel"), "x.toml").is_err());
        assert!(parse(&format!("{TEXT}why = \"x\"\n"), "x.toml").is_err());
    }

    #[test]
    fn it_is_in_one_place() {
        let mutant = one(TEXT);
        assert_eq!(
            mutant.of("fn a() {\n    hear();\n}\n").unwrap(),
            "fn a() {\n}\n"
        );
        assert!(mutant.of("fn a() {}\n").is_err());
        assert!(mutant.of("    hear();\n    hear();\n").is_err());
        let idle = Mutant {
            to: mutant.from.clone(),
            ..mutant
        };
        assert!(idle.of("    hear();\n").is_err());
    }

    #[test]
    fn this_checkout_s_can_be_made() {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let all = all(&Checkout { root }).unwrap();
        assert!(all.len() >= 60, "there are {}", all.len());
        assert_eq!(all.iter().filter(|mutant| mutant.sample).count(), 6);
        assert!(all
            .iter()
            .any(|mutant| mutant.name == "driver.counted_twice"));
    }
}
