// SPDX-License-Identifier: GPL-2.0

//! What each variant's kernel is made of, by the symbols in it and the objects that they are from:
//! C's driver or the Rust one, and nothing of the other.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use lab_protocol::Outcome;
use lab_protocol::Variant;

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Result;
use crate::judge::Test;
use crate::kernel::Kernel;
use crate::process;
use crate::reference;
use crate::reference::Form;
use crate::test::complain;
use crate::ui::Stage;

/// The test's name.
pub const NAME: &str = "image.symbols";

/// The kernel, with names for its functions.
const VMLINUX: &str = "vmlinux";
/// The archive of all the objects that it is linked from. One that is left over from another
/// configuration is not in it.
const OBJECTS: &str = "vmlinux.a";

/// The C driver's object, and where those of this project are.
const C_OBJECT: &str = "drivers/net/loopback.o";
const OWN_OBJECTS: &str = "drivers/net/rust_loopback/";

/// The Rust crates: the driver, and the one device that the kernel needs without it, too.
const DRIVER: &str = "rust_loopback";
const BLACKHOLE: &str = "rust_blackhole";

/// What a built-in driver has to call as the C one does: the network core refers to it.
const CORE_NEEDS: &str = "loopback_net_ops";

/// What marks an exported symbol in its object.
const EXPORT: &str = "__export_symbol_";

/// Runs the test on `kernel`.
pub fn run(checkout: &Checkout, kernel: &Kernel) -> Result<Test> {
    let mut stage = Stage::start("image", "looking at what the kernel is made of");
    let start = Instant::now();
    let mut test = Test {
        name: NAME.into(),
        outcome: Outcome::Passed,
        detail: String::new(),
        time: None,
    };
    let name = format!("image-{}", kernel.variant);
    let reference = reference::build(checkout, kernel, Form::BuiltIn, &name, &mut stage)?;
    let object = nm(kernel, &reference.object)?;
    let upstream = read_text(&kernel.pristine(reference::SOURCE))?;
    let image = Image {
        c: own_symbols(&symbols(&object), &upstream),
        symbols: symbols(&nm(kernel, &kernel.build.join(VMLINUX))?),
        objects: by_object(&nm(kernel, &kernel.build.join(OBJECTS))?),
    };
    let mut trouble = image.judge(kernel.variant);
    let source = reference::SOURCE;
    if read_text(&kernel.source.join(source))? != upstream {
        trouble.push(format!("{source} is not upstream's"));
    }
    test.time = Some(start.elapsed());
    if trouble.is_empty() {
        stage.done(&image.brief(kernel.variant));
        return Ok(test);
    }
    stage.fail();
    test.outcome = Outcome::Failed;
    test.detail = trouble.join("\n");
    complain(&test, kernel.variant, &checkout.show(&checkout.log(&name)?));
    Ok(test)
}

fn nm(kernel: &Kernel, file: &Path) -> Result<String> {
    let suffix = kernel.toolchain.get("LLVM_SUFFIX")?;
    let mut command = kernel.toolchain.command(&format!("llvm-nm{suffix}"));
    command
        .args(["--defined-only", "--print-file-name", "--no-sort"])
        .arg(file);
    process::output(&mut command, Exit::Setup)
}

/// The object and the symbol of a line of `llvm-nm --print-file-name`:
/// `<file>: <address> <kind> <symbol>`, with `<archive>:<object>` as the file of an archive's.
fn line(text: &str) -> Option<(&str, &str)> {
    let (file, rest) = text.split_once(": ")?;
    let object = file.rsplit(':').next()?;
    // Symbols have no spaces, addresses may be missing.
    Some((object, rest.rsplit(' ').next()?))
}

fn symbols(text: &str) -> BTreeSet<String> {
    let symbols = text.lines().filter_map(line);
    symbols.map(|(_, symbol)| symbol.to_string()).collect()
}

/// Which objects define each symbol.
fn by_object(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (object, symbol) in text.lines().filter_map(line) {
        let objects = all.entry(symbol.into()).or_default();
        objects.insert(object.into());
    }
    all
}

/// What of an object's symbols its `source` defines: not what exports, initcalls and sanitisers leave
/// behind, and not what came in with headers. What it exports is left out, too: the kernel needs that
/// from whatever driver.
fn own_symbols(all: &BTreeSet<String>, source: &str) -> BTreeSet<String> {
    let exported: BTreeSet<&str> = all
        .iter()
        .filter_map(|symbol| symbol.strip_prefix(EXPORT))
        .collect();
    // What is defined is named in a line that is not indented; a call is.
    let defining = source.lines().filter(|line| !line.starts_with([' ', '\t']));
    let words: BTreeSet<&str> = defining
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !word.is_empty())
        .collect();
    all.iter()
        .filter(|symbol| !exported.contains(symbol.as_str()))
        // A function's own variables are called `<function>.<variable>`.
        .filter(|symbol| {
            symbol
                .split('.')
                .next()
                .is_some_and(|name| words.contains(name))
        })
        .cloned()
        .collect()
}

