// SPDX-License-Identifier: GPL-2.0

//! A tree of calls as a plot: boxes below each other, each as wide as its instructions.

use maud::html;
use maud::Markup;

use super::plot::percent;

/// A function in the tree of calls, with all that it called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// Instructions of its own.
    pub own: u64,
    /// With those of what it called.
    pub total: u64,
    /// What it called, in the order in which that first happened.
    pub callees: Vec<Frame>,
}

impl Frame {
    /// The tree that these stacks are, below a root without a name.
    pub fn tree(stacks: &[(Vec<String>, u64)]) -> Self {
        let mut root = Self::default();
        for (stack, own) in stacks {
            root.total += own;
            let mut at = &mut root;
            for name in stack {
                let found = at.callees.iter().position(|callee| callee.name == *name);
                let index = found.unwrap_or(at.callees.len());
                if found.is_none() {
                    at.callees.push(Self {
                        name: name.clone(),
                        ..Self::default()
                    });
                }
                at = &mut at.callees[index];
                at.total += own;
            }
            at.own += own;
        }
        root
    }

    fn depth(&self) -> usize {
        1 + self.callees.iter().map(Self::depth).max().unwrap_or(0)
    }
}

/// What is narrower than this share of the width is left out: nobody would see it.
const VISIBLE: f64 = 0.000_7;
/// What is narrower than this has no name in it.
const NAMED: f64 = 0.012;
/// The height of a level of calls.
const LEVEL: usize = 18;

/// Calls as boxes below each other, each as wide as its instructions; `whole` is the width.
/// `is_driver` says which are the driver's.
pub fn icicle(root: &Frame, whole: u64, is_driver: &dyn Fn(&str) -> bool, label: &str) -> Markup {
    let mut boxes = Vec::new();
    let mut start = 0;
    for callee in &root.callees {
        place(callee, start, 0, false, is_driver, &mut boxes);
        start += callee.total;
    }
    let share = |count: u64| count as f64 / whole.max(1) as f64;
    boxes.retain(|it| share(it.frame.total) >= VISIBLE);
    let height = LEVEL * (root.depth() - 1).max(1);
    html! {
        svg.plot.icicle width="100%" height=(height) role="img" aria-label=(label) {
            title { (label) }
            @for it in &boxes {
                svg x=(percent(share(it.start))) y=(it.level * LEVEL) width=(percent(share(it.frame.total))) height=(LEVEL - 1) {
                    title {
                        (it.frame.name) ": " (it.frame.total) " instructions (" (format!("{:.1}", share_of(it.frame.total, root.total)))
                        " %), " (it.frame.own) " its own"
                    }
                    rect class=(it.class()) width="100%" height="100%" {}
                    @if share(it.frame.total) >= NAMED {
                        text x="3" y="12.5" { (last_name(&it.frame.name)) }
                    }
                }
            }
        }
    }
}

struct Placed<'a> {
    frame: &'a Frame,
    start: u64,
    level: usize,
    driver: Driver,
}

#[derive(Clone, Copy, PartialEq)]
enum Driver {
    Itself,
    CalledByIt,
    No,
}

impl Placed<'_> {
    fn class(&self) -> &'static str {
        match self.driver {
            Driver::Itself => "driver",
            Driver::CalledByIt => "called",
            Driver::No if self.level % 2 == 0 => "even",
            Driver::No => "odd",
        }
    }
}

fn place<'a>(
    frame: &'a Frame,
    start: u64,
    level: usize,
    within: bool,
    is_driver: &dyn Fn(&str) -> bool,
    boxes: &mut Vec<Placed<'a>>,
) {
    let itself = is_driver(&frame.name);
    let driver = match (itself, within) {
        (true, _) => Driver::Itself,
        (false, true) => Driver::CalledByIt,
        (false, false) => Driver::No,
    };
    boxes.push(Placed {
        frame,
        start,
        level,
        driver,
    });
    let mut at = start + frame.own;
    for callee in &frame.callees {
        place(callee, at, level + 1, within || itself, is_driver, boxes);
        at += callee.total;
    }
}

/// So many percent of all.
pub fn share_of(count: u64, all: u64) -> f64 {
    100.0 * count as f64 / all.max(1) as f64
}

/// A function's name without where it is: what comes after the last `::` that is not within `<>`.
pub fn last_name(name: &str) -> &str {
    let mut depth = 0;
    let mut start = 0;
    let mut colons = 0;
    for (at, c) in name.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        colons = if c == ':' { colons + 1 } else { 0 };
        if colons == 2 && depth == 0 {
            start = at + 1;
        }
    }
    match &name[start..] {
        "" => name,
        last => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_become_a_tree() {
        let stack = |words: &str, own| (words.split(' ').map(String::from).collect(), own);
        let root = Frame::tree(&[
            stack("a", 1),
            stack("a b", 2),
            stack("c", 4),
            stack("a b", 8),
        ]);
        assert_eq!((root.total, root.callees.len()), (15, 2));
        let a = &root.callees[0];
        assert_eq!((a.own, a.total), (1, 11));
        assert_eq!((a.callees[0].own, a.callees[0].total), (10, 10));
        let is_driver = |name: &str| name == "b";
        let plot = icicle(&root, 15, &is_driver, "x").into_string();
        assert!(plot.contains("class=\"driver\""));
        assert!(plot.contains("b: 10 instructions (66.7 %), 10 its own"));
    }

    #[test]
    fn names_are_cut_down() {
        let full = "<kernel::net::ops::VTable<rust_loopback::Loopback>>::start_xmit_callback";
        assert_eq!(last_name(full), "start_xmit_callback");
        assert_eq!(last_name("__netif_rx"), "__netif_rx");
        assert_eq!(last_name("a::b"), "b");
        assert_eq!(last_name("<a::b>"), "<a::b>");
    }
}
