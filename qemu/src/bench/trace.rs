// SPDX-License-Identifier: GPL-2.0

//! From the instructions of an operation, in the order in which they were executed, to the functions
//! that they are of, and who called those.

use std::collections::HashMap;
use std::ops::Range;

use super::code::Code;
use super::code::Flow;
use super::figures::Mix;
use super::operations::Found;
use super::symbols::Symbols;
use super::tally::Block;
use super::tally::Step;

/// What all that is not the kernel's counts as.
const USER: &str = "user space";

/// What is in no known function.
const UNKNOWN: &str = "(unknown)";

/// Where the kernel goes from one task to another.
const SWITCH: &str = "__switch_to_asm";

type Result<T> = std::result::Result<T, String>;

/// The blocks that were executed.
#[derive(Debug)]
pub struct Blocks(HashMap<u32, Vec<Code>>);

impl Blocks {
    /// Takes them to pieces.
    pub fn decode(blocks: &HashMap<u32, Block>) -> Result<Self> {
        let decode = |block: &Block| -> Result<Vec<Code>> {
            let mut address = block.address;
            let mut all = Vec::new();
            for bytes in &block.instructions {
                let code = Code::decode(address, bytes)
                    .filter(|code| code.next == address + bytes.len() as u64)
                    .ok_or_else(|| format!("no instruction at {address:#x}: {bytes:02x?}"))?;
                all.push(code);
                address = code.next;
            }
            Ok(all)
        };
        let decoded = blocks
            .iter()
            .map(|(number, block)| Ok((*number, decode(block)?)));
        decoded.collect::<Result<_>>().map(Self)
    }

    /// The instructions of the traced operation: as many as were counted.
    pub fn all_of(&self, found: &Found<'_>) -> Result<Vec<Code>> {
        let code = self.instructions(found.traced.steps.as_deref().unwrap_or_default())?;
        let (counted, traced) = (found.traced.cost.all, code.len());
        if traced as u64 == counted {
            return Ok(code);
        }
        Err(format!(
            "{}: {counted} instructions were counted and {traced} traced",
            found.workload
        ))
    }

    /// The instructions of `steps`, each one that repeats itself once.
    fn instructions(&self, steps: &[Step]) -> Result<Vec<Code>> {
        let mut all: Vec<Code> = Vec::new();
        for step in steps {
            let block = self.0.get(&step.block);
            let part = block.and_then(|block| block.get(step.from..step.from + step.count));
            let part = part.ok_or_else(|| format!("there is no such part of a block: {step:?}"))?;
            for _ in 0..step.times {
                for code in part {
                    let goes_on = |last: &Code| last.is_repeated && last.address == code.address;
                    if !all.last().is_some_and(goes_on) {
                        all.push(*code);
                    }
                }
            }
        }
        Ok(all)
    }
}

/// What of the function at `function` was executed from when it was first called until it was called
/// again; none if it never was.
pub fn executed(trace: &[Code], function: &Range<u64>) -> Option<Mix> {
    let mut calls = trace
        .iter()
        .enumerate()
        .filter(|(_, code)| code.address == function.start);
    let (first, _) = calls.next()?;
    let end = calls.next().map_or(trace.len(), |(second, _)| second);
    let mut mix = Mix::default();
    for code in &trace[first..end] {
        if function.contains(&code.address) {
            code.add_to(&mut mix, function);
        }
    }
    Some(mix)
}

/// How many instructions each stack's innermost function had.
pub fn stacks(trace: &[Code], symbols: &Symbols) -> Vec<(Vec<String>, u64)> {
    let mut walk = Walk::new(symbols);
    for code in trace {
        walk.step(code);
    }
    walk.stacks()
}

/// A function as it was called by another.
#[derive(Debug)]
struct Node {
    name: String,
    caller: Option<usize>,
    called: HashMap<String, usize>,
    count: u64,
}

/// A function that has not returned yet.
#[derive(Clone, Debug)]
struct Frame {
    node: usize,
    /// Where its function is.
    function: Range<u64>,
    /// Where it returns to; none if that is not known.
    back: Option<u64>,
    /// Whether it came as an interrupt or an exception.
    is_interrupt: bool,
}

