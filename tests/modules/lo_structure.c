// SPDX-License-Identifier: GPL-2.0
/*
 * Follows the pointers of a namespace's lo: /proc/net/lo_structure, a line for
 * each, and one for each value that a driver sets or that follows from one.
 *
 * What C's driver sets is here by C's macros, in the lines that start with "c.".
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <net/if_inet6.h>
#include <net/net_namespace.h>
#include <net/netdev_rx_queue.h>
#include <net/sch_generic.h>

/* Where struct netdev_name_node is. */
#include <../net/core/dev.h>

#define NUMBER(field) seq_printf(seq, #field " %lld\n", (long long)(field))
#define MASK(field) seq_printf(seq, #field " %#llx\n", (unsigned long long)(field))
#define LEADS(field, to) lead(seq, #field, field, to)
#define NOWHERE(field) lead(seq, #field, rcu_access_pointer(field), NULL)
#define LENGTH(field) list(seq, #field, &(field))
#define C(field, value) seq_printf(seq, "c." #field " %#llx\n", (unsigned long long)(value))

/* Where a pointer leads that may lead to one thing only. */
#define lead(seq, what, from, to) lead_as(seq, what, from, to, #to)

static void lead_as(struct seq_file *seq, const char *what, const void *from, const void *to,
		    const char *name)
{
	if (from && from == to)
		seq_printf(seq, "%s %s\n", what, name);
	else
		seq_printf(seq, "%s %s\n", what, from ? "elsewhere" : "none");
}

static void list(struct seq_file *seq, const char *what, const struct list_head *head)
{
	seq_printf(seq, "%s %zu\n", what, list_count_nodes((struct list_head *)head));
}

static void state(struct seq_file *seq, const struct net_device *lo)
{
	static const char *const names[] = {
		[__LINK_STATE_START] = "START",
		[__LINK_STATE_PRESENT] = "PRESENT",
		[__LINK_STATE_NOCARRIER] = "NOCARRIER",
		[__LINK_STATE_LINKWATCH_PENDING] = "LINKWATCH_PENDING",
		[__LINK_STATE_DORMANT] = "DORMANT",
		[__LINK_STATE_TESTING] = "TESTING",
	};
	int bit;

	seq_puts(seq, "state");
	for (bit = 0; bit < BITS_PER_LONG; bit++) {
		if (!test_bit(bit, &lo->state))
			continue;
		if (bit < ARRAY_SIZE(names))
			seq_printf(seq, " %s", names[bit]);
		else
			seq_printf(seq, " %d", bit);
	}
	seq_putc(seq, '\n');
}

/* In its namespace: by the list, by name, by index. */
static void membership(struct seq_file *seq, struct net *net, struct net_device *lo)
{
	struct netdev_name_node *node = lo->name_node;

	LEADS(lo->nd_net.net, net);
	seq_printf(seq, "name %s\n", lo->name);
	lead(seq, "name_node.dev", node->dev, lo);
	lead(seq, "name_node.name", node->name, lo->name);
	list(seq, "name_node.list", &node->list);
	seq_printf(seq, "name_node.hlist %s\n", hlist_unhashed(&node->hlist) ? "out" : "in");
	seq_printf(seq, "index_hlist %s\n", hlist_unhashed(&lo->index_hlist) ? "out" : "in");
	lead(seq, "net.loopback_dev", net->loopback_dev, lo);
	lead(seq, "net.dev_base_head.next", net->dev_base_head.next, &lo->dev_list);
	lead(seq, "dev_list.prev", lo->dev_list.prev, &net->dev_base_head);
	lead(seq, "dev_list.next.prev", lo->dev_list.next->prev, &lo->dev_list);
	lead(seq, "net.dev_by_index[1]", xa_load(&net->dev_by_index, LOOPBACK_IFINDEX), lo);
	rcu_read_lock();
	lead(seq, "dev_get_by_name(lo)", dev_get_by_name_rcu(net, "lo"), lo);
	lead(seq, "dev_get_by_index(1)", dev_get_by_index_rcu(net, LOOPBACK_IFINDEX), lo);
	rcu_read_unlock();
	NUMBER(lo->ifindex);
	NUMBER(lo->group);
	NUMBER(lo->name_assign_type);
	NOWHERE(lo->ifalias);
}

