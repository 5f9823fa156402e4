// SPDX-License-Identifier: GPL-2.0

//! `lo`'s C structures, and how they point at each other: `lo_structure.ko` follows the pointers,
//! and each line that it prints is known here.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use lab_protocol::Variant;
use rustix::net::AddressFamily;
use rustix::net::Protocol;
use rustix::net::SocketType;

use crate::checks::Context;
use crate::checks::Verdict;
use crate::command;
use crate::frame::LinkAddress;
use crate::frame::ETH_P_IP;
use crate::fresh;
use crate::here;
use crate::loaded::Loaded;
use crate::namespace::Scope;
use crate::witness::Function;

/// The module, and its file.
const NAME: &str = "lo_structure";

/// All packets, as a type of Ethernet frames.
const ETH_P_ALL: u16 = 3;

/// A `lo` that nobody has touched. A value that begins with `c.` is that of the line of this name,
/// which is what C's macros say.
const DOWN: &str = "\
lo->nd_net.net net
name lo
name_node.dev lo
name_node.name lo->name
name_node.list 0
name_node.hlist in
index_hlist in
net.loopback_dev lo
net.dev_base_head.next &lo->dev_list
dev_list.prev &net->dev_base_head
dev_list.next.prev &lo->dev_list
net.dev_by_index[1] lo
dev_get_by_name(lo) lo
dev_get_by_index(1) lo
lo->ifindex 1
lo->group 0
lo->name_assign_type 2
lo->ifalias none
lo->adj_list.upper 0
lo->adj_list.lower 0
lo->napi_list 0
lo->unreg_list 0
lo->close_list 0
lo->link_watch_list 0
lo->work_node 0
lo->net_notifier_list 0
ptype_all 0
ptype_specific 0
net.ptype_all 0
net.ptype_specific 0
ptype_base[n].prev only
ptype_base[n].next.next only
ptype_base[n+1].prev only
ptype_base[n+1] ptype_base[n] + 1
lo->dev_addrs.list 1
lo->dev_addrs.count 1
dev_addr the first of them
dev_addr.type 1
dev_addr.addr 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
dev_addr_shadow 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
perm_addr 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
broadcast 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00
lo->addr_assign_type 0
lo->uc.list 0
lo->uc.count 0
lo->mc.list 0
lo->mc.count 0
lo->promiscuity 0
lo->allmulti 0
lo->uc_promisc 0
lo->num_tx_queues 1
lo->real_num_tx_queues 1
lo->num_tc 0
lo->tx_queue_len 1000
_tx lo->_tx
_tx[0].dev lo
_tx[0].sb_dev none
_tx[0].napi none
_tx[0].tx_maxrate 0
_tx[0].trans_timeout 0
_tx[0].trans_start never
_tx[0].state 0x0
_tx[0].xmit_lock_owner -1
_tx[0].kobj tx-0
_tx[0].kobj.parent &lo->queues_kset->kobj
_tx[0].kobj.kset lo->queues_kset
qdisc &noop_qdisc
qdisc.ops noop
qdisc.dev_queue its own, of no device
qdisc.enqueue noop_enqueue
qdisc.dequeue noop_dequeue
qdisc.flags 0x1
qdisc.handle 0x0
qdisc.parent 0x0
qdisc.limit 0
qdisc.hash out
qdisc.q.qlen 0
qdisc.gso_skb.qlen 0
qdisc.stab none
_tx[0].qdisc &noop_qdisc
_tx[0].qdisc_sleeping &noop_qdisc
qdisc_hash 0
lo->ingress_queue none
watchdog_timer idle
lo->watchdog_timeo 0
lo->watchdog_ref_held 0
qdisc_tx_busylock there
lo->xdp_bulkq none
lo->num_rx_queues 1
lo->real_num_rx_queues 1
_rx[0].dev lo
_rx[0].xdp_rxq.dev lo
_rx[0].xdp_rxq.queue_index 0
_rx[0].napi none
_rx[0].lease none
_rx[0].kobj rx-0
_rx[0].kobj.parent &lo->queues_kset->kobj
_rx[0].kobj.kset lo->queues_kset
lo->rx_handler none
lo->rx_handler_data none
lo->xdp_prog none
lo->xdp_features 0
lo->threaded 0
lo->num_napi_configs 1
lo->gro_flush_timeout 0
lo->napi_defer_hard_irqs 0
ip_ptr.dev lo
ip_ptr.ifa_list.ifa_dev.dev none
ip6_ptr.dev lo
ip6_ptr.addr_list 0
lo->phydev none
lo->sfp_bus none
lo->devlink_port none
lo->rtnl_link_ops none
lo->stat_ops none
lo->queue_mgmt_ops none
lo->xdp_metadata_ops none
lo->xsk_tx_metadata_ops none
lo->udp_tunnel_nic_info none
lo->udp_tunnel_nic none
lo->offload_xstats_l3 none
lo->irq_moder none
lo->hwprov none
lo->ml_priv none
lo->cfg_pending lo->cfg
dev.kobj lo
dev.class net
lo->dev.parent none
lo->dev.platform_data lo
lo->dev.groups lo->sysfs_groups
dev.class.namespace to_ns_common(net)
dev.kobj.parent net
dev.kobj.parent.parent virtual
queues_kset queues
queues_kset.parent &dev->kobj
lo->queues_kset->list 2
lo->pcpu_stat_type 1
lstats there
lstats.cpus all
core_stats none
stats unused
carrier_up_count 0
carrier_down_count 0
lo->reg_state 1
lo->dismantle 0
lo->moving_ns 0
lo->rtnl_link_initializing 0
lo->needs_free_netdev 1
lo->up 0
lo->request_ops_lock 0
lo->operstate 0
lo->link_mode 0
lo->proto_down 0
lo->proto_down_reason 0
state PRESENT
references held
lo->flags c.flags
lo->gflags 0x0
lo->priv_flags c.priv_flags
lo->lltx 1
lo->netmem_tx 0
lo->netns_immutable 1
lo->see_all_hwtstamp_requests 0
lo->change_proto_down 0
lo->fcoe_mtu 0
lo->mtu 65536
lo->min_mtu 0
lo->max_mtu 0
lo->type 772
lo->hard_header_len 14
lo->min_header_len 14
lo->addr_len 6
lo->needed_headroom 0
lo->needed_tailroom 0
lo->upper_level 1
lo->lower_level 1
lo->neigh_priv_len 0
lo->priv_len 0
lo->dev_id 0
lo->dev_port 0
lo->if_port 0
lo->dma 0
lo->irq 0
lo->mem_start 0
lo->mem_end 0
lo->base_addr 0
lo->gso_max_size 65536
lo->gso_max_segs 65535
lo->gso_ipv4_max_size 65536
lo->gro_max_size 65536
lo->gro_ipv4_max_size 65536
lo->tso_max_size 524280
lo->tso_max_segs 65535
lo->xdp_zc_max_segs 1
lo->max_pacing_offload_horizon 0
lo->features c.features
lo->hw_features c.hw_features
lo->wanted_features c.wanted_features
lo->vlan_features c.vlan_features
lo->hw_enc_features c.hw_enc_features
lo->mpls_features c.mpls_features
lo->mangleid_features c.mangleid_features
lo->gso_partial_features 0x0
lo->header_ops &eth_header_ops
";

