// SPDX-License-Identifier: GPL-2.0

//! What was read, before it is noted.

use std::collections::BTreeMap;

use nix::errno::Errno;

/// Values, each at its path, in the order in which they were read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    list: Vec<(String, String)>,
    /// Where in the list each path is.
    paths: BTreeMap<String, usize>,
}

impl Facts {
    /// Adds that at `path` there is `value`. The second one of a path is called `path#2`.
    pub fn add(&mut self, path: impl Into<String>, value: impl Into<String>) {
        let path = free(&path.into(), |name| self.paths.contains_key(name));
        self.paths.insert(path.clone(), self.list.len());
        self.list.push((path, value.into()));
    }

    /// Adds all of `others` below `path`, which no other fact is below: the second one is called
    /// `path#2`.
    pub fn add_below(&mut self, path: &str, others: Facts) {
        let name = free(path, |name| self.has_below(name));
        for (rest, value) in others.list {
            self.add(join(&name, &rest), value);
        }
    }

    /// Adds all of `others` below `path`, and how many they are: that there are none is a fact, too.
    pub fn add_counted(&mut self, path: &str, mut others: Facts) {
        others.add("facts", others.len().to_string());
        self.add_below(path, others);
    }

    fn has_below(&self, path: &str) -> bool {
        let below = format!("{path}.");
        let mut from = self.paths.range(below.clone()..);
        let next = from.next();
        self.paths.contains_key(path) || next.is_some_and(|(found, _)| found.starts_with(&below))
    }

    /// What is at `path`.
    pub fn get(&self, path: &str) -> Option<&str> {
        let at = self.paths.get(path)?;
        self.list.get(*at).map(|(_, value)| value.as_str())
    }

    /// All of it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(path, value)| (&**path, &**value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// What `other` has otherwise than these; and at `absent`, of which of these it has less, with
    /// the numbers.
    pub fn unlike(&self, other: &Facts) -> Facts {
        let mut unlike = Facts::default();
        for (path, value) in other.iter() {
            if self.get(path) != Some(value) {
                unlike.add(path, value);
            }
        }
        let mut absent: BTreeMap<&str, usize> = BTreeMap::new();
        for (path, _) in self.iter() {
            if !other.paths.contains_key(path) {
                let first = path.split('.').next().unwrap_or_default();
                *absent.entry(first).or_default() += 1;
            }
        }
        if !absent.is_empty() {
            let words = absent
                .iter()
                .map(|(first, count)| format!("{first}:{count}"));
            unlike.add("absent", words.collect::<Vec<_>>().join(" "));
        }
        unlike
    }
}

/// `name`, or the first of `name#2`, `name#3` and so on that is not `taken`.
fn free(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut free = name.to_string();
    let mut number = 1;
    while taken(&free) {
        number += 1;
        free = format!("{name}#{number}");
    }
    free
}

/// A path below a path.
pub fn join(path: &str, rest: &str) -> String {
    match (path, rest) {
        ("", rest) => rest.into(),
        (path, "") => path.into(),
        (path, rest) => format!("{path}.{rest}"),
    }
}

/// An error as a value.
pub fn errno(errno: Errno) -> String {
    format!("errno {errno:?}")
}

/// That error of `std`'s as a value.
pub fn io_error(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => errno(Errno::from_raw(number)),
        None => format!("error {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        let mut facts = Facts::default();
        pairs
            .iter()
            .for_each(|(path, value)| facts.add(*path, *value));
        facts
    }

    #[test]
    fn the_second_of_a_path_has_a_name_of_its_own() {
        let it = facts(&[("a", "1"), ("a", "2"), ("a", "3")]);
        assert_eq!(it.get("a#3"), Some("3"));
        let mut all = Facts::default();
        all.add_below("x", facts(&[("a", "1"), ("b", "2")]));
        all.add_below("x", facts(&[("a", "3")]));
        all.add_below("x", facts(&[("", "4")]));
        let paths: Vec<&str> = all.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["x.a", "x.b", "x#2.a", "x#3"]);
        all.add_counted("y", facts(&[("a", "1"), ("b", "2")]));
        assert_eq!(all.get("y.facts"), Some("2"));
    }

    #[test]
    fn what_is_unlike_is_told_and_nothing_else() {
        let it = facts(&[("a", "1"), ("b", "2"), ("c.x", "3"), ("c.y", "4")]);
        assert_eq!(it.unlike(&it).len(), 0);
        let other = facts(&[("a", "1"), ("b", "x"), ("d", "4")]);
        let wanted = facts(&[("b", "x"), ("d", "4"), ("absent", "c:2")]);
        assert_eq!(it.unlike(&other), wanted);
    }

    #[test]
    fn an_error_has_its_name() {
        assert_eq!(errno(Errno::EOPNOTSUPP), "errno EOPNOTSUPP");
        let error = std::fs::read("/nowhere").unwrap_err();
        assert_eq!(io_error(&error), "errno ENOENT");
    }
}