/* What hangs off it, and what it hangs off: other devices, contexts, list heads. */
static void lists(struct seq_file *seq, const struct net_device *lo)
{
	LENGTH(lo->adj_list.upper);
	LENGTH(lo->adj_list.lower);
	LENGTH(lo->napi_list);
	LENGTH(lo->unreg_list);
	LENGTH(lo->close_list);
	LENGTH(lo->link_watch_list);
	LENGTH(lo->work_node);
	LENGTH(lo->net_notifier_list);
}

/* Says of each of a list's packet handlers whose it is, which is for its own devices only. */
static void handlers(struct seq_file *seq, const char *what, const struct list_head *head,
		     const struct net_device *dev, struct net *net)
{
	const struct packet_type *pt;

	list(seq, what, head);
	list_for_each_entry(pt, head, list)
		seq_printf(seq, "%s.type %#x %ps %s %s\n", what, ntohs(pt->type), pt->func,
			   pt->dev == dev ? "own" : "foreign",
			   pt->af_packet_net == net ? "here" : "elsewhere");
}

static int drop(struct sk_buff *skb, struct net_device *dev, struct packet_type *pt,
		struct net_device *orig_dev)
{
	kfree_skb(skb);
	return NET_RX_DROP;
}

/* Two types that are next to each other, and that nobody else handles. */
static struct packet_type neighbours[] = {
	{ .type = htons(0xfff1), .func = drop },
	{ .type = htons(0xfff2), .func = drop },
};

/*
 * ptype_base itself is not for modules. But where a handler is the only one in its list, before
 * and after it is the list's head, and the heads for two neighbouring types are neighbours.
 */
static void ptype_table(struct seq_file *seq)
{
	const struct list_head *first = neighbours[0].list.next;
	const struct list_head *second = neighbours[1].list.next;

	lead_as(seq, "ptype_base[n].prev", first, neighbours[0].list.prev, "only");
	lead_as(seq, "ptype_base[n].next.next", first->next, &neighbours[0].list, "only");
	lead_as(seq, "ptype_base[n+1].prev", second, neighbours[1].list.prev, "only");
	lead_as(seq, "ptype_base[n+1]", second, first + 1, "ptype_base[n] + 1");
}

static void ptypes(struct seq_file *seq, struct net *net, const struct net_device *lo)
{
	rcu_read_lock();
	handlers(seq, "ptype_all", &lo->ptype_all, lo, net);
	handlers(seq, "ptype_specific", &lo->ptype_specific, lo, net);
	handlers(seq, "net.ptype_all", &net->ptype_all, NULL, net);
	handlers(seq, "net.ptype_specific", &net->ptype_specific, NULL, net);
	ptype_table(seq);
	rcu_read_unlock();
}

static void addresses(struct seq_file *seq, const struct net_device *lo)
{
	const struct netdev_hw_addr *first = NULL;

	if (!list_empty(&lo->dev_addrs.list))
		first = list_first_entry(&lo->dev_addrs.list, struct netdev_hw_addr, list);
	LENGTH(lo->dev_addrs.list);
	NUMBER(lo->dev_addrs.count);
	lead_as(seq, "dev_addr", lo->dev_addr, first ? first->addr : NULL, "the first of them");
	seq_printf(seq, "dev_addr.type %d\n", first ? first->type : -1);
	seq_printf(seq, "dev_addr.addr %*phC\n", MAX_ADDR_LEN, lo->dev_addr);
	seq_printf(seq, "dev_addr_shadow %*phC\n", MAX_ADDR_LEN, lo->dev_addr_shadow);
	seq_printf(seq, "perm_addr %*phC\n", MAX_ADDR_LEN, lo->perm_addr);
	seq_printf(seq, "broadcast %*phC\n", MAX_ADDR_LEN, lo->broadcast);
	NUMBER(lo->addr_assign_type);
	LENGTH(lo->uc.list);
	NUMBER(lo->uc.count);
	LENGTH(lo->mc.list);
	NUMBER(lo->mc.count);
	NUMBER(lo->promiscuity);
	NUMBER(lo->allmulti);
	NUMBER(lo->uc_promisc);
}

