// SPDX-License-Identifier: GPL-2.0

//! A namespace that goes with devices in it: those of hardware return to the first namespace, others
//! go with it, and `lo` never moves.

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::ip;
use crate::ip::Link;
use crate::namespace::Scope;
use crate::own_netns::OwnNetns;
use crate::teardown;
use crate::wait;

/// The guest's network card.
const CARD: &str = "eth0";

/// What the kernel says to whoever wants to move `lo`, as `ip` passes it on.
const REFUSED: &str = "Error: The interface netns is immutable.";

fn show(name: &str) -> Result<Link, String> {
    ip::parse_one(&command::run(&["ip", "-j", "link", "show", name])?)
}

/// The names of the devices that there are here, sorted.
fn names() -> Result<Vec<String>, String> {
    let json = command::run(&["ip", "-j", "link"])?;
    let links: Vec<Link> = serde_json::from_str(&json).map_err(|e| format!("ip: {e}: {json}"))?;
    let mut names: Vec<String> = links.into_iter().map(|link| link.ifname).collect();
    names.sort();
    Ok(names)
}

/// Waits for `name` to be among the devices here.
fn returns(name: &str) -> Result<Link, String> {
    if wait::until(teardown::DEADLINE, || {
        Ok(names()?.iter().any(|found| found == name))
    })? {
        return show(name);
    }
    Err(format!("{name} is not here, only {:?}", names()?))
}

/// A namespace with a pair's end, a dummy, and the guest's card in it; all are up, and so is `lo`.
fn peopled(name: &'static str) -> Result<OwnNetns, String> {
    let own = OwnNetns::add(name)?;
    for words in [
        // First, so that it keeps its index.
        &["link", "set", CARD, "netns", name],
        &[
            "link", "add", "lv0", "type", "veth", "peer", "name", "lv1", "netns", name,
        ][..],
        &["link", "add", "ld0", "netns", name, "type", "dummy"],
    ] {
        command::run(&[&["ip"], words].concat())?;
    }
    for device in ["lo", "lv1", "ld0", CARD] {
        own.ip(&["link", "set", device, "up"])?;
    }
    Ok(own)
}

/// The card, as it must be when it has come back: as it went, but down.
fn judge_card(before: &Link, after: &Link) -> Result<(), String> {
    let same =
        (before.ifindex, &before.address, before.mtu) == (after.ifindex, &after.address, after.mtu);
    if same && !after.flags.iter().any(|flag| flag == "UP") {
        return Ok(());
    }
    Err(format!(
        "the card went as {before:?} and came back as {after:?}"
    ))
}

/// The card returns, the others go.
pub fn devices_leave(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let before = (names()?, show(CARD)?, Scope::Init.link()?);
    let own = peopled("lo-leave")?;
    let inside = names()?;
    if inside.iter().any(|name| name == CARD) || !inside.iter().any(|name| name == "lv0") {
        return Err(format!("while the card is away, here are {inside:?}").into());
    }
    own.delete()?;
    judge_card(&before.1, &returns(CARD)?)?;
    if !wait::until(teardown::DEADLINE, || Ok(names()? == before.0))? {
        return Err(format!("there were {:?}, now there are {:?}", before.0, names()?).into());
    }
    let lo = Scope::Init.link()?;
    if lo != before.2 {
        return Err(format!("lo was {:?}, now it is {lo:?}", before.2).into());
    }
    Ok(())
}

/// If its name is taken when it returns, the card is called after its index.
pub fn name_is_taken(_: &mut Context<'_>) -> Verdict {
    let card = show(CARD)?;
    let fallback = format!("dev{}", card.ifindex);
    let own = peopled("lo-leave")?;
    let add = ["ip", "link", "add", "name", CARD, "type", "dummy"];
    let taken = command::run(&add).and_then(|_| own.delete());
    let returned = taken.and_then(|()| returns(&fallback));
    let deleted = command::run(&["ip", "link", "del", CARD]);
    let link = returned?;
    deleted?;
    command::run(&["ip", "link", "set", &fallback, "name", CARD])?;
    Ok(judge_card(&card, &link)?)
}

/// `lo` cannot be moved to another namespace, by name or by its card's way.
pub fn lo_stays(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let own = OwnNetns::add("lo-leave")?;
    let before = (Scope::Init.link()?, names()?);
    for move_it in [
        command::run(&["ip", "link", "set", "lo", "netns", own.name()]),
        own.ip(&["link", "set", "lo", "netns", "1"]),
        // Under a name that is free there.
        command::run(&[
            "ip",
            "link",
            "set",
            "lo",
            "netns",
            own.name(),
            "name",
            "lo2",
        ]),
    ] {
        match move_it {
            Ok(_) => return Err("lo could be moved".into()),
            Err(error) if error.ends_with(REFUSED) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let after = (Scope::Init.link()?, names()?);
    if before != after {
        return Err(format!("before {before:?}, after {after:?}").into());
    }
    Ok(own.delete()?)
}
