// SPDX-License-Identifier: GPL-2.0

//! A loopback device with private data that counts itself.
//!
//! A namespace owns its loopback device and takes it down when it goes. The driver's has no private
//! data to drop then; this one's has. It takes the driver's place while the driver is not there.

#![forbid(unsafe_code)]

#[path = "../../../gen_lo_setup.rs"]
mod gen_lo_setup;
#[path = "../rust_dummy/tally.rs"]
mod tally;

use kernel::{
    debugfs,
    net::{
        loopback::{
            self,
            LoopbackNamespace, //
        },
        net_namespace::Namespace,
        netdevice::{
            self,
            Device,
            Name,
            NameAssignType,
            NetdevTx,
            NoStats,
            Setup,
            Unregistered,
            UnregisteredDevice,
            XmitContext,
            LOOPBACK_IFINDEX, //
        },
        pernet::{
            self,
            Registration, //
        },
        skbuff::SkBuff, //
    },
    prelude::*,
    sync::atomic::{
        AtomicFlag,
        Relaxed, //
    }, //
};

use gen_lo_setup::gen_lo_setup;
use tally::{
    Counted,
    Tally,
    TALLY, //
};

const LO: Name<'static> = Name::from_static(c"lo");

/// Whether `init_net` still had its lo, for who asks, when one was last taken down.
static STILL_THERE: AtomicFlag = AtomicFlag::new(false);

struct CountedLo(Counted);

#[vtable]
impl netdevice::Operations for CountedLo {
    type Stats = NoStats;

    fn setup(dev: &mut Setup<'_, Self>) {
        gen_lo_setup(dev, 64 * 1024);
        dev.set_eth_header_ops();
    }

    fn init(dev: &Device<Self, Unregistered>) -> Result {
        dev.lockdep_set_classes();
        dev.netdev_priv().0.count_init();
        Ok(())
    }

    fn uninit(dev: &Device<Self, Unregistered>) {
        STILL_THERE.store(Namespace::init_net().has_loopback_dev(), Relaxed);
        dev.netdev_priv().0.count_uninit();
    }

    fn open(dev: &Device<Self>) -> Result {
        dev.netdev_priv().0.count_open();
        Ok(())
    }

    fn stop(dev: &Device<Self>) {
        dev.netdev_priv().0.count_stop();
    }

    fn start_xmit(mut skb: SkBuff, dev: &Device<Self>, cx: &XmitContext<'_>) -> NetdevTx {
        skb.clear_tstamp();
        skb.orphan();
        let _ = skb.dst_force(cx).eth_type_trans(dev).netif_rx(cx);
        NetdevTx::Ok
    }
}

fn counted_lo_net_init(net: &LoopbackNamespace, tally: &'static Tally) -> Result {
    let data = CountedLo(Counted::new(tally));
    let mut dev = UnregisteredDevice::alloc(LO, NameAssignType::Predictable, data)?;

    dev.dev_net_set(net);
    dev.set_ifindex(LOOPBACK_IFINDEX)?;
    net.set_loopback_dev(dev.register_netdev()?)
}

struct CountedLoNetOps;

#[vtable]
impl pernet::Operations for CountedLoNetOps {
    type Place = loopback::Slot;

    fn init(net: &LoopbackNamespace) -> Result {
        counted_lo_net_init(net, &TALLY)
    }
}

/// Operations that have second thoughts, when the namespace has its lo already.
struct HesitantNetOps;

static HESITANT: Tally = Tally::new();

#[vtable]
impl pernet::Operations for HesitantNetOps {
    type Place = loopback::Slot;

    fn init(net: &LoopbackNamespace) -> Result {
        counted_lo_net_init(net, &HESITANT)?;
        Err(EPERM)
    }
}

/// Shows that nothing stays of such operations, and that nobody finds their lo while it goes.
fn hesitate() -> Result {
    let registration = KBox::pin_init(Registration::<HesitantNetOps>::new(), GFP_KERNEL);

    if registration.err() != Some(EPERM)
        || Namespace::init_net().has_loopback_dev()
        || HESITANT.made.load(Relaxed) != 1
        || HESITANT.dropped.load(Relaxed) != 1
        || STILL_THERE.load(Relaxed)
    {
        pr_err!("something stays of operations whose init fails\n");
        return Err(EINVAL);
    }
    Ok(())
}

#[pin_data]
struct RustCountedLo {
    #[pin]
    net_ops: Registration<CountedLoNetOps>,
    #[pin]
    tally: debugfs::Scope<&'static Tally>,
}

impl kernel::InPlaceModule for RustCountedLo {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _: { hesitate()? },
            net_ops <- Registration::new(),
            tally <- debugfs::Scope::dir(&TALLY, c"rust_counted_lo", |tally, dir| tally.show(dir)),
        })
    }
}

module! {
    type: RustCountedLo,
    name: "rust_counted_lo",
    authors: ["The rust_loopback authors"],
    description: "Loopback network device with private data, in Rust",
    license: "GPL",
}
