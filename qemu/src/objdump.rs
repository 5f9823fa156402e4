// SPDX-License-Identifier: GPL-2.0

//! What `llvm-objdump --disassemble --reloc --no-show-raw-insn` prints for x86-64.

/// Prefixes that stand where an instruction's name does.
const PREFIXES: [&str; 13] = [
    "bnd", "cs", "data16", "ds", "es", "fs", "gs", "lock", "notrack", "rep", "repe", "repne", "ss",
];

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its symbol, as it was printed.
    pub name: String,
    /// Its instructions, without what only fills the space up to the next function.
    pub instructions: Vec<Instruction>,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Where it begins, prefixes included.
    pub address: u64,
    /// Its name, such as `callq`; without prefixes.
    pub mnemonic: String,
    /// Its operands, such as `*%rax`.
    pub operands: String,
    /// The symbols that it refers to.
    pub symbols: Vec<String>,
}

impl Instruction {
    /// Whether it does nothing, or is never reached: between functions there are such.
    pub fn is_padding(&self) -> bool {
        self.mnemonic.starts_with("nop")
            || self.mnemonic == "int3"
            || (self.mnemonic == "xchgw" && self.operands == "%ax, %ax")
    }
}

/// Reads the text; an error says which line cannot be understood.
pub fn parse(text: &str) -> Result<Vec<Function>, String> {
    let mut functions: Vec<Function> = Vec::new();
    // Where a prefix on a line of its own was.
    let mut prefix = None;
    for line in text.lines() {
        if line.trim().is_empty() || is_heading(line) || is_comment(line) {
            continue;
        }
        if let Some(name) = function(line) {
            functions.push(Function {
                name: name.into(),
                instructions: Vec::new(),
            });
            continue;
        }
        let last = functions.last_mut().map(|f| &mut f.instructions);
        let instructions = last.ok_or_else(|| format!("outside of any function: {line}"))?;
        if let Some(symbol) = relocation(line) {
            let owner = instructions.last_mut();
            let owner = owner.ok_or_else(|| format!("not in an instruction: {line}"))?;
            owner.symbols.push(symbol.into());
        } else if let Some(mut one) = instruction(line) {
            one.address = prefix.take().unwrap_or(one.address);
            if PREFIXES.contains(&one.mnemonic.as_str()) {
                prefix = Some(one.address);
            } else {
                instructions.push(one);
            }
        } else {
            return Err(format!("not understood: {line}"));
        }
    }
    functions.iter_mut().for_each(drop_padding);
    Ok(functions)
}

fn is_heading(line: &str) -> bool {
    line.contains(":\tfile format ")
        || line.starts_with("Disassembly of section ")
        // Zeroes that were left out.
        || line.trim() == "..."
}

/// What did not fit behind the instruction above: an address, in the words of a comment.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("# 0x")
}

/// The name in `0000000000000210 <name>:`.
fn function(line: &str) -> Option<&str> {
    let (address, rest) = line.split_once(' ')?;
    u64::from_str_radix(address, 16).ok()?;
    rest.strip_prefix('<')?.strip_suffix(">:")
}

/// The symbol in `\t\t0000000000000239:  R_X86_64_PLT32\tskb_tstamp_tx-0x4`.
fn relocation(line: &str) -> Option<&str> {
    let (place, rest) = line.strip_prefix("\t\t")?.split_once(':')?;
    u64::from_str_radix(place, 16).ok()?;
    let (kind, symbol) = rest.trim_start().split_once('\t')?;
    // What is relative counts from the end of its four bytes.
    let symbol = symbol.strip_suffix("-0x4").unwrap_or(symbol);
    kind.starts_with("R_X86_64_").then_some(symbol)
}

/// `     2d0:      \tcallq\t0x23d <name+0x2d>`, also with prefixes before the name.
fn instruction(line: &str) -> Option<Instruction> {
    let (address, rest) = line.trim_start().split_once(':')?;
    let address = u64::from_str_radix(address, 16).ok()?;
    let mut rest = rest.trim();
    loop {
        let (mnemonic, operands) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        if PREFIXES.contains(&mnemonic) && !operands.is_empty() {
            rest = operands.trim_start();
            continue;
        }
        // `# imm = 0x8` and the like are comments; `{closure#0}` is none.
        let operands = operands.split(" # ").next().unwrap_or(operands);
        let good = mnemonic.starts_with(|c: char| c.is_ascii_lowercase());
        return good.then(|| Instruction {
            address,
            mnemonic: mnemonic.into(),
            operands: operands.trim().into(),
            symbols: Vec::new(),
        });
    }
}

