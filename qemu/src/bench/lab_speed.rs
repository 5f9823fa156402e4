// SPDX-License-Identifier: GPL-2.0

//! How fast the lab is: in a copy of this checkout, so that this one stays as it is, and by the
//! script that people use, so that its own time is in it.

use std::path::PathBuf;
use std::time::Instant;

use lab_protocol::Variant;

use super::figures::Figures;
use super::figures::Stage as Figure;
use crate::checkout::make_dir;
use crate::checkout::read_text;
use crate::checkout::remove;
use crate::checkout::write;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::flock::Lock;
use crate::flock::Mode;
use crate::kernel::remove_tree;
use crate::mutants::synchronise;
use crate::options::Options;
use crate::process;
use crate::ui;
use crate::ui::Ended;
use crate::ui::Stage;

/// Where the copy is, below `build`.
const COPY: &str = "bench-lab";
/// And the cache of a run that begins with none.
const COLD_CACHE: &str = "bench-lab-cache";
/// What the copy's labs say.
const LOG: &str = "bench-lab";
/// What the copy's stages are written to, below its `build`.
const STAGES: &str = "stages.json";
/// How often each thing is done; the one that took neither longest nor shortest counts.
const ROUNDS: usize = 3;
/// The tests that give a verdict on an edit: those of the transmit function, in a guest.
const VERDICT: &str = "kunit.rust_loopback_xmit.*";
/// What no stage has: set-up, cargo, and what is between the stages.
const REST: &str = "rest";

/// Something that people edit.
struct Edit {
    /// What it is called.
    work: &'static str,
    /// The file.
    file: &'static str,
    /// What stands there once. A number behind it makes no other program, but one that has to be built.
    comment: &'static str,
}

const EDITS: [Edit; 3] = [
    Edit {
        work: "edit driver",
        file: "rust_loopback.rs",
        comment: "// Do not fool net_timestamp_check() with various clock bases.",
    },
    Edit {
        work: "edit abstraction",
        file: "linux/rust/kernel/net/skbuff.rs",
        comment: "// C adds to the size in 32 bits.",
    },
    Edit {
        work: "edit patch",
        file: "linux/patches/0026-ipv4-let-go-of-cached-routes-when-lo-goes-alone.patch",
        comment: "/* For rt_flush_dev(), as it may be in use",
    },
];

impl Edit {
    /// What the file, whose text is `text`, is after the edit number `round`.
    fn of(&self, text: &str, round: usize) -> Result<String> {
        match text.matches(self.comment).count() {
            1 => Ok(text.replacen(self.comment, &format!("{} {round}", self.comment), 1)),
            count => Err(Failure::new(
                Exit::Internal,
                format!("cannot make the {}", self.work),
                format!(
                    "{:?} is {count} times in {}, not once",
                    self.comment, self.file
                ),
            )),
        }
    }
}

/// What one run of the lab took.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    total: f64,
    stages: Vec<Ended>,
}

impl Run {
    /// Stages of the same name together, and last what is left of the whole.
    fn of(total: f64, ended: Vec<Ended>) -> Self {
        let mut stages: Vec<Ended> = Vec::new();
        for one in ended {
            match stages.iter_mut().find(|other| other.stage == one.stage) {
                Some(other) => other.seconds += one.seconds,
                None => stages.push(one),
            }
        }
        let known: f64 = stages.iter().map(|one| one.seconds).sum();
        stages.push(Ended {
            stage: REST.into(),
            seconds: (total - known).max(0.0),
        });
        Self { total, stages }
    }

    fn figures(self, work: &str) -> Vec<Figure> {
        let figure = |ended: Ended| Figure {
            work: work.into(),
            stage: ended.stage,
            seconds: ended.seconds,
        };
        self.stages.into_iter().map(figure).collect()
    }
}

/// The one that took neither longest nor shortest; none of none.
fn middle(mut runs: Vec<Run>) -> Option<Run> {
    runs.sort_by(|a, b| a.total.total_cmp(&b.total));
    let at = runs.len() / 2;
    (at < runs.len()).then(|| runs.swap_remove(at))
}

/// Measures a run with nothing changed, and from each edit to the verdict on it.
pub fn measure(checkout: &Checkout, options: &Options) -> Result<Figures> {
    let trial = Trial::prepare(checkout, options)?;
    trial.once("run", "", "getting everything built")?;
    let mut lab = Vec::new();
    lab.extend(trial.rounds("warm run", || trial.once("run", "", "warm run"))?);
    trial.once("test", VERDICT, "getting the tests built")?;
    for edit in &EDITS {
        // The first edit of what the kernel is made of gives the copy a tree of its own.
        trial.edited(edit, 0)?;
        let mut round = 0;
        lab.extend(trial.rounds(edit.work, || {
            round += 1;
            trial.edited(edit, round)
        })?);
    }
    Ok(Figures {
        lab,
        ..Figures::default()
    })
}

/// Measures a run that begins with an empty cache and nothing built.
pub fn measure_cold(checkout: &Checkout, options: &Options) -> Result<Figures> {
    let mut trial = Trial::prepare(checkout, options)?;
    remove_tree(&trial.copy.build(""))?;
    let cache = checkout.build(COLD_CACHE);
    remove_tree(&cache)?;
    trial.cache = Some(cache.clone());
    let run = trial.once("run", "", "cold run");
    remove_tree(&cache)?;
    Ok(Figures {
        lab: run?.figures("cold run"),
        ..Figures::default()
    })
}

