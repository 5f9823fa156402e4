// SPDX-License-Identifier: GPL-2.0

//! A checkout and a slot, small enough for unit tests: `co` with `linux/`, and `slot` with a tree
//! of two files.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::checkout::Checkout;
use crate::failure::Result;
use crate::overlay::Overlay;
use crate::overlay::Trees;

/// Both of them, in a directory that goes with this.
pub struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    /// A checkout that changes nothing.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scene = Self { dir };
        scene.write("co/linux/kernel.lock", "");
        scene.write("slot/linux/rust/lib.rs", "one\ntwo\nthree\n");
        scene.write("slot/linux/net/dev.c", "upstream\n");
        scene
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What is in a file.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|_| "(absent)".into())
    }

    /// When a file was last changed.
    pub fn time(&self, name: &str) -> SystemTime {
        fs::metadata(self.path(name)).unwrap().modified().unwrap()
    }

    /// A diff of `rust/lib.rs` that changes its second line.
    pub fn diff(old: &str, new: &str) -> String {
        format!(
            "--- a/rust/lib.rs\n+++ b/rust/lib.rs\n@@ -1,3 +1,3 @@\n one\n-{old}\n+{new}\n three\n"
        )
    }

    /// Writes that as the checkout's patch.
    pub fn patch(&self, old: &str, new: &str) {
        self.write("co/linux/patches/0001-x.patch", &Self::diff(old, new));
    }

    /// Writes a patch with all that a mail has.
    pub fn mail(&self, name: &str, notes: &str, diff: &str) {
        let subject = name.split_once('-').unwrap().1;
        let diff = match diff {
            "" => String::new(),
            diff => format!("\ndiff --git a/rust/lib.rs b/rust/lib.rs\n{diff}"),
        };
        let text = format!(
            "From: A Person <a@example.org>\nDate: Sat, 21 Nov 2026 10:02:00 +0000\n\
             Subject: [PATCH] {subject}\n\nWhy.\n---\n{notes}{diff}"
        );
        self.write(&format!("co/linux/patches/{name}.patch"), &text);
    }

    /// The checkout.
    pub fn checkout(&self) -> Checkout {
        Checkout {
            root: self.path("co"),
        }
    }

    /// The checkout's overlay.
    pub fn overlay(&self) -> Overlay {
        Overlay::load(&self.checkout()).unwrap()
    }

    /// Calls `f` with the slot's trees.
    pub fn with_trees<T>(&self, f: impl FnOnce(Trees) -> T) -> T {
        f(Trees {
            linux: &self.path("slot/linux"),
            orig: &self.path("slot/orig"),
        })
    }

    /// Brings the slot to the overlay.
    pub fn apply(&self) -> Result {
        self.with_trees(|trees| self.overlay().apply(trees))
    }
}
