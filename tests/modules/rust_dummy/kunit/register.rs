// SPDX-License-Identifier: GPL-2.0

//! `register_netdevice()` step by step, the failing ones included.
//!
//! Some of what C code can get wrong has no case here, as a driver cannot say it:
//!
//! - to register without RTNL, or twice: compile-fail cases (`register_without_rtnl`,
//!   `device_after_registration`);
//! - tunnel offloads, and operations that need the device's own lock: there are no such operations;
//! - a device of `rtnl_link_ops`, which is announced later.
//!
//! Some of it has one all the same, past the abstractions: an `ndo_init` that returns something
//! positive, ethtool operations that contradict each other, a feature that needs operations which
//! are not there, an index that is none.
//!
//! That there is no index left cannot be shown: two milliards of them take more memory than there
//! is. What is shown is that they go round, and that one that is taken stays taken. In a kernel
//! whose lo comes late there is one more suite, `rust_netdev_kept_index`.
//!
//! That a name, an index or a notifier stands against it is part of the suite of paths, too, as far
//! as the private data is concerned; which allocation fails is up to the suite of faults.

// Looks at the C structure itself, past the abstractions.
#![allow(unsafe_code)]

use core::{
    ptr,
    slice, //
};

use kernel::{
    bindings,
    bindings::{
        ethtool_coalesce,
        ethtool_ops,
        ethtool_rxfh_fields,
        kernel_ethtool_coalesce,
        kset,
        net_device,
        netlink_ext_ack, //
    },
    container_of,
    net::{
        net_namespace::Namespace,
        netdev_features::Feature,
        netdevice::{
            self,
            Device,
            Lstats,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            Operations,
            RegisteredDevice,
            Setup,
            Unregistered,
            UnregisteredDevice,
            XmitContext, //
        },
        rtnl,
        skbuff::SkBuff, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

use super::{
    all_numbers,
    all_numbers::Names,
    drivers::{
        alloc,
        drivers, //
    },
    events,
    events::{
        Outcome,
        Recorder,
        Seen,
        DOWN,
        GOING_DOWN,
        POST_INIT,
        PRE_UNINIT,
        PRE_UP,
        REGISTER,
        UNREGISTER,
        UP, //
    },
    notifier::{
        Objector,
        INDEX, //
    },
    raw,
    raw::LAST_INDEX,
    rx_queue::RxQueue,
    warnings, //
};
use crate::device::Dummy;
use crate::tally::{
    Counted,
    Tally, //
};

const PATTERN: Name<'static> = Name::from_static(c"rdreg%d");
const PLAIN_NAME: &CStr = c"rdregister";

/// Too small for IPv6, which would send packets of its own.
const MTU: u32 = 1000;

/// `NETIF_F_SOFT_FEATURES`
const SOFT: u64 = bindings::NETIF_F_GSO | bindings::NETIF_F_GRO;
/// `NETIF_F_SOFT_FEATURES_OFF`
const SOFT_OFF: u64 =
    1 << bindings::NETIF_F_GRO_FRAGLIST_BIT | 1 << bindings::NETIF_F_GRO_UDP_FWD_BIT;
const GSO_PARTIAL: u64 = 1 << bindings::NETIF_F_GSO_PARTIAL_BIT;

drivers! {
    /// An Ethernet device without any offload.
    Ether: |dev| {
        dev.ether_setup();
        dev.set_mtu(MTU);
    };
    /// One that has some, and may have TSO.
    MayTso: |dev| {
        dev.ether_setup();
        dev.set_mtu(MTU);
        dev.set_features(Feature::Sg | Feature::HwCsum | Feature::HighDma);
        dev.set_hw_features(Feature::Sg | Feature::Tso);
    };
}

/// A driver whose `ndo_init` says this, and counts nothing: what it counts is a mistake.
struct Failing {
    error: Error,
    tally: Counted,
}

#[vtable]
impl netdevice::Operations for Failing {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.ether_setup();
    }

    fn init(dev: &Device<Self, Unregistered>) -> Result {
        Err(dev.netdev_priv().error)
    }

    fn uninit(dev: &Device<Self, Unregistered>) {
        dev.netdev_priv().tally.count_uninit();
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

/// A driver with statistics of the core, whose `ndo_init` looks at what is done by then.
struct Curious {
    numbered: Atomic<bool>,
    named: Atomic<bool>,
    early: Atomic<bool>,
}

impl Curious {
    fn new() -> Self {
        Self {
            numbered: Atomic::new(false),
            named: Atomic::new(false),
            early: Atomic::new(false),
        }
    }
}

#[vtable]
impl netdevice::Operations for Curious {
    type Stats = Lstats;

    fn setup(dev: &mut Setup<'_, Self>) {
        dev.ether_setup();
    }

    fn init(dev: &Device<Self, Unregistered>) -> Result {
        let c = raw::fields(dev);
        let this = dev.netdev_priv();

        this.numbered.store(dev.ifindex() != 0, Relaxed);
        this.named
            .store(raw::name(c) == c"rdreg0" && !c.name_node.is_null(), Relaxed);
        this.early
            .store(lstats(c).is_null() && c.wanted_features == 0, Relaxed);
        Ok(())
    }

    fn start_xmit(skb: SkBuff, _dev: &Device<Self>, _cx: &XmitContext<'_>) -> NetdevTx {
        skb.consume();
        NetdevTx::Ok
    }
}

/// The core's statistics of a device, if it has that kind.
fn lstats(dev: &net_device) -> *const bindings::pcpu_lstats {
    // SAFETY: All members are pointers.
    unsafe { dev.__bindgen_anon_2.lstats }
}

/// Registers a device of a driver under this name.
fn register<T: Operations>(name: &CStr, driver: T) -> Result<RegisteredDevice<'static, T>> {
    alloc(Name::new(name)?, driver)?.register_netdev()
}

/// Registers one whose name does not matter.
fn registered<T: Operations>(driver: T) -> Result<RegisteredDevice<'static, T>> {
    alloc(PATTERN, driver)?.register_netdev()
}

/// Registers a device under a pattern while another one has all these names.
fn register_beside(names: &mut Names) -> Result<RegisteredDevice<'static, Ether>> {
    let other = registered(Ether)?;
    let dev = alloc(all_numbers::PATTERN, Ether)?;
    let rtnl = rtnl::lock();

    let result = names.while_had_by(&other, &rtnl, || dev.register_netdevice(&rtnl));
    drop(rtnl);
    result
}

