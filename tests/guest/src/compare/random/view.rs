// SPDX-License-Identifier: GPL-2.0

//! All that is observed of a namespace. It is asked for again after each operation, and read again
//! only where the answer is another one.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::decode;
use super::decode::Fact;
use super::ethtool;
use super::ethtool::Ethtool;
use super::message::messages;
use super::message::Attributes;
use super::message::Netlink;
use super::message::Request;

/// What is asked for by a dump of rtnetlink's, how long the structure is that the request begins
/// with, and what is made of each message of the answer.
type Dump = (u16, usize, fn(&[u8]) -> Vec<Fact>);

const RTM_GETADDR: u16 = 22;
const DUMPS: [Dump; 6] = [
    (RTM_GETADDR, 8, decode::addr),
    (18, 16, decode::link),
    (26, 12, decode::route),
    (30, 12, decode::neighbour),
    (34, 12, decode::rule),
    (38, 20, decode::qdisc),
];
/// Where the others stand, behind these.
const LINK_STATES: usize = DUMPS.len();
const FEATURES: usize = LINK_STATES + 1;
const SNMP: usize = FEATURES + 1;
const PARTS: usize = SNMP + 1;

/// How long an address may take to be in use.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

/// Where this is found of the thread's own namespace.
const SNMP_FILE: &str = "/proc/thread-self/net/snmp";

/// One answer.
#[derive(Clone, Debug, Default)]
struct Part {
    raw: Vec<u8>,
    facts: BTreeMap<String, String>,
    hash: u64,
}

/// A namespace, as it was last seen.
#[derive(Debug)]
pub struct View {
    route: Netlink,
    generic: Netlink,
    snmp: File,
    parts: Vec<Part>,
}

impl View {
    /// Of this thread's namespace; nothing has been seen of it yet.
    pub fn open() -> Result<Self, String> {
        Ok(Self {
            route: Netlink::open(None)?,
            generic: ethtool::open()?,
            snmp: File::open(SNMP_FILE).map_err(|e| format!("{SNMP_FILE}: {e}"))?,
            parts: vec![Part::default(); PARTS],
        })
    }

    /// The way to rtnetlink there.
    pub fn route(&self) -> &Netlink {
        &self.route
    }

    /// The way to ethtool there.
    pub fn generic(&self) -> &Netlink {
        &self.generic
    }

    /// Looks. What has changed since the last time is put behind `changes`.
    pub fn look(&mut self, ethtool: &Ethtool, changes: &mut Vec<String>) -> Result<(), String> {
        // What the kernel does about a link and about a new address it does a little later, but
        // holding RTNL. The first of these dumps brings the former about and waits for the latter's
        // beginning, the one of the features for its end.
        let states = self.settle(ethtool)?;
        let features = ethtool.dump_features(&self.generic)?;
        for (part, what) in self.parts.iter_mut().zip(DUMPS) {
            let (_, _, decode) = what;
            let raw = dump(&self.route, what)?;
            part.renew(raw, changes, |raw| {
                messages(raw).flat_map(|(_, body)| decode(body)).collect()
            });
        }
        self.parts[LINK_STATES].renew(states, changes, |raw| {
            let one = |(_, body)| {
                let (index, state) = Ethtool::link_state(body);
                (format!("link {index} detected"), state)
            };
            messages(raw).map(one).collect()
        });
        self.parts[FEATURES].renew(features, changes, |raw| {
            let one = |(_, body)| {
                let (index, features) = ethtool.features(body);
                let named = move |(name, state)| (format!("link {index} {name}"), state);
                features.into_iter().map(named).collect::<Vec<_>>()
            };
            messages(raw).flat_map(one).collect()
        });
        let snmp = self.read_snmp()?;
        self.parts[SNMP].renew(snmp, changes, |raw| {
            decode::snmp(&String::from_utf8_lossy(raw))
        });
        Ok(())
    }

