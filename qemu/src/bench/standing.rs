// SPDX-License-Identifier: GPL-2.0

//! Which of two kernels takes more instructions, where its own operations may differ, too.

use super::statistics::Exact;

/// By how much the minimum and all quartiles must differ to say something where operations differ
/// more.
const CLEAR: f64 = 0.0005;

/// How one kernel's instructions for something stand to another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There are more of them.
    Above,
    /// There are fewer.
    Below,
    /// There are as many.
    Same,
    /// Nobody can tell.
    Open,
}

/// The counts of two kernels for the same.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Those of the one that is judged.
    pub ours: Exact,
    /// What they are set beside.
    pub theirs: Exact,
    /// By how many instructions an operation differs between two boots of the same kernel.
    pub boots: u64,
}

impl Pair {
    /// The rule. Where the middle half of each kernel's operations are all equal, and a second boot
    /// repeats them, a single instruction counts. Elsewhere a median is higher if it is so
    ///
    /// - by more than any operation differs between two boots of the same kernel, and
    /// - by more than the interquartile range of either kernel; or by more than 0.05 %, as the minimum
    ///   and the other quartiles are.
    ///
    /// If neither kernel's is, nobody can tell.
    pub fn standing(&self) -> Standing {
        let Self { ours, theirs, .. } = self;
        if self.is_higher(ours, theirs) {
            Standing::Above
        } else if self.is_higher(theirs, ours) {
            Standing::Below
        } else if ours == theirs || (self.range() == 0 && ours.median == theirs.median) {
            Standing::Same
        } else {
            Standing::Open
        }
    }

    fn is_higher(&self, one: &Exact, other: &Exact) -> bool {
        let more = one.median.saturating_sub(other.median);
        if more <= self.boots {
            return false;
        }
        let clearly = |one: u64, other: u64| one as f64 > other as f64 * (1.0 + CLEAR);
        more > self.range()
            || (clearly(one.least, other.least)
                && clearly(one.quartiles.0, other.quartiles.0)
                && clearly(one.median, other.median)
                && clearly(one.quartiles.1, other.quartiles.1))
    }

    /// Whether every instruction counts.
    pub fn is_exact(&self) -> bool {
        self.range() == 0 && self.boots == 0
    }

    /// The larger interquartile range.
    fn range(&self) -> u64 {
        self.ours.range().max(self.theirs.range())
    }

    /// By how much operations of the same kernel differ, in words.
    pub fn noise(&self) -> String {
        let share = |count| percent(count, self.theirs.median);
        if self.boots > self.range() {
            return format!(
                "two boots of the same kernel differ by {}",
                share(self.boots)
            );
        }
        format!("its operations differ by {}", share(self.range()))
    }

    /// Why nobody can tell, in words.
    pub fn doubt(&self) -> String {
        let more = self.ours.median.abs_diff(self.theirs.median);
        let differs = percent(more, self.theirs.median);
        format!("cannot be told: differs by {differs}, {}", self.noise())
    }
}

/// With as many decimals as say something.
fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    match percent {
        0.0 => "0 %".into(),
        p if p < 0.01 => "less than 0.01 %".into(),
        p if p < 0.1 => format!("{p:.2} %"),
        p if p < 10.0 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(ours: &[u64], theirs: &[u64], boots: u64) -> Pair {
        Pair {
            ours: Exact::of(ours).unwrap(),
            theirs: Exact::of(theirs).unwrap(),
            boots,
        }
    }

    fn standing(ours: &[u64], theirs: &[u64], boots: u64) -> Standing {
        let there = pair(ours, theirs, boots).standing();
        let back = pair(theirs, ours, boots).standing();
        let wanted = match there {
            Standing::Above => Standing::Below,
            Standing::Below => Standing::Above,
            other => other,
        };
        assert_eq!(back, wanted);
        there
    }

    /// From `least` on in equal steps: the interquartile range is that of four of them.
    fn steps(least: u64, step: u64) -> Vec<u64> {
        (0..9).map(|n| least + n * step).collect()
    }

    #[test]
    fn a_single_instruction_counts_where_operations_are_equal() {
        let equal = [1000; 9];
        assert_eq!(standing(&[1001; 9], &equal, 0), Standing::Above);
        assert_eq!(standing(&equal, &equal, 0), Standing::Same);
        // A few that a tick came into change nothing.
        let ticks = [1001, 1001, 1001, 1001, 1001, 1001, 1001, 1001, 3000];
        assert_eq!(standing(&ticks, &equal, 0), Standing::Above);
        assert_eq!(standing(&ticks, &[1001; 9], 0), Standing::Same);
        assert!(pair(&ticks, &equal, 0).is_exact());
    }

    #[test]
    fn little_says_nothing_where_operations_differ() {
        let theirs = steps(100_000, 500);
        assert_eq!(standing(&theirs, &theirs, 0), Standing::Same);
        // By 0.04 % in all of them; by 0.06 % in all; by 0.06 %, but not the minimum.
        assert_eq!(standing(&steps(100_040, 500), &theirs, 0), Standing::Open);
        assert_eq!(standing(&steps(100_062, 500), &theirs, 0), Standing::Above);
        let mut ours = steps(100_062, 500);
        ours[0] = 100_010;
        assert_eq!(standing(&ours, &theirs, 0), Standing::Open);
        // By more than a quartile is from another, though a minimum is not higher.
        ours = steps(102_001, 500);
        ours[0] = 99_000;
        assert_eq!(standing(&ours, &theirs, 0), Standing::Above);
        // That only one of them differs is enough.
        assert_eq!(standing(&[102_001; 9], &theirs, 0), Standing::Open);
    }

    #[test]
    fn all_quartiles_must_be_higher() {
        let theirs = steps(100_000, 500);
        let mut ours = steps(100_100, 500);
        for value in &mut ours[6..] {
            *value = 103_000;
        }
        assert_eq!(standing(&ours, &theirs, 0), Standing::Open);
    }

    #[test]
    fn two_kinds_of_operations_are_no_difference() {
        // As counted: a timer has to be moved, or not. Which is in the middle is chance.
        let theirs = [88_743, 89_040, 89_045, 91_204, 91_240, 91_544, 91_884];
        let ours = [89_041, 89_049, 89_058, 91_494, 91_530, 91_796, 91_875];
        assert_eq!(standing(&ours, &theirs, 0), Standing::Open);
    }

    #[test]
    fn what_is_not_repeatable_must_differ_by_more_than_its_boots() {
        assert_eq!(standing(&[1014; 9], &[1000; 9], 14), Standing::Open);
        assert_eq!(standing(&[1015; 9], &[1000; 9], 14), Standing::Above);
        assert!(!pair(&[1000; 9], &[1000; 9], 14).is_exact());
        assert_eq!(standing(&[1000; 9], &[1000; 9], 14), Standing::Same);
    }

    #[test]
    fn doubts_are_plain_words() {
        let words = pair(&steps(98_110, 750), &steps(98_000, 750), 0).doubt();
        assert_eq!(
            words,
            "cannot be told: differs by 0.1 %, its operations differ by 3.0 %"
        );
        let words = pair(&[1001; 9], &[1000; 9], 140).doubt();
        assert!(words.ends_with("two boots of the same kernel differ by 14 %"));
    }
}
