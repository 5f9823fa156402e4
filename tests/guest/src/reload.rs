// SPDX-License-Identifier: GPL-2.0

//! The driver goes and comes back many times while sockets talk over `lo`, in two namespaces.

use crate::checks;
use crate::checks::Context;
use crate::checks::Verdict;
use crate::kunit;
use crate::modules;
use crate::namespace::Scope;
use crate::traffic::Traffic;
use crate::unload;

/// How often.
const ROUNDS: usize = 50;

const SCOPES: [Scope; 2] = [Scope::Init, Scope::Made];

/// Asks for it. What it leaves behind is for KASAN and kmemleak to say.
pub fn check(context: &mut Context<'_>) -> Verdict {
    for scope in SCOPES {
        context.need_up(scope)?;
    }
    // The module's suites have run, and take longer than all of this.
    kunit::choose(kunit::NONE)?;
    let traffic = Traffic::start(&SCOPES);
    let outcome = rounds(context, &traffic);
    // Who has given up says why.
    let ended = traffic.end();
    let deleted = checks::netns_delete(context);
    ended?;
    outcome?;
    deleted
}

fn rounds(context: &mut Context<'_>, traffic: &Traffic) -> Result<(), String> {
    for round in 1..=ROUNDS {
        traffic
            .flows()
            .and_then(|()| once_more(context))
            .map_err(|e| format!("round {round}: {e}"))?;
    }
    traffic.flows()
}

/// Removes it, under traffic, and inserts it again.
fn once_more(context: &mut Context<'_>) -> Result<(), String> {
    modules::remove(modules::DRIVER)?;
    unload::gone()?;
    unload::back(context)?;
    SCOPES.iter().try_for_each(|scope| scope.bring_up())
}
