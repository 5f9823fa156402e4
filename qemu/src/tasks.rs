// SPDX-License-Identifier: GPL-2.0

//! Where the tasks of a guest are that hangs, as the kernel itself has told at `SysRq-T`.

/// How many tasks are named in one line, and how many functions of each.
const TASKS: usize = 4;
const FUNCTIONS: usize = 6;

/// The kernel's own threads are children of this one.
const KTHREADD: &str = "2";

/// What every task that waits is in.
const SCHEDULER: &[&str] = &[
    "__schedule",
    "schedule",
    "schedule_timeout",
    "preempt_schedule",
];

/// A task.
#[derive(Debug, Default)]
struct Task {
    name: String,
    state: String,
    parent: String,
    /// The functions that it is in, the innermost first.
    functions: Vec<String>,
}

impl Task {
    /// From the line that a task begins with.
    fn parse(message: &str) -> Option<Self> {
        let mut this = Self::default();
        let words = message.split_whitespace();
        for (key, value) in words.filter_map(|word| word.split_once(':')) {
            match key {
                "task" => this.name = value.into(),
                "state" => this.state = value.into(),
                "ppid" => this.parent = value.into(),
                _ => {}
            }
        }
        (!this.name.is_empty() && !this.state.is_empty()).then_some(this)
    }

    /// Whether it may be what everything waits for: a program, or the kernel in the middle of
    /// something.
    fn is_of_interest(&self) -> bool {
        !self.functions.is_empty() && (self.parent != KTHREADD || "RD".contains(&self.state))
    }

    fn describe(&self) -> String {
        let functions = self.functions.iter().map(String::as_str);
        let told: Vec<&str> = functions
            .skip_while(|function| SCHEDULER.contains(function))
            .take(FUNCTIONS)
            .collect();
        format!("{} ({}) in {}", self.name, self.state, told.join(" < "))
    }
}

/// What is worth to be told of the tasks that `console` tells of; nothing if it does not.
pub fn describe(console: &str) -> Option<String> {
    let tasks = parse(console);
    let told: Vec<String> = tasks
        .iter()
        .filter(|task| task.is_of_interest())
        .take(TASKS)
        .map(Task::describe)
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn parse(console: &str) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut is_own = false;
    for line in console.lines() {
        let message = crate::splat::message(line).trim();
        if let Some(task) = message.starts_with("task:").then(|| Task::parse(message)) {
            tasks.extend(task);
            is_own = false;
            continue;
        }
        match message {
            // What an interrupt does is not the task's doing.
            "<TASK>" => is_own = true,
            "</TASK>" => is_own = false,
            _ => {}
        }
        if let (true, Some(task), Some(function)) = (is_own, tasks.last_mut(), function(message)) {
            task.functions.push(function);
        }
    }
    tasks
}

/// The function of a line such as `schedule+0x27/0xf0`, and its module; those with a question mark
/// are leftovers.
fn function(message: &str) -> Option<String> {
    let place = match message.strip_prefix("RIP: ") {
        Some(rip) => rip.split_once(':')?.1,
        None => message,
    };
    let (name, offset) = place.split_once("+0x")?;
    if name.is_empty() || name.contains([' ', '?']) || !offset.contains("/0x") {
        return None;
    }
    Some(match offset.split_once(' ') {
        Some((_, module)) => format!("{name} {module}"),
        None => name.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "\
[   19.1] sysrq: Show State
[   19.1] task:init            state:S stack:0     pid:1     tgid:1     ppid:0      flags:0x1
[   19.1] Call Trace:
[   19.1]  <TASK>
[   19.1]  __schedule+0x44d/0x1090
[   19.1]  ? kmem_cache_free+0x39/0x3b0
[   19.1]  schedule+0x27/0xf0
[   19.1]  futex_wait+0x88/0x100
[   19.1]  do_syscall_64+0x8f/0x300
[   19.1]  </TASK>
[   19.1] task:kthreadd        state:S stack:0     pid:2     tgid:2     ppid:0      flags:0x2
[   19.1] task:kworker/u16:0   state:D stack:0     pid:11    tgid:11    ppid:2      flags:0x2
[   19.1] Workqueue: netns cleanup_net
[   19.1]  <TASK>
[   19.1]  __schedule+0x44d/0x1090
[   19.1]  schedule_timeout+0x7d/0x100
[   19.1]  rcu_barrier+0x205/0x2f0
[   19.1]  cleanup_net+0x2ff/0x3b0
[   19.1]  </TASK>
[   19.1] task:rcu_preempt     state:I stack:0     pid:15    tgid:15    ppid:2      flags:0x2
[   19.1]  <TASK>
[   19.1]  rcu_gp_fqs_loop+0x101/0x4f0
[   19.1]  </TASK>
[   19.1] task:insmod          state:R  running task     stack:0     pid:70 ppid:1 flags:0x2
[   19.1]  <IRQ>
[   19.1]  sched_show_task+0x10/0x20
[   19.1]  </IRQ>
[   19.1]  <TASK>
[   19.1]  asm_common_interrupt+0x26/0x40
[   19.1] RIP: 0010:init_module+0x2a/0xff0 [lab_fault]
[   19.1]  do_one_initcall+0x5b/0x320
[   19.1]  </TASK>
";

    #[test]
    fn programs_and_a_kernel_at_work_are_told_of() {
        let text = describe(CONSOLE).unwrap();
        assert_eq!(
            text,
            "init (S) in futex_wait < do_syscall_64, \
             kworker/u16:0 (D) in rcu_barrier < cleanup_net, \
             insmod (R) in asm_common_interrupt < init_module [lab_fault] < do_one_initcall"
        );
    }

    #[test]
    fn a_console_without_tasks_tells_nothing() {
        assert_eq!(describe(""), None);
        assert_eq!(
            describe("[    1.0] task: 5\n[    1.0]  schedule+0x27/0xf0\n"),
            None
        );
    }
}
