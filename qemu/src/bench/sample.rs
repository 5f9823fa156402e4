// SPDX-License-Identifier: GPL-2.0

//! Made-up figures for tests: such as may come, and such as hardly will.

use lab_protocol::Variant;
use lab_random::Rng;

use super::figures::*;
use super::summary::ORDER;

/// What the Rust drivers' symbols look like.
const RUST_XMIT: &str =
    "<kernel::net::netdevice::ops::VTable<rust_loopback::Loopback>>::start_xmit_callback";

/// Some of everything, with all bars held.
pub fn plain() -> Figures {
    Figures {
        kernels: kernels(),
        counts: counts(),
        repeats: repeats(),
        traces: traces(),
        xmit: ORDER.map(|variant| xmit(variant, 0)).into(),
        times: times(1.0),
        scale: scale(),
        sizes: sizes(1.0),
        lab: lab(),
        left_out: vec![(
            "netperf".into(),
            "it is in Debian's non-free section, which is not enabled here".into(),
        )],
    }
}

/// The same, but the Rust drivers cost far more than C's; and names that need care.
pub fn extreme() -> Figures {
    let mut figures = plain();
    for count in &mut figures.counts {
        if count.variant == Variant::Module && count.workload != "nothing" {
            let factor = if count.workload == "udp_1" { 40 } else { 1 };
            count.kernel.iter_mut().for_each(|n| *n = *n * factor + 1);
            count.all.iter_mut().for_each(|n| *n = *n * factor + 1);
        }
    }
    figures.xmit = ORDER.map(|variant| xmit(variant, 120)).into();
    figures.times = times(7.5);
    figures.sizes = sizes(9.0);
    for trace in &mut figures.traces {
        let deep = (0..60).map(|n| format!("a_function_that_is_{n}_deep<&'static str>"));
        trace.stacks.push((deep.collect(), 4000));
    }
    figures.left_out.push((
        "a very long name of something that was left out ".repeat(3),
        "<script>alert(1)</script> & ".repeat(10),
    ));
    figures
}

/// The same, but the operations of one workload differ by more than the kernels do.
pub fn noisy() -> Figures {
    let mut figures = plain();
    for count in &mut figures.counts {
        if count.workload == "netns_create" {
            let more = if count.variant == Variant::C { 0 } else { 100 };
            count.kernel = (0..9).map(|n| 98_000 + n * 500 + more * n.min(1)).collect();
            count.all = count.kernel.iter().map(|n| n + 180).collect();
        }
    }
    figures
}

fn kernels() -> Vec<(Variant, String)> {
    ORDER
        .map(|variant| (variant, format!("7.3.4-lo-{variant}-4d7eb86f0605")))
        .into()
}

fn counts() -> Vec<Count> {
    const KERNEL: [(&str, u64, u64, usize); 13] = [
        ("udp_1", 3_412, 1, 200),
        ("udp_1400", 3_988, 1, 200),
        ("udp_65000", 41_120, 1, 200),
        ("tcp_rr_1", 16_044, 1, 200),
        ("tcp_stream", 2_180_334, 1, 20),
        ("ping", 5_120, 1, 200),
        ("raw_packet", 1_961, 1, 200),
        ("pktgen", 1_211_000, 1000, 3),
        ("stats_netlink", 9_870, 1, 200),
        ("stats_sysfs", 2_205, 1, 200),
        ("netns_create", 402_311, 1, 20),
        ("netns_destroy", 198_220, 1, 20),
        ("module_load", 871_002, 1, 3),
    ];
    let mut counts = Vec::new();
    for variant in ORDER {
        counts.push(Count {
            workload: "nothing".into(),
            variant,
            possible_cpus: 4,
            units: 1,
            all: vec![0; 5],
            kernel: vec![0; 5],
        });
        for (workload, base, units, operations) in KERNEL {
            if workload.starts_with("module") && variant != Variant::Module {
                continue;
            }
            let saved = match variant {
                Variant::C => 0,
                Variant::Module => base / 900,
                Variant::Builtin => base / 600,
            };
            let of = |n: usize| base - saved + if n % 10 == 9 { 37 } else { 0 };
            let kernel: Vec<u64> = (0..operations).map(of).collect();
            counts.push(Count {
                workload: workload.into(),
                variant,
                possible_cpus: 4,
                units,
                all: kernel.iter().map(|n| n + 180).collect(),
                kernel,
            });
        }
    }
    counts
}