fn drop_padding(function: &mut Function) {
    let all = &mut function.instructions;
    while all.last().is_some_and(Instruction::is_padding) {
        all.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `loopback_xmit()`, clang 22.
    const TEXT: &str = "
/x/loopback.o:\tfile format elf64-x86-64

Disassembly of section .text:

0000000000000210 <loopback_xmit>:
     210:      \tendbr64
     231:      \tje\t0x23d <loopback_xmit+0x2d>
     238:      \tcallq\t0x23d <loopback_xmit+0x2d>
\t\t0000000000000239:  R_X86_64_PLT32\tskb_tstamp_tx-0x4
     258:      \tcallq\t*%rax
     291:      \tlock
     292:      \taddl\t$0x1, 0x40(%r15)
     2ad:      \tmovl\t$0x7fff, %edx           # imm = 0x7FFF
     2e0:      \tmovq\t%gs:(%rip), %rax        # 0x2e8 <loopback_xmit+0xd8>
\t\t00000000000002e4:  R_X86_64_PC32\tthis_cpu_off-0x4
     2e8:      \tcmpl\t$0x7fffffff, 0x12345(%rip)     # imm = 0x7FFFFFFF
                                                # 0x5d2e <a::b+0x1e>
     2ff:      \tretq
     312:      \tud2
     314:      \tnopw\t%cs:(%rax,%rax)
     31e:      \tnop

0000000000000320 <<a::VTable<b::Lo> as c::Ops>::f::{closure#0}>:
     320:      \tnotrack\t\tjmpq\t*0x8(%rax)
     326:      \tjmp\t0x320 <<a::VTable<b::Lo> as c::Ops>::f::{closure#0}>
";

    fn one(address: u64, mnemonic: &str, operands: &str, symbols: &[&str]) -> Instruction {
        Instruction {
            address,
            mnemonic: mnemonic.into(),
            operands: operands.into(),
            symbols: symbols.iter().map(|s| s.to_string()).collect(),
        }
    }

    #[test]
    fn functions_instructions_and_symbols_are_found() {
        let functions = parse(TEXT).unwrap();
        let names: Vec<_> = functions.iter().map(|f| f.name.as_str()).collect();
        let rust = "<a::VTable<b::Lo> as c::Ops>::f::{closure#0}";
        assert_eq!(names, ["loopback_xmit", rust]);
        assert_eq!(
            functions[0].instructions,
            [
                one(0x210, "endbr64", "", &[]),
                one(0x231, "je", "0x23d <loopback_xmit+0x2d>", &[]),
                one(
                    0x238,
                    "callq",
                    "0x23d <loopback_xmit+0x2d>",
                    &["skb_tstamp_tx"]
                ),
                one(0x258, "callq", "*%rax", &[]),
                one(0x291, "addl", "$0x1, 0x40(%r15)", &[]),
                one(0x2ad, "movl", "$0x7fff, %edx", &[]),
                one(0x2e0, "movq", "%gs:(%rip), %rax", &["this_cpu_off"]),
                one(0x2e8, "cmpl", "$0x7fffffff, 0x12345(%rip)", &[]),
                one(0x2ff, "retq", "", &[]),
                one(0x312, "ud2", "", &[]),
            ]
        );
        let jump = format!("0x320 <{rust}>");
        assert_eq!(
            functions[1].instructions,
            [
                one(0x320, "jmpq", "*0x8(%rax)", &[]),
                one(0x326, "jmp", &jump, &[]),
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "     210:      \tnop",
            "0000000000000000 <f>:\nrubbish",
            "0000000000000000 <f>:\n     210:      \t<unknown>",
            "0000000000000000 <f>:\n\t\t0000000000000239:  R_X86_64_PLT32\tx-0x4",
            "0000000000000000 <f>:\n  0: \tnop\n\t\t00:  R_ARM_X\tx",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