/// What is different once it is up.
const UP: &str = "\
_tx[0].trans_start set
qdisc lo->qdisc
qdisc.ops noqueue
qdisc.dev_queue _tx[0]
qdisc.enqueue 0x0
qdisc.flags 0x50
qdisc.parent 0xffffffff
_tx[0].qdisc lo->qdisc
_tx[0].qdisc_sleeping lo->qdisc
ip_ptr.ifa_list.ifa_dev.dev lo
ip6_ptr.addr_list 1
lo->up 1
state START PRESENT
lo->flags c.flags_up
";

/// What of that stays when it is down again: its qdisc sleeps, and it keeps its IPv4 address.
const DOWN_AGAIN: &str = "\
_tx[0].trans_start set
qdisc lo->qdisc
qdisc.ops noqueue
qdisc.dev_queue _tx[0]
qdisc.enqueue 0x0
qdisc.flags 0x50
qdisc.parent 0xffffffff
_tx[0].qdisc_sleeping lo->qdisc
ip_ptr.ifa_list.ifa_dev.dev lo
";

/// The packet handlers of four sockets: of all packets or of one type, of `lo` or of any device.
const HANDLERS: &str = "\
ptype_all 1
ptype_all.type 0x3 packet_rcv own here
ptype_specific 1
ptype_specific.type 0x800 packet_rcv own here
net.ptype_all 1
net.ptype_all.type 0x3 packet_rcv own here
net.ptype_specific 1
net.ptype_specific.type 0x800 packet_rcv own here
";

/// What may be different where others have used it: it counts what was dropped.
const HISTORY: &[&str] = &["core_stats"];

/// The driver's functions: the member that points to it, its name in C, what is in its name in
/// Rust. There are no others.
const FUNCTIONS: [(&str, &str, &str); 7] = [
    ("ethtool_ops.get_link", "always_on", "get_link_callback"),
    (
        "ethtool_ops.get_ts_info",
        "ethtool_op_get_ts_info",
        "get_ts_info_callback",
    ),
    (
        "netdev_ops.ndo_get_stats64",
        "loopback_get_stats64",
        "get_stats64_callback",
    ),
    ("netdev_ops.ndo_init", "loopback_dev_init", "init_callback"),
    (
        "netdev_ops.ndo_set_mac_address",
        "eth_mac_addr",
        "set_mac_address_callback",
    ),
    (
        "netdev_ops.ndo_start_xmit",
        "loopback_xmit",
        "start_xmit_callback",
    ),
    (
        "priv_destructor",
        "loopback_dev_free",
        "priv_destructor_callback",
    ),
];

