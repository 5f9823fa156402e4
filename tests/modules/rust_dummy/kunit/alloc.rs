// SPDX-License-Identifier: GPL-2.0

//! `alloc_netdev_mqs()` step by step: what a new device is like before it is registered.
//!
//! What cannot be asked for has its cases elsewhere: no queues, or too many of them, with the other
//! paths; a name that is too long, which would stop the machine, is a compile-fail case. Which
//! allocation fails is up to the suite of faults.

// Looks at the C structure itself, past the abstractions.
#![allow(unsafe_code)]

use core::{
    mem::{
        align_of,
        size_of,
        transmute_copy, //
    },
    ptr,
    slice, //
};

use kernel::{
    bindings,
    bindings::{
        net_device,
        netdev_hw_addr,
        netdev_hw_addr_list, //
    },
    container_of,
    net::{
        net_namespace::Namespace,
        netdevice::{
            Name,
            NameAssignType,
            Operations,
            PrivFlag,
            PrivFlags,
            Setup,
            UnregisteredDevice, //
        },
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use super::{
    drivers::{
        alloc,
        drivers,
        Data, //
    },
    raw,
    rx_queue::RxQueue, //
};

const NAME: Name<'static> = Name::from_static(c"rdalloc%d");

/// What is left in the private data of a device that goes.
const DIRT: u8 = 0xa5;

/// How much of it.
const AREA: usize = 1500;

/// How many packets the queue of [`Queued`] holds.
const QUEUE_LEN: u32 = 7;

drivers! {
    /// Wants nothing.
    Plain: |_dev| ();
    /// Wants nothing, either.
    Other: |_dev| ();
    /// Needs the routes of its packets.
    KeepsDst: |dev| dev.keep_dst();
    /// Has a queue.
    Queued: |dev| dev.set_tx_queue_len(QUEUE_LEN);
    /// Looks around.
    Curious: |dev| SIGHT.look(device_in_setup(dev));
}

/// As far aligned as private data can be.
#[repr(align(64))]
struct Line {
    _data: u8,
}

/// Where the private data is, and how long it is for C.
fn priv_area<T: Send + Sync + 'static>(data: T) -> Result<(usize, usize)> {
    let dev = alloc(NAME, Data { data })?;

    Ok((
        (&raw const *dev.netdev_priv()).addr(),
        raw::fields(&dev).priv_len as usize,
    ))
}

/// How long private data of so many bytes is: up to where the next device could be.
fn padded(len: usize) -> usize {
    len.next_multiple_of(align_of::<net_device>())
}

/// Data that is there only if what was there before was zero.
fn dirt_on_zeros() -> impl Init<Data<[u8; AREA]>, Error> {
    let init = |slot: *mut Data<[u8; AREA]>| {
        // SAFETY: The slot is valid for reads and writes; somebody has written these bytes, be it
        // zeros or not.
        unsafe {
            let zero = slice::from_raw_parts(slot.cast::<u8>(), AREA)
                .iter()
                .all(|byte| *byte == 0);
            slot.write_bytes(DIRT, 1);
            zero.then_some(()).ok_or(EUCLEAN)
        }
    };

    // SAFETY: The slot is initialised, or has nothing to drop.
    unsafe { pin_init::init_from_closure(init) }
}

/// The device that a driver sets up, which shows it nothing.
fn device_in_setup<'a, T: Operations>(dev: &'a Setup<'_, T>) -> &'a net_device {
    const {
        core::assert!(size_of::<Setup<'static, Curious>>() == size_of::<*const net_device>());
    }

    // SAFETY: A `Setup` is the pointer to its device, and has no other content.
    unsafe { transmute_copy(dev) }
}

/// What a driver's setup finds.
struct Sight {
    calls: Atomic<i32>,
    queues: Atomic<u32>,
    later: Atomic<i32>,
    ready: Atomic<bool>,
}

static SIGHT: Sight = Sight {
    calls: Atomic::new(0),
    queues: Atomic::new(0),
    later: Atomic::new(0),
    ready: Atomic::new(false),
};

impl Sight {
    fn look(&self, dev: &net_device) {
        let later = [
            dev._tx.is_null(),
            dev._rx.is_null(),
            dev.ethtool.is_null(),
            dev.cfg.is_null(),
            dev.cfg_pending.is_null(),
            dev.napi_config.is_null(),
            dev.ethtool_ops.is_null(),
            raw::name(dev).is_empty(),
        ];
        // What it may change has its default by then.
        let ready = !dev.dev_addr.is_null()
            && ptr::eq(dev.nd_net.net, Namespace::init_net().as_raw())
            && raw::references(dev) == 1
            && dev.gso_max_size == bindings::GSO_LEGACY_MAX_SIZE
            && dev.tso_max_size == bindings::TSO_LEGACY_MAX_SIZE
            && dev.upper_level == 1
            && raw::is_empty(&dev.napi_list)
            && raw::is_empty(&dev.net_notifier_list);

        self.calls.add(1, Relaxed);
        self.queues
            .store(dev.num_tx_queues + dev.num_rx_queues, Relaxed);
        self.later.store(
            later.iter().filter(|unset| !**unset).count() as i32,
            Relaxed,
        );
        self.ready.store(ready, Relaxed);
    }
}

/// Whether a list of addresses was initialised, and has none.
fn has_no_address(addrs: &netdev_hw_addr_list) -> bool {
    raw::is_empty(&addrs.list) && addrs.count == 0 && addrs.tree.rb_node.is_null()
}

/// The flags about routes.
fn dst_flags() -> PrivFlags {
    PrivFlag::XmitDstRelease | PrivFlag::XmitDstReleasePerm
}

/// The only address of a device.
fn address(dev: &net_device) -> &netdev_hw_addr {
    // SAFETY: The first entry of the list is part of such a structure, which lives as long as the
    // device.
    unsafe { &*container_of!(dev.dev_addrs.list.next, netdev_hw_addr, list) }
}

/// The transmit queues.
fn tx_queues(dev: &net_device) -> &[bindings::netdev_queue] {
    // SAFETY: The device has so many.
    unsafe { slice::from_raw_parts(dev._tx, dev.num_tx_queues as usize) }
}

/// The table of ethtool's operations, byte by byte.
fn ethtool_ops(dev: &net_device) -> &[u8] {
    // SAFETY: The table is static, and what it does not say is zero.
    unsafe { slice::from_raw_parts(dev.ethtool_ops.cast(), size_of::<bindings::ethtool_ops>()) }
}

#[kunit_tests(rust_netdev_alloc)]
mod cases {
    use super::*;

    #[test]
    fn private_area_is_zeroed() -> Result {
        // The memory of one is where the next one looks for some.
        for _ in 0..3 {
            let dev = UnregisteredDevice::alloc(NAME, NameAssignType::Enum, dirt_on_zeros())?;
            assert!(dev.netdev_priv().data.iter().all(|byte| *byte == DIRT));
        }
        Ok(())
    }

    #[test]
    fn private_area_is_as_long_as_the_data() -> Result {
        assert_eq!(priv_area(())?.1, 0);
        assert_eq!(priv_area([0u8; 1])?.1, padded(1));
        assert_eq!(priv_area([0u8; 64])?.1, padded(64));
        assert_eq!(priv_area([0u8; 65])?.1, padded(65));
        assert_eq!(priv_area([0u8; AREA])?.1, padded(AREA));
        Ok(())
    }

    #[test]
    fn private_area_is_aligned() -> Result {
        let align = bindings::NETDEV_ALIGN as usize;

        assert_eq!(priv_area([0u8; 1])?.0 % align, 0);
        assert_eq!(priv_area([0u8; AREA])?.0 % align, 0);
        assert_eq!(priv_area(Line { _data: 0 })?.0 % align_of::<Line>(), 0);
        Ok(())
    }

    #[test]
    fn there_is_one_reference() -> Result {
        let dev = alloc(NAME, Plain)?;

        assert_eq!(raw::references(raw::fields(&dev)), 1);
        Ok(())
    }

    #[test]
    fn address_is_the_only_entry_of_its_list() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);
        let entry = address(dev);

        assert_eq!(dev.dev_addrs.count, 1);
        assert!(ptr::eq(dev.dev_addrs.list.prev, &entry.list));
        assert!(ptr::eq(entry.list.next, &dev.dev_addrs.list));
        assert!(ptr::eq(dev.dev_addrs.tree.rb_node, &entry.node));
        assert!(ptr::eq(dev.dev_addr, entry.addr.as_ptr()));
        assert_eq!(u32::from(entry.type_), bindings::NETDEV_HW_ADDR_T_LAN);
        assert_eq!(entry.refcount, 1);
        Ok(())
    }

    #[test]
    fn address_is_zero() -> Result {
        let dev = alloc(NAME, Plain)?;

        assert_eq!(address(raw::fields(&dev)).addr, [0; 32]);
        Ok(())
    }

    #[test]
    fn there_are_no_other_addresses() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);

        assert!(has_no_address(&dev.uc));
        assert!(has_no_address(&dev.mc));
        assert!(has_no_address(&dev.rx_mode_addr_cache));
        Ok(())
    }

    #[test]
    fn it_is_in_the_initial_namespace() -> Result {
        let dev = alloc(NAME, Plain)?;

        let net: *const bindings::net = raw::fields(&dev).nd_net.net;
        assert!(ptr::eq(net, Namespace::init_net().as_raw()));
        Ok(())
    }

    #[test]
    fn limits_of_offloads() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);

        assert_eq!(dev.gso_max_size, 65536);
        assert_eq!(dev.gso_ipv4_max_size, 65536);
        assert_eq!(dev.gso_max_segs, 65535);
        assert_eq!(dev.gro_max_size, 65536);
        assert_eq!(dev.gro_ipv4_max_size, 65536);
        assert_eq!(dev.tso_max_size, 65536);
        assert_eq!(dev.tso_max_segs, 65535);
        assert_eq!(dev.xdp_zc_max_segs, 1);
        Ok(())
    }

    #[test]
    fn it_is_on_the_first_level() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);

        assert_eq!((dev.upper_level, dev.lower_level), (1, 1));
        #[cfg(CONFIG_LOCKDEP)]
        assert_eq!(dev.nested_level, 0);
        Ok(())
    }

    #[test]
    fn lists_are_empty() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);

        assert!(raw::is_empty(&dev.napi_list));
        assert!(raw::is_empty(&dev.unreg_list));
        assert!(raw::is_empty(&dev.close_list));
        assert!(raw::is_empty(&dev.link_watch_list));
        assert!(raw::is_empty(&dev.adj_list.upper));
        assert!(raw::is_empty(&dev.adj_list.lower));
        assert!(raw::is_empty(&dev.ptype_all));
        assert!(raw::is_empty(&dev.ptype_specific));
        assert!(raw::is_empty(&dev.net_notifier_list));
        assert!(raw::is_empty(&dev.work_node));
        #[cfg(CONFIG_LOCKDEP)]
        assert!(raw::is_empty(&dev.unlink_list));
        Ok(())
    }

    #[test]
    fn there_is_no_queueing_discipline() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);

        assert!(dev.qdisc.is_null());
        #[cfg(CONFIG_NET_SCHED)]
        assert!(dev.qdisc_hash.iter().all(|head| head.first.is_null()));
        Ok(())
    }

    #[test]
    fn nobody_has_its_lock() -> Result {
        let dev = alloc(NAME, Plain)?;
        let lock = &raw::fields(&dev).lock;

        assert_eq!(lock.owner.counter, 0);
        assert!(lock.first_waiter.is_null());
        Ok(())
    }

    #[test]
    fn routes_are_released_on_transmit() -> Result {
        let flags = alloc(NAME, Queued)?.priv_flags();

        assert_eq!(flags, dst_flags());
        Ok(())
    }

    #[test]
    fn routes_are_kept_for_a_driver_that_says_so() -> Result {
        let flags = alloc(NAME, KeepsDst)?.priv_flags();

        assert!(!flags.contains_any(dst_flags()));
        Ok(())
    }

    #[test]
    fn setup_comes_once_and_before_the_queues() -> Result {
        let before = SIGHT.calls.load(Relaxed);
        let dev = alloc(NAME, Curious)?;

        assert_eq!(SIGHT.calls.load(Relaxed), before + 1);
        assert!(SIGHT.ready.load(Relaxed));
        assert_eq!(SIGHT.queues.load(Relaxed), 0);
        assert_eq!(SIGHT.later.load(Relaxed), 0);

        // All of what it did not see yet is there now.
        SIGHT.look(raw::fields(&dev));
        assert_eq!(SIGHT.queues.load(Relaxed), 2);
        assert_eq!(SIGHT.later.load(Relaxed), 8);
        Ok(())
    }

    #[test]
    fn no_queue_length_means_no_queue_and_the_default_length() -> Result {
        let dev = alloc(NAME, Plain)?;

        assert_eq!(dev.tx_queue_len(), 1000);
        assert!(dev.priv_flags().contains(PrivFlag::NoQueue));
        Ok(())
    }

    #[test]
    fn queue_length_is_the_drivers() -> Result {
        let dev = alloc(NAME, Queued)?;

        assert_eq!(dev.tx_queue_len(), QUEUE_LEN);
        assert!(!dev.priv_flags().contains(PrivFlag::NoQueue));
        Ok(())
    }

    #[test]
    fn all_queues_are_in_use() -> Result {
        let dev = UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, 3, 2, Plain)?;
        let dev = raw::fields(&dev);

        assert_eq!((dev.num_tx_queues, dev.num_rx_queues), (3, 2));
        assert_eq!((dev.real_num_tx_queues, dev.real_num_rx_queues), (3, 2));
        Ok(())
    }

    #[test]
    fn transmit_queues_are_the_devices_and_nobody_sends() -> Result {
        let dev = UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, 3, 2, Plain)?;
        let dev = raw::fields(&dev);

        for queue in tx_queues(dev) {
            assert!(ptr::eq(queue.dev, dev));
            assert_eq!(queue.xmit_lock_owner, -1);
            assert!(queue.qdisc.is_null() && queue.qdisc_sleeping.is_null());
            assert_eq!(queue.state, 0);
        }
        Ok(())
    }

    #[test]
    fn receive_queues_are_the_devices() -> Result {
        let dev = UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, 2, 3, Plain)?;
        let dev = raw::fields(&dev);
        let mut count = 0;

        // SAFETY: The device is valid, and has its queues.
        for queue in unsafe { RxQueue::all(dev) } {
            assert_eq!(queue.index(), count);
            assert!(queue.is_known_to_xdp());
            assert!(ptr::eq(queue.dev(), dev) && ptr::eq(queue.xdp_dev(), dev));
            count += 1;
        }
        assert_eq!(count, 3);
        Ok(())
    }

    #[test]
    fn ethtool_and_configuration_have_their_state() -> Result {
        let dev = alloc(NAME, Plain)?;
        let dev = raw::fields(&dev);

        assert!(!dev.ethtool.is_null());
        assert!(!dev.cfg.is_null());
        assert!(ptr::eq(dev.cfg, dev.cfg_pending));
        Ok(())
    }

    #[test]
    fn napi_is_configured_for_each_queue() -> Result {
        for (txqs, rxqs) in [(1, 1), (3, 2), (2, 3)] {
            let dev = UnregisteredDevice::alloc_mqs(NAME, NameAssignType::Enum, txqs, rxqs, Plain)?;
            let dev = raw::fields(&dev);
            assert_eq!(dev.num_napi_configs, txqs.max(rxqs));
            assert!(!dev.napi_config.is_null());

            // SAFETY: There are so many, as was just seen.
            let ids = unsafe { slice::from_raw_parts(dev.napi_config, txqs.max(rxqs) as usize) };
            assert!(ids.iter().all(|config| config.napi_id == 0));
        }
        Ok(())
    }

    #[test]
    fn name_is_copied_and_its_pattern_kept() -> Result {
        for name in [c"fifteen.chars.x", c"rdalloc%d", c"x"] {
            let dev = alloc(Name::new(name)?, Plain)?;
            assert_eq!(raw::name(raw::fields(&dev)), name);
        }
        Ok(())
    }

    #[test]
    fn where_the_name_is_from() -> Result {
        for from in [
            NameAssignType::Unknown,
            NameAssignType::Enum,
            NameAssignType::Predictable,
            NameAssignType::User,
        ] {
            let dev = UnregisteredDevice::alloc(NAME, from, Plain)?;
            assert_eq!(dev.name_assign_type(), from as u8);
        }
        Ok(())
    }

    #[test]
    fn it_is_in_no_group() -> Result {
        // `INIT_NETDEV_GROUP`
        assert_eq!(alloc(NAME, Plain)?.group(), 0);
        Ok(())
    }

    #[test]
    fn ethtool_has_a_default_without_operations() -> Result {
        let (dev, other) = (alloc(NAME, Plain)?, alloc(NAME, Other)?);
        let (dev, other) = (raw::fields(&dev), raw::fields(&other));

        assert!(!dev.ethtool_ops.is_null());
        assert!(ptr::eq(dev.ethtool_ops, other.ethtool_ops));
        assert!(ethtool_ops(dev).iter().all(|byte| *byte == 0));
        Ok(())
    }

    #[test]
    fn nobody_knows_it_yet() -> Result {
        const HIDDEN: &CStr = c"rdhidden";
        let mut dev = alloc(Name::from_static(HIDDEN), Plain)?;

        assert!(raw::by_name(HIDDEN).is_null());
        {
            let dev = raw::fields(&dev);
            assert_eq!(
                u32::from(dev.reg_state),
                bindings::netdev_reg_state_NETREG_UNINITIALIZED
            );
            assert_eq!(dev.ifindex, 0);
            assert_eq!(dev.state, 0);
            assert!(dev.name_node.is_null());
            assert!(dev.dev_list.next.is_null() && dev.dev_list.prev.is_null());
            assert_eq!(dev.dev.kobj.state_initialized(), 0);
        }

        dev.set_ifindex(54320)?;
        assert!(raw::by_index(54320).is_null());
        Ok(())
    }
}