static void discipline(struct seq_file *seq, const struct Qdisc *q, const struct net_device *lo)
{
	const struct netdev_queue *queue = q->dev_queue;

	seq_printf(seq, "qdisc.ops %s\n", q->ops->id);
	if (queue == lo->_tx)
		seq_puts(seq, "qdisc.dev_queue _tx[0]\n");
	else if (!queue->dev && rcu_access_pointer(queue->qdisc) == q)
		seq_puts(seq, "qdisc.dev_queue its own, of no device\n");
	else
		seq_puts(seq, "qdisc.dev_queue elsewhere\n");
	seq_printf(seq, "qdisc.enqueue %ps\n", q->enqueue);
	seq_printf(seq, "qdisc.dequeue %ps\n", q->dequeue);
	seq_printf(seq, "qdisc.flags %#x\n", q->flags);
	seq_printf(seq, "qdisc.handle %#x\n", q->handle);
	seq_printf(seq, "qdisc.parent %#x\n", q->parent);
	seq_printf(seq, "qdisc.limit %u\n", q->limit);
	seq_printf(seq, "qdisc.hash %s\n", hlist_unhashed(&q->hash) ? "out" : "in");
	seq_printf(seq, "qdisc.q.qlen %u\n", q->q.qlen);
	seq_printf(seq, "qdisc.gso_skb.qlen %u\n", q->gso_skb.qlen);
	lead(seq, "qdisc.stab", rcu_access_pointer(q->stab), NULL);
}

/* There is one qdisc for all devices that have none, and the one that is @own. */
static void own_qdisc(struct seq_file *seq, const char *what, const struct Qdisc *q,
		      const struct Qdisc *own)
{
	if (q == &noop_qdisc)
		seq_printf(seq, "%s &noop_qdisc\n", what);
	else
		lead_as(seq, what, q, own, "lo->qdisc");
}

static void tx(struct seq_file *seq, struct net_device *lo)
{
	struct netdev_queue *queue = lo->_tx;
	int bucket, hashed = 0;
	struct Qdisc *q;

	NUMBER(lo->num_tx_queues);
	NUMBER(lo->real_num_tx_queues);
	NUMBER(lo->num_tc);
	NUMBER(lo->tx_queue_len);
	lead(seq, "_tx", netdev_get_tx_queue(lo, 0), lo->_tx);
	lead(seq, "_tx[0].dev", queue->dev, lo);
	lead(seq, "_tx[0].sb_dev", queue->sb_dev, NULL);
	lead(seq, "_tx[0].napi", queue->napi, NULL);
	seq_printf(seq, "_tx[0].tx_maxrate %lu\n", queue->tx_maxrate);
	seq_printf(seq, "_tx[0].trans_timeout %ld\n", atomic_long_read(&queue->trans_timeout));
	seq_printf(seq, "_tx[0].trans_start %s\n", queue->trans_start ? "set" : "never");
	seq_printf(seq, "_tx[0].state %#lx\n", queue->state);
	seq_printf(seq, "_tx[0].xmit_lock_owner %d\n", queue->xmit_lock_owner);
	seq_printf(seq, "_tx[0].kobj %s\n", kobject_name(&queue->kobj));
	lead(seq, "_tx[0].kobj.parent", queue->kobj.parent, &lo->queues_kset->kobj);
	lead(seq, "_tx[0].kobj.kset", queue->kobj.kset, lo->queues_kset);

	q = rtnl_dereference(lo->qdisc);
	own_qdisc(seq, "qdisc", q, q);
	discipline(seq, q, lo);
	own_qdisc(seq, "_tx[0].qdisc", rcu_access_pointer(queue->qdisc), q);
	own_qdisc(seq, "_tx[0].qdisc_sleeping", rcu_access_pointer(queue->qdisc_sleeping), q);
	hash_for_each(lo->qdisc_hash, bucket, q, hash)
		hashed++;
	seq_printf(seq, "qdisc_hash %d\n", hashed);
	NOWHERE(lo->ingress_queue);
	seq_printf(seq, "watchdog_timer %s\n",
		   timer_pending(&lo->watchdog_timer) ? "pending" : "idle");
	NUMBER(lo->watchdog_timeo);
	NUMBER(lo->watchdog_ref_held);
	seq_printf(seq, "qdisc_tx_busylock %s\n", lo->qdisc_tx_busylock ? "there" : "none");
	NOWHERE(lo->xdp_bulkq);
}