/// Registers a device that is watched.
fn watch<T: Operations>(driver: T, recorder: &Recorder) -> Result<Outcome> {
    let dev = events::alloc(driver)?;

    Outcome::of(recorder, |rtnl| dev.register_netdevice(rtnl))
}

/// A watched device whose `ndo_init` fails, should the core come to that.
fn failing(tally: &'static Tally) -> Result<UnregisteredDevice<'static, Failing>> {
    events::alloc(Failing {
        error: EPERM,
        tally: Counted::new(tally),
    })
}

/// An `ndo_init` that no driver in Rust can have.
extern "C" fn positive_init(_dev: *mut net_device) -> c_int {
    1
}

/// For `set_coalesce`; nobody calls it.
extern "C" fn set_coalesce(
    _dev: *mut net_device,
    _coalesce: *mut ethtool_coalesce,
    _kernel_coalesce: *mut kernel_ethtool_coalesce,
    _extack: *mut netlink_ext_ack,
) -> c_int {
    0
}

/// For `get_rxfh_fields`; nobody calls it.
extern "C" fn get_rxfh_fields(_dev: *mut net_device, _fields: *mut ethtool_rxfh_fields) -> c_int {
    0
}

/// Ethtool operations in which something is missing that belongs to something else.
const CONTRADICTIONS: [fn(&mut ethtool_ops); 4] = [
    |ops| ops.set_coalesce = Some(set_coalesce),
    |ops| ops.rxfh_max_num_contexts = 1,
    |ops| ops.set_supported_input_xfrm(1),
    |ops| {
        ops.set_supported_input_xfrm(1);
        ops.get_rxfh_fields = Some(get_rxfh_fields);
        ops.set_rxfh_per_ctx_fields(1);
    },
];

/// Registers a watched device of which the core warns. Says how that ended, and how often it did.
fn watch_warned<T: Operations>(
    dev: UnregisteredDevice<'static, T>,
    recorder: &Recorder,
) -> Result<(Outcome, c_int)> {
    let (outcome, warnings) =
        warnings::during(|| Outcome::of(recorder, |rtnl| dev.register_netdevice(rtnl)))?;

    Ok((outcome?, warnings))
}

/// Registers three devices while there are two more indexes before they go round.
fn registered_at_the_end() -> Result<[RegisteredDevice<'static, Ether>; 3]> {
    let devs = [
        alloc(PATTERN, Ether)?,
        alloc(PATTERN, Ether)?,
        alloc(PATTERN, Ether)?,
    ];
    let rtnl = rtnl::lock();

    let before = raw::set_next_index(LAST_INDEX - 1, &rtnl);
    let devs = devs.map(|dev| dev.register_netdevice(&rtnl));
    raw::set_next_index(before, &rtnl);
    drop(rtnl);

    let [first, second, third] = devs;
    Ok([first?, second?, third?])
}

/// What happens to a device from registration until it is gone, with these steps in between.
fn life(steps: impl FnOnce(&Device<Ether>, &rtnl::RtnlGuard) -> Result) -> Result<KVec<Seen>> {
    let recorder = Recorder::new()?;
    let dev = events::alloc(Ether)?;

    let rtnl = rtnl::lock();
    let dev = dev.register_netdevice(&rtnl)?;
    let result = steps(&dev, &rtnl);
    dev.unregister_netdevice(&rtnl);
    let seen = recorder.take();
    drop(rtnl);

    result.and(seen)
}

/// The kernel's objects below a device's `queues`, by name, compared with what is expected.
fn queue_names_are(queues: &kset, expected: &[&CStr]) -> bool {
    let head = &raw const queues.list;
    let mut entry = queues.list.next.cast_const();

    for name in expected {
        if ptr::eq(entry, head) {
            return false;
        }
        // SAFETY: The entries of the list are parts of such objects, which live as long as the
        // device is registered, and have names.
        unsafe {
            let object = container_of!(entry.cast_mut(), bindings::kobject, entry);
            if CStr::from_char_ptr((*object).name) != *name {
                return false;
            }
            entry = (*entry).next;
        }
    }
    ptr::eq(entry, head)
}

#[kunit_tests(rust_netdev_register)]
mod cases {
    use super::*;

    #[test]
    fn names_that_no_file_can_have() {
        for name in [c"", c".", c"..", c"a/b", c"a:b", c"a b", c"a\tb", c"a\nb"] {
            assert_eq!(register(name, Ether).err(), Some(EINVAL));
        }
    }

    #[test]
    fn patterns_have_one_percent_d() -> Result {
        for name in [
            c"rdreg%",
            c"rdreg%s",
            c"rdreg%x",
            c"rdreg%d%d",
            c"rd%dreg%",
            c"%%d",
        ] {
            assert_eq!(register(name, Ether).err(), Some(EINVAL));
        }

        let dev = register(c"rd%dreg", Ether)?;
        assert_eq!(raw::name(raw::fields(&dev)), c"rd0reg");
        Ok(())
    }

    #[test]
    fn patterns_get_the_first_free_number() -> Result {
        let first = registered(Ether)?;
        let second = registered(Ether)?;
        let third = registered(Ether)?;
        assert_eq!(raw::name(raw::fields(&first)), c"rdreg0");
        assert_eq!(raw::name(raw::fields(&second)), c"rdreg1");
        assert_eq!(raw::name(raw::fields(&third)), c"rdreg2");

        drop(second);
        let again = registered(Ether)?;
        assert_eq!(raw::name(raw::fields(&again)), c"rdreg1");
        Ok(())
    }

    #[test]
    fn numbers_that_are_written_in_another_way_are_free() -> Result {
        let _other = register(c"rdreg00", Ether)?;

        let dev = registered(Ether)?;
        assert_eq!(raw::name(raw::fields(&dev)), c"rdreg0");
        Ok(())
    }

    #[test]
    fn patterns_get_the_last_number() -> Result {
        let mut names = Names::all_but(Some(all_numbers::COUNT - 1))?;

        let dev = register_beside(&mut names)?;
        assert_eq!(raw::name(raw::fields(&dev)), c"rdfull32767");
        Ok(())
    }

    #[test]
    fn patterns_run_out_of_numbers() -> Result {
        let mut names = Names::all_but(None)?;

        assert_eq!(register_beside(&mut names).err(), Some(ENFILE));
        Ok(())
    }

    #[test]
    fn a_name_is_there_once() -> Result {
        let dev = register(PLAIN_NAME, Ether)?;

        assert_eq!(register(PLAIN_NAME, Ether).err(), Some(EEXIST));
        assert!(ptr::eq(raw::by_name(PLAIN_NAME), raw::fields(&dev)));

        drop(dev);
        assert!(raw::by_name(PLAIN_NAME).is_null());
        let _dev = register(PLAIN_NAME, Ether)?;
        Ok(())
    }

    #[test]
    fn errors_of_init_come_back() -> Result {
        static TALLY: Tally = Tally::new();
        let recorder = Recorder::new()?;

        for error in [EDQUOT, ENODEV, EINTR, EPERM] {
            let tally = Counted::new(&TALLY);
            let outcome = watch(Failing { error, tally }, &recorder)?;
            assert_eq!(outcome.result, Err(error));
            // Nobody was told of it.
            assert!(outcome.seen.is_empty());
            assert!(!outcome.known);
        }
        assert_eq!((TALLY.made(), TALLY.dropped()), (4, 4));
        assert_eq!(TALLY.uninits(), 0);
        Ok(())
    }

    #[test]
    fn init_that_returns_something_positive_has_failed() -> Result {
        static TALLY: Tally = Tally::new();
        let recorder = Recorder::new()?;
        let dev = failing(&TALLY)?;
        // SAFETY: The device and its table are valid.
        let mut ops = unsafe { *(*dev.as_raw()).netdev_ops };
        ops.ndo_init = Some(positive_init);
        // SAFETY: The device is nobody else's, and gone before this table, registered or not.
        unsafe { (*dev.as_raw()).netdev_ops = &raw const ops };

        let outcome = Outcome::of(&recorder, |rtnl| dev.register_netdevice(rtnl))?;
        assert_eq!(outcome.result, Err(EIO));
        assert!(outcome.seen.is_empty());
        assert!(!outcome.known);
        assert_eq!((TALLY.made(), TALLY.dropped()), (1, 1));
        assert_eq!(TALLY.uninits(), 0);
        Ok(())
    }

    #[test]
    fn ethtool_operations_must_not_contradict_each_other() -> Result {
        static TALLY: Tally = Tally::new();
        let recorder = Recorder::new()?;

        for contradict in CONTRADICTIONS {
            let dev = failing(&TALLY)?;
            // SAFETY: The device and its table, which has nothing in it, are valid.
            let mut ops = unsafe { *(*dev.as_raw()).ethtool_ops };
            contradict(&mut ops);
            // SAFETY: The device is nobody else's, and gone before this table, registered or not.
            unsafe { (*dev.as_raw()).ethtool_ops = &raw const ops };

            let (outcome, warnings) = watch_warned(dev, &recorder)?;
            assert_eq!(outcome.result, Err(EINVAL));
            assert_eq!(warnings, 1);
            assert!(outcome.seen.is_empty());
            assert!(!outcome.known);
        }
        assert_eq!((TALLY.made(), TALLY.dropped()), (4, 4));
        assert_eq!(TALLY.uninits(), 0);
        Ok(())
    }

    #[test]
    fn feature_that_needs_operations_has_them() -> Result {
        static TALLY: Tally = Tally::new();
        let recorder = Recorder::new()?;
        let dev = events::alloc(Dummy::new(&TALLY))?;
        // SAFETY: The device is valid, and nobody else's yet.
        unsafe {
            (*dev.as_raw()).features |= 1 << bindings::NETIF_F_HW_VLAN_CTAG_FILTER_BIT;
        }

        let (outcome, warnings) = watch_warned(dev, &recorder)?;
        assert_eq!(outcome.result, Err(EINVAL));
        assert_eq!(warnings, 1);
        assert!(outcome.seen.is_empty());
        assert!(!outcome.known);
        assert_eq!((TALLY.made(), TALLY.dropped()), (1, 1));
        assert_eq!((TALLY.inits(), TALLY.uninits()), (1, 1));
        Ok(())
    }

    #[test]
    fn init_comes_after_the_name_and_before_the_rest() -> Result {
        let dev = registered(Curious::new())?;
        let saw = dev.netdev_priv();

        assert!(saw.named.load(Relaxed));
        assert!(!saw.numbered.load(Relaxed));
        assert!(saw.early.load(Relaxed));
        Ok(())
    }

    #[test]
    fn statistics_are_allocated_as_the_driver_says() -> Result {
        let none = registered(Ether)?;
        let counting = alloc(PATTERN, Curious::new())?;

        assert!(lstats(raw::fields(&counting)).is_null());
        let counting = counting.register_netdev()?;
        assert!(!lstats(raw::fields(&counting)).is_null());
        assert!(lstats(raw::fields(&none)).is_null());
        Ok(())
    }

    #[test]
    fn index_is_a_new_one() -> Result {
        let first = registered(Ether)?;
        let second = registered(Ether)?;
        let (before, gone) = (first.ifindex(), second.ifindex());
        assert!(before > 1 && gone > before);

        drop(second);
        assert!(registered(Ether)?.ifindex() > gone);
        Ok(())
    }

    #[test]
    fn index_is_the_one_that_was_asked_for() -> Result {
        let dev = events::alloc(Ether)?.register_netdev()?;

        assert_eq!(dev.ifindex(), INDEX);
        assert!(ptr::eq(raw::by_index(INDEX), raw::fields(&dev)));

        drop(dev);
        assert!(raw::by_index(INDEX).is_null());
        Ok(())
    }

    #[test]
    fn index_that_is_taken_stays_with_its_device() -> Result {
        let dev = events::alloc(Ether)?.register_netdev()?;

        let mut other = alloc(PATTERN, Ether)?;
        other.set_ifindex(INDEX)?;
        assert_eq!(other.register_netdev().err(), Some(EBUSY));
        assert!(ptr::eq(raw::by_index(INDEX), raw::fields(&dev)));
        Ok(())
    }

    #[test]
    fn index_that_is_none_is_refused() -> Result {
        static TALLY: Tally = Tally::new();
        let data = Dummy::new(&TALLY);
        let mut dev = UnregisteredDevice::alloc(PATTERN, NameAssignType::Enum, data)?;
        assert_eq!(dev.set_ifindex(LAST_INDEX + 1), Err(EINVAL));
        // SAFETY: The device is valid, and nobody else's yet.
        unsafe { (*dev.as_raw()).ifindex = -1 };

        let (dev, warnings) = warnings::during(|| dev.register_netdev())?;
        assert_eq!(dev.err(), Some(EINVAL));
        assert_eq!(warnings, cfg!(CONFIG_DEBUG_NET).into());
        assert_eq!((TALLY.made(), TALLY.dropped()), (1, 1));
        assert_eq!((TALLY.inits(), TALLY.uninits()), (1, 1));
        Ok(())
    }

    #[test]
    fn indexes_go_round() -> Result {
        let devs = registered_at_the_end()?;
        let [first, second, third] = devs.each_ref().map(|dev| dev.ifindex());

        assert_eq!((first, second), (LAST_INDEX - 1, LAST_INDEX));
        // The first one that is free, and lo's is not.
        assert!(third > 1);
        assert!((1..third).all(|index| !raw::by_index(index).is_null()));
        assert!(ptr::eq(raw::by_index(third), raw::fields(&devs[2])));
        Ok(())
    }

    #[test]
    fn features_without_offloads() -> Result {
        let dev = registered(Ether)?;
        let dev = raw::fields(&dev);

        assert_eq!(
            dev.hw_features,
            SOFT | SOFT_OFF | bindings::NETIF_F_NOCACHE_COPY
        );
        assert_eq!(dev.wanted_features, SOFT);
        // GSO needs scattered packets, and is taken back.
        assert_eq!(dev.features, bindings::NETIF_F_GRO);
        Ok(())
    }

    #[test]
    fn features_that_are_on_and_features_that_may_be() -> Result {
        let dev = registered(MayTso)?;
        let dev = raw::fields(&dev);
        let fixed = bindings::NETIF_F_HW_CSUM | bindings::NETIF_F_HIGHDMA;

        // TSO brings with it that IDs may be mangled; neither is turned on.
        assert_eq!(
            dev.hw_features,
            bindings::NETIF_F_SG
                | bindings::NETIF_F_TSO
                | bindings::NETIF_F_TSO_MANGLEID
                | SOFT
                | SOFT_OFF
                | bindings::NETIF_F_NOCACHE_COPY
        );
        assert_eq!(dev.wanted_features, bindings::NETIF_F_SG | SOFT);
        assert_eq!(dev.features, fixed | bindings::NETIF_F_SG | SOFT);
        Ok(())
    }

    #[test]
    fn features_of_lo_leave_out_the_copy_around_the_cache() -> Result {
        // SAFETY: The namespace is static, and has its device since before this module came.
        let lo = unsafe { &*(*Namespace::init_net().as_raw()).loopback_dev };
        assert_eq!(raw::name(lo), c"lo");

        assert_eq!(lo.hw_features & bindings::NETIF_F_NOCACHE_COPY, 0);
        assert_eq!(lo.hw_features & SOFT_OFF, SOFT_OFF);
        Ok(())
    }

    #[test]
    fn features_for_devices_on_top() -> Result {
        let dev = registered(Ether)?;
        let dev = raw::fields(&dev);

        assert_eq!(dev.vlan_features, bindings::NETIF_F_HIGHDMA);
        assert_eq!(dev.hw_enc_features, bindings::NETIF_F_SG | GSO_PARTIAL);
        assert_eq!(dev.mpls_features, bindings::NETIF_F_SG);
        assert_eq!(dev.mangleid_features, bindings::NETIF_F_TSO_MANGLEID);
        Ok(())
    }

    #[test]
    fn features_for_devices_on_top_with_tso() -> Result {
        let tso = bindings::NETIF_F_TSO;
        let both = tso | bindings::NETIF_F_TSO_MANGLEID;

        let dev = alloc(PATTERN, Ether)?;
        // SAFETY: The device is valid, and nobody else's yet.
        unsafe {
            (*dev.as_raw()).vlan_features = tso;
            (*dev.as_raw()).hw_enc_features = tso;
            (*dev.as_raw()).mpls_features = tso;
        }
        let dev = dev.register_netdev()?;
        let dev = raw::fields(&dev);

        assert_eq!(dev.vlan_features, both | bindings::NETIF_F_HIGHDMA);
        let enc = both | bindings::NETIF_F_SG | GSO_PARTIAL;
        assert_eq!(dev.hw_enc_features, enc);
        assert_eq!(dev.mpls_features, both | bindings::NETIF_F_SG);
        Ok(())
    }

    #[test]
    fn sysfs_has_it_as_a_device_of_class_net() -> Result {
        let dev = register(PLAIN_NAME, Ether)?;
        let object = &raw::fields(&dev).dev;

        // SAFETY: Registered devices have a class and a name.
        let (class, name) = unsafe {
            (
                CStr::from_char_ptr((*object.class).name),
                CStr::from_char_ptr(object.kobj.name),
            )
        };
        assert_eq!(class, c"net");
        assert_eq!(name, PLAIN_NAME);
        assert_eq!(object.kobj.state_in_sysfs(), 1);
        assert!(!object.kobj.sd.is_null() && !object.kobj.parent.is_null());
        Ok(())
    }

    #[test]
    fn sysfs_has_its_queues() -> Result {
        let dev = UnregisteredDevice::alloc_mqs(PATTERN, NameAssignType::Enum, 3, 2, Ether)?
            .register_netdev()?;
        let dev = raw::fields(&dev);

        // SAFETY: A registered device has it.
        let queues = unsafe { &*dev.queues_kset };
        assert!(ptr::eq(queues.kobj.parent, &dev.dev.kobj));
        assert!(queue_names_are(
            queues,
            &[c"rx-0", c"rx-1", c"tx-0", c"tx-1", c"tx-2"]
        ));

        // They are these very queues.
        // SAFETY: The device has so many.
        let tx_queues = unsafe { slice::from_raw_parts(dev._tx, 3) };
        for queue in tx_queues {
            assert_eq!(queue.kobj.state_in_sysfs(), 1);
            assert!(ptr::eq(queue.kobj.parent, &queues.kobj));
        }
        // SAFETY: The device has its queues.
        for queue in unsafe { RxQueue::all(dev) } {
            assert_eq!(queue.kobj.state_in_sysfs(), 1);
            assert!(ptr::eq(queue.kobj.parent, &queues.kobj));
        }
        Ok(())
    }

    #[test]
    fn it_is_registered_and_present() -> Result {
        let dev = registered(Ether)?;
        let dev = raw::fields(&dev);

        assert_eq!(
            u32::from(dev.reg_state),
            bindings::netdev_reg_state_NETREG_REGISTERED
        );
        // And not running, and with nothing wrong with its link.
        assert_eq!(
            dev.state,
            1 << bindings::netdev_state_t___LINK_STATE_PRESENT
        );
        Ok(())
    }

    #[test]
    fn link_that_is_there_leaves_the_state_unknown() -> Result {
        let dev = registered(Ether)?;

        assert_eq!(raw::fields(&dev).operstate, bindings::IF_OPER_UNKNOWN);
        Ok(())
    }

    #[test]
    fn link_that_was_lost_before_is_down() -> Result {
        let dev = alloc(PATTERN, Ether)?;
        // SAFETY: The device is valid.
        unsafe { bindings::netif_carrier_off(dev.as_raw()) };

        let dev = dev.register_netdev()?;
        assert_eq!(raw::fields(&dev).operstate, bindings::IF_OPER_DOWN);
        Ok(())
    }

    #[test]
    fn queues_drop_all_packets_until_it_is_up() -> Result {
        let dev = UnregisteredDevice::alloc_mqs(PATTERN, NameAssignType::Enum, 3, 1, Ether)?
            .register_netdev()?;
        let dev = raw::fields(&dev);
        let noop = &raw const bindings::noop_qdisc;

        assert!(ptr::eq(dev.qdisc, noop));
        // SAFETY: The device has so many.
        for queue in unsafe { slice::from_raw_parts(dev._tx, 3) } {
            assert!(ptr::eq(queue.qdisc, noop));
            assert!(ptr::eq(queue.qdisc_sleeping, noop));
        }
        Ok(())
    }

    #[test]
    fn list_has_it_last() -> Result {
        let first = registered(Ether)?;
        let last = registered(Ether)?;
        let (first, last) = (raw::fields(&first), raw::fields(&last));
        // SAFETY: The namespace is static; only an address is taken.
        let head = unsafe { &raw const (*Namespace::init_net().as_raw()).dev_base_head };

        assert!(ptr::eq(first.dev_list.next, &last.dev_list));
        assert!(ptr::eq(last.dev_list.prev, &first.dev_list));
        assert!(ptr::eq(last.dev_list.next, head));
        // SAFETY: As before.
        assert!(ptr::eq(unsafe { (*head).prev }, &last.dev_list));
        Ok(())
    }

    #[test]
    fn permanent_address_is_the_first_one() -> Result {
        const ADDRESS: [u8; 6] = [2, 0, 94, 16, 0, 1];
        let dev = alloc(PATTERN, Ether)?;
        // SAFETY: The device is valid and nobody else's, and has room for longer addresses.
        unsafe {
            bindings::dev_addr_mod(dev.as_raw(), 0, ADDRESS.as_ptr().cast(), ADDRESS.len());
        }

        let dev = dev.register_netdev()?;
        assert_eq!(raw::fields(&dev).perm_addr[..6], ADDRESS);
        Ok(())
    }

    #[test]
    fn address_of_many_keeps_it_down() -> Result {
        const ADDRESS: [u8; 6] = [3, 0, 94, 16, 0, 1];
        static TALLY: Tally = Tally::new();
        let dev = UnregisteredDevice::alloc(PATTERN, NameAssignType::Enum, Dummy::new(&TALLY))?;
        // SAFETY: The device is valid and nobody else's, and has room for longer addresses.
        unsafe {
            bindings::dev_addr_mod(dev.as_raw(), 0, ADDRESS.as_ptr().cast(), ADDRESS.len());
        }

        let dev = dev.register_netdev()?;
        assert_eq!(dev.open(&rtnl::lock()), Err(EADDRNOTAVAIL));
        assert_eq!(TALLY.opens(), 0);
        Ok(())
    }

    #[test]
    fn random_address_is_not_permanent() -> Result {
        static TALLY: Tally = Tally::new();
        let dev = UnregisteredDevice::alloc(PATTERN, NameAssignType::Enum, Dummy::new(&TALLY))?
            .register_netdev()?;

        assert_eq!(raw::fields(&dev).perm_addr, [0; 32]);
        Ok(())
    }

    #[test]
    fn state_at_each_event() -> Result {
        let seen = life(|_, _| Ok(()))?;
        let at_first = Seen {
            event: POST_INIT,
            reg_state: bindings::netdev_reg_state_NETREG_UNINITIALIZED,
            references: 1,
            wanted_features: true,
            listed: false,
            in_sysfs: false,
            announced: false,
            present: false,
            noop: false,
        };
        // User space is told when the kernel has agreed.
        let registered = Seen {
            event: REGISTER,
            reg_state: bindings::netdev_reg_state_NETREG_REGISTERED,
            // Its own, of each of its two queues, and of having been registered
            references: 4,
            listed: true,
            in_sysfs: true,
            present: true,
            noop: true,
            ..at_first
        };
        let unregistering = Seen {
            event: UNREGISTER,
            reg_state: bindings::netdev_reg_state_NETREG_UNREGISTERING,
            references: 0,
            listed: false,
            announced: true,
            ..registered
        };
        let last = Seen {
            event: PRE_UNINIT,
            ..unregistering
        };

        assert_eq!(seen.len(), 4);
        assert_eq!(seen[0], at_first);
        assert_eq!(seen[1], registered);
        // Who else holds it then is the protocols' affair.
        let unheld = |seen: Seen| Seen {
            references: 0,
            ..seen
        };
        assert_eq!(unheld(seen[2]), unregistering);
        assert_eq!(unheld(seen[3]), last);
        Ok(())
    }

    #[test]
    fn references_are_held_by_each_queue() -> Result {
        let recorder = Recorder::new()?;
        let mut dev = UnregisteredDevice::alloc_mqs(PATTERN, NameAssignType::Enum, 4, 2, Ether)?;
        dev.set_ifindex(INDEX)?;

        let outcome = Outcome::of(&recorder, |rtnl| dev.register_netdevice(rtnl))?;
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(events::names(&outcome.seen)?, [POST_INIT, REGISTER]);
        assert_eq!(outcome.seen[1].references, 1 + 4 + 2 + 1);
        Ok(())
    }

    #[test]
    fn events_of_a_life() -> Result {
        let seen = life(|dev, rtnl| {
            dev.open(rtnl)?;
            dev.close(rtnl);
            Ok(())
        })?;

        assert_eq!(
            events::names(&seen)?,
            [POST_INIT, REGISTER, PRE_UP, UP, GOING_DOWN, DOWN, UNREGISTER, PRE_UNINIT]
        );
        Ok(())
    }

    #[test]
    fn events_of_a_life_that_ends_while_up() -> Result {
        let seen = life(|dev, rtnl| dev.open(rtnl))?;

        assert_eq!(
            events::names(&seen)?,
            [POST_INIT, REGISTER, PRE_UP, UP, GOING_DOWN, DOWN, UNREGISTER, PRE_UNINIT]
        );
        Ok(())
    }

    #[test]
    fn user_space_is_told_when_all_is_done() -> Result {
        let dev = registered(Ether)?;

        assert_eq!(raw::fields(&dev).dev.kobj.state_add_uevent_sent(), 1);
        assert_eq!(raw::fields(&dev).dev.kobj.uevent_suppress(), 0);
        Ok(())
    }

    #[test]
    fn refused_after_init_it_was_nowhere() -> Result {
        let recorder = Recorder::new()?;
        let _objector = Objector::new(POST_INIT)?;

        let outcome = watch(Ether, &recorder)?;
        assert_eq!(outcome.result, Err(EPERM));
        assert_eq!(events::names(&outcome.seen)?, [POST_INIT]);
        assert!(!outcome.known);
        Ok(())
    }

    #[test]
    fn refused_when_registered_it_is_unregistered() -> Result {
        let recorder = Recorder::new()?;
        let _objector = Objector::new(REGISTER)?;

        let outcome = watch(Ether, &recorder)?;
        assert_eq!(outcome.result, Err(EPERM));
        assert_eq!(
            events::names(&outcome.seen)?,
            [POST_INIT, REGISTER, UNREGISTER, PRE_UNINIT]
        );
        // User space never knew.
        assert!(outcome.seen.iter().all(|seen| !seen.announced));
        assert!(!outcome.known);
        Ok(())
    }
}
