// SPDX-License-Identifier: GPL-2.0

//! What executes the guest. A `/dev/kvm` that opens proves nothing: on some machines the guest
//! then spins for ever, or QEMU aborts. So a canary is booted once, and its fate remembered.

use std::fs;
use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::checkout::write;
use crate::checkout::Cache;
use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::options::Accel;
use crate::process;
use crate::toolchain::clean;
use crate::ui;
use crate::ui::Stage;
use crate::vm;
use crate::vm::Boot;
use crate::vm::Ending;
use crate::vm::Engine;
use crate::vm::Evidence;
use crate::vm::Limits;

/// The remembered verdicts, in the cache.
const FILE: &str = "accel.json";
const KVM: &str = "/dev/kvm";
/// A guest under KVM is up in a second.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a canary's fate was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Verdict {
    /// What was tried where: QEMU's version, this boot of this host.
    key: String,
    /// Why KVM cannot be used; empty if it can.
    trouble: String,
}

/// Decides what to boot with. `boot` is any boot of the kernel and initramfs in question.
pub fn choose(checkout: &Checkout, wanted: Accel, boot: &Boot) -> Result<Engine> {
    if wanted == Accel::Tcg {
        return Ok(Engine::Tcg);
    }
    let trouble = match missing() {
        Some(trouble) => trouble,
        None => remembered(checkout, boot)?,
    };
    if trouble.is_empty() {
        return Ok(Engine::Kvm);
    }
    if wanted == Accel::Kvm {
        return Err(Failure::new(Exit::Boot, "KVM does not work here", trouble)
            .hint("ACCEL=tcg emulates; that is slower, and works everywhere"));
    }
    ui::line(&format!("  accel      tcg, because {trouble}"));
    Ok(Engine::Tcg)
}

/// Why there is no need to try.
fn missing() -> Option<String> {
    if !Path::new(KVM).exists() {
        return Some(format!("there is no {KVM}"));
    }
    match OpenOptions::new().read(true).write(true).open(KVM) {
        Ok(_) => None,
        Err(error) => Some(format!("{KVM}: {error}")),
    }
}

fn remembered(checkout: &Checkout, boot: &Boot) -> Result<String> {
    let cache = Cache::open()?;
    let path = cache.path(FILE);
    let key = key()?;
    let known: Option<Verdict> = fs::read(&path)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(verdict) = known.filter(|verdict| verdict.key == key) {
        return Ok(verdict.trouble);
    }
    let mut stage = Stage::start("canary", "booting a canary under KVM");
    stage.tick();
    let trouble = try_kvm(checkout, boot)?;
    stage.done(if trouble.is_empty() {
        "KVM works"
    } else {
        "KVM does not work"
    });
    let verdict = Verdict { key, trouble };
    let text = serde_json::to_vec_pretty(&verdict)
        .map_err(|e| Failure::new(Exit::Internal, "cannot write down a verdict", e))?;
    write(&path, &text)?;
    Ok(verdict.trouble)
}

/// What a verdict depends on. A host that was restarted may have other hardware or another kernel.
fn key() -> Result<String> {
    let version = process::output(clean(vm::QEMU).arg("--version"), Exit::Setup)?;
    let version = version.lines().next().unwrap_or_default();
    let host = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(format!("{version}; {}; {}", kernel.trim(), host.trim()))
}

fn try_kvm(checkout: &Checkout, boot: &Boot) -> Result<String> {
    let canary = Boot {
        name: "canary".into(),
        engine: Engine::Kvm,
        words: [&boot.words[..], &["lab.mode=canary".into()]].concat(),
        limits: Limits {
            whole: DEADLINE,
            quiet: DEADLINE,
            ..boot.limits
        },
        ..boot.clone()
    };
    let evidence = vm::boot(checkout, &canary, &mut |_| Ok(()))?;
    Ok(trouble(&evidence))
}

/// What is wrong with a canary; nothing if all it had to say came.
fn trouble(evidence: &Evidence) -> String {
    if evidence.transcript.complete {
        return String::new();
    }
    match &evidence.ending {
        Ending::Exited(status) => {
            let complaint = evidence
                .complaint
                .lines()
                .next()
                .unwrap_or("no result came");
            format!(
                "under KVM, QEMU ended ({}): {complaint}",
                process::describe(*status)
            )
        }
        Ending::Late(time) | Ending::Quiet(time) => {
            format!(
                "under KVM, a guest was not up after {}",
                ui::duration(*time)
            )
        }
        Ending::Lingering => "under KVM, QEMU did not exit".into(),
    }
}
