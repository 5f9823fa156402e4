// SPDX-License-Identifier: GPL-2.0

//! The checks: what must be true of a working `lo`, in the first network namespace and in a new
//! one. They run in this order; each makes what it needs, so that any of them can run alone.

use std::time::Duration;
use std::time::Instant;

use lab_protocol::Outcome;
use lab_protocol::Record;
use lab_protocol::Variant;

use crate::boot_order::BootOrder;
use crate::command;
use crate::control::Control;
use crate::counters;
use crate::early::Early;
use crate::ip::Link;
use crate::modules;
use crate::namespace;
use crate::namespace::Scope;
use crate::namespace::NAME;
use crate::ping;
use crate::report::Reporter;
use crate::teardown;
use crate::wait;

/// Why a check did not pass.
#[derive(Debug)]
pub enum Trouble {
    /// Something is not as it must be.
    Failed(String),
    /// It cannot be tried here.
    Skipped(String),
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<&str> for Trouble {
    fn from(text: &str) -> Self {
        Self::Failed(text.into())
    }
}

/// What a check returns.
pub type Verdict = Result<(), Trouble>;

/// A check.
#[derive(Debug)]
pub struct Check {
    /// Its name, as `FILTER` and the results have it.
    pub name: &'static str,
    /// Whether `make run` does it, too: it shows what works, not what must not happen.
    pub shown: bool,
    /// Which kernels it is for.
    variants: &'static [Variant],
    run: fn(&mut Context<'_>) -> Verdict,
}

impl Check {
    /// Whether it is for `variant`'s kernel.
    pub fn is_for(&self, variant: Variant) -> bool {
        self.variants.contains(&variant)
    }

    const fn only(self, variants: &'static [Variant]) -> Self {
        Self { variants, ..self }
    }
}

const fn check(name: &'static str, run: fn(&mut Context<'_>) -> Verdict) -> Check {
    Check {
        name,
        shown: true,
        variants: &Variant::ALL,
        run,
    }
}

const fn unshown(name: &'static str, run: fn(&mut Context<'_>) -> Verdict) -> Check {
    Check {
        shown: false,
        ..check(name, run)
    }
}

/// Where the driver is a module.
const MODULE: &[Variant] = &[Variant::Module];

/// Where a driver is part of the kernel.
const BUILT_IN: &[Variant] = &[Variant::Builtin, Variant::C];

