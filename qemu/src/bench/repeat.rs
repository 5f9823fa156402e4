// SPDX-License-Identifier: GPL-2.0

//! The same boot twice: whether it counts the same, to the digit.

use lab_protocol::Variant;

use super::figures::Count;
use super::figures::Difference;
use super::figures::Figures;
use super::figures::Repeat;
use super::summary::grouped;
use super::summary::once_each;

/// Sets what two boots of the same kernel counted beside each other. An error says what the second
/// one lacks.
pub fn compare(first: &[&Count], second: &[Count]) -> Result<Vec<Repeat>, String> {
    first
        .iter()
        .map(|count| {
            let same = |again: &&Count| again.workload == count.workload;
            let again = second.iter().find(same);
            let again = again.filter(|again| again.all.len() == count.all.len());
            let again = again.ok_or_else(|| {
                let (operations, workload) = (count.all.len(), &count.workload);
                format!("{workload}: the second boot did not do {operations} operations, too")
            })?;
            Ok(Repeat {
                workload: count.workload.clone(),
                variant: count.variant,
                possible_cpus: count.possible_cpus,
                operations: count.all.len(),
                differences: differences(count, again),
            })
        })
        .collect()
}

fn differences(first: &Count, second: &Count) -> Vec<Difference> {
    let pairs = |first: &[u64], second: &[u64]| -> Vec<[u64; 2]> {
        let both = first.iter().zip(second);
        both.map(|(first, second)| [*first, *second]).collect()
    };
    let kernel = pairs(&first.kernel, &second.kernel);
    let all = pairs(&first.all, &second.all);
    kernel
        .into_iter()
        .zip(all)
        .enumerate()
        .map(|(operation, (kernel, all))| Difference {
            operation,
            kernel,
            all,
        })
        .filter(|one| one.size() > 0)
        .collect()
}

impl Difference {
    /// By how many instructions the boots differ at most.
    fn size(&self) -> u64 {
        let [kernel, all] = [self.kernel, self.all].map(|[first, second]| first.abs_diff(second));
        kernel.max(all)
    }
}

impl Repeat {
    /// By how many instructions an operation differs at most; 0 if all are equal to the digit.
    fn most(&self) -> u64 {
        self.differences
            .iter()
            .map(Difference::size)
            .max()
            .unwrap_or(0)
    }

    fn words(&self) -> String {
        format!(
            "{} ({} of {} operations, by up to {} instructions)",
            self.workload,
            self.differences.len(),
            self.operations,
            grouped(self.most())
        )
    }
}

/// By how many instructions operations of `workload` differ between two boots of the same kernel, as
/// far as that was tried.
pub fn most(figures: &Figures, workload: &str) -> u64 {
    let own = figures.repeats.iter().filter(|r| r.workload == workload);
    own.map(Repeat::most).max().unwrap_or(0)
}

/// What came of it, in a line; none if no kernel was booted twice.
pub fn line(figures: &Figures) -> Option<String> {
    let repeats = &figures.repeats;
    let kernels = once_each(repeats.iter().map(|repeat| Variant::name(repeat.variant)));
    let odd: Vec<String> = repeats
        .iter()
        .filter(|repeat| repeat.most() > 0)
        .map(Repeat::words)
        .collect();
    let booted = format!("{} booted twice: ", kernels.join(", "));
    match (repeats.len(), odd.len()) {
        (0, _) => None,
        (n, 0) => Some(format!("{booted}all {n} workloads are equal to the digit")),
        (n, odd_ones) => Some(format!(
            "{booted}{} of {n} workloads are equal to the digit, but not {}",
            n - odd_ones,
            odd.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(workload: &str, kernel: &[u64]) -> Count {
        Count {
            workload: workload.into(),
            variant: Variant::C,
            possible_cpus: 1,
            units: 1,
            all: kernel.iter().map(|n| n + 10).collect(),
            kernel: kernel.into(),
        }
    }

    #[test]
    fn what_differs_is_kept_with_its_numbers() {
        let first = [count("ping", &[5, 5]), count("netns_create", &[7, 8, 9])];
        let mut second = first.clone();
        second[1].kernel[2] = 1209;
        second[1].all[2] = 1219;
        let repeats = compare(&first.each_ref(), &second).unwrap();
        let wanted = Difference {
            operation: 2,
            kernel: [9, 1209],
            all: [19, 1219],
        };
        assert!(repeats[0].differences.is_empty());
        assert_eq!(repeats[1].differences, [wanted]);
        let figures = Figures {
            repeats,
            ..Figures::default()
        };
        assert_eq!(most(&figures, "ping"), 0);
        assert_eq!(most(&figures, "netns_create"), 1200);
        assert_eq!(
            line(&figures).unwrap(),
            "c booted twice: 1 of 2 workloads are equal to the digit, but not \
             netns_create (1 of 3 operations, by up to 1,200 instructions)"
        );
    }

    #[test]
    fn the_same_again_is_equal() {
        let first = [count("ping", &[5, 5])];
        let repeats = compare(&first.each_ref(), &first).unwrap();
        let figures = Figures {
            repeats,
            ..Figures::default()
        };
        assert!(line(&figures).unwrap().contains("all 1 workloads"));
        assert_eq!(line(&Figures::default()), None);
    }

    #[test]
    fn user_space_counts_as_well() {
        let first = [count("ping", &[5])];
        let mut second = first.clone();
        second[0].all[0] += 1;
        let repeats = compare(&first.each_ref(), &second).unwrap();
        assert_eq!(repeats[0].differences.len(), 1);
    }

    #[test]
    fn what_the_second_boot_lacks_is_missed() {
        let first = [count("ping", &[5, 5])];
        assert!(compare(&first.each_ref(), &[]).is_err());
        let error = compare(&first.each_ref(), &[count("ping", &[5])]).unwrap_err();
        assert!(error.contains("2 operations"), "{error}");
    }
}