/// What was found.
struct Image {
    /// What C's driver defines.
    c: BTreeSet<String>,
    /// The kernel's symbols.
    symbols: BTreeSet<String>,
    /// Which of its objects define each symbol.
    objects: BTreeMap<String, BTreeSet<String>>,
}

impl Image {
    /// All that is not as `variant` has to have it.
    fn judge(&self, variant: Variant) -> Vec<String> {
        let mut trouble = Vec::new();
        if !self.c.contains(CORE_NEEDS) {
            trouble.push(format!(
                "{} does not define {CORE_NEEDS}",
                reference::SOURCE
            ));
        }
        for (crate_name, is_needed) in [
            (DRIVER, variant == Variant::Builtin),
            (BLACKHOLE, variant != Variant::C),
        ] {
            trouble.extend(self.judge_crate(crate_name, is_needed));
        }
        trouble.extend(match variant {
            Variant::C => self.judge_present(),
            Variant::Module => self.judge_absent(None),
            Variant::Builtin => self.judge_absent(Some(CORE_NEEDS)),
        });
        trouble
    }

    /// A crate's name is in the symbols of all that is its own, or made for it.
    fn judge_crate(&self, name: &str, is_needed: bool) -> Option<String> {
        if !is_needed {
            let found = self.symbols.iter().find(|symbol| symbol.contains(name))?;
            return Some(format!("{found} is there, of {name}"));
        }
        let root = format!("_{}{name}", name.len());
        let is_of = |symbol: &String| symbol.starts_with("_R") && symbol.contains(&root);
        let none = !self.symbols.iter().any(is_of);
        none.then(|| format!("nothing of crate {name} is there"))
    }

    /// All of C's driver must be there, from its own object.
    fn judge_present(&self) -> Vec<String> {
        let is_missing = |symbol: &&String| {
            !self.symbols.contains(*symbol) || !self.definers(symbol).contains(C_OBJECT)
        };
        let missing = self.c.iter().filter(is_missing);
        missing
            .map(|symbol| format!("{symbol} of {C_OBJECT} is not there"))
            .collect()
    }

    /// Nothing of C's driver may be there. What others call by the same name is theirs. The Rust
    /// driver has to have `own`.
    fn judge_absent(&self, own: Option<&str>) -> Vec<String> {
        let mut trouble = Vec::new();
        if self.objects.values().any(|all| all.contains(C_OBJECT)) {
            trouble.push(format!("{C_OBJECT} is part of the kernel"));
        }
        for symbol in &self.c {
            let definers = self.definers(symbol);
            let ours = definers
                .iter()
                .any(|object| object.starts_with(OWN_OBJECTS));
            let there = self.symbols.contains(symbol);
            if own == Some(symbol) {
                if !there || !ours {
                    trouble.push(format!("{symbol} is not there, or not the Rust driver's"));
                }
            } else if ours || (there && definers.is_empty()) {
                let from: Vec<&str> = definers.iter().map(String::as_str).collect();
                trouble.push(format!("{symbol} is there, from {}", from.join(", ")));
            }
        }
        trouble
    }

    fn definers(&self, symbol: &str) -> BTreeSet<String> {
        self.objects.get(symbol).cloned().unwrap_or_default()
    }

