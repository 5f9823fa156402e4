// SPDX-License-Identifier: GPL-2.0

//! Random operations. The lab puts them into the guest's file system; each is a fact: what was done,
//! what came of it, and what has changed.

mod barrier;
mod decode;
mod ethtool;
mod links;
pub mod message;
mod outcome;
mod sockets;
mod space;
mod view;
mod world;

use std::fs;

use lab_random::Script;
use lab_random::Sequence;

use super::Book;
use crate::command;
use crate::cpus;
use crate::fresh;

use barrier::Barrier;
use ethtool::Ethtool;
use space::Door;
use world::Stage;
use world::World;

/// What is to be done.
const SCRIPT: &str = "/lab/random";

/// On which CPU all of it is done: packets wait where they were sent.
const CPU: usize = 0;

/// Does all there is to do, each sequence in namespaces of its own.
pub fn look(book: &mut Book<'_>) -> Result<(), String> {
    let text = fs::read_to_string(SCRIPT).map_err(|e| format!("{SCRIPT}: {e}"))?;
    let script = Script::parse(&text)?;
    space::prepare_kernel()?;
    let stage = cpus::on(CPU, prepare)?;
    for sequence in &script.0 {
        book.begin(&sequence.name)?;
        let facts = cpus::on(CPU, || play(&stage, sequence))?;
        for (number, fact) in facts.into_iter().enumerate() {
            book.note(&format!("{}.{number:02}", sequence.name), fact)?;
        }
    }
    Ok(())
}

/// Makes the namespace that is not looked at.
fn prepare() -> Result<Stage, String> {
    fresh::unshare().map_err(|e| format!("a new network namespace: {e}"))?;
    // A thread's children are where it is.
    command::run(&["ip", "link", "set", "lo", "up"])?;
    Ok(Stage {
        home: Door::here()?,
        barrier: Barrier::make()?,
        ethtool: Ethtool::load()?,
    })
}

/// Does a sequence. What was seen before its first operation comes first.
fn play(stage: &Stage, sequence: &Sequence) -> Result<Vec<String>, String> {
    stage.home.enter()?;
    let mut world = World::make(stage)?;
    let mut facts = vec![fact("start", "ok", world.look()?)];
    for operation in &sequence.operations {
        let command = operation.to_string();
        let whose = |e| format!("{}: {command}: {e}", sequence.name);
        let outcome = world.act(operation).map_err(whose)?;
        facts.push(fact(&command, &outcome, world.look().map_err(whose)?));
    }
    world.end()?;
    Ok(facts)
}

/// An operation as a fact: a line for what was done, one for each change, and one for all there is.
fn fact(command: &str, outcome: &str, (changes, hash): (Vec<String>, u64)) -> String {
    let mut lines = vec![format!("{command} -> {outcome}")];
    lines.extend(changes);
    lines.push(format!("all: {hash:016x}"));
    lines.join("\n")
}
