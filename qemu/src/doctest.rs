// SPDX-License-Identifier: GPL-2.0

//! Doctests: which examples in the documentation of the abstractions the kernel must have run. Its
//! build makes a KUnit case of each example in the kernel crate, all in one suite. The rules here
//! are rustdoc's.

use std::path::Path;

use proc_macro2::Delimiter;
use proc_macro2::LexError;
use proc_macro2::TokenStream;
use proc_macro2::TokenTree;
use pulldown_cmark::CodeBlockKind;
use pulldown_cmark::Event;
use pulldown_cmark::Parser;
use pulldown_cmark::Tag;

use crate::checkout::read_text;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::kunit::Suite;

/// What the kernel calls the suite.
const SUITE: &str = "rust_doctests_kernel";
/// Where the abstractions are: what the kernel has in `rust/kernel/`.
const SOURCES: &str = "linux/rust/kernel";

/// The suite, with the cases of this checkout's sources. The kernel's own are in it, too.
pub fn expected(checkout: &Checkout) -> Result<Suite> {
    let mut suite = Suite {
        name: SUITE.into(),
        built_in: true,
        ..Suite::default()
    };
    let root = checkout.path(SOURCES);
    for entry in walkdir::WalkDir::new(&root).sort_by_file_name() {
        let entry = entry.map_err(crate::key::walk_failure)?;
        let Ok(file) = entry.path().strip_prefix(&root) else {
            continue;
        };
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let examples = examples(&read_text(entry.path())?).map_err(|error| {
            let what = format!("{} is no Rust", checkout.show(entry.path()));
            Failure::new(Exit::Build, what, error)
        })?;
        let prefix = prefix(file);
        suite
            .cases
            .extend((0..examples).map(|n| format!("{prefix}{n}")));
        suite.owned.push(prefix);
    }
    Ok(suite)
}

/// How the names of a file's cases begin; a number follows.
fn prefix(file: &Path) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let file: String = file.to_string_lossy().chars().map(plain).collect();
    format!("rust_doctest_kernel_{file}_")
}

/// How many examples a Rust source has.
fn examples(text: &str) -> std::result::Result<usize, LexError> {
    text.parse().map(count)
}

/// Counts the examples in the documentation of all items in `tokens`. An item is whatever its
/// attributes stand before: what a macro is given is documented like anything else. What a macro
/// itself says of items that it makes counts once; if that is wrong, the judge will find out.
fn count(tokens: TokenStream) -> usize {
    let mut tokens = tokens.into_iter().peekable();
    let mut found = 0;
    let mut inner = Documentation::default();
    let mut outer = Documentation::default();
    while let Some(token) = tokens.next() {
        if is_punct(&token, '#') {
            let is_inner = tokens.next_if(|next| is_punct(next, '!')).is_some();
            let attribute = tokens.next_if(|next| is_group(next, Delimiter::Bracket));
            if let Some(TokenTree::Group(attribute)) = attribute {
                let target = if is_inner { &mut inner } else { &mut outer };
                target.add(attribute.stream());
                continue;
            }
        }
        let documentation = std::mem::take(&mut outer);
        if documentation.of_test {
            skip_item(token, &mut tokens);
            continue;
        }
        found += documentation.examples();
        if let TokenTree::Group(group) = token {
            found += count(group.stream());
        }
    }
    if inner.of_test {
        return 0;
    }
    found + inner.examples()
}

/// Skips the rest of an item: to its body, or the semicolon in place of one.
fn skip_item(first: TokenTree, rest: &mut impl Iterator<Item = TokenTree>) {
    let is_end = |token: &TokenTree| is_group(token, Delimiter::Brace) || is_punct(token, ';');
    if !is_end(&first) {
        rest.find(is_end);
    }
}

fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

/// What the attributes of one item say.
#[derive(Debug, Default)]
struct Documentation {
    lines: Vec<String>,
    /// It is there in a build of the crate's unit tests only.
    of_test: bool,
}

impl Documentation {
    fn add(&mut self, attribute: TokenStream) {
        self.of_test |= attribute.to_string().replace(' ', "") == "cfg(test)";
        if let Some(text) = doc_text(attribute) {
            self.lines.extend(text.split('\n').map(String::from));
        }
    }

    fn examples(&self) -> usize {
        let indent = |line: &&String| line.len() - line.trim_start().len();
        let filled = self.lines.iter().filter(|line| !line.trim().is_empty());
        let common = filled.map(|line| indent(&line)).min().unwrap_or_default();
        let unindented: Vec<&str> = self
            .lines
            .iter()
            .map(|line| line.get(common..).unwrap_or_default())
            .collect();
        Parser::new(&unindented.join("\n"))
            .filter(|event| match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => true,
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => is_case(info),
                _ => false,
            })
            .count()
    }
}

