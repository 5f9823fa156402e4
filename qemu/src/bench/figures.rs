// SPDX-License-Identifier: GPL-2.0

//! What a benchmark found, as it is kept.

use lab_protocol::Variant;
use serde::Deserialize;
use serde::Serialize;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The kernels' releases.
    pub kernels: Vec<(Variant, String)>,
    /// Instructions.
    pub counts: Vec<Count>,
    /// Whether a second boot counts the same. An earlier run may not have tried that.
    #[serde(default)]
    pub repeats: Vec<Repeat>,
    /// What the instructions of one operation are.
    pub traces: Vec<Trace>,
    /// The transmit functions.
    pub xmit: Vec<Xmit>,
    /// Times.
    pub times: Vec<Time>,
    /// What many make of it.
    pub scale: Vec<Scale>,
    /// The drivers' sizes.
    pub sizes: Vec<Size>,
    /// The lab's own speed.
    pub lab: Vec<Stage>,
    /// What could not be measured here, and why.
    pub left_out: Vec<(String, String)>,
}

impl Figures {
    /// Adds what another part found.
    pub fn add(&mut self, mut more: Self) {
        more.kernels.retain(|kernel| !self.kernels.contains(kernel));
        self.kernels.append(&mut more.kernels);
        self.counts.append(&mut more.counts);
        self.repeats.append(&mut more.repeats);
        self.traces.append(&mut more.traces);
        self.xmit.append(&mut more.xmit);
        self.times.append(&mut more.times);
        self.scale.append(&mut more.scale);
        self.sizes.append(&mut more.sizes);
        self.lab.append(&mut more.lab);
        self.left_out.append(&mut more.left_out);
    }
}

/// The instructions that a workload's operations took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Which workload.
    pub workload: String,
    /// Which kernel.
    pub variant: Variant,
    /// With how many CPUs that might be there.
    pub possible_cpus: u32,
    /// How many units, such as packets, an operation has.
    pub units: u64,
    /// The instructions of each operation, in kernel and user space.
    pub all: Vec<u64>,
    /// Those of them that were the kernel's.
    pub kernel: Vec<u64>,
}

/// What a workload's operations took when the same kernel was booted again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repeat {
    /// Which workload.
    pub workload: String,
    /// Which kernel.
    pub variant: Variant,
    /// With how many CPUs that might be there.
    pub possible_cpus: u32,
    /// How many operations there were in each boot.
    pub operations: usize,
    /// Those that were not the same; none if all are equal to the digit.
    pub differences: Vec<Difference>,
}

/// An operation that did not take the same again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Which one; the first one is 0.
    pub operation: usize,
    /// The kernel's instructions in the first boot, and in the second.
    pub kernel: [u64; 2],
    /// All of them.
    pub all: [u64; 2],
}

/// Where the instructions of one operation went: stacks of functions, outermost first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Which workload.
    pub workload: String,
    /// Which kernel.
    pub variant: Variant,
    /// How many instructions each stack's innermost function had itself.
    pub stacks: Vec<(Vec<String>, u64)>,
}

/// A transmit function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Xmit {
    /// Which kernel's.
    pub variant: Variant,
    /// Its symbol, demangled.
    pub symbol: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// What is listed in it.
    pub listed: Mix,
    /// What of it was executed for one packet, by workload. What it calls is not in it.
    pub executed: Vec<(String, Mix)>,
}

/// Kinds of instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    /// All of them.
    pub instructions: u64,
    /// Calls.
    pub calls: u64,
    /// Conditional branches.
    pub branches: u64,
    /// With a bus lock.
    pub atomics: u64,
}

/// The times of a workload, all variants side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Time {
    /// Which workload.
    pub workload: String,
    /// What measured: `iperf3`, or `own` for the guest's own loop.
    pub tool: String,
    /// What executed the guest: `kvm` or `uml`.
    pub engine: String,
    /// What the values are: `ns` or `Mbit/s`.
    pub unit: String,
    /// Whether more is better.
    pub more_is_better: bool,
    /// A value for each round, rounds of the variants interleaved.
    pub rounds: Vec<(Variant, Vec<f64>)>,
}

/// How something grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// What: `netns.create`, `netns.memory`, `flows`.
    pub name: String,
    /// Which kernel.
    pub variant: Variant,
    /// What is varied: `namespaces`, `flows`, `CPUs`.
    pub of: String,
    /// What is measured: `instructions`, `bytes`, `Mbit/s`.
    pub unit: String,
    /// How many, and what that gave.
    pub points: Vec<(u64, f64)>,
}

/// A driver's size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// What: `module`, `builtin`, `c, as a module`.
    pub name: String,
    /// Bytes of machine code.
    pub text: u64,
    /// Bytes of data.
    pub data: u64,
}

/// A stage of the lab's work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// What was done: `cold run`, `edit driver`.
    pub work: String,
    /// Which stage of it.
    pub stage: String,
    /// How long it took.
    pub seconds: f64,
}
