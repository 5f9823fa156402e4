// SPDX-License-Identifier: GPL-2.0

//! Waiting for something that happens when it does, with a deadline.

use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until it is `done`. Whether that was before the deadline; an error ends the waiting.
pub fn until(
    deadline: Duration,
    mut done: impl FnMut() -> Result<bool, String>,
) -> Result<bool, String> {
    let start = Instant::now();
    while !done()? {
        if start.elapsed() > deadline {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_in_time_is_seen() {
        let mut asked = 0;
        let done = || {
            asked += 1;
            Ok(asked == 3)
        };
        assert_eq!(until(Duration::from_secs(60), done), Ok(true));
        assert_eq!(asked, 3);
    }

    #[test]
    fn what_never_happens_has_an_end() {
        assert_eq!(until(Duration::ZERO, || Ok(false)), Ok(false));
    }

    #[test]
    fn an_error_is_not_waited_for() {
        let error = Err("no".to_string());
        assert_eq!(until(Duration::from_secs(60), || error.clone()), error);
    }
}
