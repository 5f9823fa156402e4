// SPDX-License-Identifier: GPL-2.0

//! Which network devices there are when init starts, before any module goes in.

use std::fs;
use std::path::Path;

use lab_protocol::Variant;

use crate::device_memory::DeviceMemory;

const DIRECTORY: &str = "/sys/class/net";

/// The index that is `lo`'s.
const LO_INDEX: u32 = 1;

const IFF_UP: u32 = 1;

/// A network device.
#[derive(Clone, Debug, PartialEq)]
struct Device {
    name: String,
    index: u32,
    up: bool,
}

/// What was there.
#[derive(Debug)]
pub struct Early {
    /// The devices; an error if they could not be seen.
    devices: Result<Vec<Device>, String>,
    /// Whose memory it was.
    pub memory: DeviceMemory,
}

impl Early {
    /// Looks at what is there.
    pub fn look() -> Self {
        Self {
            devices: look_in(Path::new(DIRECTORY)),
            memory: DeviceMemory::look(),
        }
    }

    /// Checks that `lo` was there if it is part of the kernel, and that otherwise its place was
    /// free.
    pub fn judge(&self, variant: Variant) -> Result<(), String> {
        let devices = self.devices.as_ref().map_err(String::clone)?;
        let found: Vec<&Device> = devices
            .iter()
            .filter(|device| device.name == "lo" || device.index == LO_INDEX)
            .collect();
        let lo = Device {
            name: "lo".into(),
            index: LO_INDEX,
            up: false,
        };
        let good = match variant {
            Variant::Module => found.is_empty(),
            Variant::Builtin | Variant::C => found == [&lo],
        };
        if good {
            return Ok(());
        }
        Err(format!("when init started, there was {devices:?}"))
    }
}

fn look_in(directory: &Path) -> Result<Vec<Device>, String> {
    let entries = fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    entries
        .map(|entry| {
            let entry = entry.map_err(|e| format!("{}: {e}", directory.display()))?;
            let number = |file: &str, radix| {
                let path = entry.path().join(file);
                let text =
                    fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                let digits = text.trim().trim_start_matches("0x");
                u32::from_str_radix(digits, radix)
                    .map_err(|e| format!("{}: {e}: {text}", path.display()))
            };
            Ok(Device {
                name: entry.file_name().to_string_lossy().into_owned(),
                index: number("ifindex", 10)?,
                up: number("flags", 16)? & IFF_UP != 0,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, index: u32, up: bool) -> Device {
        Device {
            name: name.into(),
            index,
            up,
        }
    }

    fn early(devices: Result<Vec<Device>, String>) -> Early {
        Early {
            devices,
            memory: DeviceMemory::look(),
        }
    }

    #[test]
    fn what_is_there_is_read() {
        let directory = std::env::temp_dir().join(format!("early-{}", std::process::id()));
        fs::create_dir_all(directory.join("lo")).unwrap();
        fs::write(directory.join("lo/ifindex"), "1\n").unwrap();
        assert!(look_in(&directory).is_err());
        fs::write(directory.join("lo/flags"), "0x9\n").unwrap();
        assert_eq!(look_in(&directory), Ok(vec![device("lo", 1, true)]));
        fs::remove_dir_all(&directory).unwrap();
        assert!(look_in(&directory).is_err());
    }

    #[test]
    fn lo_is_there_from_the_start_or_its_place_is_free() {
        let other = device("sit0", 2, false);
        let lo = device("lo", 1, false);
        for (devices, built_in, module) in [
            (vec![], false, true),
            (vec![other.clone()], false, true),
            (vec![other.clone(), lo.clone()], true, false),
            (vec![device("lo", 1, true)], false, false),
            (vec![device("lo", 2, false)], false, false),
            (vec![device("sit0", 1, false)], false, false),
            (vec![lo, device("sit0", 1, false)], false, false),
        ] {
            let early = early(Ok(devices));
            assert_eq!(early.judge(Variant::Builtin).is_ok(), built_in, "{early:?}");
            assert_eq!(early.judge(Variant::C).is_ok(), built_in, "{early:?}");
            assert_eq!(early.judge(Variant::Module).is_ok(), module, "{early:?}");
        }
        let unseen = early(Err("no".into()));
        for variant in Variant::ALL {
            assert!(unseen.judge(variant).is_err());
        }
    }
}