    /// Waits for all addresses to be in use; the states of the links.
    fn settle(&self, ethtool: &Ethtool) -> Result<Vec<u8>, String> {
        let start = Instant::now();
        loop {
            let states = ethtool.dump_link_states(&self.generic)?;
            let addresses = dump(&self.route, DUMPS[0])?;
            let waits = messages(&addresses).any(|(_, body)| decode::is_tentative(body));
            if !waits {
                return Ok(states);
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("an address is tentative for {PATIENCE:?}"));
            }
            thread::sleep(PAUSE);
        }
    }

    fn read_snmp(&self) -> Result<Vec<u8>, String> {
        let mut text = vec![0; 1 << 13];
        let len = self
            .snmp
            .read_at(&mut text, 0)
            .map_err(|e| format!("{SNMP_FILE}: {e}"))?;
        text.truncate(len);
        Ok(text)
    }

    /// A number for all that was last seen.
    pub fn hash(&self) -> u64 {
        let all = self.parts.iter().map(|part| part.hash.to_ne_bytes());
        fnv(all.flatten())
    }

    /// The index of the device called `name`.
    pub fn index_of(&self, name: &str) -> Option<u32> {
        let links = self.parts[1].facts.iter();
        links
            .filter(|(_, value)| *value == name)
            .find_map(|(key, _)| {
                let words: Vec<&str> = key.split(' ').collect();
                match words[..] {
                    ["link", index, "name"] => index.parse().ok(),
                    _ => None,
                }
            })
    }
}

fn dump(netlink: &Netlink, (kind, head, _): Dump) -> Result<Vec<u8>, String> {
    netlink.dump(&Request {
        kind,
        flags: 0,
        body: Attributes::after(&vec![0; head]),
    })
}

impl Part {
    /// Takes an answer, and tells in which way it differs from the one before.
    fn renew(
        &mut self,
        raw: Vec<u8>,
        changes: &mut Vec<String>,
        decode: impl FnOnce(&[u8]) -> Vec<Fact>,
    ) {
        if raw == self.raw {
            return;
        }
        let facts = unique(decode(&raw));
        self.raw = raw;
        if facts == self.facts {
            return;
        }
        differ(&self.facts, &facts, changes);
        let lines = facts
            .iter()
            .map(|(key, value)| [key.as_bytes(), value.as_bytes()].join(&b'='));
        self.hash = fnv(lines.flat_map(|mut line| {
            line.push(b'\n');
            line
        }));
        self.facts = facts;
    }
}

/// By their names. If there are several of one, they are numbered.
fn unique(facts: Vec<Fact>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (key, value) in facts {
        let names = std::iter::once(key.clone()).chain((2..).map(|n| format!("{key} ({n})")));
        for name in names {
            if let std::collections::btree_map::Entry::Vacant(entry) = all.entry(name) {
                entry.insert(value);
                break;
            }
        }
    }
    all
}

/// Tells in which way `after` differs from `before`.
pub fn differ(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    changes: &mut Vec<String>,
) {
    for (key, value) in after {
        match before.get(key) {
            None => changes.push(format!("+{key}: {value}")),
            Some(old) if old != value => changes.push(format!("{key}: {old} -> {value}")),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    changes.extend(gone.map(|key| format!("-{key}")));
}

/// FNV-1a.
pub fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Vec<Fact> {
        let owned = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_changes_is_told() {
        let mut part = Part::default();
        let mut changes = Vec::new();
        part.renew(vec![1], &mut changes, |_| facts(&[("a", "1"), ("b", "2")]));
        assert_eq!(changes, ["+a: 1", "+b: 2"]);
        let hash = part.hash;
        changes.clear();
        part.renew(vec![1], &mut changes, |_| unreachable!());
        part.renew(vec![2], &mut changes, |_| facts(&[("b", "2"), ("a", "1")]));
        assert!(changes.is_empty());
        assert_eq!(part.hash, hash);
        part.renew(vec![3], &mut changes, |_| facts(&[("a", "3"), ("c", "4")]));
        assert_eq!(changes, ["a: 1 -> 3", "+c: 4", "-b"]);
        assert_ne!(part.hash, hash);
    }

    #[test]
    fn two_of_one_name_are_both_there() {
        let all = unique(facts(&[("a", "1"), ("a", "2"), ("a", "3")]));
        let keys: Vec<&String> = all.keys().collect();
        assert_eq!(keys, ["a", "a (2)", "a (3)"]);
    }
}