static void rx(struct seq_file *seq, struct net_device *lo)
{
	struct netdev_rx_queue *queue = lo->_rx;

	NUMBER(lo->num_rx_queues);
	NUMBER(lo->real_num_rx_queues);
	lead(seq, "_rx[0].dev", queue->dev, lo);
	lead(seq, "_rx[0].xdp_rxq.dev", queue->xdp_rxq.dev, lo);
	seq_printf(seq, "_rx[0].xdp_rxq.queue_index %u\n", queue->xdp_rxq.queue_index);
	lead(seq, "_rx[0].napi", queue->napi, NULL);
	lead(seq, "_rx[0].lease", queue->lease, NULL);
	seq_printf(seq, "_rx[0].kobj %s\n", kobject_name(&queue->kobj));
	lead(seq, "_rx[0].kobj.parent", queue->kobj.parent, &lo->queues_kset->kobj);
	lead(seq, "_rx[0].kobj.kset", queue->kobj.kset, lo->queues_kset);
	NOWHERE(lo->rx_handler);
	NOWHERE(lo->rx_handler_data);
	NOWHERE(lo->xdp_prog);
	NUMBER(lo->xdp_features);
	NUMBER(lo->threaded);
	NUMBER(lo->num_napi_configs);
	NUMBER(lo->gro_flush_timeout);
	NUMBER(lo->napi_defer_hard_irqs);
}

/* Protocols, and what they keep for it. */
static void protocols(struct seq_file *seq, const struct net_device *lo)
{
	const struct in_device *in_dev = rtnl_dereference(lo->ip_ptr);
	const struct inet6_dev *idev = rtnl_dereference(lo->ip6_ptr);

	lead(seq, "ip_ptr.dev", in_dev ? in_dev->dev : NULL, lo);
	if (in_dev)
		seq_printf(seq, "ip_ptr.ifa_list.ifa_dev.dev %s\n",
			   !rcu_access_pointer(in_dev->ifa_list) ? "none" :
			   rtnl_dereference(in_dev->ifa_list)->ifa_dev->dev == lo ? "lo" :
			   "elsewhere");
	lead(seq, "ip6_ptr.dev", idev ? idev->dev : NULL, lo);
	if (idev)
		list(seq, "ip6_ptr.addr_list", &idev->addr_list);
	NOWHERE(lo->phydev);
	NOWHERE(lo->sfp_bus);
	NOWHERE(lo->devlink_port);
	NOWHERE(lo->rtnl_link_ops);
	NOWHERE(lo->stat_ops);
	NOWHERE(lo->queue_mgmt_ops);
	NOWHERE(lo->xdp_metadata_ops);
	NOWHERE(lo->xsk_tx_metadata_ops);
	NOWHERE(lo->udp_tunnel_nic_info);
	NOWHERE(lo->udp_tunnel_nic);
	NOWHERE(lo->offload_xstats_l3);
	NOWHERE(lo->irq_moder);
	NOWHERE(lo->hwprov);
	NOWHERE(lo->ml_priv);
	LEADS(lo->cfg_pending, lo->cfg);
}

/* As a device of the driver core. */
static void device(struct seq_file *seq, struct net *net, struct net_device *lo)
{
	struct device *dev = &lo->dev;
	const struct kobject *parent = dev->kobj.parent;

	seq_printf(seq, "dev.kobj %s\n", kobject_name(&dev->kobj));
	seq_printf(seq, "dev.class %s\n", dev->class->name);
	LEADS(lo->dev.parent, NULL);
	LEADS(lo->dev.platform_data, lo);
	LEADS(lo->dev.groups, lo->sysfs_groups);
	lead(seq, "dev.class.namespace", dev->class->namespace(dev), to_ns_common(net));
	seq_printf(seq, "dev.kobj.parent %s\n", parent ? kobject_name(parent) : "none");
	seq_printf(seq, "dev.kobj.parent.parent %s\n",
		   parent && parent->parent ? kobject_name(parent->parent) : "none");
	seq_printf(seq, "queues_kset %s\n", kobject_name(&lo->queues_kset->kobj));
	lead(seq, "queues_kset.parent", lo->queues_kset->kobj.parent, &dev->kobj);
	LENGTH(lo->queues_kset->list);
}

/* For each possible CPU there is a counter of its own. */
static void statistics(struct seq_file *seq, const struct net_device *lo)
{
	const struct pcpu_lstats *last = NULL, *lstats;
	unsigned int cpu, there = 0;

	NUMBER(lo->pcpu_stat_type);
	seq_printf(seq, "lstats %s\n", lo->lstats ? "there" : "none");
	for_each_possible_cpu(cpu) {
		lstats = lo->lstats ? per_cpu_ptr(lo->lstats, cpu) : NULL;
		if (lstats && lstats != last && IS_ALIGNED((unsigned long)lstats, sizeof(*lstats)))
			there++;
		last = lstats;
	}
	seq_printf(seq, "lstats.cpus %s\n", there == num_possible_cpus() ? "all" : "not all");
	seq_printf(seq, "core_stats %s\n", lo->core_stats ? "there" : "none");
	seq_printf(seq, "stats %s\n",
		   memchr_inv(&lo->stats, 0, sizeof(lo->stats)) ? "used" : "unused");
	seq_printf(seq, "carrier_up_count %d\n", atomic_read(&lo->carrier_up_count));
	seq_printf(seq, "carrier_down_count %d\n", atomic_read(&lo->carrier_down_count));
}

