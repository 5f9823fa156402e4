// SPDX-License-Identifier: GPL-2.0

//! What is written down, and the file that it goes into: lines of words, closed by one that says how
//! many came before it.
//!
//! - `mark <kind> <user> <kernel>`: how many instructions there had been when it was executed; what
//!   only went on with a string instruction is none;
//! - `step <block> <from> <count> <times>`: behind the mark that ends it, what a traced operation
//!   executed: of that block, so many instructions from that one on, so many times;
//! - `block <number> <address> <bytes>,<bytes>...`: the instructions of a block.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

/// The first line.
const HEADER: &str = "lab-plugin 1";

/// Kinds of marks.
const BEGIN: u32 = 1;
const END: u32 = 2;
const BEGIN_TRACED: u32 = 3;

/// Whether the kernel is there: in the upper half of all addresses.
pub fn is_kernel(address: u64) -> bool {
    address >> 63 == 1
}

/// How many instructions there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Outside of the kernel.
    pub user: u64,
    /// The kernel's.
    pub kernel: u64,
}

impl Count {
    fn all(self) -> u64 {
        self.user + self.kernel
    }

    /// The number of those that are where `address` is.
    fn of(&mut self, address: u64) -> &mut u64 {
        match is_kernel(address) {
            true => &mut self.kernel,
            false => &mut self.user,
        }
    }
}

/// An instruction's place in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The block.
    pub block: u32,
    /// The instruction.
    pub index: u32,
}

impl Place {
    /// The instruction of that index in that block.
    pub fn new(block: u32, index: usize) -> Self {
        Self {
            block,
            index: index as u32,
        }
    }
}

/// A block of instructions.
#[derive(Debug)]
struct Block {
    address: u64,
    instructions: Vec<Vec<u8>>,
}

/// A part of a block that was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    block: u32,
    from: u32,
    count: u64,
    times: u64,
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Mark { kind: u32, count: Count },
    Step(Step),
}

/// All of it.
#[derive(Debug, Default)]
pub struct Book {
    blocks: Vec<Block>,
    lines: Vec<Line>,
    repeats: Count,
    is_counting: bool,
    /// The repeated instruction that came last, and how many instructions there had been by then.
    last_repeat: Option<(u64, u64)>,
    /// Where what is being traced went on, and how many instructions there had been by then.
    traced: Option<(Place, u64)>,
    steps: Vec<Step>,
}

impl Book {
    /// Adds a block; its number.
    pub fn add_block(&mut self, instructions: impl Iterator<Item = (u64, Vec<u8>)>) -> u32 {
        let (addresses, instructions): (Vec<_>, Vec<_>) = instructions.unzip();
        self.blocks.push(Block {
            address: addresses.first().copied().unwrap_or_default(),
            instructions,
        });
        (self.blocks.len() - 1) as u32
    }

    /// Whether it is within an operation.
    pub fn is_counting(&self) -> bool {
        self.is_counting
    }

    /// Whether it is within an operation that is traced.
    pub fn is_tracing(&self) -> bool {
        self.traced.is_some()
    }

    /// A mark was executed.
    pub fn mark(&mut self, place: Place, kind: u32, count: Count) {
        let without_repeats = Count {
            user: count.user - self.repeats.user,
            kernel: count.kernel - self.repeats.kernel,
        };
        self.lines.push(Line::Mark {
            kind,
            count: without_repeats,
        });
        self.is_counting = kind != END;
        self.last_repeat = None;
        self.step(count);
        self.lines.extend(self.steps.drain(..).map(Line::Step));
        if kind == BEGIN_TRACED {
            // The block goes on behind the mark.
            let next = Place {
                index: place.index + 1,
                ..place
            };
            self.traced = Some((next, count.all()));
        }
        debug_assert!(kind != BEGIN || self.traced.is_none());
    }

    /// A block that is traced was entered.
    pub fn enter(&mut self, block: u32, count: Count) {
        self.step(count);
        self.traced = Some((Place { block, index: 0 }, count.all()));
    }