/// How it got to an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It went on in the same function, or jumped into another one in its place.
    On,
    /// It was called.
    Called,
    /// It was returned to.
    Returned,
    /// Its interrupt is over.
    Resumed,
    /// By none of these.
    Interrupted,
}

/// Follows what is executed.
struct Walk<'a> {
    symbols: &'a Symbols,
    nodes: Vec<Node>,
    stack: Vec<Frame>,
    /// The stacks of tasks that do not run.
    parked: Vec<Vec<Frame>>,
    last: Option<Code>,
}

impl<'a> Walk<'a> {
    fn new(symbols: &'a Symbols) -> Self {
        let root = Node {
            name: String::new(),
            caller: None,
            called: HashMap::new(),
            count: 0,
        };
        Self {
            symbols,
            nodes: vec![root],
            stack: Vec::new(),
            parked: Vec::new(),
            last: None,
        }
    }

    fn step(&mut self, code: &Code) {
        let last = self.last.replace(*code);
        if !is_kernel(code.address) {
            self.stack.clear();
            let user = self.child(0, USER);
            self.nodes[user].count += 1;
            return;
        }
        let last = last.filter(|last| is_kernel(last.address));
        let way = match &last {
            None => Way::Interrupted,
            Some(last) => self.way(last, code.address),
        };
        match (way, last) {
            (Way::On, _) => self.rename(code.address),
            (Way::Called, Some(last)) => self.push(code.address, Some(last.next), false),
            (Way::Returned, _) => self.back_to(code.address),
            (Way::Resumed, _) => self.resume(code.address),
            (Way::Interrupted | Way::Called, last) => {
                if let Some(last) = last {
                    self.complete(&last);
                }
                self.push(code.address, None, true);
            }
        }
        if let Some(frame) = self.stack.last() {
            self.nodes[frame.node].count += 1;
        }
    }

    /// How it got from `last` to `address`.
    fn way(&self, last: &Code, address: u64) -> Way {
        let is_entry = || is_entry(self.name(address));
        let goes_there = |target: Option<u64>| match target {
            Some(target) => target == address,
            None => !is_entry(),
        };
        match last.flow {
            Flow::Call(target) if goes_there(target) => Way::Called,
            Flow::Return if !is_entry() => Way::Returned,
            Flow::InterruptReturn if !is_entry() => Way::Resumed,
            Flow::Jump(target) if goes_there(target) => Way::On,
            Flow::Branch(target) if address == target || address == last.next => Way::On,
            Flow::Next if address == last.next => Way::On,
            // It went on with a string instruction.
            Flow::Next if last.is_repeated && address == last.address => Way::On,
            _ => Way::Interrupted,
        }
    }

    /// What `last` did before the interrupt came that was seen in its place.
    fn complete(&mut self, last: &Code) {
        match last.flow {
            Flow::Call(Some(target)) => self.push(target, Some(last.next), false),
            Flow::Return => drop(self.stack.pop()),
            _ => {}
        }
    }

