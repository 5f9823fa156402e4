// SPDX-License-Identifier: GPL-2.0

//! A notifier that keeps what happens to a device, and what that was like at the time.

// The notifier chain has no abstraction.
#![allow(unsafe_code)]

use core::ptr;

use kernel::{
    bindings,
    container_of,
    net::{
        netdevice::{
            Name,
            NameAssignType,
            Operations,
            RegisteredDevice,
            UnregisteredDevice, //
        },
        rtnl,
        rtnl::RtnlGuard, //
    },
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

use super::{
    notifier,
    notifier::{
        Listener,
        INDEX, //
    },
    raw, //
};

/// The name of the devices that are watched.
pub(super) const NAME: &CStr = c"rdwatched";

/// More events than a case makes. Recording must not allocate: that might be what is to fail.
const ROOM: usize = 32;

macro_rules! names_of_events {
    ($($event:ident => $c:ident,)*) => {
        $(pub(super) const $event: u32 = bindings::$c;)*
    };
}

names_of_events! {
    POST_INIT => netdev_cmd_NETDEV_POST_INIT,
    REGISTER => netdev_cmd_NETDEV_REGISTER,
    PRE_UP => netdev_cmd_NETDEV_PRE_UP,
    UP => netdev_cmd_NETDEV_UP,
    GOING_DOWN => netdev_cmd_NETDEV_GOING_DOWN,
    DOWN => netdev_cmd_NETDEV_DOWN,
    UNREGISTER => netdev_cmd_NETDEV_UNREGISTER,
    PRE_UNINIT => netdev_cmd_NETDEV_PRE_UNINIT,
}

/// An event, and the device as it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    /// A `netdev_cmd`.
    pub(super) event: u32,
    /// A `NETREG_` constant.
    pub(super) reg_state: u32,
    /// How many references there were, over all CPUs.
    pub(super) references: c_int,
    /// Whether it had what is set just before the first event.
    pub(super) wanted_features: bool,
    /// Whether the stack found it.
    pub(super) listed: bool,
    /// Whether sysfs had it.
    pub(super) in_sysfs: bool,
    /// Whether user space had been told of it by a uevent.
    pub(super) announced: bool,
    /// Whether it was present.
    pub(super) present: bool,
    /// Whether its queues had the qdisc that drops all.
    pub(super) noop: bool,
}

impl Seen {
    /// What there is to see now.
    fn new(event: u32, dev: &bindings::net_device) -> Self {
        // SAFETY: The device is valid, and the chain is called with RTNL held.
        let found = unsafe { bindings::__dev_get_by_index(dev.nd_net.net, dev.ifindex) };
        let noop = &raw const bindings::noop_qdisc;

        Self {
            event,
            reg_state: dev.reg_state.into(),
            references: raw::references(dev),
            wanted_features: dev.wanted_features != 0,
            listed: ptr::eq(found, dev),
            in_sysfs: dev.dev.kobj.state_in_sysfs() != 0,
            announced: dev.dev.kobj.state_add_uevent_sent() != 0,
            present: dev.state & (1 << bindings::netdev_state_t___LINK_STATE_PRESENT) != 0,
            noop: ptr::eq(dev.qdisc, noop),
        }
    }
}

/// How the registration of a device ended.
pub(super) struct Outcome {
    pub(super) result: Result,
    /// What happened to the device until then.
    pub(super) seen: KVec<Seen>,
    /// Whether the stack knew it when all was over, by name or by index.
    pub(super) known: bool,
}

/// A device whose events are recorded.
pub(super) fn alloc<T: Operations, E>(
    data: impl PinInit<T, E>,
) -> Result<UnregisteredDevice<'static, T>>
where
    Error: From<E>,
{
    let mut dev = UnregisteredDevice::alloc(Name::new(NAME)?, NameAssignType::Enum, data)?;

    dev.set_ifindex(INDEX)?;
    Ok(dev)
}

/// Keeps the events of devices with index [`INDEX`]. It is the first to be called.
#[pin_data]
pub(super) struct Recorder {
    // Goes first: no event comes after it.
    #[pin]
    listener: Listener,
    #[pin]
    seen: Mutex<KVec<Seen>>,
}

impl Recorder {
    pub(super) fn new() -> Result<Pin<KBox<Self>>> {
        let room = KVec::with_capacity(ROOM, GFP_KERNEL)?;

        KBox::pin_init(
            try_pin_init!(Self {
                seen <- new_mutex!(room),
                // SAFETY: `record()` is for the chain, and is passed the block of a recorder whose
                // other field is there already, and still there.
                listener <- unsafe { Listener::new(record, c_int::MAX) },
            }? Error),
            GFP_KERNEL,
        )
    }

    /// Forgets what happened up to now, to an earlier device.
    fn forget(&self) {
        self.seen.lock().clear();
    }

    /// What happened since it was asked last, in order.
    ///
    /// To be asked with RTNL held: as it is unlocked, a device that is gone but still in use may be
    /// announced as gone once more.
    pub(super) fn take(&self) -> Result<KVec<Seen>> {
        let mut next = KVec::with_capacity(ROOM, GFP_KERNEL)?;

        core::mem::swap(&mut *self.seen.lock(), &mut next);
        Ok(next)
    }
}

impl Outcome {
    /// Registers a device, by `register_netdevice()` or around it.
    pub(super) fn of<'net, T: Operations>(
        recorder: &Recorder,
        register: impl FnOnce(&RtnlGuard) -> Result<RegisteredDevice<'net, T>>,
    ) -> Result<Self> {
        let rtnl = rtnl::lock();
        recorder.forget();
        let dev = register(&rtnl);
        let seen = recorder.take();
        drop(rtnl);

        let known = !raw::by_name(NAME).is_null() || !raw::by_index(INDEX).is_null();
        Ok(Self {
            result: dev.map(drop),
            seen: seen?,
            known,
        })
    }
}

/// Just the events.
pub(super) fn names(seen: &[Seen]) -> Result<KVec<u32>> {
    let mut names = KVec::with_capacity(seen.len(), GFP_KERNEL)?;

    for seen in seen {
        names.push(seen.event, GFP_KERNEL)?;
    }
    Ok(names)
}

/// # Safety
///
/// To be called by the netdevice notifier chain only, with the block of a recorder.
unsafe extern "C" fn record(
    block: *mut bindings::notifier_block,
    event: usize,
    info: *mut c_void,
) -> c_int {
    // SAFETY: The chain passes it.
    let dev = unsafe { notifier::device(info) };

    // CAST: Small numbers.
    if dev.ifindex as u32 == INDEX {
        // SAFETY: The block is that of a recorder.
        let recorder = unsafe { &*container_of!(Listener::of(block), Recorder, listener) };

        // CAST: A small number.
        let seen = Seen::new(event as u32, dev);
        // Events that there is no room for are missing where they are compared.
        let _ = recorder.seen.lock().push_within_capacity(seen);
    }
    bindings::NOTIFY_DONE as c_int
}
