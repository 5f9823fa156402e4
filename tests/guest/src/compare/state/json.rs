// SPDX-License-Identifier: GPL-2.0

//! What a program says as JSON, leaf by leaf.

use serde_json::Value;

use super::facts::Facts;

/// What an element of a list is known by, as far as it has these.
const NAMES: [&str; 10] = [
    "type", "dst", "local", "name", "kind", "priority", "table", "parent", "subgroup", "suite",
];

/// All leaves of `value`. What is empty is a leaf, too.
pub fn flatten(value: &Value) -> Facts {
    let mut facts = Facts::default();
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                facts.add_below(name, flatten(member));
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                facts.add_below(&name(index, element), flatten(element));
            }
        }
        Value::String(text) => facts.add("", text),
        other => facts.add("", other.to_string()),
    }
    facts
}

/// What the element at `index` is called: what tells it from others, if it is an object that has
/// such a thing.
fn name(index: usize, element: &Value) -> String {
    let own = NAMES.iter().filter_map(|name| element.get(name));
    let mut words = own.map(|value| flatten(value).get("").unwrap_or_default().to_string());
    match words.next() {
        None => index.to_string(),
        Some(first) => words.fold(first, |all, word| format!("{all}:{word}")),
    }
}

/// Those of `text`, or if it is something else, its lines.
pub fn read(text: &str) -> Facts {
    match serde_json::from_str(text) {
        Ok(value) => flatten(&value),
        Err(_) => lines(text),
    }
}

/// Lines, by the word that they begin with if a colon follows, and else by number.
fn lines(text: &str) -> Facts {
    let word = |label: &str| label.starts_with(char::is_alphabetic) && !label.contains(' ');
    let mut facts = Facts::default();
    for (number, line) in text.lines().enumerate() {
        match line.trim().split_once(": ") {
            Some((label, value)) if word(label) => facts.add(label, value),
            _ => facts.add(format!("line.{number}"), line.trim()),
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let facts = read(text);
        let pairs: Vec<String> = facts.iter().map(|(p, v)| format!("{p}={v}")).collect();
        pairs.join(" ")
    }

    #[test]
    fn leaves_have_their_paths() {
        assert_eq!(
            shown(r#"[{"mtu":65536,"flags":["UP","LOOPBACK"],"up":true,"of":{}}]"#),
            "0.flags.0=UP 0.flags.1=LOOPBACK 0.mtu=65536 0.of={} 0.up=true"
        );
        assert_eq!(
            shown(r#"[{"dst":"::1","table":"local","m":1},{"dst":"::1","table":"local"}]"#),
            "::1:local.dst=::1 ::1:local.m=1 ::1:local.table=local \
             ::1:local#2.dst=::1 ::1:local#2.table=local"
        );
        assert_eq!(shown("[]"), "=[]");
    }

    #[test]
    fn text_is_told_by_line() {
        assert_eq!(
            shown("For lo:\n\trx: on [fixed]\na b: c\n"),
            "line.0=For lo: rx=on [fixed] line.2=a b: c"
        );
        assert_eq!(shown(""), "");
    }
}