    fn name(&self, address: u64) -> &'a str {
        self.symbols
            .find(address)
            .map_or(UNKNOWN, |function| function.name)
    }

    fn function(&self, address: u64) -> Range<u64> {
        let found = self.symbols.find(address);
        found.map_or(0..0, |function| function.start..function.end)
    }

    fn push(&mut self, address: u64, back: Option<u64>, is_interrupt: bool) {
        let caller = self.stack.last().map_or(0, |frame| frame.node);
        let node = self.child(caller, self.name(address));
        self.stack.push(Frame {
            node,
            function: self.function(address),
            back,
            is_interrupt,
        });
    }

    /// The innermost function may have jumped into another one, which takes its place.
    fn rename(&mut self, address: u64) {
        let Some(frame) = self.stack.last() else {
            return self.push(address, None, false);
        };
        if frame.function.contains(&address) {
            return;
        }
        let Node { name, caller, .. } = &self.nodes[frame.node];
        let caller = caller.unwrap_or(0);
        if name == SWITCH {
            self.parked.push(self.stack.clone());
        }
        let node = self.child(caller, self.name(address));
        let function = self.function(address);
        if let Some(frame) = self.stack.last_mut() {
            frame.node = node;
            frame.function = function;
        }
    }

    fn back_to(&mut self, address: u64) {
        if unwind(&mut self.stack, address) {
            return self.rename(address);
        }
        // Another task's stack, or one of which only this is known.
        let parked = self
            .parked
            .iter_mut()
            .rposition(|stack| unwind(stack, address));
        self.stack = match parked {
            Some(index) => self.parked.remove(index),
            None => Vec::new(),
        };
        self.rename(address);
    }

    fn resume(&mut self, address: u64) {
        match self.stack.iter().rposition(|frame| frame.is_interrupt) {
            Some(index) => self.stack.truncate(index),
            None => self.stack.clear(),
        }
        self.rename(address);
    }

    fn child(&mut self, caller: usize, name: &str) -> usize {
        if let Some(node) = self.nodes[caller].called.get(name) {
            return *node;
        }
        let node = self.nodes.len();
        self.nodes.push(Node {
            name: name.into(),
            caller: Some(caller),
            called: HashMap::new(),
            count: 0,
        });
        self.nodes[caller].called.insert(name.into(), node);
        node
    }

    fn stacks(&self) -> Vec<(Vec<String>, u64)> {
        let path = |node: &Node| {
            let mut names = vec![node.name.clone()];
            let mut caller = node.caller;
            while let Some(index) = caller.filter(|index| *index != 0) {
                names.push(self.nodes[index].name.clone());
                caller = self.nodes[index].caller;
            }
            names.reverse();
            names
        };
        let counted = self.nodes.iter().filter(|node| node.count > 0);
        let mut stacks: Vec<_> = counted.map(|node| (path(node), node.count)).collect();
        stacks.sort();
        stacks
    }
}

/// Returns to `address`, if something there waits for it. Interrupts return in another way.
fn unwind(stack: &mut Vec<Frame>, address: u64) -> bool {
    let found = stack.iter().rposition(|frame| frame.back == Some(address));
    if let Some(index) = found {
        stack.truncate(index);
    }
    found.is_some()
}

fn is_kernel(address: u64) -> bool {
    address >> 63 == 1
}

