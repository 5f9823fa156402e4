// SPDX-License-Identifier: GPL-2.0

//! What rustc said, as JSON, and whether it is what a compile-fail case expects.

use serde::Deserialize;

use crate::annotation::Expected;

/// How rustc begins the error that counts the others.
const SUMMARY: &str = "aborting due to";

/// One diagnostic.
#[derive(Clone, Debug, Deserialize)]
pub struct Diagnostic {
    message: String,
    code: Option<Code>,
    level: String,
    spans: Vec<Span>,
    children: Vec<Child>,
    /// As rustc shows it to people.
    rendered: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Code {
    code: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Child {
    spans: Vec<Span>,
}

#[derive(Clone, Debug, Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    is_primary: bool,
    label: Option<String>,
    expansion: Option<Box<Expansion>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Expansion {
    span: Span,
}

/// The diagnostics in a build's log, in order, without those that only sum up the others. It is an
/// error if a line cannot be read.
pub fn parse(log: &str) -> Result<Vec<Diagnostic>, String> {
    let mut found = Vec::new();
    for line in log.lines().filter(|line| line.starts_with('{')) {
        let one: Diagnostic =
            serde_json::from_str(line).map_err(|e| format!("not rustc's JSON ({e}): {line}"))?;
        let summary = one.spans.is_empty() && one.message.starts_with(SUMMARY);
        if one.level != "failure-note" && !summary {
            found.push(one);
        }
    }
    Ok(found)
}

impl Diagnostic {
    /// Whether it stops the compiler. What is neither an error nor a warning, such as an internal
    /// compiler error, counts as one.
    pub fn is_error(&self) -> bool {
        self.level != "warning"
    }

    /// The line of `file` that it is about, if it is about that file: by what it points at, else
    /// by what it mentions.
    pub fn line_in(&self, file: &str) -> Option<usize> {
        let (primary, other): (Vec<_>, Vec<_>) = self.spans.iter().partition(|s| s.is_primary);
        let children = self.children.iter().flat_map(|child| &child.spans);
        primary
            .into_iter()
            .chain(other)
            .chain(children)
            .find_map(|span| span.line_in(file))
    }

    fn is(&self, expected: &Expected, file: &str) -> bool {
        let code = self.code.as_ref().map(|code| &code.code);
        let labels = self.spans.iter().filter_map(|span| span.label.as_ref());
        let mut said = std::iter::once(&self.message).chain(labels);
        self.line_in(file) == Some(expected.line)
            && code == expected.code.as_ref()
            && said.any(|text| text.contains(&expected.text))
    }
}

impl Span {
    /// The line in `file`; of what a macro made, the line that calls it.
    fn line_in(&self, file: &str) -> Option<usize> {
        if self.file_name == file {
            return Some(self.line_start);
        }
        self.expansion.as_ref()?.span.line_in(file)
    }
}

/// The diagnostics as rustc shows them.
pub fn show<'a>(all: impl IntoIterator<Item = &'a Diagnostic>) -> String {
    let texts: Vec<_> = all.into_iter().map(|one| one.rendered.trim_end()).collect();
    texts.join("\n")
}

/// What is wrong with the errors `found` in `file` if they have to be exactly the `expected`
/// ones; nothing if they are. Warnings do not matter.
pub fn compare(expected: &[Expected], found: &[Diagnostic], file: &str) -> Option<String> {
    let mut left: Vec<&Diagnostic> = found.iter().filter(|one| one.is_error()).collect();
    if left.is_empty() {
        return Some("rustc gives no error".into());
    }
    let mut trouble = Vec::new();
    for one in expected {
        match left.iter().position(|found| found.is(one, file)) {
            Some(at) => drop(left.remove(at)),
            None => trouble.push(format!("missing: {}", one.describe())),
        }
    }
    if !left.is_empty() {
        trouble.push(format!("not expected:\n{}", show(left)));
    }
    (!trouble.is_empty()).then(|| trouble.join("\n"))
}

impl Expected {
    fn describe(&self) -> String {
        let code = self.code.as_deref().unwrap_or("without a code");
        format!("line {}: error {code}: {}", self.line, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "/x/case.rs";
    const NOISE: &str = concat!(
        "  RUSTC [M] case.o\n",
        r#"{"message":"aborting due to 1 previous error","code":null,"level":"error","#,
        r#""spans":[],"children":[],"rendered":"error: aborting\n"}"#,
        "\n",
        r#"{"message":"Try rustc --explain","code":null,"level":"failure-note","#,
        r#""spans":[],"children":[],"rendered":""}"#,
        "\nmake[3]: *** [case.o] Error 1\n",
    );

    fn span(file: &str, line: usize, primary: bool, expansion: &str) -> String {
        format!(
            r#"{{"file_name":"{file}","line_start":{line},"is_primary":{primary},
            "label":"a label","expansion":{expansion}}}"#
        )
    }

