// SPDX-License-Identifier: GPL-2.0

//! `rmmod` of the driver while its devices live: all is undone, and can be done again.

use lab_protocol::Record;

use crate::checks;
use crate::checks::Context;
use crate::checks::Trouble;
use crate::checks::Verdict;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::witness::Witness;

/// How often the driver goes and comes back.
const ROUNDS: usize = 5;

const SCOPES: [Scope; 2] = [Scope::Init, Scope::Made];

/// Asks for it, with `lo` up in two namespaces.
pub fn check(context: &mut Context<'_>) -> Verdict {
    if context.driver.is_empty() {
        return Err(Trouble::Skipped(
            "this kernel takes no driver module".into(),
        ));
    }
    for scope in SCOPES {
        context.need_up(scope)?;
    }
    // The module's suites have run, and take longer than all of this.
    kunit::choose(kunit::NONE)?;
    for _ in 0..ROUNDS {
        modules::remove(modules::DRIVER).map_err(|error| format!("rmmod: {error}"))?;
        gone()?;
        back(context)?;
        works(context)?;
    }
    checks::netns_delete(context)
}

/// Nothing of the driver may be left, in any namespace.
fn gone() -> Result<(), String> {
    if let Some(state) = modules::state(modules::DRIVER)? {
        return Err(format!("rmmod succeeded, but the module is {state}"));
    }
    for scope in SCOPES {
        if let Ok(link) = scope.link() {
            return Err(format!(
                "rmmod succeeded, but {scope:?} has {}",
                link.ifname
            ));
        }
        let Witness { name, transmit, .. } = scope.witness()?;
        if name == "lo" || !transmit.module.is_empty() {
            return Err(format!(
                "rmmod succeeded, but {scope:?}'s loopback_dev is {name}, by {transmit}"
            ));
        }
    }
    Ok(())
}

/// Inserts it once more.
fn back(context: &mut Context<'_>) -> Result<(), String> {
    context.forget();
    let record = modules::insert(context.driver, "");
    let Record::Insmod { errno, error, .. } = &record else {
        return Ok(());
    };
    if *errno != 0 {
        return Err(format!("after rmmod, insmod fails: {error}"));
    }
    context.reporter.send(&record)
}

/// It is there and works, in namespaces that are older than it.
fn works(context: &mut Context<'_>) -> Verdict {
    checks::module_insert(context)?;
    for scope in SCOPES {
        checks::owner(context, scope)?;
        checks::ping4(context, scope)?;
        checks::ping6(context, scope)?;
    }
    Ok(())
}
