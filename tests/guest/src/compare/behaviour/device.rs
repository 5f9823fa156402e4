// SPDX-License-Identifier: GPL-2.0

//! The ioctls of network devices.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::net::AddressFamily;
use rustix::net::SocketType;

use crate::compare::raw;
use crate::compare::wire::u32_at;
use crate::compare::wire::u64_at;

pub const LO: &str = "lo";

pub const SIOCGIFFLAGS: u32 = 0x8913;
pub const SIOCSIFFLAGS: u32 = 0x8914;
pub const SIOCSIFMTU: u32 = 0x8922;
pub const SIOCSIFNAME: u32 = 0x8923;
pub const SIOCSIFHWADDR: u32 = 0x8924;
pub const SIOCSIFHWBROADCAST: u32 = 0x8937;
pub const SIOCSIFTXQLEN: u32 = 0x8943;
const SIOCETHTOOL: u32 = 0x8946;

const GSTRINGS: u32 = 0x1b;
const GSSET_INFO: u32 = 0x37;
const GFEATURES: u32 = 0x3a;

/// `ETH_SS_FEATURES`, and how long a string of a set is.
const SET_FEATURES: u32 = 4;
const STRING: usize = 32;

/// The words of `struct ethtool_get_features_block`.
const AVAILABLE: usize = 0;
const REQUESTED: usize = 4;
const ACTIVE: usize = 8;
const NEVER_CHANGED: usize = 12;
const BLOCK: usize = 16;

/// A socket to do these with.
#[derive(Debug)]
pub struct Device(OwnedFd);

impl Device {
    /// Opens one in this thread's namespace.
    pub fn open() -> Result<Self, String> {
        rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)
            .map(Self)
            .map_err(|e| format!("a socket: {e}"))
    }

    /// One about `lo`, with `value` behind its name.
    pub fn value(&self, number: u32, value: &[u8]) -> Result<raw::Value, Errno> {
        self.value_of(number, LO, value)
    }

    /// One about this device.
    pub fn value_of(&self, number: u32, name: &str, value: &[u8]) -> Result<raw::Value, Errno> {
        raw::with_value(&self.0, number, name, value).map(|(_, value)| value)
    }

    /// One about `lo` that has a pointer to `data`.
    pub fn data(&self, number: u32, data: &[u8]) -> Result<(i32, Vec<u8>), Errno> {
        raw::with_data(&self.0, number, LO, data)
    }

    /// An ioctl of ethtool's: `rest` is what follows the command.
    pub fn ethtool(&self, command: u32, rest: &[u8]) -> Result<(i32, Vec<u8>), Errno> {
        let data = [&command.to_ne_bytes(), rest].concat();
        self.data(SIOCETHTOOL, &data)
    }

    /// The names of the features that devices can have, in the order of their bits.
    pub fn feature_names(&self) -> Result<Vec<String>, Errno> {
        let mut set = vec![0; 4];
        set.extend((1_u64 << SET_FEATURES).to_ne_bytes());
        let (_, info) = self.ethtool(GSSET_INFO, &set)?;
        let count = u32_at(&info, 16);
        let wanted = [SET_FEATURES, count].map(u32::to_ne_bytes).concat();
        let (_, strings) = self.ethtool(GSTRINGS, &wanted)?;
        let strings = strings.get(12..).unwrap_or_default();
        let names = strings.chunks(STRING).take(count as usize);
        Ok(names.map(crate::compare::wire::text).collect())
    }

    /// How each feature of this device stands, by these names.
    pub fn features(&self, device: &str, names: &[String]) -> Result<Vec<Feature>, Errno> {
        let blocks = names.len().div_ceil(32) as u32;
        let request = [GFEATURES, blocks].map(u32::to_ne_bytes).concat();
        let (_, data) = raw::with_data(&self.0, SIOCETHTOOL, device, &request)?;
        let feature = |(bit, name): (usize, &String)| {
            let has = |word: usize| {
                let at = 8 + bit / 32 * BLOCK + word;
                u32_at(&data, at) & (1 << (bit % 32)) != 0
            };
            Feature {
                name: name.clone(),
                active: has(ACTIVE),
                requested: has(REQUESTED),
                available: has(AVAILABLE),
                fixed: has(NEVER_CHANGED),
            }
        };
        Ok(names.iter().enumerate().map(feature).collect())
    }

    /// The flags of `lo`.
    pub fn flags(&self) -> Result<u16, Errno> {
        let value = self.value(SIOCGIFFLAGS, &[])?;
        Ok(u64_at(&value, 0) as u16)
    }
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    pub name: String,
    pub active: bool,
    pub requested: bool,
    pub available: bool,
    pub fixed: bool,
}

impl Feature {
    /// `on`, `off, requested`, `on, fixed`
    pub fn shown(&self) -> String {
        let mut words = vec![if self.active { "on" } else { "off" }];
        if self.requested != self.active {
            words.push(if self.requested {
                "requested"
            } else {
                "not requested"
            });
        }
        if !self.available {
            words.push("not available");
        }
        if self.fixed {
            words.push("fixed");
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_says_how_it_stands() {
        let feature = |active, requested, available, fixed| Feature {
            name: "x".into(),
            active,
            requested,
            available,
            fixed,
        };
        assert_eq!(feature(true, true, true, false).shown(), "on");
        assert_eq!(feature(false, true, true, false).shown(), "off, requested");
        assert_eq!(
            feature(true, false, true, false).shown(),
            "on, not requested"
        );
        assert_eq!(
            feature(false, false, false, true).shown(),
            "off, not available, fixed"
        );
    }
}
