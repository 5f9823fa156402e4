// SPDX-License-Identifier: GPL-2.0

//! `make shell`: an interactive shell in the guest, the driver loaded and `lo` up.

use std::io;

use lab_protocol::Record;

use crate::checkout::Checkout;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;
use crate::options::Options;
use crate::prepare::Ready;
use crate::prepare::NO_SUITE;
use crate::splat;
use crate::ui;
use crate::vm;
use crate::vm::Evidence;

/// Does it. Whatever is typed, it ends well if the guest does.
pub fn run(checkout: &Checkout, options: &Options) -> Result {
    let ready = Ready::make(checkout, options)?;
    let mut boot = ready.boot("shell", "shell");
    boot.words.push(NO_SUITE.into());
    boot.words.extend(terminal());
    ui::line("  shell      `exit` ends it, Ctrl-A X at once");
    let evidence = vm::converse(checkout, &boot)?;
    judge(&evidence, &checkout.show(&evidence.log))
}

/// The terminal's size, which a serial line does not carry.
fn terminal() -> Option<String> {
    let size = rustix::termios::tcgetwinsize(io::stdin()).ok()?;
    (size.ws_row > 0).then(|| format!("lab.tty={}x{}", size.ws_row, size.ws_col))
}

fn judge(evidence: &Evidence, log: &str) -> Result {
    let hint = format!("look into {log}");
    let fail =
        |exit, why: String| Err(Failure::new(exit, "the guest fared badly", why).hint(&hint));
    if let Some(panic) = splat::panic(&evidence.console) {
        return fail(Exit::GuestPanic, panic);
    }
    let records = &evidence.transcript.records;
    if records.is_empty() {
        return fail(
            Exit::Boot,
            format!("no word from its init; {}", evidence.complaint.trim()),
        );
    }
    if let Some(line) = splat::init_said(&evidence.console) {
        return fail(Exit::Boot, format!("its init said: {line}"));
    }
    for record in records {
        if let Record::Insmod {
            module,
            errno,
            error,
            ..
        } = record
        {
            if *errno != 0 {
                return fail(Exit::TestFailed, format!("insmod {module}: {error}"));
            }
        }
    }
    Ok(())
}
