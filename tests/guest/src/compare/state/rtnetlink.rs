// SPDX-License-Identifier: GPL-2.0

//! What rtnetlink says of `lo` and of all that leads there, attribute by attribute.

use super::client::Answer;
use super::client::Client;
use super::client::Reach;
use super::facts::Facts;
use super::schema::Schema;
use crate::compare::wire::attribute;

/// `lo`'s index, as a number and as a value.
const LO: u32 = 1;
const LO_SHOWN: &str = "1";

const UNSPEC: u8 = 0;
const INET: u8 = 2;
const BRIDGE: u8 = 7;
const INET6: u8 = 10;

const RTM_GETLINK: u16 = 18;
const IFLA_EXT_MASK: u16 = 29;

/// What `IFLA_EXT_MASK` can ask for more, or for less.
const MASKS: [(&str, u32); 9] = [
    ("vf", 1 << 0),
    ("brvlan", 1 << 1),
    ("brvlan-compressed", 1 << 2),
    ("skip-stats", 1 << 3),
    ("mrp", 1 << 4),
    ("cfm-config", 1 << 5),
    ("cfm-status", 1 << 6),
    ("mst", 1 << 7),
    ("name-only", 1 << 8),
];

/// What a kind of messages says.
struct Kind {
    schema: &'static str,
    /// The structure that they begin with, and the attributes that follow.
    head: &'static str,
    set: &'static str,
    /// What one of several is known by.
    names: &'static [&'static str],
    /// What has `lo`'s index if it is about `lo`; empty if all of them are.
    of_lo: &'static str,
}

const LINK: Kind = Kind {
    schema: include_str!("schema/link.txt"),
    head: "ifinfomsg",
    set: "link-attrs",
    names: &[],
    of_lo: "ifi-index",
};
const STATS: Kind = Kind {
    schema: LINK.schema,
    head: "if-stats-msg",
    set: "stats-attrs",
    names: &[],
    of_lo: "ifindex",
};
const ADDRESS: Kind = Kind {
    schema: include_str!("schema/addr.txt"),
    head: "ifaddrmsg",
    set: "addr-attrs",
    names: &["address", "multicast", "anycast"],
    of_lo: "ifa-index",
};
const ROUTE: Kind = Kind {
    schema: include_str!("schema/route.txt"),
    head: "rtmsg",
    set: "route-attrs",
    names: &["table", "dst", "rtm-dst-len"],
    of_lo: "oif",
};
const NEIGHBOUR: Kind = Kind {
    schema: include_str!("schema/neigh.txt"),
    head: "ndmsg",
    set: "neighbour-attrs",
    names: &["dst"],
    of_lo: "ndm-ifindex",
};
const NEIGHBOUR_TABLE: Kind = Kind {
    schema: NEIGHBOUR.schema,
    head: "ndtmsg",
    set: "ndt-attrs",
    names: &["name"],
    of_lo: "parms.ifindex",
};
const RULE: Kind = Kind {
    schema: include_str!("schema/rule.txt"),
    head: "fib-rule-hdr",
    set: "fib-rule-attrs",
    names: &["priority", "table"],
    of_lo: "",
};
const NETCONF: Kind = Kind {
    schema: include_str!("schema/netconf.txt"),
    head: "netconfmsg",
    set: "netconf-attrs",
    names: &[],
    of_lo: "ifindex",
};
const QDISC: Kind = Kind {
    schema: include_str!("schema/tc.txt"),
    head: "tcmsg",
    set: "attrs",
    names: &["kind", "handle"],
    of_lo: "ifindex",
};

/// A question.
struct Question {
    name: &'static str,
    number: u16,
    reach: Reach,
    body: Vec<u8>,
    kind: &'static Kind,
}