    fn json(level: &str, code: &str, message: &str, spans: &[String], child: &str) -> String {
        let spans = spans.join(",");
        format!(
            r#"{{"message":"{message}","code":{code},"level":"{level}","spans":[{spans}],
            "children":[{{"spans":[{child}]}}],"rendered":"rendered {message}\n"}}"#
        )
        .replace('\n', " ")
    }

    /// An error with a code at a line.
    fn error(code: &str, message: &str, line: usize) -> String {
        let code = format!(r#"{{"code":"{code}","explanation":"long"}}"#);
        json(
            "error",
            &code,
            message,
            &[span(FILE, line, true, "null")],
            "",
        )
    }

    fn expected(line: usize, code: Option<&str>, text: &str) -> Expected {
        Expected {
            line,
            code: code.map(String::from),
            text: text.into(),
        }
    }

    /// The verdict on these lines of JSON.
    fn verdict(expected: &[Expected], lines: &[String]) -> Option<String> {
        let log = format!("{}\n{NOISE}", lines.join("\n"));
        compare(expected, &parse(&log).unwrap(), FILE)
    }

    #[test]
    fn exactly_what_is_expected_is_right() {
        let wanted = [
            expected(4, Some("E0382"), "moved value"),
            expected(2, Some("E0061"), "a label"),
        ];
        let warning = json("warning", "null", "unused", &[], "");
        let lines = [
            error("E0061", "arguments", 2),
            warning,
            error("E0382", "use of moved value", 4),
        ];
        assert_eq!(verdict(&wanted, &lines), None);
    }

    #[test]
    fn another_line_code_or_message_is_not_it() {
        let lines = [error("E0382", "use of moved value", 4)];
        for wanted in [
            expected(5, Some("E0382"), "moved value"),
            expected(4, Some("E0381"), "moved value"),
            expected(4, None, "moved value"),
            expected(4, Some("E0382"), "borrowed value"),
        ] {
            let said = verdict(std::slice::from_ref(&wanted), &lines).unwrap();
            assert!(said.contains("missing: line"), "{said}");
            assert!(said.contains("rendered use of moved value"), "{said}");
        }
        let bare = json("error", "null", "plain", &[span(FILE, 1, true, "null")], "");
        let with_code = [expected(1, Some("E0001"), "plain")];
        assert!(verdict(&with_code, std::slice::from_ref(&bare)).is_some());
        assert_eq!(verdict(&[expected(1, None, "plain")], &[bare]), None);
    }

    #[test]
    fn one_too_few_and_one_too_many_are_wrong() {
        let one = error("E0382", "moved", 4);
        let wanted = expected(4, Some("E0382"), "moved");
        let twice = [wanted.clone(), wanted.clone()];
        assert!(verdict(&twice, std::slice::from_ref(&one))
            .unwrap()
            .starts_with("missing"));
        assert!(verdict(std::slice::from_ref(&wanted), &[one.clone(), one])
            .unwrap()
            .starts_with("not expected"));
        let warning = json("warning", "null", "moved", &[], "");
        for lines in [&[][..], &[warning]] {
            let said = verdict(std::slice::from_ref(&wanted), lines).unwrap();
            assert_eq!(said, "rustc gives no error");
        }
        let ice = json("error: internal compiler error", "null", "oh", &[], "");
        assert!(verdict(&[wanted], &[ice]).unwrap().contains("rendered oh"));
    }

    #[test]
    fn an_error_is_about_what_it_points_at_then_about_what_it_mentions() {
        let line = |spans: &[String], child: &str| {
            let text = json("error", "null", "x", spans, child);
            parse(&text).unwrap()[0].line_in(FILE)
        };
        let (mine, label) = (span(FILE, 3, true, "null"), span(FILE, 9, false, "null"));
        let theirs = span("/y/lib.rs", 1, true, "null");
        assert_eq!(line(&[label.clone(), mine], ""), Some(3));
        assert_eq!(line(&[label, theirs.clone()], ""), Some(9));
        assert_eq!(line(std::slice::from_ref(&theirs), ""), None);
        assert_eq!(line(&[theirs], &span(FILE, 7, true, "null")), Some(7));
        let call = format!(r#"{{"span":{}}}"#, span(FILE, 5, false, "null"));
        assert_eq!(line(&[span("/y/lib.rs", 1, true, &call)], ""), Some(5));
    }

    #[test]
    fn half_a_line_is_no_diagnostic() {
        assert!(parse("{\"message\":").is_err());
        assert!(parse(NOISE).unwrap().is_empty());
    }
}
