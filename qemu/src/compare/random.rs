// SPDX-License-Identifier: GPL-2.0

//! The part `random`: operations that nobody thought of, made from a seed. What differs is cut down to
//! the few that it takes.

use std::collections::BTreeMap;
use std::time::Duration;

use lab_protocol::Part;
use lab_protocol::Variant;
use lab_random::Operation;
use lab_random::Script;
use lab_random::Sequence;
use serde::Serialize;

use super::facts::Facts;
use super::facts::Unequal;
use super::shrink::shrink;
use super::shrink::Limits;
use crate::checkout::read_text;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::initramfs;
use crate::kernel::Kernel;
use crate::options::Options;
use crate::vm::Boot;

/// How many operations a sequence has, so that it can be read and done again by itself.
const LENGTH: usize = 40;

/// Where the guest finds what it is to do.
const GUEST_FILE: &str = "/lab/random";

/// What an operation may take, on a machine that is busy.
const EACH: Duration = Duration::from_millis(200);

/// What may be spent on a difference. Each question takes two boots.
const LIMITS: Limits = Limits {
    questions: 40,
    time: Duration::from_secs(15 * 60),
};

/// What is to be done: what the user has written down, or random operations.
pub fn script(options: &Options) -> Result<Script> {
    let Some(path) = &options.replay else {
        return Ok(Script::generate(options.seed, options.count, LENGTH));
    };
    Script::parse(&read_text(path)?).map_err(|why| {
        let what = format!("{} cannot be replayed", path.display());
        Failure::new(Exit::Usage, what, why).hint("build/report/random-<variant>.txt is an example")
    })
}

/// Random operations, as many as fit into a test.
pub fn short(options: &Options, count: usize) -> Script {
    Script::generate(options.seed, count, LENGTH)
}

/// Has `boot` of `kernel` do what `script` says.
pub fn hand_over(checkout: &Checkout, kernel: &Kernel, boot: &mut Boot, script: &Script) -> Result {
    let text = checkout.build(&format!("initramfs/{}.txt", boot.name));
    write(&text, script.to_string().as_bytes())?;
    let path = checkout.build(&format!("initramfs/{}.cpio", boot.name));
    initramfs::with_file(kernel, &boot.initramfs, GUEST_FILE, &text, &path)?;
    boot.initramfs = path;
    boot.limits.whole += EACH * u32::try_from(script.len()).unwrap_or(u32::MAX);
    Ok(())
}

/// A difference, and the operations that it takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shrunk {
    /// Where it is.
    pub variant: Variant,
    /// In which sequence it was found.
    pub sequence: String,
    /// How many operations that did up to there.
    pub found_after: usize,
    /// Those that are left.
    pub operations: Vec<String>,
    /// Whether none of these can be left out; if not, the search was ended by its limits or a failure.
    pub minimal: bool,
    /// That failure: perhaps what a candidate did to a kernel.
    pub failure: Option<String>,
    /// How many times both kernels were asked.
    pub questions: usize,
    /// What the last one came to with the oracle.
    pub oracle: Option<String>,
    /// And with the other one.
    pub other: Option<String>,
}

impl Shrunk {
    /// It, as a person reads it; also as `REPLAY` does.
    pub fn text(&self) -> String {
        let mut lines = vec![format!(
            "# {} is not c: sequence {}, {} of {} operations, {}",
            self.variant,
            self.sequence,
            self.operations.len(),
            self.found_after,
            match self.minimal {
                true => "none can be left out",
                false => "perhaps not all of them needed",
            }
        )];
        lines.push("= minimal".into());
        lines.extend(self.operations.iter().cloned());
        let facts = [("c", &self.oracle), (self.variant.name(), &self.other)];
        for ((whose, fact), (_, beside)) in [(facts[0], facts[1]), (facts[1], facts[0])] {
            let told = telling(fact, beside);
            lines.extend(told.into_iter().map(|line| format!("# {whose}: {line}")));
        }
        let failure = self.failure.iter().flat_map(|failure| failure.lines());
        lines.extend(failure.map(|line| format!("# the search ended: {line}")));
        lines.join("\n") + "\n"
    }

    /// Saves that.
    pub fn save(&self, checkout: &Checkout) -> Result {
        let path = checkout.build(&format!("report/random-{}.txt", self.variant));
        write(&path, self.text().as_bytes())
    }
}

/// The lines of a fact that are not in the one `beside` it, after what was done.
fn telling<'a>(fact: &'a Option<String>, beside: &Option<String>) -> Vec<&'a str> {
    let Some(fact) = fact else {
        return vec!["nothing"];
    };
    let others: Vec<&str> = beside.iter().flat_map(|text| text.lines()).collect();
    let is_told = |(at, line): &(usize, &str)| *at == 0 || !others.contains(line);
    fact.lines()
        .enumerate()
        .filter(is_told)
        .map(|(_, line)| line)
        .collect()
}

/// Both kernels' answers to a script.
pub type Ask<'a> = dyn FnMut(&Script) -> Result<(Facts, Facts)> + 'a;

