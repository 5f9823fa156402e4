// SPDX-License-Identifier: GPL-2.0

//! What the generic netlink families `netdev` and `ethtool` say of `lo`.

use rustix::net::netlink::GENERIC;

use super::client::Answer;
use super::client::Client;
use super::client::Reach;
use super::facts::Facts;
use super::schema::split;
use super::schema::Schema;
use crate::compare::wire::attribute;
use crate::compare::wire::nest;

/// The length of `struct genlmsghdr`.
const HEAD: usize = 4;

const LO: [u8; 4] = 1_u32.to_ne_bytes();
const NONE: [u8; 4] = 0_u32.to_ne_bytes();

const NETDEV: &str = include_str!("schema/netdev.txt");
const ETHTOOL: &str = include_str!("schema/ethtool.txt");

/// A family, as this kernel has it.
struct Family<'a> {
    client: &'a Client,
    number: u16,
    version: u8,
    schema: Schema,
}

impl<'a> Family<'a> {
    fn find(client: &'a Client, name: &str, schema: &'static str) -> Result<Self, String> {
        const GENL_ID_CTRL: u16 = 16;
        const CTRL_CMD_GETFAMILY: u8 = 3;
        const CTRL_ATTR_FAMILY_ID: u16 = 1;
        const CTRL_ATTR_FAMILY_NAME: u16 = 2;
        let mut family = Self {
            client,
            number: GENL_ID_CTRL,
            version: 1,
            schema: Schema::parse(schema)?,
        };
        let named = attribute(CTRL_ATTR_FAMILY_NAME, format!("{name}\0").as_bytes());
        let answer = family.ask(CTRL_CMD_GETFAMILY, Reach::One, &named)?;
        let Answer::Messages(messages) = answer else {
            return Err(format!("netlink family {name}: {answer:?}"));
        };
        let body = messages.first().and_then(|message| message.get(HEAD..));
        let attributes = split(body.unwrap_or_default())?;
        let mut numbers = attributes
            .iter()
            .filter(|(number, _)| *number == CTRL_ATTR_FAMILY_ID);
        let number = numbers.next().and_then(|(_, id)| (*id).try_into().ok());
        let number = number.ok_or_else(|| format!("netlink family {name} has no number"))?;
        family.number = u16::from_ne_bytes(number);
        Ok(family)
    }

    fn ask(&self, command: u8, reach: Reach, attributes: &[u8]) -> Result<Answer, String> {
        let head = [command, self.version, 0, 0];
        let request = [&head, attributes].concat();
        self.client.ask(self.number, reach, &request)
    }

    /// What `command` says, in attributes of `set`; of dumps, what is about `lo`.
    fn read(
        &self,
        command: u8,
        reach: Reach,
        attributes: &[u8],
        set: &str,
    ) -> Result<Facts, String> {
        let mut facts = Facts::default();
        let messages = match self.ask(command, reach, attributes)? {
            Answer::Messages(messages) => messages,
            Answer::Refused(why) => {
                facts.add("", why);
                return Ok(facts);
            }
        };
        for message in messages {
            let body = message.get(HEAD..).unwrap_or_default();
            let found = self.schema.attributes(set, body)?;
            let of_lo = found.get("ifindex").is_none_or(|index| index == "1");
            match reach {
                Reach::One => facts = found,
                Reach::All if of_lo => facts.add_below("of-lo", found),
                Reach::All => {}
            }
        }
        Ok(facts)
    }
}

/// A question for `netdev`.
struct Question {
    name: &'static str,
    command: u8,
    reach: Reach,
    /// Numbers and values, of four bytes each.
    attributes: &'static [(u16, [u8; 4])],
    set: &'static str,
}

const fn question(
    name: &'static str,
    command: u8,
    reach: Reach,
    attributes: &'static [(u16, [u8; 4])],
    set: &'static str,
) -> Question {
    Question {
        name,
        command,
        reach,
        attributes,
        set,
    }
}

const RX: [u8; 4] = NONE;
const TX: [u8; 4] = LO;
const BY_QUEUE: [u8; 4] = LO;

const NETDEV_QUESTIONS: &[Question] = &[
    question("dev", 1, Reach::One, &[(1, LO)], "dev"),
    question("dev-dump", 1, Reach::All, &[], "dev"),
    question("page-pools", 5, Reach::All, &[], "page-pool"),
    question("page-pool-stats", 9, Reach::All, &[], "page-pool-stats"),
    question("queues", 10, Reach::All, &[(2, LO)], "queue"),
    question(
        "rx-queue",
        10,
        Reach::One,
        &[(2, LO), (3, RX), (1, NONE)],
        "queue",
    ),
    question(
        "tx-queue",
        10,
        Reach::One,
        &[(2, LO), (3, TX), (1, NONE)],
        "queue",
    ),
    question("napis", 11, Reach::All, &[(1, LO)], "napi"),
    question("qstats", 12, Reach::All, &[(1, LO)], "qstats"),
    question(
        "qstats-by-queue",
        12,
        Reach::All,
        &[(1, LO), (4, BY_QUEUE)],
        "qstats",
    ),
    question("qstats-dump", 12, Reach::All, &[], "qstats"),
];