/// The tables that they are in.
const TABLES: [&str; 2] = ["ethtool_ops", "netdev_ops"];

/// The structures, line by line: what points, and where it leads.
#[derive(Clone, Debug, PartialEq)]
struct Structure(BTreeMap<String, String>);

impl Structure {
    /// Those of the namespace that this thread is in.
    fn read() -> Result<Self, String> {
        let text = here::proc_net(NAME)?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = BTreeMap::new();
        for line in text.lines() {
            let (key, value) = line
                .split_once(' ')
                .ok_or_else(|| format!("/proc/net/{NAME}: no value: {line}"))?;
            if lines.insert(key.into(), value.into()).is_some() {
                return Err(format!("/proc/net/{NAME} says twice: {key}"));
            }
        }
        Ok(Self(lines))
    }

    /// With what `changes` says in the place of what is said here.
    fn with(mut self, changes: &str) -> Result<Self, String> {
        self.0.append(&mut Self::parse(changes)?.0);
        Ok(self)
    }

    /// Takes those lines out that `chosen` takes, by their keys.
    fn take(&mut self, chosen: impl Fn(&str) -> bool) -> Self {
        let (taken, left) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(key, _)| chosen(key));
        self.0 = left;
        Self(taken)
    }

    /// Checks that it is as `wanted`, line by line: none is missing, and there are no others.
    fn judge(mut self, mut wanted: Self) -> Result<(), String> {
        self.take(is_drivers);
        let macros = self.take(|key| key.starts_with("c."));
        for value in wanted.0.values_mut().filter(|v| v.starts_with("c.")) {
            let said = macros.0.get(value).ok_or(format!("no line {value}"))?;
            value.clone_from(said);
        }
        let mut keys: Vec<&String> = self.0.keys().chain(wanted.0.keys()).collect();
        keys.sort();
        keys.dedup();
        let wrong: Vec<String> = keys
            .into_iter()
            .map(|key| (key, self.0.get(key), wanted.0.get(key)))
            .filter(|(_, found, wanted)| found != wanted)
            .map(|(key, found, wanted)| format!("{key}: {found:?}, not {wanted:?}"))
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(format!(
            "lo is not built as it must be: {}",
            wrong.join("; ")
        ))
    }

    /// Checks the driver's functions, and that there are no others.
    fn judge_functions(&mut self, variant: Variant) -> Result<(), String> {
        let found = self.take(is_drivers).0;
        let mut wanted: Vec<&str> = FUNCTIONS.iter().map(|(member, _, _)| *member).collect();
        wanted.extend(TABLES);
        wanted.sort_unstable();
        if !found.keys().eq(wanted.iter()) {
            return Err(format!("the driver has {found:?}, not {wanted:?}"));
        }
        for (member, c, rust) in FUNCTIONS {
            let function = Function::parse(&found[member])?;
            if !function.is_of(variant, c, &["rust_loopback::Loopback>", rust]) {
                return Err(format!("{member} is {function}, not {c} or its twin"));
            }
        }
        let place = match variant {
            Variant::Module => "module",
            Variant::Builtin | Variant::C => "kernel",
        };
        match TABLES.iter().find(|table| found[**table] != place) {
            None => Ok(()),
            Some(table) => Err(format!("{table} are part of a {}", found[*table])),
        }
    }
}

/// Whether a line is about the driver's own functions.
fn is_drivers(key: &str) -> bool {
    key == "priv_destructor" || TABLES.iter().any(|table| key.starts_with(table))
}

fn untouched() -> Result<Structure, String> {
    Structure::parse(DOWN)
}

/// The first namespace's, before it goes up.
pub fn down(_: &mut Context<'_>) -> Verdict {
    let _module = Loaded::insert(NAME)?;
    Ok(Structure::read()?.judge(untouched()?)?)
}

/// The first namespace's, while it is up.
pub fn up(context: &mut Context<'_>) -> Verdict {
    context.need_up(Scope::Init)?;
    let _module = Loaded::insert(NAME)?;
    let mut found = Structure::read()?;
    let mut wanted = untouched()?.with(UP)?;
    for structure in [&mut found, &mut wanted] {
        structure.take(|key| HISTORY.contains(&key));
    }
    Ok(found.judge(wanted)?)
}

/// A new namespace's, before it goes up.
pub fn netns_down(_: &mut Context<'_>) -> Verdict {
    let _module = Loaded::insert(NAME)?;
    Ok(fresh::with(|| Structure::read()?.judge(untouched()?))?)
}

