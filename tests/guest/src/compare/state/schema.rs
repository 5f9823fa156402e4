// SPDX-License-Identifier: GPL-2.0

//! What the attributes of netlink messages mean, and what they say. The meanings are in `schema/`,
//! one file for each of the kernel's own descriptions; what is not there is shown by its number.
//!
//! Such a file has sections: `attributes <name>` with lines of number, name and kind; `struct
//! <name>` with lines of name and kind, in the order of the members; `list <name>` with the names
//! of what an array has, in order. Kinds are `u8` to `s64`, `be16` and the like in network byte
//! order, `uint` and `sint` of any width, `string`, `flag`, `ip`, `hex`, `bitfield32`, `struct <name>`,
//! `list32 <name>` and `list64 <name>`, `nest <attributes>`, and `array <attributes>` for a nest of
//! nests that are known by number; in structures there is also `pad<length>`.

use std::collections::BTreeMap;

use super::facts::join;
use super::facts::Facts;
use crate::compare::wire::text;
use crate::compare::words::hex;
use crate::compare::words::ip;
use crate::netlink::cut;
use crate::netlink::u16_at;

/// The length of an attribute's head, and what of its type is no flag.
const HEAD: usize = 4;
const TYPE: u16 = 0x3fff;

/// By what an element of several is known, if it has that.
const NAMES: [&str; 3] = ["name", "index", "id"];

/// One file of them.
#[derive(Debug, Default)]
pub struct Schema {
    attributes: BTreeMap<&'static str, BTreeMap<u16, (&'static str, &'static str)>>,
    structs: BTreeMap<&'static str, Vec<(&'static str, &'static str)>>,
    lists: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Schema {
    /// Reads it.
    pub fn parse(text: &'static str) -> Result<Self, String> {
        let mut schema = Self::default();
        let mut section = ("", "");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((kind @ ("attributes" | "struct" | "list"), name)) = line.split_once(' ') {
                section = (kind, name);
                schema.open(section);
            } else {
                schema.line(section, line)?;
            }
        }
        Ok(schema)
    }

    fn open(&mut self, (kind, name): (&str, &'static str)) {
        match kind {
            "attributes" => drop(self.attributes.entry(name).or_default()),
            "struct" => drop(self.structs.entry(name).or_default()),
            _ => drop(self.lists.entry(name).or_default()),
        }
    }

    fn line(&mut self, section: (&str, &str), line: &'static str) -> Result<(), String> {
        let bad = || format!("schema: {line:?} in {section:?}");
        if let Some(list) = self
            .lists
            .get_mut(section.1)
            .filter(|_| section.0 == "list")
        {
            list.push(line);
            return Ok(());
        }
        let (first, rest) = line.split_once(' ').ok_or_else(bad)?;
        if let Some(members) = self
            .structs
            .get_mut(section.1)
            .filter(|_| section.0 == "struct")
        {
            members.push((first, rest));
            return Ok(());
        }
        let attributes = self.attributes.get_mut(section.1).ok_or_else(bad)?;
        let number = first.parse().map_err(|_| bad())?;
        let name_and_kind = rest.split_once(' ').ok_or_else(bad)?;
        match attributes.insert(number, name_and_kind) {
            None => Ok(()),
            Some(_) => Err(bad()),
        }
    }

    /// Whether it knows these attributes.
    #[cfg(test)]
    pub fn has(&self, set: &str) -> bool {
        self.attributes.contains_key(set)
    }

    /// What the attributes in `bytes` say, if they are of `set`.
    pub fn attributes(&self, set: &str, bytes: &[u8]) -> Result<Facts, String> {
        let known = self.attributes.get(set);
        let mut facts = Facts::default();
        for (number, value) in split(bytes)? {
            let unknown = number.to_string();
            let (name, kind) = known
                .and_then(|known| known.get(&number).copied())
                .unwrap_or((&unknown, "hex"));
            let inner = self.value(kind, value)?;
            facts.add_below(&element(name, &inner), inner);
        }
        Ok(facts)
    }

    fn value(&self, kind: &str, bytes: &[u8]) -> Result<Facts, String> {
        match kind.split_once(' ') {
            None => {
                let mut facts = Facts::default();
                facts.add("", scalar(kind, bytes));
                Ok(facts)
            }
            Some(("nest", set)) => self.attributes(set, bytes),
            Some(("array", set)) => self.array(set, bytes),
            Some(("struct", name)) => self.structure(name, bytes).map(|(facts, _)| facts),
            Some(("list32", name)) => self.list(name, bytes, 4),
            Some(("list64", name)) => self.list(name, bytes, 8),
            Some(_) => Err(format!("schema: there is no kind {kind}")),
        }
    }

    fn array(&self, set: &str, bytes: &[u8]) -> Result<Facts, String> {
        let mut facts = Facts::default();
        for (number, value) in split(bytes)? {
            facts.add_below(&number.to_string(), self.attributes(set, value)?);
        }
        Ok(facts)
    }

    /// What the structure says that `bytes` begin with, and what comes after it. A shorter one is
    /// of an older kernel, and not an error.
    pub fn structure<'a>(&self, name: &str, bytes: &'a [u8]) -> Result<(Facts, &'a [u8]), String> {
        let members = self.structs.get(name);
        let members = members.ok_or_else(|| format!("schema: there is no structure {name}"))?;
        let mut facts = Facts::default();
        let mut rest = bytes;
        for (member, kind) in members {
            let len = width(kind).ok_or_else(|| format!("schema: {name} has a member {kind}"))?;
            let Some((value, after)) = rest.split_at_checked(len) else {
                facts.add("cut", format!("{} bytes", bytes.len()));
                break;
            };
            rest = after;
            if !kind.starts_with("pad") {
                facts.add(*member, scalar(kind, value));
            }
        }
        Ok((facts, rest))
    }

