// SPDX-License-Identifier: GPL-2.0

//! What many of something make of it. Namespaces are for a boot that counts instructions, flows for
//! one that has real time.

use lab_protocol::Measure;

use super::begin;
use super::flows;
use super::many;
use crate::control::Control;
use crate::report::Reporter;

type Work = fn(&mut Reporter) -> Result<(), String>;

const ALL: [(&str, Work); 2] = [("scale.netns", many::all), ("scale.flows", flows::all)];

/// Does what is asked for.
pub fn all(control: &Control, reporter: &mut Reporter) -> Result<(), String> {
    for (name, work) in ALL {
        if !lab_protocol::matches(&control.filter, name) {
            continue;
        }
        begin(reporter, Measure::Scale, name)?;
        work(reporter).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}
