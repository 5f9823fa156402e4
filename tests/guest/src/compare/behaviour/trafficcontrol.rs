// SPDX-License-Identifier: GPL-2.0

//! Queueing disciplines on `lo` and filters in them, with packets through.

use super::scene::Scene;
use super::traffic::ping;

const ROOTS: [&str; 16] = [
    "pfifo",
    "pfifo limit 2",
    "bfifo",
    "pfifo_fast",
    "noqueue",
    "netem delay 1ms",
    "netem loss 100%",
    "netem limit 0",
    "tbf rate 1mbit burst 32kbit latency 50ms",
    "tbf rate 100mbit burst 128kb latency 50ms",
    "fq_codel",
    "fq",
    "prio",
    "mq",
    "sfq",
    "htb default 1",
];

const FILTERS: [&str; 6] = [
    "matchall action drop",
    "matchall action pass",
    "u32 match u32 0 0 action drop",
    "flower action drop",
    "bpf bytecode 1,6,0,0,0 action drop",
    "basic action drop",
];

pub fn qdiscs(scene: &mut Scene) -> Result<(), String> {
    scene.line("down.add", "tc qdisc add dev lo root handle 1: pfifo")?;
    scene.up("up")?;
    counted(scene, "down.traffic")?;
    scene.line("down.delete", "tc qdisc del dev lo root")?;
    for kind in ROOTS {
        let key = |what: &str| format!("root.{kind}.{what}");
        let add = format!("tc qdisc add dev lo root handle 1: {kind}");
        if !scene.line_done(&key("add"), &add)? {
            continue;
        }
        counted(scene, &key("traffic"))?;
        scene.line(&key("show"), "tc qdisc show dev lo")?;
        scene.line(&key("qlen"), "ip link set lo txqueuelen 0")?;
        scene.line(&key("qlen-back"), "ip link set lo txqueuelen 1000")?;
        scene.line(&key("delete"), "tc qdisc del dev lo root")?;
    }
    for kind in ["ingress", "clsact"] {
        if !scene.line_done(
            &format!("{kind}.add"),
            &format!("tc qdisc add dev lo {kind}"),
        )? {
            continue;
        }
        scene.line(
            &format!("{kind}.again"),
            &format!("tc qdisc add dev lo {kind}"),
        )?;
        counted(scene, &format!("{kind}.traffic"))?;
        scene.line(
            &format!("{kind}.delete"),
            &format!("tc qdisc del dev lo {kind}"),
        )?;
    }
    // What is there when it goes down.
    scene.line(
        "stays.add",
        "tc qdisc add dev lo root handle 1: netem limit 100",
    )?;
    scene.down("stays.down")?;
    scene.up("stays.up")?;
    counted(scene, "stays.traffic")
}

pub fn filters(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    scene.line("clsact", "tc qdisc add dev lo clsact")?;
    for filter in FILTERS {
        for hook in ["ingress", "egress"] {
            let key = |what: &str| format!("{hook}.{filter}.{what}");
            let add = format!("tc filter add dev lo {hook} protocol ip prio 1 {filter}");
            if !scene.line_done(&key("add"), &add)? {
                continue;
            }
            counted(scene, &key("traffic"))?;
            scene.line(&key("delete"), &format!("tc filter del dev lo {hook}"))?;
        }
    }
    let police = "matchall action mirred egress redirect dev lo";
    scene.line(
        "redirect",
        &format!("tc filter add dev lo egress protocol ipv6 {police}"),
    )?;
    scene.line("bad", "tc filter add dev lo root matchall action drop")
}

/// Whether pings get through, and what of them is counted.
fn counted(scene: &mut Scene, key: &str) -> Result<(), String> {
    let said = ping(&["-c", "2", "-i", "0.01", "-W", "1", "127.0.0.1"]);
    scene.note(key, said)?;
    scene.count(&format!("{key}.counted"))
}
