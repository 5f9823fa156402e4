// SPDX-License-Identifier: GPL-2.0

//! What was measured, as a page: one file, which needs nothing else.

mod calls;
mod counts;
mod glance;
mod lab;
mod scale;
mod sizes;
mod times;
mod xmit;

use lab_protocol::Variant;
use maud::html;
use maud::Markup;

use super::base::Change;
use super::base::Comparison;
use super::base::Trend;
use super::figures::Figures;
use super::summary;
use super::summary::number;
use crate::document::document;

const TITLE: &str = "lo: what Rust costs beside C";
const STYLE: &str = include_str!("page.css");

/// A part of the page: what links to it, its title, and what is in it.
type Section = (&'static str, &'static str, Markup);

fn sections(figures: &Figures, base: Option<&Comparison>) -> Vec<Section> {
    let all = [
        ("glance", "At a glance", glance::glance(figures)),
        ("bars", "How good it has to be", bars(figures)),
        (
            "base",
            "Since the run it is compared with",
            base.map(changes),
        ),
        (
            "counts",
            "Instructions for each operation",
            counts::counts(figures),
        ),
        ("xmit", "The transmit function", xmit::xmit(figures)),
        (
            "calls",
            "Where a packet's instructions go",
            calls::calls(figures),
        ),
        ("times", "Time", times::times(figures)),
        ("scale", "Scale", scale::scale(figures)),
        ("sizes", "Size", sizes::sizes(figures)),
        ("lab", "The lab itself", lab::lab(figures)),
        ("left-out", "Left out", left_out(figures)),
        ("method", "How it was measured", Some(method())),
    ];
    all.into_iter()
        .filter_map(|(id, title, section)| Some((id, title, section?)))
        .collect()
}

/// The page; `base` is what an earlier run is beside this one.
pub fn page(figures: &Figures, base: Option<&Comparison>) -> String {
    let sections = sections(figures, base);
    let body = html! {
        header {
            h1 { (TITLE) }
            p { (verdict(figures, base)) }
            (kernels(figures))
            nav aria-label="sections" {
                @for (id, title, _) in &sections { a href={ "#" (id) } { (title) } " " }
            }
        }
        main {
            @for (id, title, section) in &sections {
                section id=(id) { h2 { (title) } (section) }
            }
        }
    };
    document(TITLE, STYLE, body)
}

fn verdict(figures: &Figures, base: Option<&Comparison>) -> Markup {
    let bars = summary::bars(figures);
    let checked: usize = bars.iter().map(|bar| bar.checked).sum();
    let above: usize = bars.iter().map(|bar| bar.above.len()).sum();
    let open: usize = bars.iter().map(|bar| bar.open.len()).sum();
    html! {
        @match (checked, above) {
            (0, _) => "Nothing was set beside C.",
            (_, 0) => { strong.good { "Nothing above its bar" } ", of " (checked) " figures that have one." }
            _ => { strong.bad { (above) " of " (checked) " figures above their bars" } "; they are listed below." }
        }
        @if open > 0 { " " (open) " cannot be told." }
        @if let Some(base) = base { " Since the run it is compared with: " (base.line()) "." }
    }
}

fn kernels(figures: &Figures) -> Markup {
    html! {
        dl {
            @for (variant, release) in &figures.kernels {
                dt { (key(*variant)) }
                dd { (release) }
            }
        }
    }
}

/// A variant's name in its colour.
fn key(variant: Variant) -> Markup {
    html! { span class={ "key " (variant) } { (variant) } }
}

fn bars(figures: &Figures) -> Option<Markup> {
    Some(html! {
        ul.bars {
            @for bar in summary::bars(figures) {
                @let class = match (bar.checked, bar.above.len(), bar.open.len()) { (_, 1.., _) => "bad", (1.., 0, 0) => "good", _ => "none" };
                li class=(class) {
                    (bar.what) ": " strong { (bar.verdict()) } "."
                    @if bar.above.len() + bar.open.len() > 0 {
                        ul { @for named in bar.above.iter().chain(&bar.open) { li { (named.what) ": " (named.value) } } }
                    }
                }
            }
        }
    })
}

fn changes(base: &Comparison) -> Markup {
    html! {
        p {
            (base.line()) ". Instructions and sizes are exact, so each of their changes is certain; where operations of the same kernel differ, \
            the median must have changed by more than they do, or minimum, quartiles and median all in one direction. Times are compared by what they \
            are beside C's in the same run, and count as changed if the 99 % confidence interval leaves 1 out; how C itself \
            changed says what the machines were like. What was measured once is never called changed."
        }
        @for (trend, title) in [(Trend::Slower, "Slower"), (Trend::Faster, "Faster"), (Trend::Open, "Without a clear difference")] {
            @let those: Vec<&Change> = base.with(trend).collect();
            @if !those.is_empty() {
                details open[trend == Trend::Slower] {
                    summary { (title) ": " (those.len()) }
                    div.wide { table {
                        thead { tr { th { "figure" } th.number { "before" } th.number { "now" } th { "how many times as much" } } }
                        tbody {
                            @for change in those {
                                tr {
                                    td { (change.what) }
                                    td.number { (number(change.before)) }
                                    td.number { (number(change.after)) }
                                    td { (change.words()) }
                                }
                            }
                        }
                    } }
                }
            }
        }
        @for (title, names) in [("Only in the earlier run", &base.only_before), ("Not in the earlier run", &base.only_after)] {
            @if !names.is_empty() { p { (title) ": " (names.join("; ")) "." } }
        }
    }
}