/// All that are asked, but those of [`masks`].
fn questions() -> Vec<Question> {
    let ask = |name, number, reach, body, kind| Question {
        name,
        number,
        reach,
        body,
        kind,
    };
    use Reach::All;
    use Reach::One;
    vec![
        ask("link-by-name", 18, One, by_name(), &LINK),
        ask("link-dump", 18, All, link(UNSPEC, 0), &LINK),
        ask("link-dump-inet", 18, All, link(INET, 0), &LINK),
        ask("link-dump-inet6", 18, All, link(INET6, 0), &LINK),
        ask("link-dump-bridge", 18, All, link(BRIDGE, 0), &LINK),
        ask("stats", 94, One, stats(LO), &STATS),
        ask("stats-dump", 94, All, stats(0), &STATS),
        ask("addr4", 22, All, address(INET), &ADDRESS),
        ask("addr6", 22, All, address(INET6), &ADDRESS),
        ask("multicast4", 58, All, address(INET), &ADDRESS),
        ask("multicast6", 58, All, address(INET6), &ADDRESS),
        ask("anycast6", 62, All, address(INET6), &ADDRESS),
        ask("route4", 26, All, route(INET, &[]), &ROUTE),
        ask("route6", 26, All, route(INET6, &[]), &ROUTE),
        ask("route4-get", 26, One, route(INET, &V4), &ROUTE),
        ask("route6-get", 26, One, route(INET6, &V6), &ROUTE),
        ask("neigh4", 30, All, neighbour(INET, 0), &NEIGHBOUR),
        ask("neigh6", 30, All, neighbour(INET6, 0), &NEIGHBOUR),
        ask("proxy4", 30, All, neighbour(INET, NTF_PROXY), &NEIGHBOUR),
        ask("proxy6", 30, All, neighbour(INET6, NTF_PROXY), &NEIGHBOUR),
        ask("neightbl", 66, All, vec![UNSPEC, 0, 0, 0], &NEIGHBOUR_TABLE),
        ask("rule4", 34, All, head(INET, 12), &RULE),
        ask("rule6", 34, All, head(INET6, 12), &RULE),
        ask("netconf4", 82, One, netconf(INET), &NETCONF),
        ask("netconf6", 82, One, netconf(INET6), &NETCONF),
        ask("qdisc", 38, All, all_qdiscs(), &QDISC),
        ask("class", 42, All, traffic_control(LO), &QDISC),
        ask("filter", 46, All, traffic_control(LO), &QDISC),
    ]
}

const V4: [u8; 4] = [127, 0, 0, 1];
const V6: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const NTF_PROXY: u8 = 8;

/// The structure of `len` bytes that a request begins with, of which nothing but `family` is set.
fn head(family: u8, len: usize) -> Vec<u8> {
    let mut head = vec![0; len];
    head[0] = family;
    head
}

fn with_index(mut head: Vec<u8>, at: usize, index: u32) -> Vec<u8> {
    head[at..at + 4].copy_from_slice(&index.to_ne_bytes());
    head
}

fn link(family: u8, index: u32) -> Vec<u8> {
    with_index(head(family, 16), 4, index)
}

fn by_name() -> Vec<u8> {
    const IFLA_IFNAME: u16 = 3;
    [link(UNSPEC, 0), attribute(IFLA_IFNAME, b"lo\0")].concat()
}

fn stats(index: u32) -> Vec<u8> {
    const ALL: u32 = 0x1f;
    with_index(with_index(head(UNSPEC, 12), 4, index), 8, ALL)
}

fn address(family: u8) -> Vec<u8> {
    with_index(head(family, 8), 4, LO)
}

fn route(family: u8, to: &[u8]) -> Vec<u8> {
    const RTA_DST: u16 = 1;
    let mut request = head(family, 12);
    if !to.is_empty() {
        request[1] = 8 * to.len() as u8;
        request.extend(attribute(RTA_DST, to));
    }
    request
}

fn neighbour(family: u8, flags: u8) -> Vec<u8> {
    let mut request = head(family, 12);
    request[10] = flags;
    request
}

