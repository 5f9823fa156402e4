// SPDX-License-Identifier: GPL-2.0

//! What the n-th network namespace costs, while all others are there: instructions to make it and to
//! bring up its `lo`, and memory.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Instant;

use lab_protocol::Measure;
use lab_protocol::Record;
use rustix::process::Resource;
use rustix::process::Rlimit;

use super::begin;
use super::count::Kind;
use super::lo;
use super::meminfo::Used;
use super::namespaces;
use super::namespaces::Home;
use crate::report::Reporter;

/// For which n it is measured: for this one, and those that come behind it.
const POINTS: [usize; 7] = [1, 10, 100, 200, 500, 1000, 2000];

/// How many are counted at each point; one more is traced.
const SAMPLES: u64 = 3;

/// How many come and go before: the first ones of a boot find many things undone.
const WARM_UP: usize = 10;

/// From how many on memory says something about one.
const MEMORY: usize = 100;

/// More files than are open at any time.
const FILES: u64 = 4096;

/// Measures it.
pub fn all(reporter: &mut Reporter) -> Result<(), String> {
    allow_files()?;
    let home = Home::here()?;
    warm_up(&home)?;
    let before = Used::read()?;
    let many = namespaces::allow_many()?;
    let mut spaces = Vec::new();
    for point in POINTS {
        begin(reporter, Measure::Scale, &format!("namespace {point}"))?;
        while spaces.len() + 1 < point {
            spaces.push(home.make()?);
        }
        let sockets = create(&home, &mut spaces)?;
        bring_up(&sockets)?;
        drop(sockets);
        reporter.send_all(&["create", "up"].map(|what| marked(what, point)))?;
        namespaces::rest();
        if point >= MEMORY {
            reporter.send(&memory(point, before, spaces.len())?)?;
        }
    }
    begin(reporter, Measure::Scale, "all namespaces go")?;
    drop((spaces, many));
    home.await_end(Instant::now()).map(drop)
}

fn allow_files() -> Result<(), String> {
    let limit = Rlimit {
        current: Some(FILES),
        maximum: Some(FILES),
    };
    rustix::process::setrlimit(Resource::Nofile, limit).map_err(|e| format!("RLIMIT_NOFILE: {e}"))
}

fn warm_up(home: &Home) -> Result<(), String> {
    for _ in 0..WARM_UP {
        namespaces::make()?;
        lo::up()?;
        home.enter()?;
        namespaces::rest();
    }
    Ok(())
}

/// Makes the next ones between marks. A socket in each of them.
fn create(home: &Home, spaces: &mut Vec<File>) -> Result<Vec<OwnedFd>, String> {
    let mut sockets = Vec::new();
    for kind in Kind::of(SAMPLES) {
        // What those before it have left to be done is not this one's.
        namespaces::rest();
        kind.mark(namespaces::make)?;
        spaces.push(namespaces::handle()?);
        sockets.push(lo::control_socket()?);
        home.enter()?;
    }
    Ok(sockets)
}

/// Brings up the `lo` of each of them between marks.
fn bring_up(sockets: &[OwnedFd]) -> Result<(), String> {
    for (kind, socket) in Kind::of(SAMPLES).zip(sockets) {
        namespaces::rest();
        kind.mark(|| lo::set_up(socket))?;
        lo::judge_up(socket)?;
    }
    Ok(())
}

/// What each of `count` namespaces takes on average.
fn memory(point: usize, before: Used, count: usize) -> Result<Record, String> {
    Ok(Record::Figure {
        name: format!("scale.netns.memory.{point}"),
        value: Used::read()?.since(before) as f64 / count as f64,
        unit: "bytes".into(),
    })
}

fn marked(what: &str, point: usize) -> Record {
    Record::Marked {
        workload: format!("scale.netns.{what}.{point}"),
        operations: SAMPLES,
        units: 1,
    }
}