/// All of them.
pub const ALL: &[Check] = &[
    unshown("guest.lo.early", |c| Ok(c.early.judge(c.variant)?)),
    unshown("guest.boot.order", |c| Ok(c.boot_order.judge(c.variant)?)),
    check("guest.module.insert", module_insert).only(MODULE),
    check("guest.lo.owner", |c| owner(c, Scope::Init)),
    check("guest.lo.link", |c| link(c, Scope::Init)),
    unshown("guest.structure.down", crate::structure::down),
    check("guest.lo.up", |c| up(c, Scope::Init)),
    check("guest.lo.addr", |c| addr(c, Scope::Init)),
    check("guest.lo.ping4", |c| ping4(c, Scope::Init)),
    check("guest.lo.ping6", |c| ping6(c, Scope::Init)),
    check("guest.lo.counters", |c| count(c, Scope::Init)),
    unshown("guest.lo.ethtool", crate::ethtool::check),
    unshown("guest.lo.address", crate::address::check),
    check("guest.netns.add", netns_add),
    check("guest.netns.owner", |c| owner(c, Scope::Made)),
    check("guest.netns.link", |c| link(c, Scope::Made)),
    check("guest.netns.up", |c| up(c, Scope::Made)),
    check("guest.netns.addr", |c| addr(c, Scope::Made)),
    check("guest.netns.ping4", |c| ping4(c, Scope::Made)),
    check("guest.netns.ping6", |c| ping6(c, Scope::Made)),
    check("guest.netns.counters", |c| count(c, Scope::Made)),
    unshown("guest.netns.isolation", netns_isolation),
    check("guest.netns.delete", netns_delete),
    unshown("guest.proc.dev", crate::proc_net::dev),
    unshown("guest.proc.ptype", crate::proc_net::ptype),
    unshown("guest.sysfs.attributes", crate::sysfs::attributes),
    unshown("guest.sysfs.gone_with_netns", crate::sysfs::gone_with_netns),
    unshown("guest.packet.both_ways", crate::packets::both_ways),
    unshown("guest.packet.gso_kept", crate::packets::gso_kept),
    unshown("guest.packet.gso_segmented", crate::packets::gso_segmented),
    unshown("guest.lookup.isolated", crate::lookup::isolated),
    unshown("guest.leaving.devices", crate::leaving::devices_leave),
    unshown("guest.leaving.name_is_taken", crate::leaving::name_is_taken),
    unshown("guest.leaving.lo_stays", crate::leaving::lo_stays),
    unshown("guest.xmit.handed_over", crate::xmit::handed_over),
    unshown("guest.xmit.lent_route", crate::xmit::lent_route),
    unshown("guest.xmit.timestamp", crate::xmit::timestamp),
    unshown("guest.lstats.per_cpu", crate::lstats::per_cpu),
    unshown("guest.lstats.under_load", crate::lstats::under_load),
    unshown("guest.softnet.rps", crate::rps::check),
    unshown("guest.softnet.backlog_limit", crate::backlog::limit),
    unshown("guest.softnet.weight", crate::backlog::weight),
    unshown("guest.softirq.rx", crate::softirq::rx),
    unshown("guest.softirq.tx", crate::softirq::tx),
    unshown("guest.softnet.flush", crate::flush::check),
    unshown("guest.cpu.offline", crate::hotplug::check),
    unshown("guest.structure.up", crate::structure::up),
    unshown("guest.structure.netns_down", crate::structure::netns_down),
    unshown("guest.structure.netns_up", crate::structure::netns_up),
    unshown("guest.structure.operations", crate::structure::operations),
    unshown("guest.structure.handlers", crate::structure::handlers),
    unshown(
        "guest.events.namespace_comes",
        crate::events::namespace_comes,
    ),
    unshown("guest.events.up_and_down", crate::events::up_and_down),
    unshown("guest.events.namespace_goes", crate::events::namespace_goes),
    unshown("guest.events.uevent", crate::events::uevent),
    unshown("guest.events.dummy", crate::dummy_events::check),
    unshown("guest.events.module", crate::events::module).only(MODULE),
    unshown("guest.failure.allocation", crate::failure::allocation),
    unshown("guest.failure.percpu", crate::failure::percpu),
    unshown("guest.failure.refused", crate::failure::refused),
    unshown("guest.failure.insmod", crate::failure::insmod).only(MODULE),
    unshown(
        "guest.failure.insmod_refused",
        crate::failure::insmod_refused,
    )
    .only(MODULE),
    unshown("guest.dummy.link", crate::dummy::link),
    unshown("guest.dummy.up_and_down", crate::dummy::up_and_down),
    unshown("guest.dummy.counters", crate::dummy::counters),
    unshown("guest.dummy.mtu", crate::dummy::mtu),
    unshown("guest.dummy.address", crate::dummy::address),
    unshown("guest.dummy.carrier", crate::dummy::carrier),
    unshown("guest.dummy.netns", crate::dummy::netns),
    unshown("guest.dummy.unload", crate::dummy::unload),
    unshown("guest.module.unload", crate::unload::check).only(MODULE),
    unshown("guest.module.reload", crate::reload::check).only(MODULE),
    unshown("guest.module.private_data", crate::counted::check).only(MODULE),
    unshown("guest.module.refused", crate::refused::check).only(BUILT_IN),
    // After all that could leak.
    unshown("guest.kernel.leaks", crate::leaks::check),
];

/// How many pings a check sends.
const PINGS: u32 = 3;

/// How long the addresses may take to be there after `lo` went up.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(5);

/// What the checks share.
#[derive(Debug)]
pub struct Context<'a> {
    /// Where to report to.
    pub reporter: &'a mut Reporter,
    /// Which variant the kernel is to be.
    pub variant: Variant,
    /// The driver's module file, where it has been inserted.
    pub driver: &'a str,
    /// What was there before that.
    pub early: &'a Early,
    /// How the network core came up.
    boot_order: &'a BootOrder,
    namespace: bool,
    /// Where `lo` is known to be up: asking again costs a process.
    up: Vec<Scope>,
}

impl<'a> Context<'a> {
    /// Reports to `reporter`, for the boot that `control` asks for.
    pub fn new(
        reporter: &'a mut Reporter,
        control: &'a Control,
        early: &'a Early,
        boot_order: &'a BootOrder,
    ) -> Self {
        Self {
            reporter,
            variant: control.variant,
            driver: &control.driver,
            early,
            boot_order,
            namespace: false,
            up: Vec::new(),
        }
    }

