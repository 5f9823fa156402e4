// SPDX-License-Identifier: GPL-2.0

//! Which KUnit suites the kernel is told to run. It takes one glob, `suite` or `suite.case`, which
//! the guest's init can change before it inserts modules: so there is one for what is built in and
//! runs when the kernel starts, and one for the suites of modules. Not every choice can be expressed
//! by them; then more than is wanted runs.

use std::collections::BTreeSet;
use std::fmt;

use crate::kunit::Suite;

/// The kernel's parameter, for what is built in, and what the guest's init sets it to.
const WORDS: [(&str, bool); 2] = [("kunit.filter_glob", true), ("lab.suites", false)];

/// A choice.
#[derive(Debug, Default, PartialEq)]
pub struct Filter {
    /// The words of the kernel's command line that express it.
    pub words: Vec<String>,
    /// What then reports.
    pub reporting: Vec<Suite>,
}

impl Filter {
    /// Those that run `wanted` out of `all`, each to be given to another boot. There is more than
    /// one only with a sanitised kernel.
    pub fn choose(wanted: &[Suite], all: &[Suite], debug: bool) -> Vec<Self> {
        if !debug {
            return vec![Self::over(wanted, all, wanted == all)];
        }
        // Some of the kernel's own examples are bad, and such a kernel says so. No glob is ours and
        // not theirs if it has to be over other suites, too.
        let (doctests, rest): (Vec<_>, Vec<_>) = wanted.iter().cloned().partition(Suite::is_shared);
        if doctests.is_empty() || !rest.iter().any(|suite| suite.built_in) {
            return vec![Self::over(wanted, all, false)];
        }
        let one = |wanted| Self::over(wanted, all, false);
        vec![one(&rest), one(&doctests)]
    }

    /// The one for `wanted` out of `all`, or for `everything`, the kernel's own included.
    fn over(wanted: &[Suite], all: &[Suite], everything: bool) -> Self {
        if everything {
            return Self {
                words: Vec::new(),
                reporting: all.to_vec(),
            };
        }
        let mut filter = Self::default();
        for (word, built_in) in WORDS {
            let part = |suites: &[Suite]| -> Vec<Suite> {
                let is_in = |suite: &&Suite| suite.built_in == built_in;
                suites.iter().filter(is_in).cloned().collect()
            };
            let all = part(all);
            let globs = Globs::over(&part(wanted), &all);
            filter.words.push(format!("{word}={globs}"));
            filter.reporting.extend(globs.pick(&all));
        }
        filter
    }
}

/// A glob over suites, and maybe one over their cases.
struct Globs {
    suites: Glob,
    cases: Option<Glob>,
}

impl Globs {
    fn over(wanted: &[Suite], all: &[Suite]) -> Self {
        let names: Vec<&str> = wanted.iter().map(|suite| suite.name.as_str()).collect();
        let others = all.iter().map(|suite| suite.name.as_str());
        let others: Vec<&str> = others.filter(|name| !names.contains(name)).collect();
        let suites = Glob::over(&names, &others);
        let [suite] = wanted else {
            let cases = None;
            return Self { suites, cases };
        };
        let cases: Vec<&str> = suite.cases.iter().map(String::as_str).collect();
        let whole = !suite.is_shared() && all.contains(suite);
        let cases = (!whole).then(|| Glob::over(&cases, &[]));
        Self { suites, cases }
    }

    /// What of `all` they match.
    fn pick(&self, all: &[Suite]) -> Vec<Suite> {
        let is_picked = |test: &str| {
            let case = test.rsplit('.').next().unwrap_or_default();
            self.cases.as_ref().is_none_or(|glob| glob.matches(case))
        };
        all.iter()
            .filter(|suite| self.suites.matches(&suite.name))
            .map(|suite| suite.only(is_picked))
            .collect()
    }
}

impl fmt::Display for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.suites)?;
        match &self.cases {
            Some(cases) => write!(f, ".{cases}"),
            None => Ok(()),
        }
    }
}

/// A glob: for each place the characters that may be there, and maybe an asterisk at the end.
#[derive(Debug, PartialEq)]
struct Glob {
    places: Vec<BTreeSet<char>>,
    open: bool,
}