fn repeats() -> Vec<Repeat> {
    let repeat = |workload: &str, differences| Repeat {
        workload: workload.into(),
        variant: Variant::C,
        possible_cpus: 1,
        operations: 20,
        differences,
    };
    let difference = Difference {
        operation: 3,
        kernel: [198_220, 198_234],
        all: [198_400, 198_414],
    };
    vec![
        repeat("udp_1", Vec::new()),
        repeat("netns_destroy", vec![difference]),
    ]
}

fn traces() -> Vec<Trace> {
    let mut traces = Vec::new();
    for workload in ["udp_1", "ping"] {
        for variant in ORDER {
            let xmit = match variant {
                Variant::C => "loopback_xmit",
                _ => RUST_XMIT,
            };
            let send = "entry_SYSCALL_64 do_syscall_64 __x64_sys_sendto __sys_sendto udp_sendmsg";
            let out = format!("{send} udp_send_skb ip_send_skb ip_output __dev_queue_xmit");
            let poll = "entry_SYSCALL_64 do_syscall_64 __x64_sys_sendto __sys_sendto udp_sendmsg \
                        udp_send_skb ip_send_skb ip_output __local_bh_enable_ip handle_softirqs";
            let into = format!("{poll} net_rx_action process_backlog");
            let all = [
                ("[user]".into(), 92),
                ("entry_SYSCALL_64 do_syscall_64".into(), 140),
                (format!("{send} sock_alloc_send_pskb __alloc_skb"), 390),
                (format!("{send} ip_make_skb"), 420),
                (out.clone(), 160),
                (format!("{out} {xmit}"), 70),
                (format!("{out} {xmit} eth_type_trans"), 38),
                (format!("{out} {xmit} __netif_rx enqueue_to_backlog"), 112),
                (into.clone(), 101),
                (format!("{into} ip_rcv udp_unicast_rcv_skb"), 611),
                (
                    "entry_SYSCALL_64 do_syscall_64 __x64_sys_recvfrom".into(),
                    510,
                ),
                (
                    "entry_SYSCALL_64 do_syscall_64 __x64_sys_recvfrom skb_consume_udp".into(),
                    240,
                ),
            ];
            let stack = |(words, own): (String, u64)| {
                let mut frames: Vec<String> = words.split(' ').map(String::from).collect();
                frames.retain(|frame| !frame.is_empty());
                for frame in &mut frames {
                    // The name itself has blanks in it.
                    if frame.contains("VTable") {
                        *frame = RUST_XMIT.into();
                    }
                }
                (frames, own)
            };
            traces.push(Trace {
                workload: workload.into(),
                variant,
                stacks: all.into_iter().map(stack).collect(),
            });
        }
    }
    traces
}

fn xmit(variant: Variant, more: u64) -> Xmit {
    let is_c = variant == Variant::C;
    let mix = |instructions: u64, branches| Mix {
        instructions: instructions + if is_c { 0 } else { more },
        calls: 2,
        branches,
        atomics: 1,
    };
    Xmit {
        variant,
        symbol: if is_c { "loopback_xmit" } else { RUST_XMIT }.into(),
        bytes: 254,
        listed: mix(72, 9),
        executed: ["udp_1", "udp_1400", "raw_packet"]
            .map(|workload| (workload.into(), mix(58, 6)))
            .into(),
    }
}