    /// Writes down how far the traced block got.
    fn step(&mut self, count: Count) {
        let Some((place, before)) = self.traced.take() else {
            return;
        };
        let step = Step {
            block: place.block,
            from: place.index,
            count: count.all() - before,
            times: 1,
        };
        match self.steps.last_mut() {
            Some(last) if Step { times: 1, ..*last } == step => last.times += 1,
            _ => self.steps.push(step),
        }
    }

    /// A repeated instruction was executed, and is in `count`. If nothing came between, it went on
    /// with what it was doing.
    pub fn repeat(&mut self, address: u64, count: Count) {
        let all = count.all();
        if self.last_repeat == Some((address, all - 1)) {
            *self.repeats.of(address) += 1;
        }
        self.last_repeat = Some((address, all));
    }

    /// Writes it all down.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        self.write(&mut out)?;
        out.flush()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut used = BTreeSet::new();
        writeln!(out, "{HEADER}")?;
        for line in &self.lines {
            match line {
                Line::Mark {
                    kind,
                    count: Count { user, kernel },
                } => writeln!(out, "mark {kind} {user} {kernel}")?,
                Line::Step(step) => {
                    used.insert(step.block);
                    let Step {
                        block,
                        from,
                        count,
                        times,
                    } = step;
                    writeln!(out, "step {block} {from} {count} {times}")?;
                }
            }
        }
        for number in &used {
            let Some(block) = self.blocks.get(*number as usize) else {
                continue;
            };
            let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let all: Vec<String> = block.instructions.iter().map(hex).collect();
            writeln!(out, "block {number} {:x} {}", block.address, all.join(","))?;
        }
        writeln!(out, "end {}", 1 + self.lines.len() + used.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(user: u64, kernel: u64) -> Count {
        Count { user, kernel }
    }

    fn text(book: &Book) -> String {
        let mut out = Vec::new();
        book.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn marks_are_written_down() {
        let mut book = Book::default();
        let place = Place::new(0, 0);
        assert!(!book.is_counting());
        book.mark(place, BEGIN, count(5, 100));
        assert!(book.is_counting() && !book.is_tracing());
        book.mark(place, END, count(8, 104));
        assert!(!book.is_counting());
        assert_eq!(
            text(&book),
            "lab-plugin 1\nmark 1 5 100\nmark 2 8 104\nend 3\n"
        );
    }

    #[test]
    fn what_goes_on_without_a_break_is_a_repetition() {
        let mut book = Book::default();
        book.mark(Place::new(0, 0), BEGIN, count(0, 0));
        let (user, kernel) = (7, 1 << 63);
        for (address, all) in [(kernel, 1), (kernel, 2), (kernel, 3), (kernel, 5)] {
            book.repeat(address, count(0, all));
        }
        for (address, all) in [(user, 6), (user, 7)] {
            book.repeat(address, count(all - 5, 5));
        }
        book.mark(Place::new(0, 0), END, count(3, 6));
        assert!(text(&book).contains("mark 2 2 4\n"));
    }

    #[test]
    fn parts_of_blocks_are_traced() {
        let mut book = Book::default();
        let nop = vec![0x90];
        let mark = book.add_block((0..4).map(|n| (0x10 + n, nop.clone())));
        let unused = book.add_block((0..1).map(|n| (0x20 + n, nop.clone())));
        let kernel = book.add_block((0..2).map(|n| (0xffff_0000 + n, nop.clone())));
        assert_eq!((mark, unused, kernel), (0, 1, 2));
        book.mark(Place::new(mark, 1), BEGIN_TRACED, count(10, 0));
        assert!(book.is_counting() && book.is_tracing());
        // Two instructions behind the mark; twice one of two; then both.
        book.enter(kernel, count(12, 0));
        book.enter(kernel, count(12, 1));
        book.enter(kernel, count(12, 2));
        book.enter(mark, count(12, 4));
        book.mark(Place::new(mark, 3), END, count(15, 4));
        assert!(!book.is_tracing());
        assert_eq!(
            text(&book),
            "lab-plugin 1\nmark 3 10 0\nmark 2 15 4\nstep 0 2 2 1\nstep 2 0 1 2\nstep 2 0 2 1\n\
             step 0 0 3 1\nblock 0 10 90,90,90,90\nblock 2 ffff0000 90,90\nend 9\n"
        );
    }
}
