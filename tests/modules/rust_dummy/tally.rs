// SPDX-License-Identifier: GPL-2.0

//! What becomes of private data: how often it was made and dropped, and what was called meanwhile.

use core::ops::Deref;

use kernel::{
    debugfs::ScopedDir,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// The counts.
pub(crate) struct Tally {
    pub(crate) made: Atomic<i32>,
    pub(crate) dropped: Atomic<i32>,
    pub(crate) inits: Atomic<i32>,
    pub(crate) uninits: Atomic<i32>,
    pub(crate) opens: Atomic<i32>,
    pub(crate) stops: Atomic<i32>,
}

/// Those of the module's device.
pub(crate) static TALLY: Tally = Tally::new();

macro_rules! counters {
    ($($count:ident => $counter:ident;)*) => {
        $(
            pub(crate) fn $count(&self) {
                self.$counter.add(1, Relaxed);
            }
        )*
    };
}

impl Tally {
    pub(crate) const fn new() -> Self {
        Self {
            made: Atomic::new(0),
            dropped: Atomic::new(0),
            inits: Atomic::new(0),
            uninits: Atomic::new(0),
            opens: Atomic::new(0),
            stops: Atomic::new(0),
        }
    }

    counters! {
        count_made => made;
        count_dropped => dropped;
        count_init => inits;
        count_uninit => uninits;
        count_open => opens;
        count_stop => stops;
    }

    pub(crate) fn show<'a>(&'a self, dir: &ScopedDir<'a, '_>) {
        dir.read_only_file(c"made", &self.made);
        dir.read_only_file(c"dropped", &self.dropped);
        dir.read_only_file(c"inits", &self.inits);
        dir.read_only_file(c"uninits", &self.uninits);
        dir.read_only_file(c"opens", &self.opens);
        dir.read_only_file(c"stops", &self.stops);
    }
}

/// Counts itself, when it is made and when it is dropped.
pub(crate) struct Counted(&'static Tally);

impl Counted {
    pub(crate) fn new(tally: &'static Tally) -> Self {
        tally.count_made();
        Self(tally)
    }
}

impl Deref for Counted {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count_dropped();
    }
}
