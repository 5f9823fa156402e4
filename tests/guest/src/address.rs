// SPDX-License-Identifier: GPL-2.0

//! `lo`'s link layer address: it can be changed, and is then in the frames that pass.

use crate::checks::Context;
use crate::checks::Verdict;
use crate::ip;
use crate::own_netns::OwnNetns;
use crate::packets;

/// Addresses that it takes.
const FIRST: [u8; 6] = [0x02, 0, 0, 0, 0, 0x07];
const SECOND: [u8; 6] = [0x02, 0, 0, 0, 0, 0x08];

/// Addresses that no device may have: one of many, all's, and its own first one.
const REFUSED: [[u8; 6]; 3] = [[0x01, 0, 0, 0, 0, 0x07], [0xff; 6], [0; 6]];

/// Changes it while `lo` is down, and while it is up.
pub fn check(_: &mut Context<'_>) -> Verdict {
    let own = OwnNetns::add("lo-address")?;
    judge(&own, [0; 6])?;
    set(&own, FIRST)?;
    refuses(&own)?;
    judge(&own, FIRST)?;
    own.ip(&["link", "set", "lo", "up"])?;
    own.inside(|| judge_frames(FIRST))?;
    for address in [SECOND, FIRST] {
        set(&own, address)?;
        refuses(&own)?;
        judge(&own, address)?;
        own.inside(|| judge_frames(address))?;
    }
    Ok(own.delete()?)
}

/// As `ip` has it.
fn text(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

fn set(own: &OwnNetns, address: [u8; 6]) -> Result<(), String> {
    own.ip(&["link", "set", "lo", "address", &text(address)])
        .map(drop)
}

fn refuses(own: &OwnNetns) -> Result<(), String> {
    for address in REFUSED {
        match set(own, address) {
            Err(why) if why.ends_with("Cannot assign requested address") => {}
            other => return Err(format!("to have the address {}: {other:?}", text(address))),
        }
    }
    Ok(())
}

/// Checks what the kernel says.
fn judge(own: &OwnNetns, wanted: [u8; 6]) -> Result<(), String> {
    let found = ip::parse_one(&own.ip(&["-j", "link", "show", "lo"])?)?.address;
    if found != text(wanted) {
        return Err(format!("lo's address is {found}, not {}", text(wanted)));
    }
    Ok(())
}

/// Checks the frames of this thread's namespace: they are from `lo`, and to it.
fn judge_frames(address: [u8; 6]) -> Result<(), String> {
    let frames = packets::small_datagram()?;
    let wanted = [address, address].concat();
    if frames.is_empty() || !frames.iter().all(|frame| frame.bytes.starts_with(&wanted)) {
        return Err(format!(
            "with the address {}, frames are {frames:x?}",
            text(address)
        ));
    }
    Ok(())
}
