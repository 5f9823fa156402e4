// SPDX-License-Identifier: GPL-2.0

//! What the plugin wrote: how many instructions there were at each mark, and those of the operations
//! that were traced. `qemu/plugin/src/book.rs` says what the lines mean.

use std::collections::HashMap;

/// The first line.
const HEADER: &str = "lab-plugin 1";

/// Kinds of marks.
const BEGIN: u32 = 1;
const END: u32 = 2;
const BEGIN_TRACED: u32 = 3;

/// What is wrong with a file.
type Result<T> = std::result::Result<T, String>;

/// The instructions of one operation. A string instruction that repeats itself is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// All of them.
    pub all: u64,
    /// The kernel's.
    pub kernel: u64,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it took.
    pub cost: Cost,
    /// Where it was traced, what was executed.
    pub steps: Option<Vec<Step>>,
}

/// So many instructions of a block from that one on, so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The block.
    pub block: u32,
    /// The first instruction.
    pub from: usize,
    /// How many.
    pub count: usize,
    /// How often.
    pub times: u64,
}

/// A block of instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins.
    pub address: u64,
    /// The bytes of each instruction.
    pub instructions: Vec<Vec<u8>>,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// The blocks that their steps are of.
    pub blocks: HashMap<u32, Block>,
}

/// How many instructions there had been.
#[derive(Clone, Copy, Debug)]
struct Mark {
    kind: u32,
    user: u64,
    kernel: u64,
}

impl Tally {
    /// Reads it. One that is not whole is an error.
    pub fn parse(text: &str) -> Result<Self> {
        let body = body(text)?;
        let mut tally = Self::default();
        let mut begun: Option<Mark> = None;
        for line in body {
            let bad = || format!("not understood: {line}");
            let (word, rest) = line.split_once(' ').ok_or_else(bad)?;
            match word {
                "mark" => tally.mark(&mut begun, mark(rest).ok_or_else(bad)?)?,
                "step" => tally.step(step(rest).ok_or_else(bad)?)?,
                "block" => {
                    let (number, block) = block(rest).ok_or_else(bad)?;
                    tally.blocks.insert(number, block);
                }
                _ => return Err(bad()),
            }
        }
        match begun {
            None => Ok(tally),
            Some(_) => Err("an operation begins and does not end".into()),
        }
    }

    fn mark(&mut self, begun: &mut Option<Mark>, mark: Mark) -> Result<()> {
        match (begun.take(), mark.kind) {
            (None, BEGIN | BEGIN_TRACED) => {
                *begun = Some(mark);
                Ok(())
            }
            (Some(first), END) => {
                let operation = Operation {
                    cost: cost(first, mark).ok_or("the number of instructions went back")?,
                    steps: (first.kind == BEGIN_TRACED).then(Vec::new),
                };
                self.operations.push(operation);
                Ok(())
            }
            (Some(_), _) => Err("an operation begins within another".into()),
            (None, kind) => Err(format!(
                "a mark of kind {kind} where an operation has to begin"
            )),
        }
    }

    fn step(&mut self, step: Step) -> Result<()> {
        let last = self.operations.last_mut();
        let steps = last.and_then(|operation| operation.steps.as_mut());
        let steps = steps.ok_or("a step of an operation that is not traced")?;
        steps.push(step);
        Ok(())
    }
}

/// The lines between the first and the last.
fn body(text: &str) -> Result<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let [HEADER, body @ .., last] = &lines[..] else {
        return Err("it has no beginning, or no end".into());
    };
    if *last != format!("end {}", lines.len() - 1) || !text.ends_with('\n') {
        return Err(format!("it is cut off: {last}"));
    }
    Ok(body.to_vec())
}

fn cost(first: Mark, last: Mark) -> Option<Cost> {
    let since = |of: fn(&Mark) -> u64| of(&last).checked_sub(of(&first));
    let (user, kernel) = (since(|mark| mark.user)?, since(|mark| mark.kernel)?);
    Some(Cost {
        all: user + kernel,
        kernel,
    })
}

fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let all: Option<Vec<u64>> = text.split(' ').map(|word| word.parse().ok()).collect();
    all?.try_into().ok()
}

fn mark(text: &str) -> Option<Mark> {
    let [kind, user, kernel] = numbers(text)?;
    Some(Mark {
        kind: kind.try_into().ok()?,
        user,
        kernel,
    })
}

fn step(text: &str) -> Option<Step> {
    let [block, from, count, times] = numbers(text)?;
    Some(Step {
        block: block.try_into().ok()?,
        from: from as usize,
        count: count as usize,
        times,
    })
}

fn block(text: &str) -> Option<(u32, Block)> {
    let words: Vec<&str> = text.split(' ').collect();
    let [number, address, bytes] = words[..] else {
        return None;
    };
    let instructions: Option<Vec<_>> = bytes.split(',').map(hex).collect();
    let block = Block {
        address: u64::from_str_radix(address, 16).ok()?,
        instructions: instructions?,
    };
    Some((number.parse().ok()?, block))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "lab-plugin 1\nmark 1 10 100\nmark 2 12 130\nmark 3 20 200\nmark 2 22 203\n\
                        step 7 2 2 1\nstep 9 0 1 3\nblock 7 10 90,90,90,9090\nblock 9 ffffffff81000000 f3a4\n\
                        end 9\n";

    #[test]
    fn operations_are_what_lies_between_marks() {
        let tally = Tally::parse(TEXT).unwrap();
        let cost = |all, kernel| Cost { all, kernel };
        let step = |block, from, count, times| Step {
            block,
            from,
            count,
            times,
        };
        assert_eq!(
            tally.operations,
            [
                Operation {
                    cost: cost(32, 30),
                    steps: None,
                },
                Operation {
                    cost: cost(5, 3),
                    steps: Some(vec![step(7, 2, 2, 1), step(9, 0, 1, 3)]),
                },
            ]
        );
        assert_eq!(tally.blocks.len(), 2);
        let block = &tally.blocks[&9];
        assert_eq!(block.address, 0xffff_ffff_8100_0000);
        assert_eq!(block.instructions, [[0xf3, 0xa4]]);
        assert_eq!(tally.blocks[&7].instructions[3], [0x90, 0x90]);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for length in 0..TEXT.len() {
            assert!(Tally::parse(&TEXT[..length]).is_err(), "{length}");
        }
        for line in TEXT.lines() {
            let without = TEXT.replacen(&format!("{line}\n"), "", 1);
            assert!(Tally::parse(&without).is_err(), "{line}");
        }
    }

    #[test]
    fn marks_must_come_in_pairs() {
        let parse = |kinds: &[u32]| {
            let marks: String = kinds
                .iter()
                .map(|kind| format!("mark {kind} 1 1\n"))
                .collect();
            Tally::parse(&format!("{HEADER}\n{marks}end {}\n", kinds.len() + 1))
        };
        assert_eq!(parse(&[1, 2, 3, 2]).unwrap().operations.len(), 2);
        for kinds in [&[1][..], &[2], &[1, 1, 2], &[1, 2, 2], &[1, 3, 2], &[4, 2]] {
            assert!(parse(kinds).is_err(), "{kinds:?}");
        }
    }
}
