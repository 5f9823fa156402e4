// SPDX-License-Identifier: GPL-2.0

//! Programs that the guest is to run, as the lab has them written down in its file system.

use serde::Deserialize;
use serde::Serialize;

/// The list's file in the guest.
pub const JOBS: &str = "/lab/jobs.json";

/// Where the programs are, in the guest: each is run from there.
pub const JOBS_DIRECTORY: &str = "/lab/selftests/net";

/// One run of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What it is called.
    pub name: String,
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Whether it runs in the first network namespace; else in a new one, with `lo` up.
    pub first_namespace: bool,
    /// How long it may take.
    pub seconds: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with this status.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// It did not end in time, and was killed.
    Late,
}
