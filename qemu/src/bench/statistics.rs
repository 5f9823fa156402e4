// SPDX-License-Identifier: GPL-2.0

//! What many values say: the middle one and the spread; and how sure a ratio is that was made from
//! few of them.

use std::collections::BTreeSet;

use lab_random::Rng;
use serde::Serialize;

/// How many times values are drawn again to see what else might have come out.
const DRAWS: usize = 2000;
/// From what they are drawn: the same values give the same answer.
const SEED: u64 = 7;

/// Values in order: the least, the quartiles, the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// A quarter is below this one.
    pub lower: f64,
    /// A half is.
    pub median: f64,
    /// Three quarters are.
    pub upper: f64,
    /// The greatest.
    pub most: f64,
}

/// That of `values`; none if there are none.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let sorted = sorted(values);
    Some(Spread {
        least: *sorted.first()?,
        lower: quantile(&sorted, 0.25),
        median: quantile(&sorted, 0.5),
        upper: quantile(&sorted, 0.75),
        most: *sorted.last()?,
    })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Between two values where there is none; `sorted` is not empty.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// Exact numbers, one for each operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact {
    /// How many operations there are.
    pub operations: usize,
    /// How many different numbers.
    pub distinct: usize,
    /// The least.
    pub least: u64,
    /// That of the operation in the middle: a number that occurred. Of two, the lower one.
    pub median: u64,
    /// The greatest.
    pub most: u64,
    /// What a quarter is below, and what a quarter is above.
    pub quartiles: (u64, u64),
}

impl Exact {
    /// Those of `values`; none if there are none.
    pub fn of(values: &[u64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        Some(Self {
            operations: sorted.len(),
            distinct: sorted.iter().collect::<BTreeSet<_>>().len(),
            least: sorted[0],
            median: sorted[last / 2],
            most: sorted[last],
            quartiles: (sorted[last / 4], sorted[last - last / 4]),
        })
    }

    /// From the first quartile to the third.
    pub fn range(&self) -> u64 {
        self.quartiles.1 - self.quartiles.0
    }

    /// Whether all operations took the same.
    pub fn all_equal(&self) -> bool {
        self.distinct == 1
    }
}

/// A ratio with what it might have been.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Of the medians.
    pub value: f64,
    /// It lies between these, with as much confidence as was asked for.
    pub low: f64,
    /// And this.
    pub high: f64,
}

impl Ratio {
    /// Whether it is certain that it is more than 1.
    pub fn is_above(&self) -> bool {
        self.low > 1.0
    }

    /// Whether it is certain that it is less.
    pub fn is_below(&self) -> bool {
        self.high < 1.0
    }
}

/// The median of `over` by that of `under`, with its confidence interval by the bootstrap: both are
/// drawn from, with replacement, as often as they have values. None without values above 0.
pub fn ratio(over: &[f64], under: &[f64], confidence: f64) -> Option<Ratio> {
    estimate(&[over, under], confidence, |m| m[0] / m[1])
}

/// How much the ratio of the first two has grown over that of the last two.
pub fn growth(now: [&[f64]; 2], then: [&[f64]; 2], confidence: f64) -> Option<Ratio> {
    let samples = [now[0], now[1], then[0], then[1]];
    estimate(&samples, confidence, |m| (m[0] / m[1]) / (m[2] / m[3]))
}

fn estimate(
    samples: &[&[f64]],
    confidence: f64,
    statistic: impl Fn(&[f64]) -> f64,
) -> Option<Ratio> {
    let usable = |values: &&[f64]| !values.is_empty() && values.iter().all(|v| *v > 0.0);
    if !samples.iter().all(usable) {
        return None;
    }
    let median = |values: &[f64]| quantile(&sorted(values), 0.5);
    let medians: Vec<f64> = samples.iter().map(|values| median(values)).collect();
    let mut rng = Rng::new(SEED);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let again: Vec<f64> = samples
                .iter()
                .map(|values| {
                    let values: Vec<f64> = values.iter().map(|_| rng.pick(values)).collect();
                    median(&values)
                })
                .collect();
            statistic(&again)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Some(Ratio {
        value: statistic(&medians),
        low: quantile(&drawn, tail),
        high: quantile(&drawn, 1.0 - tail),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_in_the_middle() {
        let spread = spread(&[4.0, 1.0, 3.0, 2.0, 5.0]).unwrap();
        let all = [spread.least, spread.lower, spread.median, spread.upper];
        assert_eq!(all, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(spread.most, 5.0);
        assert_eq!(super::spread(&[1.0, 2.0]).unwrap().median, 1.5);
        assert!(super::spread(&[]).is_none());
    }

    #[test]
    fn a_count_s_median_is_a_count() {
        let exact = Exact::of(&[9, 7, 7, 8]).unwrap();
        assert_eq!((exact.least, exact.median, exact.most), (7, 7, 9));
        assert_eq!((exact.operations, exact.distinct), (4, 3));
        assert!(!exact.all_equal());
        assert!(Exact::of(&[5, 5]).unwrap().all_equal());
        assert!(Exact::of(&[]).is_none());
        let quartiles = Exact::of(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap().quartiles;
        assert_eq!(quartiles, (3, 7));
    }

    #[test]
    fn a_ratio_knows_how_sure_it_is() {
        let slow = [110.0, 111.0, 109.0, 110.5, 110.2, 109.8, 110.1];
        let fast = [100.0, 101.0, 99.0, 100.5, 100.2, 99.8, 100.1];
        let one = ratio(&slow, &fast, 0.95).unwrap();
        assert!((one.value - 1.1).abs() < 0.002, "{one:?}");
        assert!(one.low <= one.value && one.value <= one.high);
        assert!(one.is_above() && !one.is_below());
        assert!(ratio(&fast, &slow, 0.95).unwrap().is_below());
        // The same again, to the digit.
        assert_eq!(ratio(&slow, &fast, 0.95).unwrap(), one);
        let noisy = [80.0, 100.0, 125.0, 90.0, 112.0, 99.0, 104.0];
        let open = ratio(&noisy, &fast, 0.95).unwrap();
        assert!(!open.is_above() && !open.is_below());
        let surer = ratio(&noisy, &fast, 0.99).unwrap();
        assert!(surer.low <= open.low && surer.high >= open.high);
    }

    #[test]
    fn what_no_ratio_can_be_made_of_has_none() {
        assert!(ratio(&[1.0], &[], 0.95).is_none());
        assert!(ratio(&[1.0], &[0.0, 1.0], 0.95).is_none());
        assert!(ratio(&[f64::NAN], &[1.0], 0.95).is_none());
    }

    #[test]
    fn what_slows_both_down_is_no_growth() {
        let (now, then) = ([200.0, 202.0, 201.0], [100.0, 101.0, 100.5]);
        let same = growth([&now, &now], [&then, &then], 0.95).unwrap();
        assert!(!same.is_above() && !same.is_below());
        let more = growth([&now, &then], [&then, &then], 0.95).unwrap();
        assert!(more.is_above());
        assert!((more.value - 2.0).abs() < 0.01);
    }
}