static void life(struct seq_file *seq, const struct net_device *lo)
{
	NUMBER(lo->reg_state);
	NUMBER(lo->dismantle);
	NUMBER(lo->moving_ns);
	NUMBER(lo->rtnl_link_initializing);
	NUMBER(lo->needs_free_netdev);
	NUMBER(lo->up);
	NUMBER(lo->request_ops_lock);
	NUMBER(lo->operstate);
	NUMBER(lo->link_mode);
	NUMBER(lo->proto_down);
	NUMBER(lo->proto_down_reason);
	state(seq, lo);
	seq_printf(seq, "references %s\n", netdev_refcnt_read(lo) > 0 ? "held" : "none");
}

static void values(struct seq_file *seq, const struct net_device *lo)
{
	MASK(lo->flags);
	MASK(lo->gflags);
	MASK(lo->priv_flags);
	NUMBER(lo->lltx);
	NUMBER(lo->netmem_tx);
	NUMBER(lo->netns_immutable);
	NUMBER(lo->see_all_hwtstamp_requests);
	NUMBER(lo->change_proto_down);
	NUMBER(lo->fcoe_mtu);
	NUMBER(lo->mtu);
	NUMBER(lo->min_mtu);
	NUMBER(lo->max_mtu);
	NUMBER(lo->type);
	NUMBER(lo->hard_header_len);
	NUMBER(lo->min_header_len);
	NUMBER(lo->addr_len);
	NUMBER(lo->needed_headroom);
	NUMBER(lo->needed_tailroom);
	NUMBER(lo->upper_level);
	NUMBER(lo->lower_level);
	NUMBER(lo->neigh_priv_len);
	NUMBER(lo->priv_len);
	NUMBER(lo->dev_id);
	NUMBER(lo->dev_port);
	NUMBER(lo->if_port);
	NUMBER(lo->dma);
	NUMBER(lo->irq);
	NUMBER(lo->mem_start);
	NUMBER(lo->mem_end);
	NUMBER(lo->base_addr);
	NUMBER(lo->gso_max_size);
	NUMBER(lo->gso_max_segs);
	NUMBER(lo->gso_ipv4_max_size);
	NUMBER(lo->gro_max_size);
	NUMBER(lo->gro_ipv4_max_size);
	NUMBER(lo->tso_max_size);
	NUMBER(lo->tso_max_segs);
	NUMBER(lo->xdp_zc_max_segs);
	NUMBER(lo->max_pacing_offload_horizon);
	MASK(lo->features);
	MASK(lo->hw_features);
	MASK(lo->wanted_features);
	MASK(lo->vlan_features);
	MASK(lo->hw_enc_features);
	MASK(lo->mpls_features);
	MASK(lo->mangleid_features);
	MASK(lo->gso_partial_features);
}

/* What gen_lo_setup() of drivers/net/loopback.c sets, and what register_netdevice() makes of it. */
static void c_values(struct seq_file *seq)
{
	const netdev_features_t hw_set = NETIF_F_GSO_SOFTWARE;
	const netdev_features_t set = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_GSO_SOFTWARE |
		NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_SCTP_CRC | NETIF_F_HIGHDMA |
		NETIF_F_VLAN_CHALLENGED | NETIF_F_LOOPBACK;
	const netdev_features_t features = set | NETIF_F_SOFT_FEATURES;
	const netdev_features_t changeable =
		hw_set | NETIF_F_SOFT_FEATURES | NETIF_F_SOFT_FEATURES_OFF;

	C(flags, IFF_LOOPBACK);
	C(flags_up, IFF_LOOPBACK | IFF_UP);
	C(priv_flags, IFF_LIVE_ADDR_CHANGE | IFF_NO_QUEUE);
	C(features, features);
	C(hw_features, changeable | NETIF_F_TSO_MANGLEID);
	C(wanted_features, features & changeable);
	C(vlan_features, NETIF_F_HIGHDMA);
	C(hw_enc_features, NETIF_F_SG | NETIF_F_GSO_PARTIAL);
	C(mpls_features, NETIF_F_SG);
	C(mangleid_features, NETIF_F_TSO_MANGLEID);
}

