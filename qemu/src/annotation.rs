// SPDX-License-Identifier: GPL-2.0

//! What a compile-fail case says of itself, in comments:
//!
//! ```text
//! skb.len() //~ ERROR E0382: borrow of moved value: `skb`
//! //~^ ERROR E0382: the same about the line above, one more for each ^
//! //~ BUILD-ERROR: rust_build_error
//! ```
//!
//! The code is left out where the compiler gives none. The text is a part of what it says.

/// What begins an annotation.
const MARK: &str = "//~";

/// What has to go wrong with a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It does not compile: exactly these errors.
    Errors(Vec<Expected>),
    /// It compiles but does not link: exactly these symbols are undefined.
    Undefined(Vec<String>),
}

/// An error of the compiler's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The line that it is about, from 1.
    pub line: usize,
    /// Its code, such as `E0382`.
    pub code: Option<String>,
    /// A part of its message.
    pub text: String,
}

/// Reads a case's annotations; an error says what is wrong with them.
pub fn parse(source: &str) -> Result<Expectation, String> {
    let (mut errors, mut symbols) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(source.lines()) {
        let Some((_, said)) = line.split_once(MARK) else {
            continue;
        };
        if let Some(symbol) = said.trim().strip_prefix("BUILD-ERROR:") {
            symbols.push(name(symbol, number)?);
        } else {
            errors.push(error(said, number)?);
        }
    }
    match (errors.is_empty(), symbols.is_empty()) {
        (false, true) => Ok(Expectation::Errors(errors)),
        (true, false) => Ok(Expectation::Undefined(symbols)),
        (true, true) => Err(format!("no annotation: no line says `{MARK} ERROR ...`")),
        (false, false) => Err("what does not compile cannot have a BUILD-ERROR".into()),
    }
}

fn name(text: &str, number: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(format!("line {number}: BUILD-ERROR names one symbol"));
    }
    Ok(text.into())
}

fn error(said: &str, number: usize) -> Result<Expected, String> {
    let bad = |why: &str| format!("line {number}: {why}: {MARK}{said}");
    let up = said.chars().take_while(|c| *c == '^').count();
    let rest = said[up..].trim();
    let text = rest
        .strip_prefix("ERROR ")
        .ok_or_else(|| bad("neither ERROR nor BUILD-ERROR"))?
        .trim();
    let (code, text) = match text.split_once(':') {
        Some((code, text)) if is_code(code) => (Some(code.to_string()), text.trim()),
        _ => (None, text),
    };
    if text.is_empty() || is_code(text) {
        return Err(bad("no message"));
    }
    if up >= number {
        return Err(bad("points above the file"));
    }
    Ok(Expected {
        line: number - up,
        code,
        text: text.into(),
    })
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix('E').unwrap_or_default();
    digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(line: usize, code: Option<&str>, text: &str) -> Expected {
        Expected {
            line,
            code: code.map(String::from),
            text: text.into(),
        }
    }

    #[test]
    fn errors_have_a_line_a_code_and_a_text() {
        let source = "\
fn f() {
    g(); //~ ERROR E0382: use of moved value: `x`
    //~^ ERROR cannot be sent: ever
    //~^^ ERROR E0277: twice
}
";
        let wanted = vec![
            expected(2, Some("E0382"), "use of moved value: `x`"),
            expected(2, None, "cannot be sent: ever"),
            expected(2, Some("E0277"), "twice"),
        ];
        assert_eq!(parse(source), Ok(Expectation::Errors(wanted)));
    }

    #[test]
    fn build_errors_name_symbols() {
        let source = "//! Text.\n\n//~ BUILD-ERROR: rust_build_error\n";
        let wanted = vec!["rust_build_error".to_string()];
        assert_eq!(parse(source), Ok(Expectation::Undefined(wanted)));
    }

    #[test]
    fn what_says_nothing_or_nonsense_is_refused() {
        for (source, why) in [
            ("", "no annotation"),
            ("fn f() {} // ERROR E0382: no mark\n", "no annotation"),
            ("f(); //~ WARNING unused\n", "neither"),
            ("f(); //~ ERROR\n", "neither"),
            ("f(); //~ ERROR E0382\n", "no message"),
            ("f(); //~ ERROR E0382:\n", "no message"),
            ("f(); //~^ ERROR E0382: text\n", "above"),
            ("//~ BUILD-ERROR:\n", "one symbol"),
            ("//~ BUILD-ERROR: two symbols\n", "one symbol"),
            ("f(); //~ ERROR text\n//~ BUILD-ERROR: x\n", "cannot have"),
        ] {
            let said = parse(source).unwrap_err();
            assert!(said.contains(why), "{source}: {said}");
        }
    }
}
