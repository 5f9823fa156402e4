// SPDX-License-Identifier: GPL-2.0

//! Leaves out of a sequence what a difference does not need. As a boot takes longer than what is
//! tried in it, each question is about many candidates.

use std::ops::Range;
use std::time::Duration;
use std::time::Instant;

use crate::failure::Result;

/// How much may be spent.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many questions are asked.
    pub questions: usize,
    /// How long it takes: what has begun by then is finished.
    pub time: Duration,
}

/// About how many items the candidates of a question may have in all: so many take about as long as
/// a boot.
const ITEMS: usize = 400;

/// What is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Shortest<T> {
    /// The sequence.
    pub items: Vec<T>,
    /// Whether none of it can be left out; if not, the limits were reached.
    pub minimal: bool,
    /// How many questions it took.
    pub questions: usize,
}

/// Says of each candidate whether it differs.
pub type Differ<'a, T> = dyn FnMut(&[Vec<T>]) -> Result<Vec<bool>> + 'a;

/// Shortens `items`, which differ.
pub fn shrink<T: Clone>(
    items: Vec<T>,
    limits: Limits,
    differ: &mut Differ<'_, T>,
) -> Result<Shortest<T>> {
    let start = Instant::now();
    let mut size = items.len().div_ceil(2);
    let mut shortest = Shortest {
        items,
        minimal: false,
        questions: 0,
    };
    // Each turn asks two questions.
    while shortest.questions + 2 <= limits.questions && start.elapsed() < limits.time {
        // What differs before anything is done needs nothing of it.
        if shortest.items.is_empty() {
            shortest.minimal = true;
            break;
        }
        let (chunks, smaller) = chunks(shortest.items.len(), size);
        let candidates: Vec<Vec<T>> = chunks
            .iter()
            .map(|chunk| without(&shortest.items, std::slice::from_ref(chunk)))
            .collect();
        shortest.questions += 1;
        let removable = longest(&chunks, &differ(&candidates)?);
        let Some(first) = removable.first() else {
            let Some(smaller) = smaller else {
                shortest.minimal = true;
                break;
            };
            size = smaller;
            continue;
        };
        // Together they may not be: the more of them the better.
        let several: Vec<Vec<T>> = std::iter::successors(Some(removable.len()), |n| Some(n / 2))
            .take_while(|count| *count > 1)
            .map(|count| without(&shortest.items, &removable[..count]))
            .collect();
        let alone = without(&shortest.items, std::slice::from_ref(first));
        shortest.items = match several.is_empty() {
            true => alone,
            false => {
                shortest.questions += 1;
                let verdicts = differ(&several)?;
                let mut both = several.into_iter().zip(verdicts);
                both.find(|(_, differs)| *differs)
                    .map_or(alone, |(items, _)| items)
            }
        };
        size = shortest.items.len().div_ceil(2);
    }
    Ok(shortest)
}

/// Pieces of `size`, half of it and so on, as many as are worth a question, and the size to go on with:
/// none if single items are among them.
fn chunks(len: usize, size: usize) -> (Vec<Range<usize>>, Option<usize>) {
    let (mut chunks, mut size) = (Vec::new(), size.max(1));
    loop {
        chunks.extend((0..len).step_by(size).map(|at| at..(at + size).min(len)));
        if size == 1 {
            return (chunks, None);
        }
        size = size.div_ceil(2);
        if (chunks.len() + len / size) * len > ITEMS {
            return (chunks, Some(size));
        }
    }
}

/// Of those chunks that can be left out, each by itself, the ones as long as the longest.
fn longest(chunks: &[Range<usize>], verdicts: &[bool]) -> Vec<Range<usize>> {
    let good: Vec<&Range<usize>> = chunks
        .iter()
        .zip(verdicts)
        .filter_map(|(chunk, differs)| differs.then_some(chunk))
        .collect();
    let len = good
        .iter()
        .map(|chunk| chunk.len())
        .max()
        .unwrap_or_default();
    good.into_iter()
        .filter(|chunk| chunk.len() == len)
        .cloned()
        .collect()
}

fn without<T: Clone>(items: &[T], chunks: &[Range<usize>]) -> Vec<T> {
    items
        .iter()
        .enumerate()
        .filter(|(at, _)| chunks.iter().all(|chunk| !chunk.contains(at)))
        .map(|(_, item)| item.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Limits = Limits {
        questions: 100,
        time: Duration::from_secs(600),
    };

    /// Shrinks the numbers below `len`; those `needed` are, in this order.
    fn shrunk(len: u32, needed: &[u32], limits: Limits) -> Shortest<u32> {
        let differs = |candidate: &Vec<u32>| needed.iter().all(|one| candidate.contains(one));
        shrink((0..len).collect(), limits, &mut |candidates| {
            Ok(candidates.iter().map(differs).collect())
        })
        .unwrap()
    }

    #[test]
    fn the_known_minimum_is_reached() {
        for needed in [
            &[][..],
            &[0],
            &[39],
            &[7, 8],
            &[0, 20, 39],
            &[1, 2, 3, 17, 30],
        ] {
            let shortest = shrunk(40, needed, PLENTY);
            assert_eq!(shortest.items, needed);
            assert!(shortest.minimal);
            assert!(
                shortest.questions < 20,
                "{needed:?}: {}",
                shortest.questions
            );
        }
        for len in 0..9 {
            let shortest = shrunk(len, &[], PLENTY);
            assert!(shortest.items.is_empty() && shortest.minimal);
        }
    }

    #[test]
    fn nothing_is_not_asked_about() {
        let mut differ = |candidates: &[Vec<u32>]| {
            assert!(!candidates.is_empty());
            Ok(vec![true; candidates.len()])
        };
        assert!(shrink(Vec::new(), PLENTY, &mut differ).unwrap().minimal);
        assert!(shrink(vec![1, 2], PLENTY, &mut differ).unwrap().minimal);
    }

    /// What needs one of two things is left with one of them, not with both or none.
    #[test]
    fn what_can_be_left_out_alone_need_not_be_together() {
        let differs = |candidate: &Vec<u32>| candidate.contains(&3) || candidate.contains(&30);
        let shortest = shrink((0..40).collect(), PLENTY, &mut |candidates| {
            Ok(candidates.iter().map(differs).collect())
        })
        .unwrap();
        assert_eq!(shortest.items.len(), 1);
        assert!(shortest.minimal);
    }

    #[test]
    fn it_has_an_end() {
        let few = Limits {
            questions: 3,
            ..PLENTY
        };
        let shortest = shrunk(40, &[1, 20, 39], few);
        assert!(shortest.questions <= 3 && !shortest.minimal);
        assert!(shortest.items.len() < 40);
        let none = Limits {
            time: Duration::ZERO,
            ..PLENTY
        };
        assert_eq!(shrunk(40, &[1], none).items.len(), 40);
    }

    #[test]
    fn an_error_ends_it() {
        use crate::failure::Exit;
        use crate::failure::Failure;
        let fail = |_: &[Vec<u32>]| Err(Failure::new(Exit::Interrupted, "", ""));
        assert!(shrink(vec![1, 2], PLENTY, &mut { fail }).is_err());
    }
}