/// The text of a `doc = "..."`, which is what `///` and `//!` stand for.
fn doc_text(attribute: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    let [TokenTree::Ident(name), equals, TokenTree::Literal(text)] = &tokens[..] else {
        return None;
    };
    if name != "doc" || !is_punct(equals, '=') {
        return None;
    }
    match syn::Lit::new(text.clone()) {
        syn::Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

/// Whether a code block with these words after its fence becomes a case. The kernel makes one of
/// `no_run`, too, and runs it.
fn is_case(info: &str) -> bool {
    let mut rust = false;
    let mut other = false;
    for word in info.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
        match word {
            "ignore" => return false,
            "rust" => rust = true,
            "no_run" | "should_panic" | "compile_fail" | "test_harness" => rust |= !other,
            _ if word.starts_with("edition") || word.starts_with("ignore-") => rust |= !other,
            _ => other = true,
        }
    }
    rust || !other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_in(text: &str) -> usize {
        examples(text).unwrap()
    }

    #[test]
    fn examples_of_items_fields_and_modules_count() {
        let text = r##"
//! The module.
//!
//! ```
//! one();
//! ```

/// ```
/// two();
/// ```
///
/// Between them, text.
///
/// ```
/// three();
/// ```
#[repr(C)]
pub struct S<T: Into<[u8; 3]>> {
    /// ```
    /// four();
    /// ```
    field: T,
}

impl S<[u8; 3]> {
    #[inline]
    /// ```
    /// five();
    #[must_use]
    /// ```
    pub fn f(&self) {
        //! ```
        //! six();
        //! ```
    }
}
"##;
        assert_eq!(count_in(text), 6);
    }

    #[test]
    fn what_a_macro_is_given_counts() {
        let text = "
getters! {
    /// ```
    /// one();
    /// ```
    mtu(u32) <= mtu;
    $(#[$doc:meta])*
    #[doc = \"~~~\\ntwo();\\n~~~\"]
    #[doc(hidden)]
    #[doc = concat!(\"```\", \"```\")]
    group(i32) <= group;
}
";
        assert_eq!(count_in(text), 2);
    }

    #[test]
    fn comments_and_strings_do_not_count() {
        let text = r###"
// ```
// comment();
// ```
//// ```
//// rule();
//// ```
/* /// ```
   /// ``` */
const A: &str = "
/// ```
/// string();
/// ```
";
const B: &str = r#"/// "```" "#;
const C: char = '"';
/// ```
/// let s = "#[cfg(test)]";
/// ```
const D: u32 = 1;
"###;
        assert_eq!(count_in(text), 1);
    }

    #[test]
    fn fences_are_markdowns() {
        for (doc, wanted) in [
            ("/// ````\n/// ```\n/// ```\n/// ````\n", 1),
            ("/// ~~~\n/// ```\n/// ~~~\n", 1),
            (
                "/// - item\n///\n///   ```\n///   in_a_list();\n///   ```\n",
                1,
            ),
            ("/// > ```\n/// > quoted();\n/// > ```\n", 1),
            ("/// Text.\n///\n///     indented();\n", 1),
            ("///     alone();\n", 0),
            ("/// Text.\n///     goes on\n", 0),
            ("/// `` ``` ``\n", 0),
            ("/// ```\n/// no_end();\n", 1),
            ("/// ```\n/// # hidden();\n///\n/// shown();\n/// ```\n", 1),
            ("///```\n///no_space();\n///```\n", 1),
            ("/** ```\none();\n``` */\n", 1),
        ] {
            assert_eq!(count_in(&format!("{doc}fn f() {{}}")), wanted, "{doc}");
        }
    }

    #[test]
    fn the_words_after_a_fence_decide() {
        for info in [
            "",
            "rust",
            "no_run",
            "should_panic",
            "rust,no_run",
            "edition2021",
            "no_run, text",
            "ignore-windows",
        ] {
            assert!(is_case(info), "{info}");
        }
        for info in [
            "text",
            "c",
            "ignore",
            "rust,ignore",
            "ignore,compile_fail",
            "text,no_run",
            "console",
            "{.rust}",
        ] {
            assert!(!is_case(info), "{info}");
        }
    }

    #[test]
    fn what_only_unit_tests_have_does_not_count() {
        let item = "/// ```\n/// one();\n/// ```\n";
        let gone = [
            format!("#[cfg(test)]\nmod tests {{ {item} fn f() {{}} }}\n"),
            format!("{item}#[cfg(test)]\nmod tests;\n"),
            format!("{item}#[cfg( test )] #[allow(dead_code)] pub fn g(a: [u8; 2]) {{ {{}} }}\n"),
            format!("mod tests {{ #![cfg(test)]\n{item} fn f() {{}} }}\n"),
        ];
        for text in gone {
            assert_eq!(count_in(&text), 0, "{text}");
            // What comes behind it is there.
            assert_eq!(count_in(&format!("{text}{item}fn f() {{}}")), 1, "{text}");
        }
        for text in [
            format!("#[cfg(not(test))]\nmod real {{ {item} fn f() {{}} }}\n"),
            format!("mod tests {{ {item} fn f() {{}} }}\n"),
        ] {
            assert_eq!(count_in(&text), 1, "{text}");
        }
    }

    #[test]
    fn cases_are_named_after_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let net = root.join(SOURCES).join("net");
        std::fs::create_dir_all(net.join("netdevice")).unwrap();
        let two = "/// ```\n/// ```\n///\n/// ```\n/// ```\nfn f() {}\n";
        std::fs::write(net.join("netdevice/name.rs"), two).unwrap();
        std::fs::write(net.join("rtnl.rs"), "fn f() {}").unwrap();
        std::fs::write(net.join("note.txt"), two).unwrap();
        let suite = expected(&Checkout { root: root.clone() }).unwrap();
        assert_eq!(
            suite.cases,
            [
                "rust_doctest_kernel_net_netdevice_name_rs_0",
                "rust_doctest_kernel_net_netdevice_name_rs_1"
            ]
        );
        assert!(suite.owns("rust_doctest_kernel_net_rtnl_rs_0"));
        assert!(!suite.owns("rust_doctest_kernel_net_phy_rs_0"));
        std::fs::write(net.join("rtnl.rs"), "fn f() {").unwrap();
        assert!(expected(&Checkout { root }).is_err());
    }
}
