// SPDX-License-Identifier: GPL-2.0

//! The life cycle of pernet operations, and of init_net's lo.

use core::sync::atomic::{
    AtomicUsize,
    Ordering, //
};

use kernel::{
    net::{
        net_namespace::Namespace,
        pernet::{
            self,
            Registration,
            Subsys, //
        }, //
    },
    prelude::*,
};

/// Counts the namespaces that it is told of.
struct Counter;

static INITS: AtomicUsize = AtomicUsize::new(0);
static INIT_NETS: AtomicUsize = AtomicUsize::new(0);
static EXITS: AtomicUsize = AtomicUsize::new(0);

#[vtable]
impl pernet::Operations for Counter {
    type Place = Subsys;

    fn init(net: &Namespace) -> Result {
        INITS.fetch_add(1, Ordering::Relaxed);
        if net.is_init() {
            INIT_NETS.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn exit(_net: &Namespace) {
        EXITS.fetch_add(1, Ordering::Relaxed);
    }
}

/// Fails in each namespace.
struct Refusal;

static REFUSAL_EXITS: AtomicUsize = AtomicUsize::new(0);

#[vtable]
impl pernet::Operations for Refusal {
    type Place = Subsys;

    fn init(_net: &Namespace) -> Result {
        Err(EPERM)
    }

    fn exit(_net: &Namespace) {
        REFUSAL_EXITS.fetch_add(1, Ordering::Relaxed);
    }
}

fn register<T: pernet::Operations>() -> Result<Pin<KBox<Registration<T>>>> {
    KBox::pin_init(Registration::new(), GFP_KERNEL)
}

#[kunit_tests(rust_loopback_pernet)]
mod cases {
    use super::*;
    use crate::net_init::LoopbackNetOps;

    #[test]
    fn init_runs_for_existing_namespaces() -> Result {
        let before = INIT_NETS.load(Ordering::Relaxed);
        let _registration = register::<Counter>()?;

        assert_eq!(INIT_NETS.load(Ordering::Relaxed), before + 1);
        Ok(())
    }

    #[test]
    fn exit_runs_as_often_as_init() -> Result {
        let registration = register::<Counter>()?;
        let (inits, exits) = (INITS.load(Ordering::Relaxed), EXITS.load(Ordering::Relaxed));
        assert!(inits > exits);

        drop(registration);
        assert_eq!(EXITS.load(Ordering::Relaxed), inits);
        Ok(())
    }

    #[test]
    fn failing_init_fails_registration() {
        assert_eq!(register::<Refusal>().err(), Some(EPERM));
        assert_eq!(REFUSAL_EXITS.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn failed_registration_can_be_tried_again() {
        for _ in 0..3 {
            assert_eq!(register::<Refusal>().err(), Some(EPERM));
        }
        assert!(register::<Counter>().is_ok());
    }

    #[test]
    fn init_net_has_lo() {
        assert!(Namespace::init_net().has_loopback_dev());
    }

    #[test]
    fn second_loopback_is_refused() {
        assert_eq!(register::<LoopbackNetOps>().err(), Some(EBUSY));
        assert!(Namespace::init_net().has_loopback_dev());
    }
}