impl Glob {
    /// One over all of `names`: over none it is one that no suite matches, over several the
    /// shortest one that leaves out the `others`, if that can be.
    fn over(names: &[&str], others: &[&str]) -> Self {
        let places = places(names);
        let common = places.iter().take_while(|place| place.len() == 1).count();
        let prefix = |len: usize| Self {
            places: places[..len].to_vec(),
            open: true,
        };
        match names {
            [] => Self::exactly("-"),
            [name] => Self::exactly(name),
            _ => (common..=places.len())
                .map(prefix)
                .find(|glob| !others.iter().any(|name| glob.matches(name)))
                .unwrap_or_else(|| prefix(common)),
        }
    }

    fn exactly(name: &str) -> Self {
        Self {
            places: places(&[name]),
            open: false,
        }
    }

    fn matches(&self, name: &str) -> bool {
        let len = name.chars().count();
        let mut pairs = self.places.iter().zip(name.chars());
        (len == self.places.len() || (self.open && len > self.places.len()))
            && pairs.all(|(place, c)| place.contains(&c))
    }
}

/// Which characters `names` have at each place that all of them have.
fn places(names: &[&str]) -> Vec<BTreeSet<char>> {
    let len = names.iter().map(|name| name.chars().count()).min();
    (0..len.unwrap_or_default())
        .map(|at| {
            names
                .iter()
                .filter_map(|name| name.chars().nth(at))
                .collect()
        })
        .collect()
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.places {
            let text: String = place.iter().collect();
            match place.len() {
                1 => f.write_str(&text)?,
                _ => write!(f, "[{text}]")?,
            }
        }
        f.write_str(if self.open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(name: &str, cases: &[&str]) -> Suite {
        Suite {
            name: name.into(),
            cases: cases.iter().map(|case| case.to_string()).collect(),
            ..Suite::default()
        }
    }

    fn built_in(name: &str) -> Suite {
        Suite {
            built_in: true,
            ..suite(name, &["b"])
        }
    }

    fn shared(cases: &[&str]) -> Suite {
        Suite {
            built_in: true,
            owned: vec!["net_".into()],
            ..suite("docs", cases)
        }
    }

    fn all() -> [Suite; 3] {
        [
            suite("lo_link", &["up", "up_twice", "mtu"]),
            suite("lo_xmit", &["a"]),
            shared(&["net_a_0", "net_b_0"]),
        ]
    }

    type Chosen = (String, String, Vec<Suite>);

    /// The two globs of a filter, and what then reports.
    fn shown(filter: &Filter) -> Chosen {
        let value = |word: &str| {
            let word = format!("{word}=");
            let found = filter.words.iter().find_map(|w| w.strip_prefix(&word));
            found.unwrap_or_default().to_string()
        };
        let globs = (value("kunit.filter_glob"), value("lab.suites"));
        (globs.0, globs.1, filter.reporting.clone())
    }

    fn choose(wanted: &[Suite]) -> Chosen {
        let filters = Filter::choose(wanted, &all(), false);
        assert_eq!(filters.len(), 1);
        shown(&filters[0])
    }

    fn chosen(built_in: &str, driver: &str, reporting: &[Suite]) -> Chosen {
        (built_in.into(), driver.into(), reporting.to_vec())
    }

    #[test]
    fn if_all_is_wanted_the_kernels_own_runs_along() {
        let filters = Filter::choose(&all(), &all(), false);
        assert_eq!(filters.len(), 1);
        assert_eq!(filters[0].words, Vec::<String>::new());
        assert_eq!(filters[0].reporting, all());
    }

    #[test]
    fn a_sanitised_kernel_runs_only_what_is_ours() {
        let [link, xmit, docs] = all();
        let filters = Filter::choose(&all(), &all(), true);
        assert_eq!(filters.len(), 1);
        let wanted = chosen(
            "docs.net_*",
            "lo_*",
            &[docs.clone(), link.clone(), xmit.clone()],
        );
        assert_eq!(shown(&filters[0]), wanted);
        // What one glob cannot express takes another boot.
        let core = built_in("core");
        let all = [link.clone(), xmit.clone(), core.clone(), docs.clone()];
        let filters = Filter::choose(&all, &all, true);
        assert_eq!(filters.len(), 2);
        assert_eq!(
            shown(&filters[0]),
            chosen("core", "lo_*", &[core, link, xmit])
        );
        assert_eq!(shown(&filters[1]), chosen("docs.net_*", "-", &[docs]));
        let filters = Filter::choose(&all[..3], &all, true);
        assert_eq!(filters.len(), 1);
    }

    #[test]
    fn what_is_built_in_shares_a_glob() {
        let [_, _, docs] = all();
        let all = [built_in("core"), docs.clone(), built_in("core_too")];
        let filters = Filter::choose(&all[..2], &all, false);
        assert_eq!(shown(&filters[0]), chosen("*", "-", &all));
        let pair = [all[0].clone(), all[2].clone()];
        let filters = Filter::choose(&pair, &all, false);
        assert_eq!(shown(&filters[0]), chosen("core*", "-", &pair));
    }

    /// The doctests must stay out of it: in a sanitised kernel the kernel's own ones are bad.
    #[test]
    fn names_that_have_nothing_in_common_need_not_let_all_in() {
        let docs = Suite {
            name: "rust_doctests_kernel".into(),
            ..shared(&["net_a_0"])
        };
        let names = ["rust_loopback_xmit", "rust_netdev_flags", "blackholedev"];
        let rest = names.map(built_in);
        let all = [&rest[..], std::slice::from_ref(&docs)].concat();
        let filters = Filter::choose(&all, &all, true);
        let globs: Vec<Chosen> = filters.iter().map(shown).collect();
        assert_eq!(
            globs,
            [
                chosen("[br][lu][as][ct][_k][hln]*", "-", &rest),
                chosen("rust_doctests_kernel.net_a_0", "-", &[docs]),
            ]
        );
    }

    #[test]
    fn globs_match_as_the_kernel_s_do() {
        let glob = Glob::over(&["ab_x", "cb"], &["ad"]);
        assert_eq!(glob.to_string(), "[ac]b*");
        for (name, is_in) in [("ab", true), ("cb_", true), ("a", false), ("bb", false)] {
            assert_eq!(glob.matches(name), is_in, "{name}");
        }
        let one = Glob::over(&["ab"], &[]);
        assert!(one.matches("ab") && !one.matches("abc") && !one.matches("a"));
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(choose(&[]), chosen("-", "-", &[]));
    }

    #[test]
    fn doctests_and_driver_are_told_apart() {
        let [link, xmit, docs] = all();
        assert_eq!(
            choose(&[link.clone(), xmit.clone()]),
            chosen("-", "lo_*", &[link, xmit.clone()])
        );
        // Others' cases are in it, too: they need not run.
        assert_eq!(
            choose(std::slice::from_ref(&docs)),
            chosen("docs.net_*", "-", std::slice::from_ref(&docs))
        );
        let one = shared(&["net_b_0"]);
        assert_eq!(
            choose(&[xmit.clone(), one.clone()]),
            chosen("docs.net_b_0", "lo_xmit", &[one, xmit])
        );
    }

    #[test]
    fn what_a_glob_cannot_leave_out_reports_as_well() {
        let [link, xmit, _] = all();
        let one = suite("lo_link", &["up"]);
        assert_eq!(
            choose(std::slice::from_ref(&one)),
            chosen("-", "lo_link.up", std::slice::from_ref(&one))
        );
        let ups = suite("lo_link", &["up", "up_twice"]);
        assert_eq!(
            choose(std::slice::from_ref(&ups)),
            chosen("-", "lo_link.up*", &[ups])
        );
        let some = suite("lo_link", &["up", "mtu"]);
        assert_eq!(
            choose(&[some]),
            chosen("-", "lo_link.*", std::slice::from_ref(&link))
        );
        assert_eq!(
            choose(&[one, xmit.clone()]),
            chosen("-", "lo_*", &[link, xmit])
        );
    }
}
