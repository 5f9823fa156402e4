// SPDX-License-Identifier: GPL-2.0

//! Programs that packets pass: XDP's, and filters. A kernel without bpf(2) refuses to load them.

use std::os::fd::AsRawFd;

use super::message::Message;
use super::refused::done;
use super::scene::Scene;
use super::traffic::ping;
use crate::compare::raw;
use crate::compare::wire::CREATE;
use crate::compare::wire::EXCL;

const IFLA_XDP: u16 = 43;
const XDP_FD: u16 = 1;
const XDP_FLAGS: u16 = 3;

/// How it is attached: as the kernel likes, generic, by the driver, in hardware.
const MODES: [(&str, u32); 5] = [
    ("any", 0),
    ("generic", 2),
    ("driver", 4),
    ("hardware", 8),
    ("both", 6),
];

/// `BPF_PROG_TYPE_SCHED_CLS`, `BPF_PROG_TYPE_XDP`.
const CLASSIFIER: u32 = 3;
const XDP: u32 = 6;

const XDP_VERDICTS: [(&str, u32); 3] = [("aborted", 0), ("drop", 1), ("pass", 2)];
const TC_VERDICTS: [(&str, u32); 2] = [("ok", 0), ("shot", 2)];

const RTM_NEWTFILTER: u16 = 44;
const RTM_DELTFILTER: u16 = 45;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const BPF_FD: u16 = 6;
const BPF_NAME: u16 = 7;
const BPF_FLAGS: u16 = 8;
const DIRECT_ACTION: u32 = 1;

/// Where clsact has its filters.
const HOOKS: [(&str, u32); 2] = [("ingress", 0xffff_fff2), ("egress", 0xffff_fff3)];

/// `r0 = result; exit`
fn program(result: u32) -> [u64; 2] {
    [u64::from(result) << 32 | 0xb7, 0x95]
}

pub fn xdp(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for (mode, flags) in MODES {
            // There need not be any to be taken away.
            let key = format!("{state}.{mode}.nothing");
            scene.set(&key, |lo| attach(lo, -1, flags))?;
            for (verdict, result) in XDP_VERDICTS {
                let key = |what: &str| format!("{state}.{mode}.{verdict}.{what}");
                let program = match raw::load(XDP, &program(result)) {
                    Ok(program) => program,
                    Err(error) => {
                        scene.did(&key("load"), done(Err::<(), _>(error)))?;
                        continue;
                    }
                };
                scene.set(&key("attach"), |lo| attach(lo, program.as_raw_fd(), flags))?;
                if state == "up" {
                    traffic(scene, &key("traffic"))?;
                }
                scene.set(&key("mtu"), |lo| lo.u32(4, 5000))?;
                scene.set(&key("mtu-back"), |lo| lo.u32(4, 65536))?;
                scene.set(&key("detach"), |lo| attach(lo, -1, flags))?;
            }
        }
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}

fn attach(lo: Message, fd: i32, flags: u32) -> Message {
    lo.nest(IFLA_XDP, |xdp| {
        xdp.attr(XDP_FD, &fd.to_ne_bytes()).u32(XDP_FLAGS, flags)
    })
}

pub fn filter(scene: &mut Scene) -> Result<(), String> {
    scene.up("up")?;
    scene.line("clsact", "tc qdisc add dev lo clsact")?;
    for (verdict, result) in TC_VERDICTS {
        for (hook, parent) in HOOKS {
            let key = |what: &str| format!("{hook}.{verdict}.{what}");
            let program = match raw::load(CLASSIFIER, &program(result)) {
                Ok(program) => program,
                Err(error) => {
                    scene.did(&key("load"), done(Err::<(), _>(error)))?;
                    continue;
                }
            };
            let add = message(RTM_NEWTFILTER, CREATE | EXCL, parent).nest(TCA_OPTIONS, |options| {
                options
                    .u32(BPF_FD, program.as_raw_fd() as u32)
                    .text(BPF_NAME, "two")
                    .u32(BPF_FLAGS, DIRECT_ACTION)
            });
            scene.ask(&key("add"), add)?;
            traffic(scene, &key("traffic"))?;
            scene.ask(&key("delete"), message(RTM_DELTFILTER, 0, parent))?;
        }
    }
    Ok(())
}

/// About the first filter there, for all protocols.
fn message(kind: u16, flags: u16, parent: u32) -> Message {
    let info = 1 << 16 | u32::from(3_u16.to_be());
    let fixed = [0, super::digest::LO, 0, parent, info]
        .map(u32::to_ne_bytes)
        .concat();
    Message::new(kind, flags, &fixed).text(TCA_KIND, "bpf")
}

fn traffic(scene: &mut Scene, key: &str) -> Result<(), String> {
    let said = ping(&["-c", "2", "-i", "0.01", "-W", "1", "127.0.0.1"]);
    scene.note(key, said)?;
    scene.count(&format!("{key}.counted"))
}
