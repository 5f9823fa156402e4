// SPDX-License-Identifier: GPL-2.0

//! All numbers of a pattern are taken: by other names of one device, such as `ip link property add`
//! gives it. As devices they would be 32768.

// Alternative names have no abstraction, and no function that modules may call.
#![allow(unsafe_code)]

use core::ptr;

use kernel::{
    bindings,
    bindings::{
        hlist_node,
        list_head,
        net_device, //
    },
    net::{
        netdevice::{
            Device,
            Name,
            Operations, //
        },
        rtnl::RtnlGuard, //
    },
    page::PAGE_SIZE,
    prelude::*, //
};

/// The pattern.
pub(super) const PATTERN: Name<'static> = Name::from_static(c"rdfull%d");

/// What is before the number.
const STEM: &[u8] = b"rdfull";

/// How many numbers the core gives to a pattern: a page of bits has so many.
pub(super) const COUNT: usize = 8 * PAGE_SIZE;

/// A name, with zeros behind it.
type Text = [u8; 16];

/// `struct netdev_name_node`
#[repr(C)]
#[derive(Zeroable)]
struct Node {
    _hlist: hlist_node,
    list: list_head,
    _dev: *mut net_device,
    name: *const c_char,
    _rcu: bindings::callback_head,
}

/// The names.
pub(super) struct Names {
    nodes: KVVec<Node>,
    _texts: KVVec<Text>,
}

fn text(mut number: usize) -> Text {
    let mut text = [0; 16];
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;

    text[..STEM.len()].copy_from_slice(STEM);
    for digit in text[STEM.len()..][..digits].iter_mut().rev() {
        // CAST: One digit.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    text
}

impl Names {
    /// One for each number but `free`.
    pub(super) fn all_but(free: Option<usize>) -> Result<Self> {
        let mut texts = KVVec::with_capacity(COUNT, GFP_KERNEL)?;
        let mut nodes = KVVec::with_capacity(COUNT, GFP_KERNEL)?;

        for number in (0..COUNT).filter(|number| Some(*number) != free) {
            texts.push(text(number), GFP_KERNEL)?;
        }
        for text in &texts {
            let node = Node {
                name: text.as_ptr().cast(),
                ..pin_init::zeroed()
            };
            nodes.push(node, GFP_KERNEL)?;
        }
        Ok(Self {
            nodes,
            _texts: texts,
        })
    }

    /// Does `what` while `dev`, which must not have other names, has these.
    pub(super) fn while_had_by<T: Operations, R>(
        &mut self,
        dev: &Device<T>,
        _rtnl: &RtnlGuard,
        what: impl FnOnce() -> R,
    ) -> R {
        // SAFETY: The device is registered, so it has such a node, which is the head of its names.
        let head = unsafe { &raw mut (*(*dev.as_raw()).name_node.cast::<Node>()).list };
        let mut last = head;

        // SAFETY: RTNL is held, so nobody else changes the list. Who only reads it is done when
        // `synchronize_net()` returns; the nodes stay where they are until then.
        unsafe {
            for node in &mut self.nodes {
                node.list.prev = last;
                node.list.next = head;
                let list = &raw mut node.list;
                if !ptr::eq(last, head) {
                    (*last).next = list;
                }
                last = list;
            }
            if let Some(first) = self.nodes.first_mut() {
                (*head).prev = last;
                (&raw mut (*head).next).write_volatile(&raw mut first.list);
            }

            let result = what();

            (&raw mut (*head).next).write_volatile(head);
            (*head).prev = head;
            bindings::synchronize_net();
            result
        }
    }
}