fn netconf(family: u8) -> Vec<u8> {
    const NETCONFA_IFINDEX: u16 = 1;
    let index = attribute(NETCONFA_IFINDEX, &LO.to_ne_bytes());
    [head(family, 4), index].concat()
}

fn traffic_control(index: u32) -> Vec<u8> {
    with_index(head(UNSPEC, 20), 4, index)
}

fn all_qdiscs() -> Vec<u8> {
    const TCA_DUMP_INVISIBLE: u16 = 10;
    [traffic_control(0), attribute(TCA_DUMP_INVISIBLE, &[])].concat()
}

/// All of it, in this thread's namespace.
pub fn read() -> Result<Facts, String> {
    let client = Client::open(None)?;
    let plain = LINK.read(&client.ask(RTM_GETLINK, Reach::One, &link(UNSPEC, LO))?)?;
    let mut facts = masks(&client, &plain)?;
    for question in questions() {
        let answer = client.ask(question.number, question.reach, &question.body)?;
        let answer = question.kind.read(&answer);
        let answer = answer.map_err(|e| format!("{}: {e}", question.name))?;
        // Asked for in another way, it is to be the same.
        let answer = match question.number {
            RTM_GETLINK => plain.unlike(&answer),
            _ => answer,
        };
        facts.add_counted(question.name, answer);
    }
    facts.add_below("link", plain);
    Ok(facts)
}

/// What differs from the `plain` link, for each mask.
fn masks(client: &Client, plain: &Facts) -> Result<Facts, String> {
    let mut facts = Facts::default();
    for (name, mask) in MASKS {
        let mask = attribute(IFLA_EXT_MASK, &mask.to_ne_bytes());
        let body = [link(UNSPEC, LO), mask].concat();
        let masked = LINK.read(&client.ask(RTM_GETLINK, Reach::One, &body)?)?;
        facts.add_counted(&format!("link-mask-{name}"), plain.unlike(&masked));
    }
    Ok(facts)
}

impl Kind {
    fn read(&self, answer: &Answer) -> Result<Facts, String> {
        let mut facts = Facts::default();
        let messages = match answer {
            Answer::Messages(messages) => messages,
            Answer::Refused(why) => {
                facts.add("", why);
                return Ok(facts);
            }
        };
        let schema = Schema::parse(self.schema)?;
        for message in messages {
            let (mut found, rest) = schema.structure(self.head, message)?;
            for (path, value) in schema.attributes(self.set, rest)?.iter() {
                found.add(path, value);
            }
            if self.of_lo.is_empty() || found.get(self.of_lo) == Some(LO_SHOWN) {
                let names = self.names.iter().filter_map(|name| found.get(name));
                let name = names.collect::<Vec<_>>().join(":");
                facts.add_below(&name, found);
            }
        }
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_lo_are_read() {
        let mut lo = with_index(head(INET, 8), 4, LO);
        lo.extend(attribute(1, &V4));
        let other = with_index(head(INET, 8), 4, 2);
        let facts = ADDRESS.read(&Answer::Messages(vec![other, lo])).unwrap();
        assert_eq!(facts.get("127.0.0.1.ifa-family"), Some("2"));
        assert_eq!(facts.get("127.0.0.1.address"), Some("127.0.0.1"));
        assert_eq!(facts.len(), 6);
    }

    #[test]
    fn a_refusal_is_a_fact() {
        let refused = Answer::Refused("errno EOPNOTSUPP".into());
        let facts = LINK.read(&refused).unwrap();
        assert_eq!(facts.get(""), Some("errno EOPNOTSUPP"));
    }

    #[test]
    fn all_that_is_asked_can_be_read() {
        let mut names: Vec<&str> = questions().iter().map(|it| it.name).collect();
        for Question { name, kind, .. } in questions() {
            let schema = Schema::parse(kind.schema).unwrap();
            assert!(schema.structure(kind.head, &[]).is_ok(), "{name}");
            assert!(schema.has(kind.set), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), questions().len());
    }
}
