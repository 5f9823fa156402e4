// SPDX-License-Identifier: GPL-2.0

//! The driver's transmit function against the C one, as machine code: it calls nothing that the C
//! one does not, and branches no more often. Both are built by kbuild for the same kernel, as a
//! module or as a part of it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use lab_protocol::Outcome;
use lab_protocol::Variant;

use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Result;
use crate::flow::Call;
use crate::flow::Shape;
use crate::judge::Test;
use crate::kernel::Kernel;
use crate::objdump;
use crate::objdump::Function;
use crate::process;
use crate::reference;
use crate::reference::Form;
use crate::test::complain;
use crate::ui::Stage;

/// The test's name.
pub const NAME: &str = "codegen.xmit";

/// The C driver's transmit function.
const C_XMIT: &str = "loopback_xmit";
/// What the names of the driver's transmit function contain, and of no other function.
const RUST_XMIT: [&str; 2] = ["start_xmit_callback", "rust_loopback::Loopback>"];
/// What must not be in the symbols that a transmit function refers to: it cannot fail.
const FORBIDDEN: [&str; 6] = [
    "panic",
    "bounds",
    "unwrap",
    "expect_failed",
    "slice::index",
    "build_error",
];

/// Where the driver is in a kernel that has it built in.
pub const BUILT_IN: &str = "drivers/net/rust_loopback/rust_loopback.o";

/// Whether `variant` has a Rust driver.
pub fn is_for(variant: Variant) -> bool {
    match variant {
        Variant::Module | Variant::Builtin => true,
        Variant::C => false,
    }
}

/// Whether `name` is what `variant` calls its driver's transmit function.
pub fn is_xmit(variant: Variant, name: &str) -> bool {
    match variant {
        Variant::Module | Variant::Builtin => RUST_XMIT.iter().all(|part| name.contains(part)),
        Variant::C => name == C_XMIT,
    }
}

/// Runs the test on the driver of `kernel`; `module` is the one that was built for it.
pub fn run(checkout: &Checkout, kernel: &Kernel, module: &Path) -> Result<Test> {
    let mut stage = Stage::start("codegen", "comparing the transmit functions");
    let start = Instant::now();
    let mut test = Test {
        name: NAME.into(),
        outcome: Outcome::Passed,
        detail: String::new(),
        time: None,
    };
    let variant = kernel.variant;
    if let Some(why) = why_not(kernel)? {
        stage.done(&format!("{variant}: skipped: {why}"));
        test.outcome = Outcome::Skipped;
        test.detail = why.into();
        return Ok(test);
    }
    let (form, driver) = match variant {
        Variant::Builtin => (Form::BuiltIn, kernel.build.join(BUILT_IN)),
        Variant::Module | Variant::C => (Form::Module, module.to_path_buf()),
    };
    let name = format!("codegen-{variant}");
    let reference = reference::build(checkout, kernel, form, &name, &mut stage)?;
    let rust = disassembled(kernel, &driver)?;
    let c = disassembled(kernel, &reference.object)?;
    let verdict = Pair::find(&rust, &c).and_then(|pair| pair.judge().map(|()| pair.brief()));
    test.time = Some(start.elapsed());
    match verdict {
        Ok(brief) => stage.done(&format!("{variant}: {brief}")),
        Err(trouble) => {
            stage.fail();
            test.outcome = Outcome::Failed;
            test.detail = trouble;
            complain(&test, variant, &checkout.show(&checkout.log(&name)?));
        }
    }
    Ok(test)
}

/// Why the two cannot be compared in this kernel, if they cannot.
fn why_not(kernel: &Kernel) -> Result<Option<&'static str>> {
    if kernel.debug {
        return Ok(Some("a sanitised kernel checks what is not in the source"));
    }
    if !kernel.config()?.contains("CONFIG_RUST_INLINE_HELPERS") {
        return Ok(Some("the kernel does not inline C helpers into Rust"));
    }
    Ok(None)
}

fn disassembled(kernel: &Kernel, object: &Path) -> Result<String> {
    let suffix = kernel.toolchain.get("LLVM_SUFFIX")?;
    let mut command = kernel.toolchain.command(&format!("llvm-objdump{suffix}"));
    command
        .args([
            "--disassemble",
            "--reloc",
            "--demangle",
            "--no-show-raw-insn",
        ])
        .arg(object);
    process::output(&mut command, Exit::Setup)
}

/// Both transmit functions.
struct Pair {
    rust: Shape,
    c: Shape,
}

impl Pair {
    /// Finds them in disassembled text; an error says what is wrong with it.
    fn find(rust: &str, c: &str) -> std::result::Result<Self, String> {
        let shape = |text, parts: &dyn Fn(&str) -> bool, what: &str| {
            let functions = objdump::parse(text)?;
            Shape::of(only(&functions, parts, what)?).map_err(|why| format!("{what}: {why}"))
        };
        let is_rust = |name: &str| is_xmit(Variant::Module, name);
        Ok(Self {
            rust: shape(rust, &is_rust, "the driver's transmit function")?,
            c: shape(c, &|name| is_xmit(Variant::C, name), C_XMIT)?,
        })
    }

    fn brief(&self) -> String {
        format!(
            "{} instructions, {} unconditional calls; C: {}, {}",
            self.rust.instructions,
            self.rust.always(),
            self.c.instructions,
            self.c.always()
        )
    }