    /// Runs one check and reports it. An error means that nothing more can be reported.
    pub fn run(&mut self, check: &Check) -> Result<(), String> {
        self.reporter.send(&Record::Begin {
            name: check.name.into(),
        })?;
        let start = Instant::now();
        let (outcome, detail) = match (check.run)(self) {
            Ok(()) => (Outcome::Passed, String::new()),
            Err(Trouble::Failed(why)) => (Outcome::Failed, why),
            Err(Trouble::Skipped(why)) => (Outcome::Skipped, why),
        };
        self.reporter.send(&Record::Test {
            name: check.name.into(),
            outcome,
            detail,
            millis: start.elapsed().as_millis() as u64,
        })
    }

    /// To be said when devices have come or gone other than by the checks' own doing.
    pub fn forget(&mut self) {
        self.up.clear();
    }

    /// Makes the namespace if `scope` needs it and it is not there.
    fn need(&mut self, scope: Scope) -> Result<(), String> {
        if scope == Scope::Init || self.namespace {
            return Ok(());
        }
        command::run(&["ip", "netns", "add", NAME])?;
        self.namespace = true;
        Ok(())
    }

    /// The namespace, with `lo` up in it.
    pub fn need_up(&mut self, scope: Scope) -> Result<(), String> {
        self.need(scope)?;
        if !self.up.contains(&scope) {
            scope.bring_up()?;
            self.up.push(scope);
        }
        Ok(())
    }
}

/// The driver is there, as a module.
pub fn module_insert(_: &mut Context<'_>) -> Verdict {
    match modules::state(modules::DRIVER)?.as_deref() {
        Some("Live") => Ok(()),
        Some(state) => Err(format!("{} is {state}, not Live", modules::DRIVER).into()),
        None => Err(format!("{} is not in /proc/modules", modules::DRIVER).into()),
    }
}

/// This `lo` is that driver's which it has to be.
pub fn owner(context: &mut Context<'_>, scope: Scope) -> Verdict {
    context.need(scope)?;
    let witness = scope.witness()?;
    let words = scope.exec(&["cat", crate::witness::FILE]);
    let owner = format!("{} transmits by {}", witness.name, witness.transmit);
    context.reporter.show(&words, &owner)?;
    Ok(witness.judge(context.variant)?)
}

/// What must be true of a `lo` that nobody has touched.
fn link(context: &mut Context<'_>, scope: Scope) -> Verdict {
    context.need(scope)?;
    let link = scope.link()?;
    let wanted = Link {
        ifindex: 1,
        ifname: "lo".into(),
        flags: vec!["LOOPBACK".into()],
        mtu: 65536,
        qdisc: "noop".into(),
        operstate: "DOWN".into(),
        group: "default".into(),
        txqlen: 1000,
        link_type: "loopback".into(),
        address: "00:00:00:00:00:00".into(),
        broadcast: "00:00:00:00:00:00".into(),
        ..Link::default()
    };
    if link == wanted {
        return Ok(());
    }
    Err(format!(
        "lo is not as it must be before it is set up: {}",
        difference(&wanted, &link)
    )
    .into())
}

/// Which fields differ, in words.
fn difference(wanted: &Link, found: &Link) -> String {
    let lines = |link: &Link| -> Vec<String> {
        format!("{link:#?}")
            .lines()
            .map(|l| l.trim().into())
            .collect()
    };
    let wanted = lines(wanted);
    let odd: Vec<String> = lines(found)
        .into_iter()
        .filter(|line| !wanted.contains(line))
        .collect();
    odd.join(" ")
}

fn up(context: &mut Context<'_>, scope: Scope) -> Verdict {
    context.need(scope)?;
    scope.bring_up()?;
    context.up.push(scope);
    context
        .reporter
        .show_command(&scope.ip(&["link", "show", "lo"]))?;
    let link = scope.link()?;
    if link.flags != ["LOOPBACK", "UP", "LOWER_UP"] {
        return Err(format!("flags are {:?}", link.flags).into());
    }
    if link.operstate != "UNKNOWN" || link.qdisc != "noqueue" {
        return Err(format!("state {}, qdisc {}", link.operstate, link.qdisc).into());
    }
    Ok(())
}

