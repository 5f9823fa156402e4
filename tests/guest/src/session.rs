// SPDX-License-Identifier: GPL-2.0

//! One boot, from the first record to the last.

use std::fs;
use std::thread;

use lab_protocol::Record;
use lab_protocol::Variant;

use crate::bench;
use crate::boot;
use crate::boot_order::BootOrder;
use crate::checks;
use crate::checks::Context;
use crate::command;
use crate::compare;
use crate::control::Control;
use crate::control::Mode;
use crate::early::Early;
use crate::faults;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::report::Reporter;
use crate::sabotage::Sabotage;
use crate::shell;

const WITNESS: &str = "lo_witness.ko";

/// The kernel's configuration.
const CONFIG: &str = "/proc/config.gz";

/// Does what the kernel command line asks for.
pub fn run() -> Result<(), String> {
    boot::mount_all()?;
    let early = Early::look();
    let boot_order = BootOrder::take();
    let control = Control::read()?;
    let sabotage = Sabotage::parse(&control.sabotage)?;
    let port = boot::open_port(lab_protocol::PORT_NAME)?;
    let mut reporter = Reporter::new(port, control.mode == Mode::Run);
    reporter.send(&hello(&control))?;
    if control.mode != Mode::Canary {
        work(&control, &early, &boot_order, sabotage, &mut reporter)?;
    }
    sabotage.panic_if(Sabotage::PanicLate);
    reporter.send(&taint()?)?;
    reporter.end()?;
    sabotage.panic_if(Sabotage::PanicEnd);
    Ok(())
}

fn work(
    control: &Control,
    early: &Early,
    boot_order: &BootOrder,
    sabotage: Sabotage,
    reporter: &mut Reporter,
) -> Result<(), String> {
    faults::prepare()?;
    kunit::choose(&control.suites)?;
    let inserted = insert_modules(control, reporter)?;
    match control.mode {
        Mode::Canary => Ok(()),
        Mode::Shell => {
            if inserted {
                Scope::Init.bring_up()?;
            }
            shell::run(control)
        }
        Mode::Bench(measure) => bench::run(measure, control, reporter),
        Mode::Compare(part) => compare::run(part, reporter),
        Mode::Run => run_checks(control, early, boot_order, sabotage, reporter),
        Mode::Test => {
            for record in kunit::records()? {
                reporter.send(&sabotage.damage(record))?;
            }
            run_checks(control, early, boot_order, sabotage, reporter)
        }
    }
}

/// Inserts the witness, the driver, and what else is asked for. Whether all went well; if not, the records say so.
fn insert_modules(control: &Control, reporter: &mut Reporter) -> Result<bool, String> {
    let mut all = true;
    let wanted = [
        (WITNESS, ""),
        (&control.driver, &control.module_args),
        (&control.extra, ""),
    ];
    for (file, arguments) in wanted {
        if file.is_empty() {
            continue;
        }
        reporter.send(&Record::Begin {
            name: format!("insmod {file}"),
        })?;
        let record = modules::insert(file, arguments);
        all &= matches!(record, Record::Insmod { errno: 0, .. });
        reporter.send(&record)?;
    }
    Ok(all)
}

fn run_checks(
    control: &Control,
    early: &Early,
    boot_order: &BootOrder,
    sabotage: Sabotage,
    reporter: &mut Reporter,
) -> Result<(), String> {
    let wanted: Vec<_> = checks::ALL
        .iter()
        .filter(|check| lab_protocol::matches(&control.filter, check.name))
        .filter(|check| check.is_for(control.variant))
        .filter(|check| check.shown || control.mode != Mode::Run)
        .collect();
    let mut context = Context::new(reporter, control, early, boot_order);
    for (index, check) in wanted.iter().enumerate() {
        if sabotage == Sabotage::Truncated && index == wanted.len() / 2 {
            return Err("sabotage: results truncated".into());
        }
        context.run(check)?;
    }
    Ok(())
}

fn hello(control: &Control) -> Record {
    let uname = rustix::system::uname();
    Record::Hello {
        nonce: control.nonce.clone(),
        release: uname.release().to_string_lossy().into_owned(),
        version: uname.version().to_string_lossy().into_owned(),
        cpus: thread::available_parallelism().map_or(1, |n| n.get() as u32),
        variant: variant(),
    }
}

/// Which variant the kernel is, by what it was built with.
fn variant() -> Option<Variant> {
    match command::run(&["zcat", CONFIG]) {
        Ok(config) => Variant::of_config(&config),
        Err(error) => {
            // What it means that it does not tell is for the lab to say.
            boot::log(&format!("lab: {error}"));
            None
        }
    }
}

fn taint() -> Result<Record, String> {
    const FILE: &str = "/proc/sys/kernel/tainted";
    let text = fs::read_to_string(FILE).map_err(|e| format!("{FILE}: {e}"))?;
    let bits = text
        .trim()
        .parse()
        .map_err(|e| format!("{FILE}: {e}: {text}"))?;
    Ok(Record::Taint { bits })
}
