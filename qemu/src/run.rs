// SPDX-License-Identifier: GPL-2.0

//! `make run`: boots, shows what the guest does, and says whether that is as it must be.

use std::time::Instant;

use lab_protocol::Outcome;
use lab_protocol::Record;
use lab_protocol::Variant;

use crate::checkout::Checkout;
use crate::failure::Result;
use crate::judge;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::NO_SUITE;
use crate::test::describe;
use crate::ui;
use crate::vm;

/// Does it.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let ready = Ready::make(checkout, options)?;
    let mut boot = ready.boot("run", "run");
    // The suites are `make test`'s business.
    boot.words.push(NO_SUITE.into());
    let expected = ready.expected(
        &[ready.driver_file()],
        Vec::new(),
        ready.guest.list_shown(options.variant)?,
    );
    let described = describe(&boot, options.variant);
    ui::line(&format!("  boot       {described}"));
    let start = Instant::now();
    let evidence = vm::boot(checkout, &boot, &mut |record| {
        show(record);
        Ok(())
    })?;
    ui::note("boot", start);
    let verdict = judge::judge(&evidence, &expected, &ready.kernel.source)?;
    let passed = verdict
        .tests
        .iter()
        .filter(|test| test.outcome == Outcome::Passed)
        .count();
    ui::line("");
    verdict.into_result(
        "the guest is not as it must be",
        &checkout.show(&evidence.log),
    )?;
    let time = ui::duration(evidence.time);
    let owner = match options.variant {
        Variant::Module | Variant::Builtin => "this driver's",
        Variant::C => "C's",
    };
    ui::line(&format!(
        "lo is {owner}, and works: {passed} checks passed, guest up for {time}"
    ));
    Ok(())
}

/// Shows what the guest did.
fn show(record: &Record) {
    match record {
        Record::Hello {
            release, version, ..
        } => command("uname -rv", &format!("{release} {version}")),
        Record::Insmod {
            module,
            error,
            millis,
            ..
        } => {
            let outcome = if error.is_empty() {
                format!("inserted in {millis} ms")
            } else {
                error.clone()
            };
            command(&format!("insmod {module}.ko"), &outcome);
        }
        Record::Show {
            command: words,
            output,
            ..
        } => command(words, output),
        Record::Test {
            name,
            outcome: Outcome::Failed,
            detail,
            ..
        } => ui::line(&format!("\n  FAILED {name}: {detail}")),
        Record::Test {
            name,
            outcome: Outcome::Skipped,
            detail,
            ..
        } => ui::line(&format!("\n  skipped {name}: {detail}")),
        _ => {}
    }
}

fn command(words: &str, output: &str) {
    ui::line(&format!("\n  # {words}"));
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        ui::line(&format!("  {}", line.trim_end()));
    }
}
