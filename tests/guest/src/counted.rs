// SPDX-License-Identifier: GPL-2.0

//! A loopback device with private data, `rust_counted_lo.ko`: its namespace takes it down, and the
//! data is dropped then.

use crate::checks::netns_delete;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::tally;
use crate::teardown;
use crate::wait;

const MODULE: &str = "rust_counted_lo";
const FILE: &str = "rust_counted_lo.ko";

/// Lets it take the driver's place for a while.
pub fn check(context: &mut Context<'_>) -> Verdict {
    kunit::choose(kunit::NONE)?;
    modules::remove(modules::DRIVER)?;
    context.forget();
    modules::insert_again(FILE)?;
    let verdict = namespaces(context);
    modules::remove(MODULE)?;
    context.forget();
    modules::insert_again(context.driver)?;
    verdict
}

fn namespaces(context: &mut Context<'_>) -> Verdict {
    tally::expect(MODULE, "made", 1)?;
    context.need_up(Scope::Made)?;
    tally::expect(MODULE, "made", 2)?;
    tally::expect(MODULE, "inits", 2)?;
    tally::expect(MODULE, "opens", 1)?;
    tally::expect(MODULE, "dropped", 0)?;
    netns_delete(context)?;
    wait_for_drop()?;
    // Once each, and none of the one that lives.
    for counter in ["stops", "uninits", "dropped"] {
        tally::expect(MODULE, counter, 1)?;
    }
    tally::expect(MODULE, "made", 2)?;
    Ok(())
}

/// The witness' operations are undone before the last of the device is.
fn wait_for_drop() -> Result<(), String> {
    if wait::until(teardown::DEADLINE, || {
        Ok(tally::read(MODULE, "dropped")? != 0)
    })? {
        return Ok(());
    }
    let seconds = teardown::DEADLINE.as_secs();
    Err(format!("the data is not dropped after {seconds} s"))
}