    fn list(&self, name: &str, bytes: &[u8], width: usize) -> Result<Facts, String> {
        let names = self.lists.get(name);
        let names = names.ok_or_else(|| format!("schema: there is no list {name}"))?;
        let mut facts = Facts::default();
        for (index, value) in bytes.chunks(width).enumerate() {
            let number = index.to_string();
            let name = names.get(index).copied().unwrap_or(&number);
            facts.add(name, scalar("sint", value));
        }
        Ok(facts)
    }
}

/// The attributes that `bytes` have, by their numbers.
pub fn split(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, String> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (attribute, after) = cut(rest, HEAD, |head| u16_at(head, 0).map(u32::from))?;
        rest = after;
        found.push((u16_at(attribute, 2)? & TYPE, &attribute[HEAD..]));
    }
    Ok(found)
}

/// What an attribute called `name` is known by, among others of that name.
fn element(name: &str, inner: &Facts) -> String {
    let mut own = NAMES.iter().filter_map(|own| inner.get(own));
    let own = own.find(|own| !own.is_empty());
    join(name, own.unwrap_or_default())
}

/// How many bytes a member of a structure has.
fn width(kind: &str) -> Option<usize> {
    if let Some(len) = kind.strip_prefix("pad") {
        return len.parse().ok();
    }
    let bits: usize = kind.trim_start_matches(char::is_alphabetic).parse().ok()?;
    Some(bits / 8)
}

fn scalar(kind: &str, bytes: &[u8]) -> String {
    match (kind, bytes.len()) {
        ("string", _) => text(bytes),
        ("flag", 0) => "set".into(),
        ("ip", 4 | 16) => ip(bytes),
        ("bitfield32", 8) => format!("{} of {}", hex(&bytes[..4]), hex(&bytes[4..])),
        (_, len) if kind == "uint" || kind == "sint" || width(kind) == Some(len) => {
            number(kind, bytes).unwrap_or_else(|| hex(bytes))
        }
        _ => hex(bytes),
    }
}

