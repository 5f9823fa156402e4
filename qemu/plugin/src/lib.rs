// SPDX-License-Identifier: GPL-2.0

//! A plugin of QEMU's emulation that counts the guest's instructions between marks, and writes down
//! those of the operations that are to be traced. A mark is an instruction that does nothing; the
//! guest puts one where an operation begins and one where it ends.
//!
//! Each instruction adds 1 to one of two numbers, by code that QEMU compiles into the translated
//! guest: that is exact wherever a block of instructions is left, and costs little. What is called
//! back is called at marks, and between them, at blocks to be traced and at repeated string
//! instructions.

mod api;
mod book;
mod code;

use std::path::Path;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

use api::Counters;
use api::Translation;
use book::Book;

/// What the plugin keeps.
struct Plugin {
    counters: Counters,
    path: String,
    book: Mutex<Book>,
}

static PLUGIN: OnceLock<Plugin> = OnceLock::new();

impl Plugin {
    /// The one there is, which is there before any callback.
    fn get() -> Option<&'static Self> {
        PLUGIN.get()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic in a callback ends QEMU.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins, if `arguments` are what they have to be: `out=<file>`.
fn install(arguments: &[String], counters: Counters) -> Result<(), String> {
    let [argument] = arguments else {
        return Err(format!("one argument is wanted, there are {arguments:?}"));
    };
    let Some(path) = argument.strip_prefix("out=") else {
        return Err(format!("out=<file> is wanted, not {argument}"));
    };
    let plugin = Plugin {
        counters,
        path: path.into(),
        book: Mutex::new(Book::default()),
    };
    PLUGIN
        .set(plugin)
        .map_err(|_| "it is there already".to_string())
}

/// A block is being translated.
fn translate(translation: &Translation) {
    let Some(plugin) = Plugin::get() else { return };
    let instructions: Vec<_> = translation.instructions().collect();
    let block = plugin
        .book()
        .add_block(instructions.iter().map(|one| (one.address(), one.bytes())));
    translation.on_traced(&plugin.counters, block);
    for (index, one) in instructions.iter().enumerate() {
        let bytes = one.bytes();
        if let Some(kind) = code::mark(&bytes) {
            one.on_mark(book::Place::new(block, index), kind);
            continue;
        }
        one.count(&plugin.counters);
        if code::is_repeated(&bytes) {
            one.on_repeat(&plugin.counters);
        }
    }
}

/// A mark is executed.
fn mark(place: book::Place, kind: u32) {
    let Some(plugin) = Plugin::get() else { return };
    let mut book = plugin.book();
    book.mark(place, kind, plugin.counters.read());
    plugin.counters.arm(book.is_counting(), book.is_tracing());
}

/// A block is executed while an operation is traced.
fn enter(block: u32) {
    let Some(plugin) = Plugin::get() else { return };
    plugin.book().enter(block, plugin.counters.read());
}

/// A repeated string instruction is executed within an operation, for the first time or again.
fn repeat(address: u64) {
    let Some(plugin) = Plugin::get() else { return };
    plugin.book().repeat(address, plugin.counters.read());
}

/// QEMU ends.
fn finish() {
    let Some(plugin) = Plugin::get() else { return };
    if let Err(error) = plugin.book().save(Path::new(&plugin.path)) {
        eprintln!("lab-plugin: {}: {error}", plugin.path);
    }
}
