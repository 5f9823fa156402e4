// SPDX-License-Identifier: GPL-2.0

//! Devices are found by name and by index, in their own namespace and in no other.

use rustix::io::Errno;
use rustix::net::netdevice;
use rustix::net::AddressFamily;
use rustix::net::SocketType;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::own_netns::OwnNetns;

/// A device in each of two namespaces, with the same name and the same index.
const TWIN: &str = "twin";
const TWIN_INDEX: u32 = 4711;

/// The one here, renamed.
const RENAMED: &str = "elder";

/// What a namespace says of names and indexes: `None` where there is no such device.
#[derive(Debug, PartialEq)]
struct Found {
    /// The index of `lo`, [`TWIN`] and [`RENAMED`].
    indexes: [Option<u32>; 3],
    /// The name of what has `lo`'s index, and of what has [`TWIN_INDEX`].
    names: [Option<String>; 2],
}

impl Found {
    /// What this thread's namespace says.
    fn here() -> Result<Self, String> {
        let fail = |e| format!("look-up: {e}");
        let socket =
            rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).map_err(fail)?;
        let absent = |error| match error {
            Errno::NODEV | Errno::NXIO => Ok(None),
            other => Err(fail(other)),
        };
        let index = |name| {
            netdevice::name_to_index(&socket, name).map_or_else(absent, |index| Ok(Some(index)))
        };
        let name = |index| {
            netdevice::index_to_name(&socket, index)
                .map(Some)
                .or_else(|error| match error {
                    Errno::NODEV | Errno::NXIO => Ok(None),
                    other => Err(fail(other)),
                })
        };
        Ok(Self {
            indexes: [index("lo")?, index(TWIN)?, index(RENAMED)?],
            names: [name(1)?, name(TWIN_INDEX)?],
        })
    }

    /// With `twin` as the name of the device of that index.
    fn with(twin: Option<&str>) -> Self {
        let has = |name| (twin == Some(name)).then_some(TWIN_INDEX);
        Self {
            indexes: [Some(1), has(TWIN), has(RENAMED)],
            names: [Some("lo".into()), twin.map(String::from)],
        }
    }
}

/// Devices of one name and one index live in two namespaces; what happens to one does not happen to
/// the other. `lo` is number 1 in both.
pub fn isolated(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::add("lo-lookup")?;
    let verdict = look_up(&own);
    // It is gone already if all went well.
    let _ = command::run(&["ip", "link", "del", RENAMED]);
    let _ = command::run(&["ip", "link", "del", TWIN]);
    verdict?;
    Ok(own.delete()?)
}

fn look_up(own: &OwnNetns) -> Result<(), String> {
    let expect = |when: &str, here: Option<&str>, there: Option<&str>| -> Result<(), String> {
        for (place, found, twin) in [
            ("here", Found::here()?, here),
            ("there", own.inside(Found::here)?, there),
        ] {
            let wanted = Found::with(twin);
            if found != wanted {
                return Err(format!("{when}, {place}: {found:?}, expected {wanted:?}"));
            }
        }
        Ok(())
    };
    let index = TWIN_INDEX.to_string();
    let add = [
        "link", "add", "name", TWIN, "index", &index, "type", "dummy",
    ];
    expect("before", None, None)?;
    own.ip(&add)?;
    expect("one there", None, Some(TWIN))?;
    command::run(&[&["ip"], &add[..]].concat())?;
    expect("one in each", Some(TWIN), Some(TWIN))?;
    command::run(&["ip", "link", "set", TWIN, "name", RENAMED])?;
    expect("this one renamed", Some(RENAMED), Some(TWIN))?;
    own.ip(&["link", "del", TWIN])?;
    expect("that one deleted", Some(RENAMED), None)?;
    command::run(&["ip", "link", "del", RENAMED])?;
    expect("both deleted", None, None)
}
