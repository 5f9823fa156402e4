// SPDX-License-Identifier: GPL-2.0

//! The flow of control through a disassembled function: what it calls, always or sometimes, and
//! how often it branches.

use std::collections::HashMap;

use crate::objdump::Function;
use crate::objdump::Instruction;

/// A call through a register or memory, whichever it is: those that a compiler picks do not matter.
const INDIRECT: &str = "(indirect)";
/// The functions that such a call goes through on a kernel with retpolines.
const THUNK: &str = "__x86_indirect_thunk_";
/// The function that a return goes through on such a kernel.
const RETURN_THUNK: &str = "__x86_return_thunk";

/// A function's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many instructions it has.
    pub instructions: usize,
    /// How many of them are conditional branches.
    pub branches: usize,
    /// Its calls and its jumps to other functions, in order.
    pub calls: Vec<Call>,
    /// All symbols that it refers to.
    pub symbols: Vec<String>,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function called.
    pub target: String,
    /// Whether there is no way through the function without it.
    pub always: bool,
}

impl Shape {
    /// The function's shape; an error says what about it cannot be followed.
    pub fn of(function: &Function) -> Result<Self, String> {
        let code = &function.instructions;
        let steps = Steps::of(code)?;
        let reached = steps.reached(None);
        if !reached
            .iter()
            .zip(&steps.0)
            .any(|(on, step)| *on && step.leaves)
        {
            return Err("it never returns".into());
        }
        for (one, reached) in code.iter().zip(&reached) {
            // A trap behind a trap, or space before the target of a jump.
            if !reached && !one.is_padding() && one.mnemonic != "ud2" {
                return Err(format!(
                    "nothing leads to {:#x}: a static key?",
                    one.address
                ));
            }
        }
        let calls = steps.0.iter().enumerate().filter_map(|(at, step)| {
            Some(Call {
                target: step.calls.clone()?,
                always: !steps.leaves_without(at),
            })
        });
        Ok(Self {
            instructions: code.len(),
            branches: steps.0.iter().filter(|step| step.branches).count(),
            calls: calls.collect(),
            symbols: code.iter().flat_map(|one| one.symbols.clone()).collect(),
        })
    }

    /// How many calls there is no way around.
    pub fn always(&self) -> usize {
        self.calls.iter().filter(|call| call.always).count()
    }
}

/// What each instruction does, and where it leads.
struct Steps(Vec<Step>);

#[derive(Clone, Debug, Default)]
struct Step {
    /// The instructions that may come next.
    next: Vec<usize>,
    /// The function may be over behind it.
    leaves: bool,
    branches: bool,
    calls: Option<String>,
}

impl Steps {
    fn of(code: &[Instruction]) -> Result<Self, String> {
        let places: HashMap<u64, usize> = code.iter().map(|one| one.address).zip(0..).collect();
        let steps = code.iter().enumerate().map(|(at, one)| {
            let next = Some(at + 1).filter(|next| *next < code.len());
            step(one, next, &places)
        });
        steps.collect::<Result<_, _>>().map(Self)
    }

    /// Which instructions are reached from the first, if none leads on from `without`.
    fn reached(&self, without: Option<usize>) -> Vec<bool> {
        let mut reached = vec![false; self.0.len()];
        let mut open: Vec<usize> = (0..self.0.len().min(1)).collect();
        while let Some(at) = open.pop() {
            if Some(at) == without || std::mem::replace(&mut reached[at], true) {
                continue;
            }
            open.extend(&self.0[at].next);
        }
        reached
    }

    /// Whether there is a way out without the call at `at`.
    fn leaves_without(&self, at: usize) -> bool {
        // A conditional jump to another function can be passed without it.
        let block = (!self.0[at].branches).then_some(at);
        let mut reached = self.reached(block);
        reached[at] = false;
        let mut steps = self.0.iter().zip(reached);
        steps.any(|(step, on)| on && step.leaves)
    }
}

/// What an instruction does. A call that does not return, and a trap, are taken to lead on to what
/// stands behind them: a WARN() does. The end of the code is no way out.
fn step(
    one: &Instruction,
    next: Option<usize>,
    places: &HashMap<u64, usize>,
) -> Result<Step, String> {
    let mut step = Step::default();
    let name = one.mnemonic.as_str();
    if name.starts_with("ret") {
        step.leaves = true;
        return Ok(step);
    }
    let jumps = name.starts_with('j') || name.starts_with("loop");
    step.branches = jumps && !name.starts_with("jmp");
    if !jumps || step.branches {
        step.next.extend(next);
    }
    if name.starts_with("call") {
        step.calls = Some(target(one));
    }
    if !jumps {
        return Ok(step);
    }
    let here = destination(one).and_then(|address| places.get(&address));
    match here {
        Some(here) => step.next.push(*here),
        None if one.symbols.first().is_some_and(|s| s == RETURN_THUNK) => step.leaves = true,
        None if is_inside(one, places) => {
            return Err(format!("{:#x} jumps into an instruction", one.address));
        }
        None => {
            step.leaves = true;
            step.calls = Some(target(one));
        }
    }
    Ok(step)
}

/// The address that a jump without a symbol goes to.
fn destination(one: &Instruction) -> Option<u64> {
    if !one.symbols.is_empty() {
        return None;
    }
    let address = one.operands.split_whitespace().next()?;
    u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()
}

/// Whether a jump goes to where the function's own code is.
fn is_inside(one: &Instruction, places: &HashMap<u64, usize>) -> bool {
    let (first, last) = (places.keys().min(), places.keys().max());
    match (destination(one), first, last) {
        (Some(address), Some(first), Some(last)) => (*first..=*last).contains(&address),
        _ => false,
    }
}

