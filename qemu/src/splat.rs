// SPDX-License-Identifier: GPL-2.0

//! What in a kernel log means that the kernel is not well. A line of doubt counts as a splat: an
//! innocent one that is mistaken for one costs a look, the other mistake costs the lab its worth.

/// What a panicking kernel prints.
const PANIC: &str = "Kernel panic - not syncing";

/// What an orderly restart prints last but one; a triple fault does not.
pub const RESTART: &str = "reboot: Restarting system";

/// Found anywhere in a line, these mean a splat. Innocent lines say `kasan:` and `rcu:`.
const SPLATS: &[&str] = &[
    "------------[ cut here ]------------",
    "WARNING: ",
    "kernel BUG at",
    "Oops: ",
    "Call Trace:",
    "general protection fault",
    "double fault",
    "Unable to handle kernel",
    "unable to handle page fault",
    "kernel NULL pointer dereference",
    "KASAN: ",
    "KCSAN: ",
    "KMSAN: ",
    "KFENCE: ",
    "UBSAN: ",
    "ODEBUG: ",
    "DEBUG_LOCKS_WARN_ON",
    "INFO: lockdep",
    "INFO: task ",
    "INFO: trying to register non-static key",
    "possible circular locking dependency",
    "possible recursive locking",
    "possible irq lock inversion",
    "inconsistent lock state",
    "suspicious RCU usage",
    "bad unlock balance",
    "held lock freed",
    "lock held when returning to user space",
    "self-detected stall",
    "detected stalls on CPUs",
    "detected expedited stalls",
    "kthread starved",
    "soft lockup",
    "hard LOCKUP",
    "workqueue lockup",
    "scheduling while atomic",
    "sleeping function called from invalid context",
    "unregister_netdevice: waiting for",
    "refcount_t: ",
    "ref_tracker: ",
    "leaked reference",
    "new suspected memory leak",
    "unreferenced object 0x",
    "Kernel memory leak detector disabled",
    "list_add corruption",
    "list_del corruption",
    "Bad page state",
    "page allocation failure",
    "Out of memory",
    "nobody cared",
    "rust_kernel: panicked",
    "stack-protector:",
];

/// `BUG:`, but not as the end of another word.
fn has_bug(line: &str) -> bool {
    line.match_indices("BUG: ").any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Lines that quote what the lab itself wrote on the kernel's command line.
const QUOTES: &[&str] = &[
    "Command line: ",
    "Kernel command line: ",
    "Unknown kernel command line parameters",
];

/// The line without its time stamp.
pub fn message(line: &str) -> &str {
    let rest = line.trim_start().strip_prefix('[');
    match rest.and_then(|rest| rest.split_once("] ")) {
        Some((stamp, message)) if is_stamp(stamp) => message,
        _ => line,
    }
}

fn is_stamp(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || " .TC][".contains(c))
}

/// Whether a line of the kernel's log is a splat.
pub fn is_splat(line: &str) -> bool {
    let text = message(line);
    let quoted = QUOTES.iter().any(|quote| text.starts_with(quote));
    !quoted && (has_bug(text) || SPLATS.iter().any(|splat| text.contains(splat)))
}

/// The first panic in a console's text: its message.
pub fn panic(console: &str) -> Option<String> {
    console
        .lines()
        .map(message)
        .filter(|line| !QUOTES.iter().any(|quote| line.starts_with(quote)))
        .find_map(|line| {
            let at = line.find(PANIC)?;
            Some(line[at..].trim_end().into())
        })
}

/// The first splat in a console's text, with the line after a mere `cut here`.
pub fn first(console: &str) -> Option<String> {
    let mut lines = console.lines();
    let line = lines.find(|line| is_splat(line))?;
    let mut text = message(line).trim_end().to_string();
    if text.contains("[ cut here ]") {
        // What was warned of, and where: they come next.
        let more: Vec<&str> = lines.take(2).map(message).map(str::trim_end).collect();
        text = more.join("; ");
    }
    Some(text)
}

/// How long a report gets, at most.
const REPORT: usize = 80;

/// What a report of the kernel's ends with.
const ENDS: &[&str] = &["---[ end trace", "</TASK>"];

/// The kernel's report that the first splat in a console's text begins: where only the output of
/// the lab is kept, it is all that there is to go by. Nothing of a splat that is but one line.
pub fn report(console: &str) -> Option<String> {
    let begin = console.lines().position(is_splat)?;
    let lines: Vec<&str> = console
        .lines()
        .skip(begin)
        .take(REPORT)
        .map(|line| message(line).trim_end())
        .collect();
    let is_end = |line: &&str| ENDS.iter().any(|end| line.contains(end));
    let end = lines.iter().position(is_end)?;
    Some(lines[..=end].join("\n"))
}