    fn brief(&self, variant: Variant) -> String {
        let all = self.c.len();
        match variant {
            Variant::C => format!("c: all {all} symbols of C's driver, none of Rust's"),
            Variant::Module => format!("module: none of {all} symbols of C's driver"),
            Variant::Builtin => {
                format!("builtin: none of {all} symbols of C's driver but {CORE_NEEDS}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: &str = "\
/x/loopback.o: 0000000000000000 d __UNIQUE_ID_addressable_dev_lstats_read_754
/x/loopback.o: 0000000000000010 r __export_symbol_dev_lstats_read
/x/loopback.o: 0000000000000000 r __initcall__kmod_loopback__755_292_blackhole_netdev_init6
/x/loopback.o: 0000000000000000 r .str
/x/loopback.o: 0000000000000000 t asan.module_ctor
/x/loopback.o: 00000000000001f0 t skb_orphan
/x/loopback.o: 0000000000000001 b skb_orphan.__warned
/x/loopback.o: 00000000000001e0 t always_on
/x/loopback.o: 0000000000000000 T dev_lstats_read
/x/loopback.o: 0000000000000000 D loopback_net_ops
/x/loopback.o: 0000000000000210 t loopback_xmit
/x/loopback.o: 0000000000000008 b loopback_xmit.key
";
    const SOURCE: &str = "\
static netdev_tx_t loopback_xmit(struct sk_buff *skb,
\t\t\t\t struct net_device *dev)
{
\tskb_orphan(skb);
}

void dev_lstats_read(struct net_device *dev)
static u32 always_on(struct net_device *dev)
struct pernet_operations __net_initdata loopback_net_ops = {
";
    const DRIVER_XMIT: &str = "_RNvCs1_13rust_loopback4xmit";
    const BLACKHOLE_XMIT: &str = "_RNvCs1_14rust_blackhole4xmit";
    const C: &str = "drivers/net/loopback.o";
    const RUST: &str = "drivers/net/rust_loopback/rust_loopback.o";
    const HOLE: &str = "drivers/net/rust_loopback/rust_blackhole.o";

    /// A kernel of these objects' symbols.
    fn image(parts: &[(&str, &str)]) -> Image {
        let archive: String = parts
            .iter()
            .map(|(object, symbol)| format!("/b/vmlinux.a:{object}: 0000000000000000 t {symbol}\n"))
            .collect();
        let linked: String = parts
            .iter()
            .map(|(_, symbol)| format!("/b/vmlinux: ffffffff81000000 t {symbol}\n"))
            .collect();
        Image {
            c: own_symbols(&symbols(REFERENCE), SOURCE),
            symbols: symbols(&linked),
            objects: by_object(&archive),
        }
    }

    const C_KERNEL: [(&str, &str); 5] = [
        (C, "always_on"),
        (C, "loopback_net_ops"),
        (C, "loopback_xmit"),
        (C, "loopback_xmit.key"),
        (C, "dev_lstats_read"),
    ];
    const MODULE_KERNEL: [(&str, &str); 2] = [(HOLE, BLACKHOLE_XMIT), (HOLE, "dev_lstats_read")];
    const BUILT_IN_KERNEL: [(&str, &str); 3] = [
        (HOLE, BLACKHOLE_XMIT),
        (RUST, DRIVER_XMIT),
        (RUST, "loopback_net_ops"),
    ];

    fn kernel(variant: Variant) -> Vec<(&'static str, &'static str)> {
        match variant {
            Variant::Module => MODULE_KERNEL.to_vec(),
            Variant::Builtin => BUILT_IN_KERNEL.to_vec(),
            Variant::C => C_KERNEL.to_vec(),
        }
    }

    #[test]
    fn what_is_c_s_own_is_known() {
        let own = own_symbols(&symbols(REFERENCE), SOURCE);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let wanted = [
            "always_on",
            "loopback_net_ops",
            "loopback_xmit",
            "loopback_xmit.key",
        ];
        assert_eq!(own, wanted);
    }

    #[test]
    fn each_kernel_is_right_for_its_own_variant_only() {
        for made in Variant::ALL {
            for judged in Variant::ALL {
                let trouble = image(&kernel(made)).judge(judged);
                assert_eq!(trouble.is_empty(), made == judged, "{made}: {trouble:?}");
            }
        }
    }

    #[test]
    fn nothing_may_be_missing() {
        for (variant, count) in [(Variant::C, 4), (Variant::Module, 1), (Variant::Builtin, 3)] {
            for gone in 0..count {
                let mut parts = kernel(variant);
                let part = parts.remove(gone);
                assert!(
                    !image(&parts).judge(variant).is_empty(),
                    "{variant}: {part:?}"
                );
            }
        }
    }

    #[test]
    fn nothing_of_another_driver_may_be_there() {
        for (variant, part) in [
            (Variant::C, (RUST, DRIVER_XMIT)),
            (Variant::C, (HOLE, "__rust_blackhole_init")),
            (Variant::Module, (RUST, DRIVER_XMIT)),
            (Variant::Module, (C, "loopback_xmit")),
            (Variant::Module, (HOLE, "loopback_xmit")),
            (Variant::Module, (RUST, "loopback_net_ops")),
            (Variant::Builtin, (C, "dev_lstats_read")),
            (Variant::Builtin, (RUST, "always_on")),
        ] {
            let mut parts = kernel(variant);
            parts.push(part);
            assert!(
                !image(&parts).judge(variant).is_empty(),
                "{variant}: {part:?}"
            );
        }
    }

    #[test]
    fn a_name_that_others_use_as_well_is_theirs() {
        let other = ("drivers/pci/quirks.o", "always_on");
        for variant in Variant::ALL {
            let mut parts = kernel(variant);
            parts.push(other);
            assert_eq!(image(&parts).judge(variant), Vec::<String>::new());
        }
        // C's own must be there all the same, and who is not known is not trusted.
        let mut parts = kernel(Variant::C);
        parts[0] = other;
        assert!(!image(&parts).judge(Variant::C).is_empty());
        let mut unknown = image(&kernel(Variant::Module));
        unknown.symbols.insert("loopback_xmit".into());
        assert!(!unknown.judge(Variant::Module).is_empty());
    }
}