/// The function that a call or jump goes to.
fn target(one: &Instruction) -> String {
    match one.symbols.first() {
        Some(symbol) if symbol.starts_with(THUNK) => INDIRECT.into(),
        Some(symbol) if one.operands.starts_with('*') => format!("{INDIRECT} {symbol}"),
        Some(symbol) => symbol.clone(),
        None if one.operands.starts_with('*') => INDIRECT.into(),
        // `0x2890 <name>`
        None => {
            let name = one.operands.split_once('<');
            let name = name.and_then(|(_, rest)| rest.strip_suffix('>'));
            name.unwrap_or(&one.operands).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objdump;

    /// The shape of a function with these instructions, one every two bytes from 0x10 on;
    /// `callq !f` is one with a relocation.
    fn shape(code: &[&str]) -> Result<Shape, String> {
        let mut text = String::from("0000000000000010 <f>:\n");
        for (address, one) in (0x10..).step_by(2).zip(code) {
            let (one, symbol) = one.split_once('!').unwrap_or((one, ""));
            let one = one.trim().replacen(' ', "\t", 1);
            text += &format!("      {address:x}:      \t{one}\n");
            if !symbol.is_empty() {
                text += &format!("\t\t00000000000000{address:x}:  R_X86_64_PLT32\t{symbol}-0x4\n");
            }
        }
        Shape::of(&objdump::parse(&text).unwrap()[0])
    }

    /// The calls, those that always happen with a `!`.
    fn calls(code: &[&str]) -> Vec<String> {
        let mark = |call: &Call| format!("{}{}", call.target, if call.always { "!" } else { "" });
        shape(code).unwrap().calls.iter().map(mark).collect()
    }

    #[test]
    fn a_call_that_a_branch_goes_around_does_not_always_happen() {
        // 10: if (x) maybe(); 16: always(); return
        let code = [
            "endbr64",
            "je 0x16 <f+0x6>",
            "callq !maybe",
            "callq !always",
            "retq",
        ];
        assert_eq!(calls(&code), ["maybe", "always!"]);
        let shape = shape(&code).unwrap();
        assert_eq!(
            (shape.instructions, shape.branches, shape.always()),
            (5, 1, 1)
        );
    }

    #[test]
    fn a_forward_branch_not_taken_may_be_the_way_around() {
        // The way of all jumps not taken passes cold(), the other does not.
        let code = [
            "jne 0x18 <f+0x8>", // 10
            "callq !hot",       // 12
            "callq !cold",      // 14
            "retq",             // 16
            "callq !hot",       // 18
            "jmp 0x16 <f+0x6>", // 1a
        ];
        assert_eq!(calls(&code), ["hot", "cold", "hot"]);
    }

    #[test]
    fn a_call_behind_a_backward_jump_may_always_happen() {
        let code = [
            "jmp 0x16 <f+0x6>", // 10
            "callq !last",      // 12
            "retq",             // 14
            "callq !first",     // 16
            "jne 0x16 <f+0x6>", // 18
            "jmp 0x12 <f+0x2>", // 1a
        ];
        assert_eq!(calls(&code), ["last!", "first!"]);
    }

    #[test]
    fn an_early_return_makes_what_follows_conditional() {
        let code = ["callq !a", "je 0x16 <f+0x6>", "callq !b", "retq"];
        assert_eq!(calls(&code), ["a!", "b"]);
        let code = ["je 0x14 <f+0x4>", "retq", "callq !b", "retq"];
        assert_eq!(calls(&code), ["b"]);
    }

    #[test]
    fn jumps_out_of_the_function_are_calls_and_ends() {
        assert_eq!(calls(&["jmp !tail"]), ["tail!"]);
        assert_eq!(calls(&["jne !cold", "callq !b", "retq"]), ["cold", "b"]);
        assert_eq!(calls(&["jmp 0x900 <g>"]), ["g!"]);
        assert_eq!(calls(&["jmpq *%rax"]), ["(indirect)!"]);
        let code = ["callq !a", "jmp !__x86_return_thunk"];
        assert_eq!(calls(&code), ["a!"]);
    }

    #[test]
    fn indirect_calls_are_alike_whatever_register_they_go_through() {
        let thunk = ["callq !__x86_indirect_thunk_r11", "retq"];
        assert_eq!(calls(&thunk), ["(indirect)!"]);
        assert_eq!(calls(&["callq *%rax", "retq"]), ["(indirect)!"]);
        let memory = ["callq *(%rip) !pv_ops+0x8", "retq"];
        assert_eq!(calls(&memory), ["(indirect) pv_ops+0x8!"]);
        assert_eq!(calls(&["callq 0x900 <<a::B>::c>", "retq"]), ["<a::B>::c!"]);
    }

    #[test]
    fn traps_are_no_way_out() {
        let code = [
            "je 0x16 <f+0x6>", // 10
            "callq !a",        // 12
            "retq",            // 14
            "ud2",             // 16
            "ud2",             // 18
        ];
        assert_eq!(calls(&code), ["a!"]);
        // A WARN() goes on.
        let code = [
            "je 0x16 <f+0x6>",  // 10
            "callq !a",         // 12
            "retq",             // 14
            "ud2",              // 16
            "jmp 0x14 <f+0x4>", // 18
        ];
        assert_eq!(calls(&code), ["a"]);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        for (code, why) in [
            (
                &["retq", "callq !hidden", "retq"][..],
                "nothing leads to 0x12",
            ),
            (&["callq !a", "jmp 0x10 <f>"], "never returns"),
            (&["ud2"], "never returns"),
            (
                &["je 0x13 <f+0x3>", "callq !a", "retq"],
                "into an instruction",
            ),
            (&[], "never returns"),
        ] {
            let said = shape(code).unwrap_err();
            assert!(said.contains(why), "{code:?}: {said}");
        }
    }
}