/// A new namespace's, while it is up and when it no longer is.
pub fn netns_up(_: &mut Context<'_>) -> Verdict {
    let _module = Loaded::insert(NAME)?;
    fresh::with(|| {
        command::run(&["ip", "link", "set", "lo", "up"])?;
        Structure::read()?.judge(untouched()?.with(UP)?)?;
        command::run(&["ip", "link", "set", "lo", "down"])?;
        Structure::read()?.judge(untouched()?.with(DOWN_AGAIN)?)
    })?;
    Ok(())
}

/// The driver's functions are in its tables, and nothing else is.
pub fn operations(context: &mut Context<'_>) -> Verdict {
    let _module = Loaded::insert(NAME)?;
    Ok(Structure::read()?.judge_functions(context.variant)?)
}

/// Packet sockets are in the lists of what they listen to, and in no other.
pub fn handlers(_: &mut Context<'_>) -> Verdict {
    let _module = Loaded::insert(NAME)?;
    fresh::with(|| {
        command::run(&["ip", "link", "set", "lo", "up"])?;
        let sockets = [ETH_P_ALL, ETH_P_IP].map(listen_anywhere);
        let of_lo = [ETH_P_ALL, ETH_P_IP].map(listen_to_lo);
        for socket in sockets.iter().chain(&of_lo) {
            socket.as_ref().map_err(String::clone)?;
        }
        Structure::read()?.judge(untouched()?.with(UP)?.with(HANDLERS)?)?;
        drop((sockets, of_lo));
        Structure::read()?.judge(untouched()?.with(UP)?)
    })?;
    Ok(())
}

fn listen_anywhere(protocol: u16) -> Result<OwnedFd, String> {
    let raw = NonZeroU32::new(protocol.to_be().into()).map(Protocol::from_raw);
    rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, raw)
        .map_err(|e| format!("a packet socket for {protocol:#x}: {e}"))
}

fn listen_to_lo(protocol: u16) -> Result<OwnedFd, String> {
    let fail = |e| format!("a packet socket of lo for {protocol:#x}: {e}");
    let socket = rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None).map_err(fail)?;
    rustix::net::bind(&socket, &LinkAddress::of_lo(protocol)).map_err(fail)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Structure {
        Structure::parse(text).unwrap()
    }

    #[test]
    fn lines_are_compared_one_by_one() {
        let wanted = parse("state UP\nqdisc q\nflags c.flags\n");
        for (text, good) in [
            ("state UP\nqdisc q\nflags 0x8\nc.flags 0x8\n", true),
            (
                "netdev_ops module\nqdisc q\nstate UP\nflags 0x8\nc.flags 0x8\n",
                true,
            ),
            ("state UP\nqdisc q\nflags 0x9\nc.flags 0x8\n", false),
            ("state UP\nqdisc q\nflags 0x8\n", false),
            ("state UP\nflags 0x8\nc.flags 0x8\n", false),
            ("state UP\nqdisc q\nnew 1\nflags 0x8\nc.flags 0x8\n", false),
            ("state DOWN\nqdisc q\nflags 0x8\nc.flags 0x8\n", false),
            ("", false),
        ] {
            assert_eq!(parse(text).judge(wanted.clone()).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_is_said_twice_or_half_is_refused() {
        assert!(Structure::parse("state UP\nstate UP\n").is_err());
        assert!(Structure::parse("state\n").is_err());
    }

    #[test]
    fn the_tables_are_sound() {
        let down = untouched().unwrap();
        for changes in [UP, DOWN_AGAIN] {
            let changed = down.clone().with(changes).unwrap();
            // They change lines, and change them indeed.
            assert_eq!(changed.0.len(), down.0.len());
            let same = |(key, value)| down.0.get(key) == Some(value);
            assert!(!parse(changes).0.iter().any(same));
        }
        assert!(HISTORY.iter().all(|key| down.0.contains_key(*key)));
    }

    fn functions(text: &str) -> Result<(), String> {
        parse(text).judge_functions(Variant::C)
    }

    #[test]
    fn each_function_is_there_and_no_other() {
        let mut text = String::from("netdev_ops kernel\nethtool_ops kernel\nstate UP\n");
        for (member, c, _) in FUNCTIONS {
            text += &format!("{member} {c}+0x0/0x20\n");
        }
        functions(&text).unwrap();
        assert!(parse(&text).judge_functions(Variant::Builtin).is_err());
        for (from, to) in [
            ("always_on", "always_off"),
            ("always_on+0x0/", "always_on+0x10/"),
            ("netdev_ops kernel", "netdev_ops module"),
            ("ethtool_ops.get_link always_on+0x0/0x20\n", ""),
            ("state", "netdev_ops[3] some+0x0/0x20\nstate"),
        ] {
            assert!(functions(&text.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
