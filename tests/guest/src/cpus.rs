// SPDX-License-Identifier: GPL-2.0

//! The guest's CPUs: which there are, and work that is done on one of them.

use std::fs;
use std::thread;
use std::thread::ScopedJoinHandle;

use rustix::thread::sched_setaffinity;
use rustix::thread::CpuSet;

use crate::checks::Trouble;

/// Where the kernel says which CPUs are online, and which ones there might be.
const ONLINE: &str = "/sys/devices/system/cpu/online";
const POSSIBLE: &str = "/sys/devices/system/cpu/possible";

/// The CPUs that are online, in order.
pub fn online() -> Result<Vec<usize>, String> {
    listed(ONLINE)
}

/// Those that there might be, in order.
pub fn possible() -> Result<Vec<usize>, String> {
    listed(POSSIBLE)
}

fn listed(file: &str) -> Result<Vec<usize>, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    parse(&text).ok_or_else(|| format!("{file}: not a list: {text}"))
}

/// Parses lists like `0-2,5`.
fn parse(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?);
    }
    Some(cpus)
}

/// Two CPUs: one that sends, and another, the last one, that packets are steered to.
pub fn two() -> Result<(usize, usize), Trouble> {
    match online()?[..] {
        [first, .., last] => Ok((first, last)),
        _ => Err(Trouble::Skipped("there is one CPU only".into())),
    }
}

/// Does `work` on `cpu`, in a thread of its own, which is in this one's network namespace.
pub fn on<T: Send>(cpu: usize, work: impl Fn() -> Result<T, String> + Sync) -> Result<T, String> {
    let mut all = on_each(&[cpu], |_| work())?;
    all.pop().ok_or_else(|| "nothing was done".into())
}

/// Does `work` on each of `cpus`, at the same time, in threads that are in this one's network
/// namespace. What came of it is in the order of `cpus`.
pub fn on_each<T: Send>(
    cpus: &[usize],
    work: impl Fn(usize) -> Result<T, String> + Sync,
) -> Result<Vec<T>, String> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = cpus
            .iter()
            .map(|&cpu| scope.spawn(move || pinned(cpu, work)))
            .collect();
        threads.into_iter().map(join).collect()
    })
}

/// What a thread returned.
pub fn join<T>(thread: ScopedJoinHandle<'_, Result<T, String>>) -> Result<T, String> {
    thread
        .join()
        .map_err(|_| "a thread panicked".to_string())
        .and_then(|result| result)
}

/// Takes this thread to `cpu`, if it is online; when that one goes, the thread goes elsewhere.
pub fn prefer(cpu: usize) {
    // What is not online cannot be had.
    let _ = stay_on(cpu);
}

fn pinned<T>(cpu: usize, work: impl Fn(usize) -> Result<T, String>) -> Result<T, String> {
    stay_on(cpu)?;
    work(cpu)
}

/// Keeps this thread on `cpu`, with all threads and commands that it starts.
pub fn stay_on(cpu: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|e| format!("go to CPU {cpu}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        assert_eq!(parse("0-3\n"), Some(vec![0, 1, 2, 3]));
        assert_eq!(parse("0,2-3\n"), Some(vec![0, 2, 3]));
        assert_eq!(parse("\n"), None);
        assert_eq!(parse("0-x\n"), None);
    }

    #[test]
    fn each_has_its_own() {
        let cpus = [0; 3];
        assert_eq!(on_each(&cpus, |cpu| Ok(cpu + 1)), Ok(vec![1, 1, 1]));
        let none = |_| Err::<(), _>("no".into());
        assert_eq!(on_each(&cpus, none), Err("no".into()));
        assert_eq!(on(0, || Ok(7)), Ok(7));
    }
}
