// SPDX-License-Identifier: GPL-2.0

//! What `ip -j` says, parsed.

use serde::Deserialize;

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Link {
    pub ifindex: u32,
    pub ifname: String,
    pub flags: Vec<String>,
    pub mtu: u32,
    pub qdisc: String,
    pub operstate: String,
    pub group: String,
    pub txqlen: u32,
    pub link_type: String,
    pub address: String,
    pub broadcast: String,
    pub addr_info: Vec<Address>,
    pub stats64: Stats,
}

/// One address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Address {
    pub family: String,
    pub local: String,
    pub prefixlen: u32,
    pub scope: String,
    pub tentative: bool,
    pub valid_life_time: u64,
}

/// An interface's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Stats {
    pub rx: Counters,
    pub tx: Counters,
}

/// One direction's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Counters {
    pub bytes: u64,
    pub packets: u64,
    pub errors: u64,
    pub dropped: u64,
}

/// The one interface in `ip`'s answer.
pub fn parse_one(json: &str) -> Result<Link, String> {
    let values: Vec<serde_json::Value> =
        serde_json::from_str(json).map_err(|e| format!("ip -j: {e}: {json}"))?;
    // Some versions leave empty objects for what a filter took out.
    let mut links = values
        .into_iter()
        .filter(|v| v.as_object().is_some_and(|o| !o.is_empty()));
    let (Some(link), None) = (links.next(), links.next()) else {
        return Err(format!("ip -j: not exactly one interface: {json}"));
    };
    serde_json::from_value(link).map_err(|e| format!("ip -j: {e}: {json}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_link() {
        let link = parse_one(
            r#"[{},{"ifindex":1,"ifname":"lo","flags":["LOOPBACK"],"mtu":65536,"qdisc":"noop",
            "operstate":"DOWN","linkmode":"DEFAULT","group":"default","txqlen":1000,
            "link_type":"loopback","address":"00:00:00:00:00:00","broadcast":"00:00:00:00:00:00",
            "stats64":{"rx":{"bytes":7,"packets":1,"errors":0,"dropped":0,"over_errors":0,
            "multicast":0},"tx":{"bytes":7,"packets":1,"errors":0,"dropped":0}}}]"#,
        )
        .unwrap();
        assert_eq!(link.ifindex, 1);
        assert_eq!(link.flags, ["LOOPBACK"]);
        assert_eq!(link.stats64.rx.bytes, 7);
    }

    #[test]
    fn none_and_two_are_errors() {
        assert!(parse_one("[]").is_err());
        assert!(parse_one("[{}]").is_err());
        assert!(parse_one(r#"[{"ifname":"lo"},{"ifname":"sit0"}]"#).is_err());
        assert!(parse_one("").is_err());
    }
}
