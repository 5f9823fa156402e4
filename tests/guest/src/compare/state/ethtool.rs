// SPDX-License-Identifier: GPL-2.0

//! What `lo` answers to the ethtool commands that ask for something, by ioctl.

use super::facts::Facts;
use super::ioctls::ethtool;
use super::ioctls::words;

/// The length of a string in a set of them.
const STRING: usize = 32;

const GSTRINGS: u32 = 0x1b;
const GSSET_INFO: u32 = 0x37;
const GFEATURES: u32 = 0x3a;
const FEATURE_SET: usize = 4;

/// Those that there are, by `include/uapi/linux/ethtool.h`: a name, and the words that the request
/// begins with.
const COMMANDS: &[(&str, &[u32])] = &[
    ("GSET", &[0x1]),
    ("GDRVINFO", &[0x3]),
    ("GREGS", &[0x4, 0, 64]),
    ("GWOL", &[0x5]),
    ("GMSGLVL", &[0x7]),
    ("GLINK", &[0xa]),
    ("GEEPROM", &[0xb, 0, 0, 16]),
    ("GCOALESCE", &[0xe]),
    ("GRINGPARAM", &[0x10]),
    ("GPAUSEPARAM", &[0x12]),
    ("GRXCSUM", &[0x14]),
    ("GTXCSUM", &[0x16]),
    ("GSG", &[0x18]),
    ("GSTATS", &[0x1d, 64]),
    ("GTSO", &[0x1e]),
    ("GPERMADDR", &[0x20, 32]),
    ("GUFO", &[0x21]),
    ("GGSO", &[0x23]),
    ("GFLAGS", &[0x25]),
    ("GPFLAGS", &[0x27]),
    // The hash of TCP over IPv4.
    ("GRXFH", &[0x29, 1]),
    ("GGRO", &[0x2b]),
    ("GRXRINGS", &[0x2d]),
    ("GRXCLSRLCNT", &[0x2e]),
    ("GRXCLSRULE", &[0x2f]),
    ("GRXCLSRLALL", &[0x30]),
    ("GRXNTUPLE", &[0x36]),
    ("GRXFHINDIR", &[0x38, 64]),
    ("GCHANNELS", &[0x3c]),
    ("GET_DUMP_FLAG", &[0x3f]),
    ("GET_DUMP_DATA", &[0x40]),
    ("GET_TS_INFO", &[0x41]),
    ("GMODULEINFO", &[0x42]),
    ("GMODULEEEPROM", &[0x43, 0, 0, 16]),
    ("GEEE", &[0x44]),
    ("GRSSH", &[0x46]),
    ("GTUNABLE-rx-copybreak", &[0x48, 1, 3, 4]),
    ("GTUNABLE-tx-copybreak", &[0x48, 2, 3, 4]),
    ("GTUNABLE-pfc-prevention-tout", &[0x48, 3, 2, 2]),
    ("GTUNABLE-tx-copybreak-buf-size", &[0x48, 4, 3, 4]),
    ("GPHYSTATS", &[0x4a, 64]),
    ("PERQUEUE-GCOALESCE", &[0x4b, 0xe, 1]),
    ("GLINKSETTINGS", &[0x4c]),
    ("PHY_GTUNABLE-downshift", &[0x4e, 1, 1, 1]),
    ("PHY_GTUNABLE-fast-link-down", &[0x4e, 2, 1, 1]),
    ("PHY_GTUNABLE-edpd", &[0x4e, 3, 2, 2]),
    ("GFECPARAM", &[0x50]),
];

/// Sets of strings, by `enum ethtool_stringset`.
const STRING_SETS: [&str; 23] = [
    "test",
    "stats",
    "priv-flags",
    "ntuple-filters",
    "features",
    "rss-hash-funcs",
    "tunables",
    "phy-stats",
    "phy-tunables",
    "link-modes",
    "msg-classes",
    "wol-modes",
    "sof-timestamping",
    "ts-tx-types",
    "ts-rx-filters",
    "udp-tunnel-types",
    "stats-std",
    "stats-eth-phy",
    "stats-eth-mac",
    "stats-eth-ctrl",
    "stats-rmon",
    "stats-phy",
    "ts-flags",
];

/// All of it, in this thread's namespace.
pub fn read() -> Facts {
    let mut facts = Facts::default();
    for (name, command) in COMMANDS {
        let value = ethtool(command).map(|data| words(&data[..]));
        facts.add(*name, value.unwrap_or_else(|why| why));
    }
    for (set, name) in STRING_SETS.iter().enumerate() {
        let (low, high) = (1_u32.checked_shl(set as u32).unwrap_or_default(), 0);
        let value = ethtool(&[GSSET_INFO, 0, low, high]).map(|data| words(&data[..]));
        facts.add(
            format!("GSSET_INFO.{name}"),
            value.unwrap_or_else(|why| why),
        );
        let value = strings(set).map(|strings| strings.join(" "));
        facts.add(format!("GSTRINGS.{name}"), value.unwrap_or_else(|why| why));
    }
    match features() {
        Ok(features) => facts.add_below("GFEATURES", features),
        Err(why) => facts.add("GFEATURES", why),
    }
    facts
}

/// The strings of a set, or why there are none.
fn strings(set: usize) -> Result<Vec<String>, String> {
    const HEAD: usize = 12;
    let data = ethtool(&[GSTRINGS, set as u32])?;
    let count = word(&data, 2) as usize;
    let strings = data[HEAD..].chunks(STRING).take(count);
    Ok(strings.map(string).collect())
}

fn string(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// A block of `struct ethtool_get_features_block`: what each of its four words means for a bit.
const MARKS: [&str; 4] = ["available", "requested", "active", "never-changed"];

/// Each feature with its marks, or why there are none.
fn features() -> Result<Facts, String> {
    const BLOCKS: u32 = 4;
    let names = strings(FEATURE_SET)?;
    let data = ethtool(&[GFEATURES, BLOCKS])?;
    let mut facts = Facts::default();
    facts.add("blocks", word(&data, 1).to_string());
    for (bit, name) in names.iter().enumerate() {
        facts.add(name, marks(&data, bit));
    }
    Ok(facts)
}

fn marks(data: &[u8], bit: usize) -> String {
    let block = 2 + bit / 32 * MARKS.len();
    let has = |at: usize| word(data, block + at) >> (bit % 32) & 1 == 1;
    let marks = MARKS.iter().enumerate().filter(|(at, _)| has(*at));
    let marks: Vec<&str> = marks.map(|(_, mark)| *mark).collect();
    marks.join(" ")
}

fn word(data: &[u8], index: usize) -> u32 {
    let bytes = data.chunks_exact(4).nth(index);
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_marks() {
        let mut data = [0; 256];
        // The second block's words for what is requested and active, bit 1.
        data[4 * (2 + 4 + 1)] = 2;
        data[4 * (2 + 4 + 2)] = 3;
        assert_eq!(marks(&data, 33), "requested active");
        assert_eq!(marks(&data, 32), "active");
        assert_eq!(marks(&data, 1), "");
    }

    #[test]
    fn the_host_s_lo_answers() {
        let facts = read();
        assert_eq!(facts.get("GLINK"), Some("0xa 0x1"));
        let highdma = facts.get("GFEATURES.highdma").unwrap();
        assert!(highdma.contains("active"), "{highdma}");
        let features = facts.get("GSTRINGS.features").unwrap();
        assert!(features.contains("tx-checksum-ip-generic"), "{features}");
    }
}
