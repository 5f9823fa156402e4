// SPDX-License-Identifier: GPL-2.0
/*
 * Says who provides a namespace's lo: /proc/net/lo_witness.
 *
 * It reads the C structures only, so that what it says does not rest on the
 * code under test.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <net/if_inet6.h>
#include <net/ip6_fib.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

/*
 * A namespace is one of these until all its devices are gone: these operations
 * are undone after theirs.
 */
struct lo_witness_net {
	struct list_head list;
	const struct net *net;
};

static unsigned int lo_witness_net_id;
static DEFINE_SPINLOCK(lo_witness_lock);
static LIST_HEAD(lo_witness_nets);

/* Names @what if it does not lead to @dev. */
static bool lo_witness_leads(struct seq_file *seq, const char *what,
			     const struct net_device *to, const struct net_device *dev)
{
	if (to != dev)
		seq_printf(seq, "ipv6 %s leads to %s\n", what, to ? to->name : "(none)");
	return to == dev;
}

/* In init_net upstream leaves the idev out: it is not there yet when IPv6 starts. */
static bool lo_witness_route(struct seq_file *seq, const char *what,
			     const struct rt6_info *rt, const struct net_device *dev)
{
	const struct inet6_dev *idev = rt->rt6i_idev;

	return lo_witness_leads(seq, what, rt->dst.dev, dev) &&
	       lo_witness_leads(seq, what, idev ? idev->dev : dev, dev);
}

/* Says whether IPv6's special entries lead to @dev, each of their pointers. */
static void lo_witness_ipv6(struct seq_file *seq, const struct netns_ipv6 *ipv6,
			    const struct net_device *dev)
{
	if (lo_witness_leads(seq, "fib6_null_entry", ipv6->fib6_null_entry->fib6_nh->fib_nh_dev,
			     dev) &&
#ifdef CONFIG_IPV6_MULTIPLE_TABLES
	    lo_witness_route(seq, "ip6_prohibit_entry", ipv6->ip6_prohibit_entry, dev) &&
	    lo_witness_route(seq, "ip6_blk_hole_entry", ipv6->ip6_blk_hole_entry, dev) &&
#endif
	    lo_witness_route(seq, "ip6_null_entry", ipv6->ip6_null_entry, dev))
		seq_puts(seq, "ipv6 here\n");
}

static void lo_witness_namespaces(struct seq_file *seq)
{
	const struct lo_witness_net *each;

	seq_puts(seq, "namespaces");
	spin_lock(&lo_witness_lock);
	list_for_each_entry(each, &lo_witness_nets, list)
		seq_printf(seq, " %u", each->net->ns.inum);
	spin_unlock(&lo_witness_lock);
	seq_putc(seq, '\n');
}

static int lo_witness_show(struct seq_file *seq, void *v)
{
	struct net *net = seq_file_single_net(seq);
	struct net_device *lo, *first;

	rtnl_lock();
	lo = net->loopback_dev;
	if (!lo) {
		seq_puts(seq, "name (none)\n");
		goto out;
	}

	first = list_first_entry_or_null(&net->dev_base_head, struct net_device, dev_list);
	seq_printf(seq, "name %s\n", lo->name);
	seq_printf(seq, "ifindex %d\n", lo->ifindex);
	seq_printf(seq, "first %s\n", first == lo ? "yes" : "no");
	seq_printf(seq, "xmit %pS\n", lo->netdev_ops->ndo_start_xmit);
	seq_printf(seq, "destructor %pS\n", lo->priv_destructor);
	lo_witness_namespaces(seq);
	seq_printf(seq, "net %s\n", dev_net(lo) == net ? "own" : "other");
	lo_witness_ipv6(seq, &net->ipv6, lo);
out:
	rtnl_unlock();
	return 0;
}

static int __net_init lo_witness_net_init(struct net *net)
{
	struct lo_witness_net *this = net_generic(net, lo_witness_net_id);

	if (!proc_create_net_single("lo_witness", 0444, net->proc_net, lo_witness_show, NULL))
		return -ENOMEM;
	this->net = net;
	spin_lock(&lo_witness_lock);
	list_add_tail(&this->list, &lo_witness_nets);
	spin_unlock(&lo_witness_lock);
	return 0;
}

static void __net_exit lo_witness_net_exit(struct net *net)
{
	struct lo_witness_net *this = net_generic(net, lo_witness_net_id);

	remove_proc_entry("lo_witness", net->proc_net);
	spin_lock(&lo_witness_lock);
	list_del(&this->list);
	spin_unlock(&lo_witness_lock);
}

static struct pernet_operations lo_witness_net_ops = {
	.init = lo_witness_net_init,
	.exit = lo_witness_net_exit,
	.id = &lo_witness_net_id,
	.size = sizeof(struct lo_witness_net),
};

static int __init lo_witness_init(void)
{
	return register_pernet_subsys(&lo_witness_net_ops);
}
module_init(lo_witness_init);

static void __exit lo_witness_exit(void)
{
	unregister_pernet_subsys(&lo_witness_net_ops);
}
module_exit(lo_witness_exit);

MODULE_DESCRIPTION("Says who provides lo");
MODULE_LICENSE("GPL");