/// What `netdev` says.
pub fn netdev() -> Result<Facts, String> {
    let client = Client::open(Some(GENERIC))?;
    let family = Family::find(&client, "netdev", NETDEV)?;
    let mut facts = Facts::default();
    for it in NETDEV_QUESTIONS {
        let attributes: Vec<Vec<u8>> = it
            .attributes
            .iter()
            .map(|(number, value)| attribute(*number, value))
            .collect();
        let found = family.read(it.command, it.reach, &attributes.concat(), it.set)?;
        facts.add_counted(it.name, found);
    }
    Ok(facts)
}

/// The commands of `ethtool` that ask for something: number, name, attributes of the answer.
const ETHTOOL_COMMANDS: &[(u8, &str, &str)] = &[
    (2, "linkinfo", "linkinfo"),
    (4, "linkmodes", "linkmodes"),
    (6, "linkstate", "linkstate"),
    (7, "debug", "debug"),
    (9, "wol", "wol"),
    (11, "features", "features"),
    (13, "privflags", "privflags"),
    (15, "rings", "rings"),
    (17, "channels", "channels"),
    (19, "coalesce", "coalesce"),
    (21, "pause", "pause"),
    (23, "eee", "eee"),
    (25, "tsinfo", "tsinfo"),
    (28, "tunnel-info", "tunnel-info"),
    (29, "fec", "fec"),
    (31, "module-eeprom", "module-eeprom"),
    (32, "stats", "stats"),
    (33, "phc-vclocks", "phc-vclocks"),
    (34, "module", "module"),
    (36, "pse", "pse"),
    (38, "rss", "rss"),
    (39, "plca-cfg", "plca"),
    (41, "plca-status", "plca"),
    (42, "mm", "mm"),
    (45, "phy", "phy"),
    (46, "tsconfig", "tsconfig"),
    (51, "mse", "mse"),
];

/// `ETH_SS_COUNT`: how many sets of strings there are.
const STRING_SETS: u32 = 23;

/// Which of them a driver has of its own: of its tests, statistics, flags and the PHY's statistics.
const OWN_STRING_SETS: [u32; 4] = [0, 1, 2, 7];

/// Those that can have statistics in their answers.
const HAVE_STATISTICS: [&str; 5] = ["linkstate", "pause", "tsinfo", "fec", "mm"];

/// `ETHTOOL_FLAG_STATS`
const WITH_STATISTICS: u32 = 4;

/// The attribute that names the device, with these flags.
fn device(number: u16, flags: u32) -> Vec<u8> {
    const DEV_NAME: u16 = 2;
    const FLAGS: u16 = 3;
    let mut inner = attribute(DEV_NAME, b"lo\0");
    if flags != 0 {
        inner.extend(attribute(FLAGS, &flags.to_ne_bytes()));
    }
    nest(number, &inner)
}

/// What a command needs to be told besides the device.
fn arguments(name: &str) -> Vec<u8> {
    match name {
        // The first byte of the first page, at the usual address.
        "module-eeprom" => [
            attribute(2, &NONE),
            attribute(3, &LO),
            attribute(4, &[0]),
            attribute(6, &[0x50]),
        ]
        .concat(),
        // All five groups, as a bit set of five bits.
        "stats" => {
            let bits = [
                attribute(1, &[]),
                attribute(2, &5_u32.to_ne_bytes()),
                attribute(4, &0x1f_u32.to_ne_bytes()),
            ];
            nest(3, &bits.concat())
        }
        _ => Vec::new(),
    }
}

/// What `ethtool` says.
pub fn ethtool() -> Result<Facts, String> {
    let client = Client::open(Some(GENERIC))?;
    let family = Family::find(&client, "ethtool", ETHTOOL)?;
    let mut facts = string_sets(&family)?;
    for (command, name, set) in ETHTOOL_COMMANDS {
        let header = if *name == "stats" { 2 } else { 1 };
        let ask = |flags| {
            let request = [device(header, flags), arguments(name)].concat();
            family.read(*command, Reach::One, &request, set)
        };
        let plain = ask(0)?;
        if HAVE_STATISTICS.contains(name) {
            let more = plain.unlike(&ask(WITH_STATISTICS)?);
            facts.add_counted(&format!("{name}-with-stats"), more);
        }
        facts.add_below(name, plain);
    }
    Ok(facts)
}

fn string_sets(family: &Family<'_>) -> Result<Facts, String> {
    const STRSET_GET: u8 = 1;
    const STRINGSETS: u16 = 2;
    const COUNTS_ONLY: u16 = 3;
    let mut facts = Facts::default();
    for set in 0..STRING_SETS {
        let wanted = nest(1, &attribute(1, &set.to_ne_bytes()));
        let mut request = [device(1, 0), nest(STRINGSETS, &wanted)].concat();
        if !OWN_STRING_SETS.contains(&set) {
            request.extend(attribute(COUNTS_ONLY, &[]));
        }
        let found = family.read(STRSET_GET, Reach::One, &request, "strset")?;
        facts.add_below(&format!("strset-{set}"), found);
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_can_be_read() {
        let ethtool = Schema::parse(ETHTOOL).unwrap();
        for (_, name, set) in ETHTOOL_COMMANDS {
            assert!(ethtool.has(set), "{name}");
        }
        let netdev = Schema::parse(NETDEV).unwrap();
        for question in NETDEV_QUESTIONS {
            assert!(netdev.has(question.set), "{}", question.name);
        }
    }

    #[test]
    fn the_device_is_named() {
        assert_eq!(
            device(1, 0)[..],
            [12, 0, 1, 0x80, 7, 0, 2, 0, b'l', b'o', 0, 0]
        );
        assert_eq!(device(1, 4)[..2], [20, 0]);
    }
}