/// Whether a function is where the processor goes by itself.
fn is_entry(name: &str) -> bool {
    name.starts_with("asm_") || name.ends_with("_entries_start")
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: u64 = 0xffff_ffff_8100_0000;
    const MAP: &str = "\
ffffffff81000000 T entry
ffffffff81000100 T outer
ffffffff81000200 T inner
ffffffff81000300 T tail
ffffffff81000400 T asm_timer
ffffffff81000500 T __switch_to_asm
ffffffff81000600 T __switch_to
ffffffff81000700 T kthread
ffffffff81000800 T end
";

    const NOP: &[u8] = &[0x90];
    const RET: &[u8] = &[0xc3];
    const IRET: &[u8] = &[0x48, 0xcf];
    const SYSCALL: &[u8] = &[0x0f, 0x05];

    fn one(address: u64, bytes: &[u8]) -> Code {
        Code::decode(address, bytes).unwrap()
    }

    /// A call, or with 0xe9 a jump.
    fn to(code: u8, address: u64, target: u64) -> Code {
        let distance = target.wrapping_sub(address + 5) as u32;
        one(address, &[&[code][..], &distance.to_le_bytes()].concat())
    }

    fn call(address: u64, target: u64) -> Code {
        to(0xe8, address, target)
    }

    fn walked(trace: &[Code]) -> Vec<(String, u64)> {
        let mut symbols = Symbols::default();
        symbols.add(MAP);
        let stacks = stacks(trace, &symbols);
        let total: u64 = stacks.iter().map(|(_, count)| count).sum();
        assert_eq!(total, trace.len() as u64);
        stacks
            .into_iter()
            .map(|(names, count)| (names.join(" "), count))
            .collect()
    }

    fn wanted(all: &[(&str, u64)]) -> Vec<(String, u64)> {
        all.iter()
            .map(|(names, n)| (names.to_string(), *n))
            .collect()
    }

    #[test]
    fn calls_jumps_and_returns_are_followed() {
        let trace = [
            one(0x10, SYSCALL),
            call(K, K + 0x100),
            call(K + 0x100, K + 0x200),
            to(0xe9, K + 0x200, K + 0x300),
            one(K + 0x300, RET),
            one(K + 0x105, RET),
            one(K + 5, IRET),
            one(0x12, NOP),
        ];
        assert_eq!(
            walked(&trace),
            wanted(&[
                ("entry", 2),
                ("entry outer", 2),
                ("entry outer inner", 1),
                ("entry outer tail", 1),
                ("user space", 2),
            ])
        );
    }

    #[test]
    fn interrupts_have_a_frame_of_their_own() {
        let trace = [
            one(0x10, SYSCALL),
            call(K, K + 0x100),
            one(K + 0x100, NOP),
            one(K + 0x400, NOP),
            one(K + 0x401, IRET),
            one(K + 0x101, RET),
            // Once more, right behind a return.
            one(K + 0x400, IRET),
            one(K + 5, NOP),
        ];
        assert_eq!(
            walked(&trace),
            wanted(&[
                ("entry", 2),
                ("entry asm_timer", 1),
                ("entry outer", 2),
                ("entry outer asm_timer", 2),
                ("user space", 1),
            ])
        );
    }

    #[test]
    fn tasks_have_stacks_of_their_own() {
        let trace = [
            one(0x10, SYSCALL),
            call(K, K + 0x500),
            to(0xe9, K + 0x500, K + 0x600),
            // To another task, and back.
            one(K + 0x600, RET),
            call(K + 0x700, K + 0x500),
            to(0xe9, K + 0x500, K + 0x600),
            one(K + 0x600, RET),
            one(K + 5, NOP),
        ];
        assert_eq!(
            walked(&trace),
            wanted(&[
                ("entry", 2),
                ("entry __switch_to", 1),
                ("entry __switch_to_asm", 1),
                ("kthread", 1),
                ("kthread __switch_to", 1),
                ("kthread __switch_to_asm", 1),
                ("user space", 1),
            ])
        );
    }

    #[test]
    fn what_is_in_no_function_says_so() {
        let trace = [
            call(K, K + 0x10_0000),
            one(K + 0x10_0000, NOP),
            one(K + 0x10_0001, RET),
            one(K + 5, NOP),
        ];
        let wanted = wanted(&[("entry", 2), ("entry (unknown)", 2)]);
        assert_eq!(walked(&trace), wanted);
    }

    #[test]
    fn steps_are_instructions() {
        let block = Block {
            address: K,
            instructions: vec![NOP.into(), vec![0xf3, 0xa4], RET.into()],
        };
        let blocks = Blocks::decode(&HashMap::from([(3, block)])).unwrap();
        let step = |from, count, times| Step {
            block: 3,
            from,
            count,
            times,
        };
        let trace = blocks.instructions(&[step(0, 2, 1), step(1, 1, 9), step(2, 1, 1)]);
        let addresses: Vec<u64> = trace.unwrap().iter().map(|code| code.address).collect();
        assert_eq!(addresses, [K, K + 1, K + 3]);
        assert!(blocks.instructions(&[step(2, 2, 1)]).is_err());
        let odd = Block {
            address: K,
            instructions: vec![vec![0x90, 0x90]],
        };
        assert!(Blocks::decode(&HashMap::from([(3, odd)])).is_err());
    }

    #[test]
    fn what_is_executed_once_is_without_its_callees() {
        let function = K + 0x100..K + 0x200;
        let once = [
            call(K + 0x100, K + 0x200),
            one(K + 0x200, RET),
            one(K + 0x105, &[0xf0, 0xff, 0x00]),
            one(K + 0x108, RET),
        ];
        let mut trace = vec![one(K, NOP)];
        assert_eq!(executed(&trace, &function), None);
        trace.extend(once);
        let mix = executed(&trace, &function).unwrap();
        let wanted = Mix {
            instructions: 3,
            calls: 1,
            branches: 0,
            atomics: 1,
        };
        assert_eq!(mix, wanted);
        trace.extend(once);
        assert_eq!(executed(&trace, &function), Some(wanted));
    }
}
