// SPDX-License-Identifier: GPL-2.0

//! Settings of the kernel that a check changes for a while.

use std::fs;

use crate::boot;

/// A file of the kernel's with another content than before, until this is dropped.
#[derive(Debug)]
pub struct Setting {
    file: String,
    before: String,
}

impl Setting {
    /// Writes `value` to `file`, which then has to have it.
    pub fn set(file: &str, value: &str) -> Result<Self, String> {
        let setting = Self {
            file: file.into(),
            before: read(file)?,
        };
        write(file, value)?;
        let found = read(file)?;
        if found != value {
            return Err(format!("{file} has {found}, not {value}"));
        }
        Ok(setting)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        if let Err(error) = write(&self.file, &self.before) {
            boot::log(&format!("lab: {error}"));
        }
    }
}

fn read(file: &str) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    Ok(text.trim_end().into())
}

fn write(file: &str, value: &str) -> Result<(), String> {
    fs::write(file, value).map_err(|e| format!("{file}: {value}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_comes_back() {
        let path = std::env::temp_dir().join(format!("setting-{}", std::process::id()));
        let file = path.to_string_lossy();
        fs::write(&path, "1000\n").unwrap();
        let setting = Setting::set(&file, "7").unwrap();
        assert_eq!(read(&file).unwrap(), "7");
        drop(setting);
        assert_eq!(read(&file).unwrap(), "1000");
        fs::remove_file(&path).unwrap();
        assert!(Setting::set(&file, "7").is_err());
    }
}