/* Where a table is: it goes with the module that it is in. */
static void place(struct seq_file *seq, const char *what, const void *table)
{
	unsigned long address = (unsigned long)table;
	bool module = address >= MODULES_VADDR && address < MODULES_END;

	seq_printf(seq, "%s %s\n", what, module ? "module" : "kernel");
}

/* A member of a table that may be there. */
struct member {
	const char *name;
	size_t offset;
};

#define MEMBER(type, name) { #name, offsetof(struct type, name) }

static const struct member net_device_ops_members[] = {
	MEMBER(net_device_ops, ndo_init),
	MEMBER(net_device_ops, ndo_start_xmit),
	MEMBER(net_device_ops, ndo_get_stats64),
	MEMBER(net_device_ops, ndo_set_mac_address),
	{}
};

static const struct member ethtool_ops_members[] = {
	MEMBER(ethtool_ops, get_link),
	MEMBER(ethtool_ops, get_ts_info),
	{}
};

/* Prints those of a table's words that are not zero: by the name of the member, if it has one. */
static void table(struct seq_file *seq, const char *what, const void *words, size_t size,
		  const struct member *members)
{
	const unsigned long *word = words;
	size_t i;

	for (i = 0; i < size / sizeof(*word); i++) {
		const struct member *member = members;

		if (!word[i])
			continue;
		while (member->name && member->offset != i * sizeof(*word))
			member++;
		if (member->name)
			seq_printf(seq, "%s.%s %pS\n", what, member->name, (void *)word[i]);
		else
			seq_printf(seq, "%s[%zu] %pS\n", what, i, (void *)word[i]);
	}
}

/* The driver's own: tables of functions, of which nothing but this may be there. */
static void operations(struct seq_file *seq, const struct net_device *lo)
{
	LEADS(lo->header_ops, &eth_header_ops);
	place(seq, "netdev_ops", lo->netdev_ops);
	table(seq, "netdev_ops", lo->netdev_ops, sizeof(*lo->netdev_ops), net_device_ops_members);
	place(seq, "ethtool_ops", lo->ethtool_ops);
	table(seq, "ethtool_ops", lo->ethtool_ops, sizeof(*lo->ethtool_ops), ethtool_ops_members);
	seq_printf(seq, "priv_destructor %pS\n", lo->priv_destructor);
}

static int lo_structure_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_single_net(seq);
	struct net_device *lo;

	rtnl_lock();
	lo = __dev_get_by_index(net, LOOPBACK_IFINDEX);
	if (lo) {
		membership(seq, net, lo);
		lists(seq, lo);
		ptypes(seq, net, lo);
		addresses(seq, lo);
		tx(seq, lo);
		rx(seq, lo);
		protocols(seq, lo);
		device(seq, net, lo);
		statistics(seq, lo);
		life(seq, lo);
		values(seq, lo);
		c_values(seq);
		operations(seq, lo);
	}
	rtnl_unlock();
	return 0;
}

static int __net_init lo_structure_net_init(struct net *net)
{
	if (!proc_create_net_single("lo_structure", 0444, net->proc_net, lo_structure_show, NULL))
		return -ENOMEM;
	return 0;
}

static void __net_exit lo_structure_net_exit(struct net *net)
{
	remove_proc_entry("lo_structure", net->proc_net);
}

static struct pernet_operations lo_structure_net_ops = {
	.init = lo_structure_net_init,
	.exit = lo_structure_net_exit,
};

static int __init lo_structure_init(void)
{
	int error = register_pernet_subsys(&lo_structure_net_ops);
	size_t i;

	for (i = 0; !error && i < ARRAY_SIZE(neighbours); i++)
		dev_add_pack(&neighbours[i]);
	return error;
}
module_init(lo_structure_init);

static void __exit lo_structure_exit(void)
{
	size_t i;

	unregister_pernet_subsys(&lo_structure_net_ops);
	for (i = 0; i < ARRAY_SIZE(neighbours); i++)
		dev_remove_pack(&neighbours[i]);
}
module_exit(lo_structure_exit);

MODULE_DESCRIPTION("Follows the pointers of lo");
MODULE_LICENSE("GPL");