/// The last thing that the guest's init wrote to the kernel's log: why it gave up.
pub fn init_said(console: &str) -> Option<String> {
    let mut lines = console.lines().rev().map(message);
    lines.find_map(|line| Some(line.strip_prefix("lab: ")?.trim_end().into()))
}

/// The KUnit suite and case that the console's text stops in, if it stops in one.
pub fn open_case(console: &str) -> Option<String> {
    let mut suite = None;
    let mut last = None;
    for line in console.lines().map(message) {
        if let Some((_, name)) = line.split_once("# Subtest: ") {
            suite = Some(name.trim().to_string());
            last = None;
        }
        let line = line.trim_start_matches("not ");
        if let Some(rest) = line.trim_start().strip_prefix("ok ") {
            let name = rest.split(' ').nth(1).unwrap_or_default().to_string();
            if Some(&name) == suite.as_ref() {
                suite = None;
            }
            last = Some(name);
        }
    }
    let suite = suite?;
    Some(match last {
        Some(case) => format!("in KUnit suite {suite}, after case {case}"),
        None => format!("in KUnit suite {suite}, before its first case ended"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A real-looking line for each pattern there is.
    const GUILTY: &[&str] = &[
        "[    0.836021] ------------[ cut here ]------------",
        "[    0.836021] WARNING: lab_fault.c:39 at init_module+0x4e/0x1000 [lab_fault], CPU#0: init/1",
        "[    1.2] WARNING: possible circular locking dependency detected",
        "[    1.2] kernel BUG at net/core/dev.c:11483!",
        "[    1.2] BUG: kernel NULL pointer dereference, address: 0000000000000010",
        "    ok 3 thirdBUG: sleeping function called from invalid context at mm/slab.h:1",
        "[    1.2] Oops: Oops: 0000 [#1] SMP NOPTI",
        "[    1.2][    T1] Call Trace:",
        "[    1.2] Oops: general protection fault, probably for non-canonical address",
        "[    1.2] traps: PANIC: double fault, error_code: 0x0",
        "[    1.2] Unable to handle kernel paging request at virtual address",
        "[    1.2] BUG: unable to handle page fault for address: ffffffffa0000000",
        "[    1.2] KASAN: null-ptr-deref in range [0x0-0x7]",
        "[    1.2] BUG: KCSAN: data-race in a / b",
        "[    1.2] BUG: KMSAN: uninit-value in a",
        "[    1.2] BUG: KFENCE: use-after-free read in a",
        "[    1.2] UBSAN: misaligned-access in net/core/rtnetlink.c:1:2",
        "[    1.2] ODEBUG: free active (active state 0) object: 1",
        "[    1.2] DEBUG_LOCKS_WARN_ON(lock->magic != lock)",
        "[    1.2] INFO: lockdep is turned off.",
        "[    1.2] INFO: task kworker/u4:1:31 blocked for more than 120 seconds.",
        "[    1.2] INFO: trying to register non-static key.",
        "[    1.2] WARNING: possible recursive locking detected",
        "[    1.2] WARNING: possible irq lock inversion dependency detected",
        "[    1.2] WARNING: inconsistent lock state",
        "[    1.2] WARNING: suspicious RCU usage",
        "[    1.2] WARNING: bad unlock balance detected!",
        "[    1.2] WARNING: held lock freed!",
        "[    1.2] WARNING: lock held when returning to user space!",
        "[    1.2] rcu: INFO: rcu_preempt self-detected stall on CPU",
        "[    1.2] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "[    1.2] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: {",
        "[    1.2] rcu: rcu_preempt kthread starved for 5250 jiffies!",
        "[    1.2] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]",
        "[    1.2] watchdog: Watchdog detected hard LOCKUP on cpu 0",
        "[    1.2] BUG: workqueue lockup - pool cpus=0 node=0 stuck for 30s!",
        "[    1.2] BUG: scheduling while atomic: init/1/0x00000002",
        "[    1.2] unregister_netdevice: waiting for lo to become free. Usage count = 2",
        "[    1.2] refcount_t: underflow; use-after-free.",
        "[    1.2] ref_tracker: netdev@ff11 has 1/1 users at",
        "[    1.2] leaked reference.",
        "[    1.2] kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "unreferenced object 0xff11000001234500 (size 64):",
        "[    1.2] kmemleak: Kernel memory leak detector disabled",
        "[    1.2] list_add corruption. next->prev should be prev",
        "[    1.2] list_del corruption. prev->next should be",
        "[    1.2] BUG: Bad page state in process init  pfn:00001",
        "[    1.2] init: page allocation failure: order:0, mode:0xcc0",
        "[    1.2] Out of memory: Killed process 1 (init)",
        "[    1.2] irq 11: nobody cared (try booting with the \"irqpoll\" option)",
        "[    1.2] rust_kernel: panicked at rust/kernel/net/netdevice.rs:1:2:",
        "[    1.2] Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: a",
    ];

    /// Lines of healthy boots, of this kernel and of the sanitised one.
    const INNOCENT: &[&str] = &[
        "[    0.000000] Kernel command line: console=ttyS0 panic=-1 lab.filter=*BUG: *WARNING: *",
        "[    0.000000] Command line: console=ttyS0 panic=-1 oops=panic",
        "[    0.1] Unknown kernel command line parameters \"lab.mode=run lab.x=BUG: \", will be passed",
        "[    0.000000] kasan: KernelAddressSanitizer initialized",
        "[    0.000000] rcu: \tRCU CPU stall warnings timeout set to 21 (rcu_cpu_stall_timeout).",
        "[    0.000000] rcu: \tRCU lockdep checking is enabled.",
        "[    0.000000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
        "[    0.000000] kmemleak: Kernel memory leak detector initialized (mem pool available: 1)",
        "[    0.000000] DEBUG: 1 of 2",
        "[    0.000000] CONFIG_DEBUG_BUG: yes",
        "[    0.1] lo_witness: loading out-of-tree module taints kernel.",
        "[    0.1] workqueue: work func x enqueued on deprecated workqueue. Use system_percpu",
        "[    0.1]     # lab_fault_second: EXPECTATION FAILED at lab_fault.c:24",
        "[    0.1] tsc: Unable to calibrate against PIT",
        "[    0.1] Trying to unpack rootfs image as initramfs...",
        "[    0.1] netdev watchdog enabled",
        "[    0.1] reboot: Restarting system",
        "[    0.1] Running RCU self tests",
        "[    0.1] Spectre V2 : Mitigation: Retpolines",
        "",
    ];

    #[test]
    fn each_real_line_is_caught() {
        for line in GUILTY {
            assert!(is_splat(line), "{line}");
        }
    }

    #[test]
    fn each_pattern_has_its_line() {
        for splat in SPLATS {
            assert!(GUILTY.iter().any(|line| line.contains(splat)), "{splat}");
        }
    }

    #[test]
    fn innocent_lines_pass() {
        for line in INNOCENT {
            assert!(!is_splat(line), "{line}");
        }
    }

    #[test]
    fn a_panic_is_a_panic_and_its_parameter_is_not() {
        let line = "[    1.0] Kernel command line: panic=-1 lab.filter=Kernel panic - not syncing";
        assert_eq!(panic(line), None);
        let console = format!("{line}\n[    2.0] Kernel panic - not syncing: Fatal exception\n");
        let text = "Kernel panic - not syncing: Fatal exception";
        assert_eq!(panic(&console).as_deref(), Some(text));
    }

    #[test]
    fn a_cut_is_explained() {
        let console = "[    1.0] ------------[ cut here ]------------\n\
                       [    1.0] lab_fault: as told\n[    1.0] WARNING: x.c:1 at y+0x0/0x1\n";
        let text = "lab_fault: as told; WARNING: x.c:1 at y+0x0/0x1";
        assert_eq!(first(console).as_deref(), Some(text));
    }

    #[test]
    fn a_report_ends_with_its_trace() {
        let console = "[    0.9] before\n[    1.0] BUG: Invalid wait context\n\
                       [    1.0] init/1 is trying to lock:\n[    1.0]  </TASK>\n[    1.1] after\n";
        let text = "BUG: Invalid wait context\ninit/1 is trying to lock:\n </TASK>";
        assert_eq!(report(console).as_deref(), Some(text));
        let console = "[    1.0] refcount_t: underflow; use-after-free.\n[    1.1] after\n";
        assert_eq!(report(console), None);
    }

    #[test]
    fn the_open_case_is_named() {
        let console = "[    1.0]     # Subtest: one\n[    1.0]     1..1\n[    1.0]     ok 1 a\n\
                       [    1.0] ok 1 one\n";
        assert_eq!(open_case(console), None);
        let console = format!("{console}[    1.0]     # Subtest: two\n[    1.0]     ok 1 b\n");
        let text = open_case(&console).unwrap();
        assert_eq!(text, "in KUnit suite two, after case b");
    }
}