/// Cuts the first of the differences that were `found` down; nothing if there is none.
pub fn shrink_first(
    script: &Script,
    found: &[&Unequal],
    variant: Variant,
    ask: &mut Ask<'_>,
) -> Result<Option<Shrunk>> {
    let first = script.0.iter().find_map(|sequence| {
        let (number, unequal) = first_of(&sequence.name, found)?;
        Some((sequence, number, unequal))
    });
    let Some((sequence, number, unequal)) = first else {
        return Ok(None);
    };
    let start = sequence.operations[..number.min(sequence.operations.len())].to_vec();
    // What each candidate that differs came to.
    let mut told = BTreeMap::from([(text(&start), unequal.clone())]);
    let mut questions = 0;
    let searched = shrink(start, LIMITS, &mut |candidates| {
        questions += 1;
        let (oracle, other) = ask(&as_script(candidates))?;
        let found = oracle.compare(&other);
        let found: Vec<&Unequal> = found.iter().collect();
        let verdicts = candidates.iter().enumerate().map(|(at, candidate)| {
            let Some((_, unequal)) = first_of(&name(at), &found) else {
                return false;
            };
            told.insert(text(candidate), unequal.clone());
            true
        });
        Ok(verdicts.collect())
    });
    let (text, minimal, failure) = match searched {
        Ok(shortest) => (text(&shortest.items), shortest.minimal, None),
        Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
        Err(failure) => {
            let shortest = told.keys().min_by_key(|text| text.lines().count());
            let text = shortest.cloned().unwrap_or_default();
            (text, false, Some(failure.to_string()))
        }
    };
    let unequal = told.remove(&text).unwrap_or_else(|| unequal.clone());
    Ok(Some(Shrunk {
        variant,
        sequence: sequence.name.clone(),
        found_after: number,
        operations: text.lines().map(String::from).collect(),
        minimal,
        failure,
        questions,
        oracle: unequal.oracle,
        other: unequal.other,
    }))
}

/// What a candidate's sequence is called.
fn name(at: usize) -> String {
    format!("candidate{at}")
}

fn as_script(candidates: &[Vec<Operation>]) -> Script {
    let one = |(at, operations): (usize, &Vec<Operation>)| Sequence {
        name: name(at),
        operations: operations.clone(),
    };
    Script(candidates.iter().enumerate().map(one).collect())
}

fn text(operations: &[Operation]) -> String {
    let lines: Vec<String> = operations.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The first of what was `found` in the sequence of this name, and which operation it belongs to: 0
/// is what there was before the first one.
fn first_of<'a>(sequence: &str, found: &[&'a Unequal]) -> Option<(usize, &'a Unequal)> {
    let prefix = format!("{}.{sequence}.", Part::Random);
    let number = |unequal: &&'a Unequal| {
        let number = unequal.key.strip_prefix(&prefix)?.parse().ok()?;
        Some((number, *unequal))
    };
    found
        .iter()
        .filter_map(number)
        .min_by_key(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use lab_protocol::Record;

    use super::*;

    /// Facts of a kernel that does every operation, but `odd` ones in its own way.
    fn facts(script: &Script, odd: impl Fn(&[Operation]) -> bool) -> Facts {
        let mut records = Vec::new();
        for sequence in &script.0 {
            for number in 0..=sequence.operations.len() {
                let is_odd = odd(&sequence.operations[..number]);
                records.push(Record::Fact {
                    key: format!("random.{}.{number:02}", sequence.name),
                    value: if is_odd { "odd" } else { "ok" }.into(),
                });
            }
        }
        Facts::of(&records).unwrap()
    }

    fn operation(line: &str) -> Operation {
        Operation::parse(line).unwrap()
    }

    const NEEDED: [&str; 2] = ["ip -n a link set lo up", "ip -n a link set lo mtu 68"];

    /// Whether the second of these comes after the first one.
    fn is_odd(operations: &[Operation]) -> bool {
        let at = |line| operations.iter().position(|it| *it == operation(line));
        matches!((at(NEEDED[0]), at(NEEDED[1])), (Some(one), Some(other)) if one < other)
    }

    #[test]
    fn the_first_difference_is_cut_down() {
        let mut script = Script::generate(5, 400, LENGTH);
        let lines = &mut script.0[3].operations;
        lines[4] = operation(NEEDED[0]);
        lines[30] = operation(NEEDED[1]);
        let found = facts(&script, |_| false).compare(&facts(&script, is_odd));
        let found: Vec<&Unequal> = found.iter().collect();
        let mut ask = |script: &Script| Ok((facts(script, |_| false), facts(script, is_odd)));
        let shrunk = shrink_first(&script, &found, Variant::Module, &mut ask)
            .unwrap()
            .unwrap();
        assert!(shrunk.minimal);
        assert_eq!(shrunk.operations, NEEDED);
        assert_eq!(shrunk.oracle.as_deref(), Some("ok"));
        assert_eq!(shrunk.other.as_deref(), Some("odd"));
        let again = Script::parse(&shrunk.text()).unwrap();
        assert_eq!(again.0[0].operations, NEEDED.map(operation));
        let mut fail = |_: &Script| Err(Failure::new(Exit::GuestPanic, "it panicked", ""));
        let unshrunk = shrink_first(&script, &found, Variant::Module, &mut fail)
            .unwrap()
            .unwrap();
        assert_eq!(unshrunk.operations.len(), unshrunk.found_after);
        assert!(unshrunk.text().contains("it panicked"));
        let none = shrink_first(&script, &[], Variant::Module, &mut ask).unwrap();
        assert_eq!(none, None);
    }

    #[test]
    fn only_what_differs_is_told() {
        let fact = |text: &str| Some(text.to_string());
        let (one, other) = (fact("x -> ok\na\nb"), fact("x -> ok\na\nc"));
        assert_eq!(telling(&one, &other), ["x -> ok", "b"]);
        assert_eq!(telling(&one, &None), ["x -> ok", "a", "b"]);
        assert_eq!(telling(&None, &one), ["nothing"]);
    }

    #[test]
    fn differences_are_in_the_order_of_operations() {
        let unequal = |key: &str| Unequal {
            key: key.into(),
            oracle: None,
            other: None,
        };
        let all = ["random.x.10", "random.x.09", "random.xy.01", "random.y.02"].map(unequal);
        let all: Vec<&Unequal> = all.iter().collect();
        assert_eq!(first_of("x", &all).unwrap().0, 9);
        assert_eq!(first_of("z", &all), None);
    }
}