fn number(kind: &str, bytes: &[u8]) -> Option<String> {
    if bytes.len() > 8 {
        return None;
    }
    let big = kind.starts_with("be");
    let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let value = match big {
        true => bytes.iter().fold(0, fold),
        false => bytes.iter().rev().fold(0, fold),
    };
    if !kind.starts_with('s') {
        return Some(value.to_string());
    }
    let unused = 64 - 8 * bytes.len() as u32;
    let value = value.checked_shl(unused)? as i64;
    Some((value >> unused).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::wire::attribute;

    const SCHEMA: &str =
        "# a comment\nattributes top\n1 mtu u32\n3 name string\n4 sub nest inner\n\
        5 map struct map\n6 conf list32 conf\n7 bit nest inner\n8 each array inner\n9 far be16\n\
        10 here flag\nattributes inner\n1 name string\n2 value s32\nstruct map\nbase u64\n\
        gap pad2\nport s8\nlist conf\nforwarding\n";

    fn read(bytes: &[u8]) -> Vec<(String, String)> {
        let schema = Schema::parse(SCHEMA).unwrap();
        let facts = schema.attributes("top", bytes).unwrap();
        let own = |(path, value): (&str, &str)| (path.into(), value.into());
        facts.iter().map(own).collect()
    }

    fn one(number: u16, value: &[u8]) -> String {
        let facts = read(&attribute(number, value));
        let shown: Vec<String> = facts.iter().map(|(p, v)| format!("{p}={v}")).collect();
        shown.join(" ")
    }

    #[test]
    fn attributes_are_shown_by_kind() {
        assert_eq!(one(1, &65536_u32.to_ne_bytes()), "mtu=65536");
        assert_eq!(one(1, &[1, 2]), "mtu=01:02");
        assert_eq!(one(3, b"lo\0"), "name=lo");
        assert_eq!(one(9, &[1, 2]), "far=258");
        assert_eq!(one(10, &[]), "here=set");
        assert_eq!(one(99, &[0xab, 1]), "99=ab:01");
        assert_eq!(one(0x4000 | 1, &7_u32.to_ne_bytes()), "mtu=7");
    }

    #[test]
    fn what_has_parts_is_taken_apart() {
        let inner = attribute(2, &(-1_i32).to_ne_bytes());
        assert_eq!(one(4, &inner), "sub.value=-1");
        assert_eq!(one(8, &attribute(2, &inner)), "each.2.value=-1");
        let named = [attribute(1, b"x\0"), inner].concat();
        assert_eq!(one(7, &named), "bit.x.name=x bit.x.value=-1");
        let mut map = 5_u64.to_ne_bytes().to_vec();
        map.extend([9, 9, 0xff, 1]);
        assert_eq!(one(5, &map), "map.base=5 map.port=-1");
        assert_eq!(one(5, &map[..9]), "map.base=5 map.cut=9 bytes");
        assert_eq!(
            one(6, &[1, 0, 0, 0, 2, 0, 0, 0]),
            "conf.forwarding=1 conf.1=2"
        );
    }

    #[test]
    fn several_of_a_kind_are_told_apart() {
        let both = [attribute(3, b"a\0"), attribute(3, b"b\0")].concat();
        let wanted = [("name", "a"), ("name#2", "b")];
        assert_eq!(read(&both), wanted.map(|(p, v)| (p.into(), v.into())));
    }

    #[test]
    fn those_that_are_there_lead_nowhere_else() {
        for text in [
            include_str!("schema/addr.txt"),
            include_str!("schema/ethtool.txt"),
            include_str!("schema/link.txt"),
            include_str!("schema/neigh.txt"),
            include_str!("schema/netconf.txt"),
            include_str!("schema/netdev.txt"),
            include_str!("schema/route.txt"),
            include_str!("schema/rule.txt"),
            include_str!("schema/tc.txt"),
        ] {
            let schema = Schema::parse(text).unwrap();
            let kinds = schema.attributes.values().flat_map(BTreeMap::values);
            for (_, kind) in kinds {
                // Nothing is what an empty attribute of that kind says, whatever it is.
                assert!(schema.value(kind, &[]).is_ok(), "{kind}");
                let Some(("nest" | "array", set)) = kind.split_once(' ') else {
                    continue;
                };
                assert!(schema.has(set), "{kind}");
            }
            for members in schema.structs.values() {
                assert!(members.iter().all(|(_, kind)| width(kind).is_some()));
            }
        }
    }

    #[test]
    fn what_is_cut_is_an_error() {
        let schema = Schema::parse(SCHEMA).unwrap();
        assert!(schema.attributes("top", &[5, 0, 1]).is_err());
        assert!(schema.attributes("top", &[9, 0, 1, 0]).is_err());
        for bad in ["mtu", "attributes a\nx mtu u32", "attributes a\n1 mtu"] {
            assert!(Schema::parse(bad).is_err(), "{bad}");
        }
        assert!(Schema::parse("attributes a\n1 b u8\n1 c u8").is_err());
    }
}
