// SPDX-License-Identifier: GPL-2.0

//! The test `readme.rows`: the README's table from the walkthroughs' steps to the tests. What it
//! names of the kernel, of this project and of the tests is there, and no test is left out.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use lab_protocol::matches;
use lab_protocol::Outcome;
use lab_protocol::Variant;

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::compile_fail;
use crate::failure::Result;
use crate::guest::Guest;
use crate::judge::Test;
use crate::kernel::Kernel;
use crate::kunit;
use crate::test::complain;
use crate::ui::Stage;

/// The test's name.
pub const NAME: &str = "readme.rows";

const README: &str = "README.md";
/// What the table stands below.
const HEADING: &str = "## From the walkthrough to the test";
/// The rows that there have to be, besides others.
const ROWS: std::ops::RangeInclusive<u32> = 1..=19;
/// How the names of the guest's checks begin.
const GUEST: &str = "guest.";
/// How the names of the tests begin of which none may be left out.
const ALL_OF: [&str; 2] = [GUEST, "kunit.rust_"];
/// What is before a name where it is defined.
const RUST: [&str; 10] = [
    "fn ",
    "struct ",
    "enum ",
    "trait ",
    "const ",
    "static ",
    "type ",
    "macro_rules! ",
    "mod ",
    "union ",
];

/// Runs it, with the kernel's own source and the tests that there are.
pub fn run(checkout: &Checkout, kernel: &Kernel, guest: &Guest) -> Result<Test> {
    let stage = Stage::start("readme", "checking the table of rows");
    let start = Instant::now();
    let (rows, mut trouble) = parse(&read_text(&checkout.path(README))?);
    let tests = tests(checkout, kernel, guest)?;
    trouble.extend(missing_rows(&rows));
    for row in &rows {
        trouble.extend(row.judge(&Sources { checkout, kernel }, &tests));
    }
    trouble.extend(left_out(&rows, &tests));
    let mut test = Test {
        name: NAME.into(),
        outcome: Outcome::Passed,
        detail: trouble.join("\n"),
        time: Some(start.elapsed()),
    };
    if trouble.is_empty() {
        stage.done(&format!("{} rows, {} tests", rows.len(), tests.len()));
        return Ok(test);
    }
    test.outcome = Outcome::Failed;
    stage.fail();
    complain(&test, kernel.variant, README);
    Ok(test)
}

/// The names of all tests of all variants.
fn tests(checkout: &Checkout, kernel: &Kernel, guest: &Guest) -> Result<BTreeSet<String>> {
    let upstream = kernel.pristine_texts(&kunit::UPSTREAM)?;
    let mut names: BTreeSet<String> = compile_fail::all(checkout)?.into_iter().collect();
    for variant in Variant::ALL {
        names.extend(guest.list(variant)?);
        for suite in kunit::expected(checkout, variant, &upstream, &|_| true)? {
            let name = &suite.name;
            names.extend(
                suite
                    .cases
                    .iter()
                    .map(|case| format!("kunit.{name}.{case}")),
            );
        }
    }
    names.extend(crate::test::SINGLE.map(String::from));
    Ok(names)
}

/// Where the files are that the table names.
struct Sources<'a> {
    checkout: &'a Checkout,
    kernel: &'a Kernel,
}

trait Files {
    /// The text of one of the kernel's files as upstream has it, or of this project's.
    fn read(&self, upstream: bool, path: &str) -> Option<String>;
}

impl Files for Sources<'_> {
    fn read(&self, upstream: bool, path: &str) -> Option<String> {
        let path = match upstream {
            true => self.kernel.pristine(path),
            false => self.checkout.path(path),
        };
        read_text(&path).ok()
    }
}

/// A row of the table: what is in backquotes, cell by cell.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    upstream: Vec<String>,
    here: Vec<String>,
    tests: Vec<String>,
}

/// The rows, and what is wrong with those that are none.
fn parse(readme: &str) -> (Vec<Row>, Vec<String>) {
    let mut trouble = Vec::new();
    let rows = readme
        .lines()
        .skip_while(|line| *line != HEADING)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'))
        // The heads of the columns, and the line below.
        .skip(2)
        .filter_map(|line| parse_row(line).map_err(|e| trouble.push(e)).ok())
        .collect();
    (rows, trouble)
}

fn parse_row(line: &str) -> std::result::Result<Row, String> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [name, _, upstream, here, tests] = cells[..] else {
        return Err(format!("no row of five cells: {line}"));
    };
    Ok(Row {
        name: name.into(),
        upstream: spans(upstream),
        here: spans(here),
        tests: spans(tests),
    })
}

/// What is between backquotes.
fn spans(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(String::from)
        .collect()
}

impl Row {
    /// Whether it is one of a walkthrough's steps, whose proofs have names.
    fn is_step(&self) -> bool {
        self.name.starts_with('S')
    }

    fn judge(&self, files: &dyn Files, tests: &BTreeSet<String>) -> Vec<String> {
        let mut trouble = items(&self.upstream, &|path| files.read(true, path), mentions);
        trouble.extend(items(&self.here, &|path| files.read(false, path), defines));
        if self.tests.is_empty() {
            trouble.push("no test".into());
        }
        for glob in &self.tests {
            if !tests.iter().any(|test| matches(glob, test)) {
                trouble.push(format!("no test is called {glob}"));
            }
            if self.is_step() && glob.starts_with(GUEST) && glob.contains(['*', '?']) {
                trouble.push(format!("{glob} hides which tests there have to be"));
            }
        }
        let name = &self.name;
        trouble
            .into_iter()
            .map(|t| format!("{name}: {t}"))
            .collect()
    }
}