fn times(factor: f64) -> Vec<Time> {
    let mut rng = Rng::new(3);
    let mut noisy = move |around: f64| around * (0.98 + rng.below(400) as f64 / 10_000.0);
    let mut time = |workload: &str, tool: &str, unit: &str, more_is_better, around: f64| {
        let rounds = ORDER.map(|variant| {
            let cost = if variant == Variant::C { 1.0 } else { factor };
            let around = if more_is_better {
                around / cost
            } else {
                around * cost
            };
            (variant, (0..9).map(|_| noisy(around)).collect())
        });
        Time {
            workload: workload.into(),
            tool: tool.into(),
            engine: "uml".into(),
            unit: unit.into(),
            more_is_better,
            rounds: rounds.into(),
        }
    };
    vec![
        time("udp_1", "own", "ns", false, 1_830.0),
        time("tcp_rr_1", "own", "ns", false, 7_420.0),
        time("netns_create", "own", "ns", false, 61_000.0),
        time("tcp_stream", "iperf3", "Mbit/s", true, 38_200.0),
        time("udp_1", "sockperf", "ns", false, 6_400.0),
    ]
}

fn scale() -> Vec<Scale> {
    let mut all = Vec::new();
    for (name, of, unit, each) in [
        ("netns.create", "namespaces", "instructions", 402_000.0),
        ("netns.memory", "namespaces", "bytes", 91_000.0),
        ("flows", "flows", "Mbit/s", 21_000.0),
    ] {
        for (index, variant) in ORDER.into_iter().enumerate() {
            let counts: &[u64] = match of {
                "flows" => &[1, 2, 3, 4],
                _ => &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000],
            };
            let value = |n: u64| match name {
                "netns.create" => each + (n * 90) as f64 - 700.0 * index as f64,
                "netns.memory" => each * n as f64 + 500.0 * index as f64,
                _ => each * (1.0 + (n as f64).ln()) - 300.0 * index as f64,
            };
            all.push(Scale {
                name: name.into(),
                variant,
                of: of.into(),
                unit: unit.into(),
                points: counts.iter().map(|n| (*n, value(*n))).collect(),
            });
        }
    }
    all
}

fn sizes(factor: f64) -> Vec<Size> {
    let size = |name: &str, text: f64, data| Size {
        name: name.into(),
        text: text as u64,
        data,
    };
    vec![
        size("c, as a module", 1_480.0, 1_216),
        size("module", 1_502.0 * factor, 1_330),
        size("builtin", 1_460.0, 1_102),
    ]
}

fn lab() -> Vec<Stage> {
    let works: [(&str, &[(&str, f64)]); 5] = [
        (
            "warm run",
            &[
                ("guest", 0.1),
                ("kernel", 0.1),
                ("module", 0.4),
                ("boot", 3.2),
                ("rest", 0.4),
            ],
        ),
        (
            "edit driver",
            &[
                ("guest", 0.1),
                ("module", 1.9),
                ("boot", 3.3),
                ("rest", 0.5),
            ],
        ),
        (
            "edit abstraction",
            &[
                ("guest", 0.1),
                ("kernel", 26.0),
                ("module", 2.9),
                ("boot", 3.3),
                ("rest", 0.5),
            ],
        ),
        (
            "edit patch",
            &[
                ("guest", 0.1),
                ("kernel", 14.0),
                ("module", 2.9),
                ("boot", 3.3),
                ("rest", 0.5),
            ],
        ),
        (
            "cold run",
            &[
                ("fetch", 31.0),
                ("unpack", 22.0),
                ("kernel", 445.0),
                ("module", 4.0),
                ("boot", 3.4),
                ("rest", 60.0),
            ],
        ),
    ];
    let stages = |(work, stages): (&str, &[(&str, f64)])| {
        let stage = |(stage, seconds): &(&str, f64)| Stage {
            work: work.into(),
            stage: (*stage).into(),
            seconds: *seconds,
        };
        stages.iter().map(stage).collect::<Vec<_>>()
    };
    works.into_iter().flat_map(stages).collect()
}