    /// An error says what the Rust function does that it should not, and shows both.
    fn judge(&self) -> std::result::Result<(), String> {
        let mut trouble = self.calls_of_its_own();
        for symbol in self
            .rust
            .symbols
            .iter()
            .filter(|symbol| is_forbidden(symbol))
        {
            trouble.push(format!("refers to {symbol}"));
        }
        for (what, rust, c) in [
            ("unconditional calls", self.rust.always(), self.c.always()),
            ("conditional branches", self.rust.branches, self.c.branches),
        ] {
            if rust > c {
                trouble.push(format!("has {rust} {what}, C has {c}"));
            }
        }
        if trouble.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the driver's transmit function\n  {}\n{}",
            trouble.join("\n  "),
            self.table()
        ))
    }

    /// What it calls that C does not, or not as often.
    fn calls_of_its_own(&self) -> Vec<String> {
        let mut left: HashMap<&str, usize> = HashMap::new();
        for call in &self.c.calls {
            *left.entry(&call.target).or_default() += 1;
        }
        let mut own = Vec::new();
        for call in &self.rust.calls {
            match left.get_mut(call.target.as_str()) {
                Some(count) if *count > 0 => *count -= 1,
                _ => own.push(format!("calls {}, C does not (or less often)", call.target)),
            }
        }
        own
    }

    /// Both functions' calls, side by side.
    fn table(&self) -> String {
        let head = |name: &str, shape: &Shape| {
            let Shape {
                instructions,
                branches,
                ..
            } = shape;
            format!("{name}: {instructions} instructions, {branches} conditional branches")
        };
        let column = |name: &str, shape: &Shape| -> Vec<String> {
            let calls = shape.calls.iter().map(describe);
            std::iter::once(head(name, shape)).chain(calls).collect()
        };
        let (rust, c) = (column("Rust", &self.rust), column("C", &self.c));
        let width = rust.iter().map(|cell| cell.chars().count()).max();
        let width = width.unwrap_or_default();
        let lines = (0..rust.len().max(c.len())).map(|row| {
            let cell = |column: &[String]| column.get(row).cloned().unwrap_or_default();
            let line = format!("{:width$} | {}", cell(&rust), cell(&c));
            line.trim_end().to_string()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn describe(call: &Call) -> String {
    let when = if call.always { "always" } else { "sometimes" };
    format!("  {when:9} {}", call.target)
}

fn is_forbidden(symbol: &str) -> bool {
    let symbol = symbol.to_ascii_lowercase();
    FORBIDDEN.iter().any(|part| symbol.contains(part))
}

/// The one function whose name is right.
fn only<'a>(
    functions: &'a [Function],
    is_right: &dyn Fn(&str) -> bool,
    what: &str,
) -> std::result::Result<&'a Function, String> {
    let found: Vec<_> = functions.iter().filter(|f| is_right(&f.name)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!("{what} is not there")),
        _ => Err(format!("{what} is there {} times", found.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST_NAME: &str = "<k::ops::VTable<rust_loopback::Loopback>>::start_xmit_callback";

    fn shape(branches: usize, calls: &[(&str, bool)], symbols: &[&str]) -> Shape {
        Shape {
            instructions: 74,
            branches,
            calls: calls
                .iter()
                .map(|(target, always)| Call {
                    target: target.to_string(),
                    always: *always,
                })
                .collect(),
            symbols: symbols.iter().map(|s| s.to_string()).collect(),
        }
    }

    fn c() -> Shape {
        shape(
            3,
            &[("a", true), ("b", false), ("a", false)],
            &["a", "b", "data"],
        )
    }

    fn judge(rust: Shape) -> std::result::Result<(), String> {
        Pair { rust, c: c() }.judge()
    }

    #[test]
    fn no_more_than_c_is_right() {
        assert_eq!(judge(c()), Ok(()));
        assert_eq!(
            judge(shape(2, &[("a", false), ("a", true)], &["a"])),
            Ok(())
        );
        assert_eq!(judge(shape(0, &[], &[])), Ok(()));
    }

    #[test]
    fn more_than_c_is_wrong_and_both_are_shown() {
        for (rust, why) in [
            (shape(3, &[("x", false)], &[]), "calls x, C does not"),
            (
                shape(3, &[("b", false), ("b", false)], &[]),
                "calls b, C does not",
            ),
            (
                shape(3, &[("a", true), ("b", true)], &[]),
                "2 unconditional calls, C has 1",
            ),
            (shape(4, &[], &[]), "4 conditional branches, C has 3"),
            (
                shape(3, &[], &["core::panicking::panic_fmt"]),
                "refers to core::panicking",
            ),
            (
                shape(3, &[], &["rust_build_error"]),
                "refers to rust_build_error",
            ),
            (
                shape(3, &[], &["core::option::unwrap_failed"]),
                "refers to core::option",
            ),
        ] {
            let said = judge(rust).unwrap_err();
            assert!(said.contains(why), "{said}");
            assert!(
                said.contains("| C: 74 instructions, 3 conditional"),
                "{said}"
            );
            assert!(said.contains("|   always    a"), "{said}");
        }
    }

    #[test]
    fn each_function_must_be_there_once() {
        let text = |names: &[&str]| {
            let functions = names.iter().zip((0..).step_by(16)).map(|(name, address)| {
                format!("{address:016x} <{name}>:\n  {address:x}: \tretq\n")
            });
            functions.collect::<String>()
        };
        let other = "<k::ops::VTable<rust_loopback::kunit::TestLo>>::start_xmit_callback";
        let (rust, c) = (text(&[other, RUST_NAME]), text(&["x", C_XMIT]));
        assert!(Pair::find(&rust, &c).is_ok());
        let twice = text(&[RUST_NAME, RUST_NAME]);
        for (rust, c, why) in [
            (&twice, &c, "2 times"),
            (&text(&[other]), &c, "not there"),
            (&rust, &text(&["loopback_xmit.cold"]), "not there"),
            (&rust, &String::from("rubbish"), "outside of any function"),
        ] {
            let said = Pair::find(rust, c).err().unwrap();
            assert!(said.contains(why), "{said}");
        }
    }
}