/// The copy, and how the lab is run in it.
struct Trial<'a> {
    checkout: &'a Checkout,
    options: &'a Options,
    copy: Checkout,
    cache: Option<PathBuf>,
    _lock: Lock,
}

impl<'a> Trial<'a> {
    fn prepare(checkout: &'a Checkout, options: &'a Options) -> Result<Self> {
        make_dir(&checkout.build(""))?;
        let lock = checkout.build("bench-lab.lock");
        let lock = Lock::take(&lock, Mode::Exclusive, "is measuring this checkout's lab")?;
        let root = checkout.build(COPY);
        synchronise(&checkout.root, &root)?;
        remove(&checkout.log(LOG)?)?;
        Ok(Self {
            checkout,
            options,
            copy: Checkout { root },
            cache: None,
            _lock: lock,
        })
    }

    fn rounds(&self, work: &str, mut one: impl FnMut() -> Result<Run>) -> Result<Vec<Figure>> {
        let runs: Result<Vec<Run>> = (0..ROUNDS).map(|_| one()).collect();
        Ok(middle(runs?).map_or_else(Vec::new, |run| run.figures(work)))
    }

    /// From the edit number `round` to the verdict on it.
    fn edited(&self, edit: &Edit, round: usize) -> Result<Run> {
        let text = read_text(&self.checkout.path(edit.file))?;
        write(
            &self.copy.path(edit.file),
            edit.of(&text, round)?.as_bytes(),
        )?;
        self.once("test", VERDICT, edit.work)
    }

    /// One run of the copy's lab; it has to end well.
    fn once(&self, command: &str, filter: &str, what: &str) -> Result<Run> {
        make_dir(&self.copy.build(""))?;
        let stages = self.copy.build(STAGES);
        remove(&stages)?;
        let log = self.checkout.log(LOG)?;
        let mut lab = process::command(self.copy.path("scripts/lab"));
        lab.arg(command)
            .env("VARIANT", Variant::Module.name())
            .env("FILTER", filter)
            .env("DEBUG", "")
            .env(ui::STAGES, &stages);
        if let Some(cache) = &self.cache {
            lab.env("RUST_LOOPBACK_CACHE", cache);
        }
        let mut stage = Stage::start("lab", what);
        let start = Instant::now();
        let verbose = self.options.verbose;
        let end = process::run_logged(&mut lab, &log, verbose, None, &mut |text| {
            stage.update(None, None, text.lines().last().unwrap_or_default().trim());
        })?;
        let total = start.elapsed().as_secs_f64();
        if !end.status.success() {
            stage.fail();
            let shown = self.checkout.show(&log);
            let why = process::describe(end.status);
            let what = format!("cannot be measured: {what}");
            let exit = Exit::of(end.status.code()).unwrap_or(Exit::Internal);
            return Err(Failure::new(exit, what, why).hint(format!("look into {shown}")));
        }
        stage.done(what);
        Ok(Run::of(total, read(&read_text(&stages)?)?))
    }
}

/// Reads what a lab wrote of its stages.
fn read(text: &str) -> Result<Vec<Ended>> {
    let stage = |line: &str| {
        serde_json::from_str(line)
            .map_err(|e| Failure::new(Exit::Internal, "cannot read the lab's stages", e))
    };
    text.lines().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(stage: &str, seconds: f64) -> Ended {
        Ended {
            stage: stage.into(),
            seconds,
        }
    }

    #[test]
    fn what_is_to_be_edited_is_there() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for edit in &EDITS {
            let text = std::fs::read_to_string(root.join(edit.file)).unwrap();
            let (one, two) = (edit.of(&text, 1).unwrap(), edit.of(&text, 2).unwrap());
            assert!(one != two && one != text, "{}", edit.work);
            // A patch keeps its line numbers.
            assert_eq!(one.lines().count(), text.lines().count());
        }
        assert!(EDITS[0].of("", 1).is_err());
    }

    #[test]
    fn what_no_stage_has_is_the_rest() {
        let stages = vec![ended("boot", 1.0), ended("module", 2.0), ended("boot", 3.0)];
        let run = Run::of(7.5, stages);
        let expected = [ended("boot", 4.0), ended("module", 2.0), ended(REST, 1.5)];
        assert_eq!(run.stages, expected);
        let figures = run.figures("x");
        assert_eq!(figures.iter().map(|f| f.seconds).sum::<f64>(), 7.5);
    }

    #[test]
    fn the_middle_run_counts() {
        let runs = [3.0, 1.0, 2.0].map(|total| Run::of(total, Vec::new()));
        assert_eq!(middle(runs.into()).unwrap().total, 2.0);
        assert!(middle(Vec::new()).is_none());
    }

    #[test]
    fn stages_are_read() {
        let text = "{\"stage\":\"boot\",\"seconds\":1.5}\n";
        assert_eq!(read(text).unwrap(), [ended("boot", 1.5)]);
        assert!(read("boot").is_err());
    }
}
