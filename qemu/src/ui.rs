// SPDX-License-Identifier: GPL-2.0

//! What the lab shows while it works: one line a stage, with its outcome and its time. On a
//! terminal a bar moves meanwhile; elsewhere a long stage says every now and then how far it is.

use std::env;
use std::fs::File;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use serde::Deserialize;
use serde::Serialize;

/// Names a file that gets a line for each stage that ends: how the lab measures itself.
pub const STAGES: &str = "LAB_STAGES";

/// Off a terminal: how long a stage may take before it says that it has begun.
const QUIET: Duration = Duration::from_secs(1);
/// Off a terminal: how often it says how far it is.
const INTERVAL: Duration = Duration::from_secs(30);
/// Width of a stage's name, and of its outcome.
const NAME: usize = 10;
const OUTCOME: usize = 48;
/// The bar's resolution.
const STEPS: u64 = 1000;

/// The bar on the screen, if there is one: other output has to step around it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn on_terminal() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| io::stdout().is_terminal())
}

/// Prints a line, around the bar if there is one.
pub fn line(text: &str) {
    let print = || {
        // A closed pipe on stdout is no reason to stop working.
        let _ = writeln!(io::stdout(), "{text}");
        let _ = io::stdout().flush();
    };
    match BAR.lock() {
        Ok(bar) => match bar.as_ref() {
            Some(bar) => bar.suspend(print),
            None => print(),
        },
        Err(_) => print(),
    }
}

/// Prints a warning: something is not as asked for, but work goes on.
pub fn warn(text: &str) {
    line(&format!("  warning    {text}"));
}

/// A line of the file that [`STAGES`] names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The stage's name.
    pub stage: String,
    /// How long it took.
    pub seconds: f64,
}

/// Notes that stage `name`, which began at `start`, has ended, if somebody wants to know.
pub fn note(name: &str, start: Instant) {
    let Some(path) = env::var_os(STAGES).filter(|path| !path.is_empty()) else {
        return;
    };
    let ended = Ended {
        stage: name.into(),
        seconds: start.elapsed().as_secs_f64(),
    };
    let Ok(line) = serde_json::to_string(&ended) else {
        return;
    };
    // Whoever reads it sees that a stage is missing; the work goes on.
    if let Ok(mut file) = File::options().create(true).append(true).open(path) {
        let _ = writeln!(file, "{line}");
    }
}

/// A stage of the work. Dropped without an outcome, it has failed.
#[derive(Debug)]
pub struct Stage {
    name: String,
    what: String,
    start: Instant,
    /// When a progress line was last printed; none before the first.
    said: Option<Instant>,
    bar: Option<ProgressBar>,
    open: bool,
}

impl Stage {
    /// Prints the line of a stage that began at `start` and ended so soon that it needed no more.
    pub fn brief(name: &str, outcome: &str, start: Instant) {
        note(name, start);
        let time = duration(start.elapsed());
        line(&format!("  {name:NAME$} {outcome:OUTCOME$} {time:>7}"));
    }

    /// Begins stage `name`: doing `what`.
    pub fn start(name: &str, what: &str) -> Self {
        Self {
            name: name.into(),
            what: what.into(),
            start: Instant::now(),
            said: None,
            bar: on_terminal().then(|| show_bar(name, what)),
            open: true,
        }
    }

    /// How far it is: the fraction done, the time left (each if known), and a detail.
    /// Call it often: it decides by itself what to print and when.
    pub fn update(&mut self, fraction: Option<f64>, eta: Option<Duration>, detail: &str) {
        let eta = eta.map(|eta| format!("{} left", duration(eta)));
        if let Some(bar) = &self.bar {
            bar.set_position(fraction.map_or(0, |f| (f.clamp(0.0, 1.0) * STEPS as f64) as u64));
            bar.set_message(join(&[&self.what, eta.as_deref().unwrap_or(""), detail]));
            return;
        }
        let due = match self.said {
            None => self.start.elapsed() > QUIET,
            Some(said) => said.elapsed() > INTERVAL,
        };
        if !due {
            return;
        }
        let percent = fraction.map(|f| format!("{:.0} %", f.clamp(0.0, 1.0) * 100.0));
        let text = match self.said {
            None => format!("{} ...", self.what),
            Some(_) => join(&[
                percent.as_deref().unwrap_or(""),
                eta.as_deref().unwrap_or(""),
                detail,
            ]),
        };
        let text = match text.is_empty() {
            true => format!("{}, for {} so far", self.what, duration(self.elapsed())),
            false => text,
        };
        self.said = Some(Instant::now());
        line(format!("  {:NAME$} {text}", self.name).trim_end());
    }

    /// Shows that it is still alive, when no more is known than that.
    pub fn tick(&mut self) {
        self.update(None, None, "");
    }

    /// Time since the stage began.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Ends it well.
    pub fn done(mut self, outcome: &str) {
        self.close(outcome);
    }

    /// Ends it badly.
    pub fn fail(mut self) {
        self.close("FAILED");
    }

    fn close(&mut self, outcome: &str) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        self.hide_bar();
        Self::brief(&self.name, outcome, self.start);
    }

    fn hide_bar(&mut self) {
        let Some(bar) = self.bar.take() else { return };
        bar.finish_and_clear();
        if let Ok(mut current) = BAR.lock() {
            *current = None;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let interrupted = crate::process::check_interrupt().is_err();
        self.close(if interrupted { "interrupted" } else { "FAILED" });
    }
}

fn show_bar(name: &str, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {prefix:10} [{bar:24}] {percent:>3} % {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    let target = ProgressDrawTarget::stdout();
    let bar = ProgressBar::with_draw_target(Some(STEPS), target).with_style(style);
    bar.set_prefix(name.to_string());
    bar.set_message(what.to_string());
    if let Ok(mut current) = BAR.lock() {
        *current = Some(bar.clone());
    }
    bar
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<_> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect();
    parts.join(", ")
}

/// A time as people write it: `0.4s`, `12s`, `5m12s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=9 => format!("{:.1}s", time.as_secs_f64()),
        10..=59 => format!("{seconds}s"),
        _ => format!("{}m{:02}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        assert_eq!(duration(Duration::from_millis(420)), "0.4s");
        assert_eq!(duration(Duration::from_secs(12)), "12s");
        assert_eq!(duration(Duration::from_secs(312)), "5m12s");
    }
}