fn addr(context: &mut Context<'_>, scope: Scope) -> Verdict {
    context.need_up(scope)?;
    let mut verdict = Ok(());
    wait::until(ADDRESS_DEADLINE, || {
        verdict = judge_addresses(&scope.addresses()?);
        Ok(verdict.is_ok())
    })?;
    context
        .reporter
        .show_command(&scope.ip(&["addr", "show", "lo"]))?;
    Ok(verdict?)
}

fn judge_addresses(link: &Link) -> Result<(), String> {
    let mut found: Vec<String> = link
        .addr_info
        .iter()
        .map(|a| {
            let tentative = if a.tentative { " tentative" } else { "" };
            let for_ever = if a.valid_life_time == u64::from(u32::MAX) {
                ""
            } else {
                " for a limited time"
            };
            format!(
                "{} {}/{} scope {}{tentative}{for_ever}",
                a.family, a.local, a.prefixlen, a.scope
            )
        })
        .collect();
    found.sort();
    if found == ["inet 127.0.0.1/8 scope host", "inet6 ::1/128 scope host"] {
        return Ok(());
    }
    Err(format!("lo has the addresses {found:?}"))
}

fn ping_words(scope: Scope, address: &'static str) -> Vec<&'static str> {
    let mut words = vec!["ping", "-n", "-c", "3", "-i", "0.002", "-W", "5", address];
    // Who has seen the replies once need not see them again.
    if scope == Scope::Made {
        words.insert(1, "-q");
    }
    scope.exec(&words)
}

fn ping(context: &mut Context<'_>, scope: Scope, address: &'static str) -> Verdict {
    context.need_up(scope)?;
    let words = ping_words(scope, address);
    let output = command::run(&words)?;
    context.reporter.show(&words, &output)?;
    Ok(ping::judge(&output, PINGS)?)
}

/// It answers over IPv4.
pub fn ping4(context: &mut Context<'_>, scope: Scope) -> Verdict {
    ping(context, scope, "127.0.0.1")
}

/// It answers over IPv6.
pub fn ping6(context: &mut Context<'_>, scope: Scope) -> Verdict {
    ping(context, scope, "::1")
}

fn count(context: &mut Context<'_>, scope: Scope) -> Verdict {
    context.need_up(scope)?;
    let mut before = scope.link()?.stats64;
    for (address, header) in [("127.0.0.1", counters::IPV4), ("::1", counters::IPV6)] {
        command::run(&ping_words(scope, address))?;
        let after = scope.link()?.stats64;
        let traffic = counters::of_pings(PINGS.into(), header);
        counters::judge(before, after, traffic).map_err(|e| format!("ping {address}: {e}"))?;
        before = after;
    }
    context
        .reporter
        .show_command(&scope.ip(&["-s", "link", "show", "lo"]))?;
    Ok(())
}

fn netns_add(context: &mut Context<'_>) -> Verdict {
    context.need(Scope::Made)?;
    context.reporter.show(&["ip", "netns", "add", NAME], "")?;
    let list = command::run(&["ip", "netns", "list"])?;
    if list
        .lines()
        .any(|line| line.split(' ').next() == Some(NAME))
    {
        return Ok(());
    }
    Err(format!("ip netns list does not have it: {list}").into())
}

/// Traffic in one namespace must not show in another one's counters.
fn netns_isolation(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Made)?;
    let before = Scope::Init.link()?.stats64;
    let output = command::run(&ping_words(Scope::Made, "127.0.0.1"))?;
    ping::judge(&output, PINGS)?;
    let after = Scope::Init.link()?.stats64;
    if before != after {
        return Err(format!("init_net's lo moved from {before:?} to {after:?}").into());
    }
    Ok(())
}

/// The namespace can be deleted, and is then gone.
pub fn netns_delete(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Made)?;
    let number = namespace::number_of(NAME)?;
    let words = ["ip", "netns", "del", NAME];
    command::run(&words)?;
    context.namespace = false;
    context.up.retain(|scope| *scope != Scope::Made);
    context.reporter.show(&words, "")?;
    let list = command::run(&["ip", "netns", "list"])?;
    if !list.trim().is_empty() {
        return Err(format!("ip netns list still has {}", list.trim()).into());
    }
    Ok(teardown::await_end(number)?)
}
