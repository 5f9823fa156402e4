// SPDX-License-Identifier: GPL-2.0

//! How far a kernel build is. A full build prints about as many lines each time, and the same
//! ones at about the same share of its time; so the last full build's course predicts this one's.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Cache;
use crate::failure::Result;

/// How many points a course has: one for every twentieth of the lines.
const POINTS: usize = 21;
/// In a build directory whose first build did not get to the end: how many lines it printed.
const ATTEMPT: &str = "lab-attempt";

/// The course of a full build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Course {
    /// How many lines it printed.
    lines: usize,
    /// The share of the time gone after each twentieth of the lines.
    times: Vec<f64>,
}

impl Course {
    /// As measured once, for a machine that has not built anything yet.
    fn measured() -> Self {
        Self {
            lines: 1744,
            times: vec![
                0.0, 0.01, 0.11, 0.14, 0.20, 0.28, 0.36, 0.45, 0.55, 0.57, 0.61, 0.68, 0.71, 0.77,
                0.80, 0.81, 0.82, 0.85, 0.90, 0.97, 1.0,
            ],
        }
    }

    /// What the times at which the lines came amount to.
    fn of(stamps: &[Duration]) -> Option<Self> {
        let total = stamps.last()?.as_secs_f64();
        if total <= 0.0 {
            return None;
        }
        let at = |n: usize| stamps[n * (stamps.len() - 1) / (POINTS - 1)].as_secs_f64();
        Some(Self {
            lines: stamps.len(),
            times: (0..POINTS).map(|n| at(n) / total).collect(),
        })
    }

    fn is_sane(&self) -> bool {
        let grows = self.times.windows(2).all(|pair| pair[0] <= pair[1]);
        self.lines > 0 && self.times.len() == POINTS && grows
    }

    /// The share of the time that is gone after `lines`.
    fn fraction(&self, lines: usize) -> f64 {
        let place = lines as f64 / self.lines as f64 * (POINTS - 1) as f64;
        let below = place.floor() as usize;
        if below + 1 >= POINTS {
            // More lines than last time: nearly done, for all that is known.
            return 0.99;
        }
        let (low, high) = (self.times[below], self.times[below + 1]);
        low + (high - low) * place.fract()
    }
}

/// Watches one build.
#[derive(Debug)]
pub struct Progress {
    file: PathBuf,
    /// The expected course; none for an incremental build, whose length nobody knows.
    course: Option<Course>,
    /// How many lines earlier attempts at this build have printed.
    before: usize,
    stamps: Vec<Duration>,
    /// What is being built now.
    pub current: String,
}

impl Progress {
    /// Watches build `name` in directory `dir`. It is a full one if nothing was there, or if
    /// earlier attempts at a full one did not get to the end.
    pub fn start(cache: &Cache, name: &str, dir: &Path, empty: bool) -> Self {
        let file = cache.path(&format!("progress-{name}.json"));
        let attempt = fs::read_to_string(dir.join(ATTEMPT)).ok();
        let before = attempt.and_then(|text| text.parse().ok());
        let course = || load(&file).unwrap_or_else(Course::measured);
        Self {
            course: (empty || before.is_some()).then(course),
            file,
            before: before.unwrap_or(0),
            stamps: Vec::new(),
            current: String::new(),
        }
    }

    /// Takes in what the build printed by `now`.
    pub fn feed(&mut self, text: &str, now: Duration) {
        for line in text.lines() {
            let Some(step) = step(line) else { continue };
            self.stamps.push(now);
            self.current = step;
        }
    }

    /// The share of the work that is done.
    pub fn fraction(&self) -> Option<f64> {
        let lines = self.before + self.stamps.len();
        Some(self.course.as_ref()?.fraction(lines))
    }

    /// The time left, given the time spent.
    pub fn time_left(&self, spent: Duration) -> Option<Duration> {
        let fraction = self.fraction()?;
        let done = fraction - self.course.as_ref()?.fraction(self.before);
        if done < 0.02 || spent < Duration::from_secs(5) {
            return None;
        }
        Some(spent.mul_f64((1.0 - fraction) / done))
    }

    /// Notes how far a full build got that did not get to the end.
    pub fn abandon(&self, dir: &Path) -> Result {
        if self.course.is_none() {
            return Ok(());
        }
        let lines = self.before + self.stamps.len();
        write(&dir.join(ATTEMPT), lines.to_string().as_bytes())
    }

    /// Notes the course of a build that went well, for the next one.
    pub fn finish(&self, dir: &Path) -> Result {
        remove(&dir.join(ATTEMPT))?;
        let whole = self.course.is_some() && self.before == 0;
        let Some(course) = Course::of(&self.stamps).filter(|_| whole) else {
            return Ok(());
        };
        match serde_json::to_vec(&course) {
            Ok(text) => write(&self.file, &text),
            // Only an estimate is lost.
            Err(_) => Ok(()),
        }
    }
}

fn load(file: &Path) -> Option<Course> {
    let course: Course = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    course.is_sane().then_some(course)
}

/// kbuild's `  CC      net/core/dev.o` as `CC net/core/dev.o`; none for any other line.
pub fn step(line: &str) -> Option<String> {
    let mut words = line.strip_prefix("  ")?.split_whitespace();
    // Between them there may be a flag: `RUSTC L rust/core.o`, `CC [M]  x.o`.
    let (tag, path) = (words.next()?, words.last()?);
    let good = tag.len() >= 2
        && tag
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (good && !line.starts_with("   ")).then(|| format!("{tag} {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kbuild_s_lines_count_and_others_do_not() {
        let line = "  RUSTC L rust/kernel.o";
        assert_eq!(step(line).unwrap(), "RUSTC rust/kernel.o");
        assert_eq!(step("  CC      a/b.o").unwrap(), "CC a/b.o");
        assert_eq!(step("make[1]: Entering directory 'x'"), None);
        assert_eq!(step("    |    ^^^^ help"), None);
        assert_eq!(step("  = note: x"), None);
    }

    #[test]
    fn a_course_predicts_a_build_like_it() {
        // The second half of the lines takes nine tenths of the time.
        let stamps: Vec<_> = (0..=100)
            .map(|n| Duration::from_millis(if n <= 50 { n * 2 } else { 100 + (n - 50) * 18 }))
            .collect();
        let course = Course::of(&stamps).unwrap();
        assert!(course.is_sane());
        assert!((course.fraction(50) - 0.1).abs() < 0.02);
        assert!((course.fraction(75) - 0.55).abs() < 0.03);
        assert!(course.fraction(1000) < 1.0);
    }

    #[test]
    fn the_measured_course_is_sane() {
        assert!(Course::measured().is_sane());
    }

    #[test]
    fn nothing_is_learnt_from_nothing() {
        assert_eq!(Course::of(&[]), None);
        assert_eq!(Course::of(&[Duration::ZERO]), None);
    }
}