fn left_out(figures: &Figures) -> Option<Markup> {
    if figures.left_out.is_empty() {
        return None;
    }
    Some(html! {
        ul { @for (what, why) in &figures.left_out { li { strong { (what) } ": " (why) } } }
    })
}

fn method() -> Markup {
    html! {
        ul {
            li {
                strong { "Instructions" } " are counted in QEMU, which executes the guest by itself, with one CPU and a clock that goes on with the \
                instructions. A plug-in counts those between two marks in the guest's program: all that the CPU executes there, in user space and \
                in the kernel, interrupts included. C's kernel is booted twice with one possible CPU: where that does not give the same numbers to the digit, the page says so."
            }
            li {
                strong { "Time" } " is measured where the guest runs at native speed: with KVM where that works, else in User Mode Linux. The kernels take \
                turns, round by round, so that what disturbs the machine disturbs all of them. Ratios are of medians; their intervals come from drawing \
                the rounds again 2,000 times."
            }
            li {
                strong { "Scale" } ": what the n-th namespace takes is counted, with 4 possible CPUs; what gets through some flows is timed, and is the \
                median of three rounds."
            }
            li {
                strong { "The kernels" } " are those of " code { "make test" } ": optimised for performance, without checks for arithmetic overflow in Rust, with the \
                kernel's inline functions inlined into Rust (in User Mode Linux they are called)."
            }
            li { strong { "C" } " is upstream's driver in a kernel that is otherwise the same." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_was_measured_is_there() {
        let page = page(&sample::plain(), None);
        for part in [
            "Nothing above its bar",
            "7.3.4-lo-module-4d7eb86f0605",
            "UDP, 1 byte sent and received",
            "start_xmit_callback",
            "of which the driver has 70 itself (2.4 %), and 220 (7.6 %) with what it calls",
            "statistics by netlink",
            "c booted twice: 1 of 2 workloads are equal to the digit, but not netns_destroy",
            "netns.memory",
            "edit abstraction",
            "non-free",
        ] {
            assert!(page.contains(part), "{part} is not there");
        }
        assert!(!page.contains("Since the run"));
    }

    #[test]
    fn what_cannot_be_told_says_so() {
        let page = page(&sample::noisy(), None);
        for part in [
            "Nothing above its bar",
            " 2 cannot be told.",
            "netns_create, 4 CPUs, module: cannot be told: differs by 0.1 %, its operations differ by 2.0 %",
            "the least of them",
            "1.0010 ?",
        ] {
            assert!(page.contains(part), "{part} is not there");
        }
        assert!(!super::page(&sample::plain(), None).contains("cannot be told"));
    }

    #[test]
    fn it_needs_nothing_else() {
        for figures in [
            sample::plain(),
            sample::extreme(),
            sample::noisy(),
            Figures::default(),
        ] {
            let page = page(&figures, None);
            for outside in [
                "http:", "https:", "src=", "<script", "<link", "@import", "url(",
            ] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert!(!page.contains("NaN") && !page.contains("inf%"));
        }
    }

    #[test]
    fn each_plot_has_words() {
        let page = page(&sample::plain(), None);
        for (at, _) in page.match_indices("<svg class=\"plot") {
            let tag = &page[at..at + page[at..].find('>').unwrap()];
            let spoken = tag.contains("aria-label=\"") || tag.contains("aria-hidden");
            assert!(spoken, "{tag}");
        }
    }

    #[test]
    fn what_was_not_measured_has_no_section() {
        let page = page(&Figures::default(), None);
        assert!(page.contains("Nothing was set beside C"));
        for section in [
            "glance", "counts", "xmit", "calls", "times", "scale", "sizes", "lab",
        ] {
            assert!(!page.contains(&format!("id=\"{section}\"")), "{section}");
        }
    }

    #[test]
    fn what_got_slower_is_shown() {
        let base = Comparison::of(&sample::plain(), &sample::extreme());
        let page = page(&sample::extreme(), Some(&base));
        assert!(page.contains("Slower: "));
        assert!(page.contains("kernel instructions: udp_1, module, 4 CPUs"));
        assert!(page.contains("figures above their bars"));
        // What others wrote is text.
        assert!(page.contains("&lt;script&gt;"));
    }

    /// Writes the made-up figures as pages, to be looked at.
    #[test]
    #[ignore = "makes files for people: cargo test -- --ignored pages_to_look_at"]
    fn pages_to_look_at() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/report");
        let write = |name: &str, page: String| {
            crate::checkout::write(&directory.join(name), page.as_bytes()).unwrap();
        };
        let (plain, extreme) = (sample::plain(), sample::extreme());
        let base = Comparison::of(&plain, &extreme);
        write("sample.html", page(&plain, None));
        write("sample-extreme.html", page(&extreme, Some(&base)));
    }
}
