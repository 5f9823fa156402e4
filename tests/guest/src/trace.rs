// SPDX-License-Identifier: GPL-2.0

//! What the kernel traced: tracefs, and the events in it.

use std::fs;
use std::path::Path;

/// Where tracefs is.
pub const DIRECTORY: &str = "/sys/kernel/tracing";

/// An event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// The CPU that it happened on.
    pub cpu: u32,
    /// Its name.
    pub name: String,
    /// What there is to say about it: `key=value`, or a sentence.
    pub text: String,
}

impl Event {
    /// What `text` has for `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.text
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .find_map(|(k, v)| (k == key).then_some(v.trim_matches('"')))
    }

    /// Whether it happened in `function`.
    pub fn is_in(&self, function: &str) -> bool {
        let location = self.value("location").unwrap_or_default();
        location
            .split_once('+')
            .is_some_and(|(name, _)| name == function)
    }
}

/// Writes to one of tracefs' files.
pub fn set(file: &str, value: &str) -> Result<(), String> {
    let path = Path::new(DIRECTORY).join(file);
    fs::write(&path, value).map_err(|e| format!("{}: {e}", path.display()))
}

/// All events that are in the buffer, in order.
pub fn events() -> Result<Vec<Event>, String> {
    let path = Path::new(DIRECTORY).join("trace");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    parse(&text)
}

/// Parses lines like `  <task>-<pid>   [<cpu>] <flags> <time>: <event>: <text>`; some names of tasks
/// have spaces in them.
pub fn parse(text: &str) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with("CPU:") {
            return Err(format!("the trace is not complete: {line}"));
        }
        events.push(parse_line(line).ok_or_else(|| format!("not an event: {line}"))?);
    }
    Ok(events)
}

fn parse_line(line: &str) -> Option<Event> {
    let (_, rest) = line.split_once(" [")?;
    let (cpu, rest) = rest.split_once("] ")?;
    let (_, rest) = rest.split_once(": ")?;
    let (name, text) = rest.split_once(':')?;
    Some(Event {
        cpu: cpu.parse().ok()?,
        name: name.trim().into(),
        text: text.trim().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "# tracer: nop\n#\n\
        \x20      swapper/0-1       [000] .....     0.083344: alloc_netdev: (alloc_netdev_mqs+0x0/0x5a0) name=\"lo\"\n\
        \x20     my task-1-77      [003] ..s1.     1.000001: napi_poll: napi poll on x work 7 budget 7\n";

    #[test]
    fn events_are_read() {
        let events = parse(TRACE).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(
            (events[0].cpu, events[0].name.as_str()),
            (0, "alloc_netdev")
        );
        assert_eq!(events[0].value("name"), Some("lo"));
        assert_eq!(events[0].value("nam"), None);
        assert_eq!(events[1].cpu, 3);
        assert_eq!(events[1].text, "napi poll on x work 7 budget 7");
    }

    #[test]
    fn what_is_lost_or_odd_is_an_error() {
        assert!(parse("CPU:2 [LOST 12 EVENTS]\n").is_err());
        assert!(parse("nonsense\n").is_err());
        assert_eq!(parse("# tracer: nop\n"), Ok(Vec::new()));
    }
}
