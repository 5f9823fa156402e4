// SPDX-License-Identifier: GPL-2.0

//! ethtool by netlink: the features of devices.

use rustix::net::netlink::GENERIC;

use super::message::Attributes;
use super::message::Netlink;
use super::message::Request;
use crate::compare::wire::attributes;
use crate::compare::wire::find;
use crate::compare::wire::text;
use crate::compare::wire::u16_at;
use crate::compare::wire::u32_at;

/// `nlctrl`, which knows the numbers of the others.
const CONTROL: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

const STRSET_GET: u8 = 1;
const LINKSTATE_GET: u8 = 6;
const FEATURES_GET: u8 = 11;
const FEATURES_SET: u8 = 12;

const HEADER_INDEX: u16 = 1;
const HEADER_NAME: u16 = 2;
const HEADER_FLAGS: u16 = 3;
/// Bits as bits, not each with its name.
const COMPACT: u32 = 1;
/// No word on what has changed.
const OMIT_REPLY: u32 = 2;
/// The length of `struct genlmsghdr`, and of one that says nothing but the command.
const GENERIC_HEADER: usize = 4;

/// What is the same in all namespaces.
#[derive(Debug)]
pub struct Ethtool {
    family: u16,
    /// The features' names.
    features: Vec<String>,
}

/// A socket for it in this thread's namespace.
pub fn open() -> Result<Netlink, String> {
    Netlink::open(Some(GENERIC))
}

impl Ethtool {
    /// Asks for it.
    pub fn load() -> Result<Self, String> {
        let netlink = open()?;
        let body = Attributes::after(&[GET_FAMILY, 1, 0, 0]).text(FAMILY_NAME, "ethtool");
        let answer = netlink.get(&request(CONTROL, body))?;
        let family = find(&answer[GENERIC_HEADER..], FAMILY_ID).map(|id| u16_at(id, 0));
        let mut this = Self {
            family: family.ok_or("there is no ethtool by netlink")?,
            features: Vec::new(),
        };
        this.features = this.load_names(&netlink)?;
        Ok(this)
    }

    fn load_names(&self, netlink: &Netlink) -> Result<Vec<String>, String> {
        const FEATURES: u32 = 4;
        let set = Attributes::new().number(1, FEATURES);
        let sets = Attributes::new().nest(1, set);
        let body = self.body(STRSET_GET, Attributes::new()).nest(2, sets);
        let answer = netlink.get(&request(self.family, body))?;
        let names = find(&answer[GENERIC_HEADER..], 2)
            .and_then(|sets| find(sets, 1))
            .and_then(|set| find(set, 3))
            .ok_or("the features have no names")?;
        Ok(attributes(names)
            .filter_map(|(_, one)| find(one, 2).map(text))
            .collect())
    }

    fn body(&self, command: u8, header: Attributes) -> Attributes {
        Attributes::after(&[command, 1, 0, 0]).nest(1, header)
    }

    /// Has the kernel say whether each device has a link. Before it answers, what a device has had to
    /// say about its link is done.
    pub fn dump_link_states(&self, netlink: &Netlink) -> Result<Vec<u8>, String> {
        let body = self.body(LINKSTATE_GET, Attributes::new());
        netlink.dump(&request(self.family, body))
    }

    /// The features of all devices.
    pub fn dump_features(&self, netlink: &Netlink) -> Result<Vec<u8>, String> {
        let header = Attributes::new().number(HEADER_FLAGS, COMPACT);
        netlink.dump(&request(self.family, self.body(FEATURES_GET, header)))
    }

    /// Wants a feature, or does not.
    pub fn set_feature(&self, device: &str, feature: &str, on: bool) -> Request {
        let header = Attributes::new()
            .text(HEADER_NAME, device)
            .number(HEADER_FLAGS, OMIT_REPLY);
        let bit = Attributes::new().text(2, feature);
        let bit = if on { bit.bytes(3, &[]) } else { bit };
        let bits = Attributes::new().nest(3, Attributes::new().nest(1, bit));
        request(self.family, self.body(FEATURES_SET, header).nest(3, bits))
    }

    /// What an answer of [`Self::dump_link_states`] says of a device: its index, and that.
    pub fn link_state(body: &[u8]) -> (u32, String) {
        let attributes = &body[GENERIC_HEADER.min(body.len())..];
        let state = match find(attributes, 2) {
            Some([0, ..]) => "no",
            Some(_) => "yes",
            None => "unknown",
        };
        (index(attributes), state.into())
    }

    /// What an answer of [`Self::dump_features`] says of a device: its index, and each feature that
    /// is not simply off.
    pub fn features(&self, body: &[u8]) -> (u32, Vec<(String, String)>) {
        let attributes = &body[GENERIC_HEADER.min(body.len())..];
        let bits = |kind| {
            find(attributes, kind)
                .and_then(|set| find(set, 4))
                .unwrap_or_default()
        };
        let (changeable, wanted, active, fixed) = (bits(2), bits(3), bits(4), bits(5));
        let has = |bits: &[u8], at: usize| u32_at(bits, at / 32 * 4) >> (at % 32) & 1 == 1;
        let mut features = Vec::new();
        for (at, name) in self.features.iter().enumerate() {
            let mut words = vec![if has(active, at) { "on" } else { "off" }];
            if has(changeable, at) {
                words.push("changeable");
                words.push(if has(wanted, at) {
                    "wanted"
                } else {
                    "unwanted"
                });
            }
            if has(fixed, at) {
                words.push("fixed");
            }
            if words != ["off"] {
                features.push((name.clone(), words.join(" ")));
            }
        }
        (index(attributes), features)
    }
}

fn index(attributes: &[u8]) -> u32 {
    let header = find(attributes, 1).unwrap_or_default();
    find(header, HEADER_INDEX).map_or(0, |index| u32_at(index, 0))
}

fn request(kind: u16, body: Attributes) -> Request {
    Request {
        kind,
        flags: 0,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_names_and_states() {
        let ethtool = Ethtool {
            family: 20,
            features: ["a", "b", "c", "d"].map(String::from).into(),
        };
        let set = |bits: u32| Attributes::new().number(2, 4).number(4, bits);
        let header = Attributes::new().number(HEADER_INDEX, 7);
        let body = Attributes::after(&[FEATURES_GET, 1, 0, 0])
            .nest(1, header)
            .nest(2, set(0b0011))
            .nest(3, set(0b0001))
            .nest(4, set(0b0101))
            .nest(5, set(0b0100))
            .into_bytes();
        let (index, features) = ethtool.features(&body);
        assert_eq!(index, 7);
        let wanted = [
            ("a", "on changeable wanted"),
            ("b", "off changeable unwanted"),
            ("c", "on fixed"),
        ];
        let wanted = wanted.map(|(name, state)| (name.to_string(), state.to_string()));
        assert_eq!(features, wanted);
    }
}
