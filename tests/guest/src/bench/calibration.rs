// SPDX-License-Identifier: GPL-2.0

//! How many operations make a round.

use std::time::Duration;

/// How long a round has to last.
const ROUND: Duration = Duration::from_millis(200);

/// From what lasts as long as this one can tell how long more of it would.
const ENOUGH: Duration = Duration::from_millis(20);

/// Finds it out, by rounds with more and more operations, up to `most`.
pub fn operations(
    most: u64,
    mut round: impl FnMut(u64) -> Result<Duration, String>,
) -> Result<u64, String> {
    let mut operations = 1;
    loop {
        let time = round(operations)?;
        if time >= ENOUGH || operations >= most {
            return Ok(fit(operations, time, most));
        }
        operations = (2 * operations).min(most);
    }
}

/// How many operations last a round, if so many last `time`.
fn fit(operations: u64, time: Duration, most: u64) -> u64 {
    let wanted = u128::from(operations) * ROUND.as_nanos() / time.as_nanos().max(1);
    u64::try_from(wanted).unwrap_or(most).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(most: u64, each: Duration) -> (u64, Vec<u64>) {
        let mut tried = Vec::new();
        let round = |operations: u64| {
            tried.push(operations);
            Ok(each * operations as u32)
        };
        let found = operations(most, round).unwrap();
        (found, tried)
    }

    #[test]
    fn a_round_lasts_as_long_as_it_has_to() {
        let each = Duration::from_micros(10);
        let (operations, tried) = found(1_000_000, each);
        assert_eq!(operations, 20_000);
        assert_eq!(tried.first(), Some(&1));
        assert_eq!(tried.last(), Some(&2048));
    }

    #[test]
    fn there_are_limits() {
        assert_eq!(
            found(100, Duration::from_micros(10)),
            (100, vec![1, 2, 4, 8, 16, 32, 64, 100])
        );
        assert_eq!(found(100, Duration::from_secs(1)), (1, vec![1]));
        assert_eq!(found(5, Duration::ZERO), (5, vec![1, 2, 4, 5]));
    }

    #[test]
    fn an_error_is_passed_on() {
        assert_eq!(operations(9, |_| Err("no".into())), Err("no".into()));
    }
}