/// Goes through a cell: after a file come things that are in it.
fn items(
    spans: &[String],
    read: &dyn Fn(&str) -> Option<String>,
    is_in: fn(&str, &str, &str) -> bool,
) -> Vec<String> {
    let mut trouble = Vec::new();
    let mut file: Option<(&str, String)> = None;
    for span in spans {
        if is_file(span) {
            file = read(span).map(|text| (span.as_str(), text));
            if file.is_none() {
                trouble.push(format!("there is no {span}"));
            }
            continue;
        }
        let item = span.trim_end_matches("()");
        match &file {
            Some((path, text)) if !is_in(path, text, item) => {
                trouble.push(format!("there is no {item} in {path}"));
            }
            Some(_) => {}
            None => trouble.push(format!("{item} is in no file")),
        }
    }
    trouble
}

fn is_file(span: &str) -> bool {
    let extension = Path::new(span).extension().unwrap_or_default();
    ["c", "h", "rs", "patch", "bconf"]
        .iter()
        .any(|known| extension == *known)
}

/// Whether `word` is in `text`, and not part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

/// Whether upstream's file at a path, whose text is `text`, has `item`.
fn mentions(_: &str, text: &str, item: &str) -> bool {
    has_word(text, item)
}

/// Whether `item`, of which only what is behind the last `::` counts, is defined in `text`, which is
/// the file's at `path`. A patch is asked for what it adds.
fn defines(path: &str, text: &str, item: &str) -> bool {
    let name = item.rsplit("::").next().unwrap_or(item);
    let in_rust = |text: &str| {
        let defined = |keyword: &&str| has_word(text, &format!("{keyword}{name}"));
        RUST.iter().any(defined)
    };
    if path.ends_with(".rs") {
        return in_rust(text);
    }
    let is_patch = path.ends_with(".patch");
    let mut lines = text
        .lines()
        .filter(|line| !is_patch || line.starts_with('+'));
    lines.any(|line| has_word(line, name))
}

fn missing_rows(rows: &[Row]) -> Vec<String> {
    ROWS.map(|number| format!("S{number}"))
        .filter(|name| !rows.iter().any(|row| row.name == *name))
        .map(|name| format!("there is no row {name}"))
        .collect()
}

/// Tests that no row has.
fn left_out(rows: &[Row], tests: &BTreeSet<String>) -> Vec<String> {
    let is_in_a_row = |test: &str| {
        let mut globs = rows.iter().flat_map(|row| &row.tests);
        globs.any(|glob| matches(glob, test))
    };
    tests
        .iter()
        .filter(|test| ALL_OF.iter().any(|start| test.starts_with(start)))
        .filter(|test| !is_in_a_row(test))
        .map(|test| format!("{test} is in no row"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl Files for Fake {
        fn read(&self, upstream: bool, path: &str) -> Option<String> {
            match (upstream, path) {
                (true, "net/core/dev.c") => Some("int net_dev_init(void)\n{\n}\n".into()),
                (false, "a.rs") => Some("impl A {\n    fn init(x: u8) { stop(); }\n}\n".into()),
                (false, "b.patch") => Some(" int b;\n+int c;\n-int d;\n".into()),
                _ => None,
            }
        }
    }

    const README: &str = "## Other\n| S1 | x | `y` | `z` | `t` |\n\n\
        ## From the walkthrough to the test\n\nSome words.\n\n\
        | row | step | in 7.3 | here | shown by |\n|---|---|---|---|---|\n\
        | S1 | start | `net/core/dev.c`: `net_dev_init()` | `a.rs`: `A::init`; `b.patch`: `c` | `guest.a`, `kunit.x*` |\n\
        \n## After\n| S2 | x | | | |\n";

    fn tests() -> BTreeSet<String> {
        ["guest.a", "kunit.x", "kunit.rust_y.z"]
            .map(String::from)
            .into()
    }

    fn judge(from: &str, to: &str) -> Vec<String> {
        let readme = README.replacen(from, to, 1);
        assert!(from.is_empty() || readme != README);
        let (rows, trouble) = parse(&readme);
        assert_eq!((rows.len(), trouble.len()), (1, 0));
        rows[0].judge(&Fake, &tests())
    }

    #[test]
    fn what_a_row_names_is_there() {
        assert_eq!(judge("", ""), Vec::<String>::new());
        for (from, to) in [
            ("net_dev_init()", "net_dev_ini()"),
            ("net_dev_init()", "dev_init()"),
            ("net/core/dev.c", "net/core/dev2.c"),
            ("`net/core/dev.c`: ", ""),
            ("A::init", "A::exit"),
            // A call is no definition, and what a patch leaves or takes away is not its own.
            ("A::init", "A::stop"),
            ("`c`", "`b`"),
            ("`c`", "`d`"),
            ("`a.rs`", "`b.rs`"),
            ("`kunit.x*`", "`kunit.y`"),
            ("`guest.a`, `kunit.x*`", "nothing"),
            // One of several could go, and nobody would see it.
            ("`guest.a`", "`guest.*`"),
        ] {
            assert!(!judge(from, to).is_empty(), "{from} {to}");
        }
    }

    #[test]
    fn no_row_and_no_test_is_left_out() {
        let (_, trouble) = parse(&README.replace("| start |", "|"));
        assert_eq!(trouble.len(), 1);
        let (rows, _) = parse(README);
        assert_eq!(missing_rows(&rows).len(), 18);
        assert_eq!(left_out(&rows, &tests()), ["kunit.rust_y.z is in no row"]);
    }
}
