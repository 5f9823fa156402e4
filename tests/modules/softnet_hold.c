// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps a CPU's backlog from being polled: /sys/kernel/debug/softnet_hold has
 * the CPU's number, or -1; /sys/kernel/debug/softnet_held a line for each
 * packet that is in that backlog.
 *
 * To the core it looks as if the poll had been scheduled and its softirq were
 * yet to come: packets queue up, and nothing takes them out but what also
 * takes them from a CPU that is too slow. So a test can know exactly how many
 * packets are there when a queue is full, its device goes or its CPU dies.
 *
 * Whatever is written to /sys/kernel/debug/softnet_begin lets the poll have
 * begun: what has come so far is with the poll, and what comes later waits.
 *
 * /sys/kernel/debug/softnet_output takes a CPU's number. The queueing
 * discipline of the writer's lo is then to be run by that CPU, as it is when
 * one of its packets has waited long enough, but the softirq that does so is
 * yet to come: until that CPU has something else to send, or dies.
 *
 * Whatever is written to /sys/kernel/debug/softnet_lend hands a packet to the
 * writer's lo whose route is only lent. The core never does: it makes such
 * routes the packet's own before. A driver that keeps a packet must not rely
 * on that.
 */
#include <linux/bottom_half.h>
#include <linux/debugfs.h>
#include <linux/etherdevice.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <net/net_namespace.h>
#include <net/route.h>
#include <net/sch_generic.h>

static DEFINE_MUTEX(softnet_hold_mutex);
static int softnet_held = -1;

static void softnet_hold_schedule(void *backlog)
{
	__napi_schedule_irqoff(backlog);
}

/* As enqueue_to_backlog() does it, but for the poll itself. */
static int softnet_hold(int cpu)
{
	struct softnet_data *sd;
	bool busy;

	if (cpu < 0 || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return -EINVAL;
	sd = &per_cpu(softnet_data, cpu);
	spin_lock_irq(&sd->input_pkt_queue.lock);
	busy = __test_and_set_bit(NAPI_STATE_SCHED, &sd->backlog.state);
	spin_unlock_irq(&sd->input_pkt_queue.lock);
	if (busy)
		return -EBUSY;
	softnet_held = cpu;
	return 0;
}

static void softnet_release(void)
{
	struct softnet_data *sd;

	if (softnet_held < 0)
		return;
	sd = &per_cpu(softnet_data, softnet_held);
	/* If that is this CPU, its softirq runs when bottom halves are on again. */
	local_bh_disable();
	if (smp_call_function_single(softnet_held, softnet_hold_schedule, &sd->backlog, true))
		/* A CPU that is gone has no packets left. */
		clear_bit(NAPI_STATE_SCHED, &sd->backlog.state);
	local_bh_enable();
	softnet_held = -1;
}

static int softnet_hold_get(void *data, u64 *val)
{
	*val = softnet_held;
	return 0;
}

static int softnet_hold_set(void *data, u64 val)
{
	int ret = 0;

	mutex_lock(&softnet_hold_mutex);
	softnet_release();
	if ((s64)val != -1)
		ret = softnet_hold(val);
	mutex_unlock(&softnet_hold_mutex);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(softnet_hold_fops, softnet_hold_get, softnet_hold_set, "%lld\n");

/*
 * As process_backlog() does it, on that CPU and with interrupts off; a hard
 * interrupt's handler must not take such a lock.
 */
static int softnet_begin(void *data)
{
	struct softnet_data *sd = data;

	spin_lock_irq(&sd->input_pkt_queue.lock);
	skb_queue_splice_tail_init(&sd->input_pkt_queue, &sd->process_queue);
	spin_unlock_irq(&sd->input_pkt_queue.lock);
	return 0;
}

static int softnet_begin_set(void *data, u64 val)
{
	int ret = -EINVAL;

	mutex_lock(&softnet_hold_mutex);
	if (softnet_held >= 0)
		ret = smp_call_on_cpu(softnet_held, softnet_begin,
				      &per_cpu(softnet_data, softnet_held), false);
	mutex_unlock(&softnet_hold_mutex);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(softnet_begin_fops, NULL, softnet_begin_set, "%llu\n");

static void softnet_output(void *qdisc)
{
	u32 pending = local_softirq_pending() & BIT(NET_TX_SOFTIRQ);

	__netif_schedule(qdisc);
	if (!pending)
		set_softirq_pending(local_softirq_pending() & ~BIT(NET_TX_SOFTIRQ));
}

static int softnet_output_set(void *data, u64 val)
{
	struct net_device *lo = current->nsproxy->net_ns->loopback_dev;
	struct Qdisc *qdisc;
	int ret;

	if (val >= nr_cpu_ids)
		return -EINVAL;
	rtnl_lock();
	qdisc = rtnl_dereference(netdev_get_tx_queue(lo, 0)->qdisc);
	/* Without a queue there is nothing that could wait. */
	if (qdisc->enqueue)
		ret = smp_call_function_single(val, softnet_output, qdisc, true);
	else
		ret = -ENOENT;
	rtnl_unlock();
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(softnet_output_fops, NULL, softnet_output_set, "%llu\n");

static int softnet_lend_set(void *data, u64 val)
{
	struct net *net = current->nsproxy->net_ns;
	struct net_device *lo = net->loopback_dev;
	struct rtable *rt;
	struct sk_buff *skb;

	rt = ip_route_output(net, htonl(INADDR_LOOPBACK), 0, 0, 0, RT_SCOPE_UNIVERSE);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	skb = alloc_skb(ETH_ZLEN, GFP_KERNEL);
	if (!skb) {
		ip_rt_put(rt);
		return -ENOMEM;
	}
	skb_put_zero(skb, ETH_ZLEN);
	skb_reset_mac_header(skb);
	/* Nobody receives this. */
	eth_hdr(skb)->h_proto = htons(ETH_P_802_EX1);
	skb->dev = lo;
	local_bh_disable();
	rcu_read_lock();
	skb_dst_set_noref(skb, &rt->dst);
	/* It has no lock of its own. */
	lo->netdev_ops->ndo_start_xmit(skb, lo);
	rcu_read_unlock();
	local_bh_enable();
	ip_rt_put(rt);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(softnet_lend_fops, NULL, softnet_lend_set, "%llu\n");

static const char *softnet_held_dst(const struct sk_buff *skb)
{
	if (!skb->_skb_refdst)
		return "none";
	return skb->_skb_refdst & SKB_DST_NOREF ? "borrowed" : "held";
}

static int softnet_held_show(struct seq_file *seq, void *v)
{
	struct softnet_data *sd;
	struct sk_buff *skb;

	mutex_lock(&softnet_hold_mutex);
	if (softnet_held < 0)
		goto out;
	sd = &per_cpu(softnet_data, softnet_held);
	spin_lock_irq(&sd->input_pkt_queue.lock);
	skb_queue_walk(&sd->input_pkt_queue, skb)
		seq_printf(seq, "dev %s protocol %04x type %d len %u mac %d socket %s dst %s tstamp %lld\n",
			   skb->dev->name, ntohs(skb->protocol), skb->pkt_type, skb->len,
			   -skb_mac_offset(skb), skb->sk ? "yes" : "no", softnet_held_dst(skb),
			   ktime_to_ns(skb->tstamp));
	spin_unlock_irq(&sd->input_pkt_queue.lock);
out:
	mutex_unlock(&softnet_hold_mutex);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(softnet_held);

static int __init softnet_hold_init(void)
{
	debugfs_create_file("softnet_held", 0400, NULL, NULL, &softnet_held_fops);
	debugfs_create_file("softnet_begin", 0200, NULL, NULL, &softnet_begin_fops);
	debugfs_create_file("softnet_output", 0200, NULL, NULL, &softnet_output_fops);
	debugfs_create_file("softnet_lend", 0200, NULL, NULL, &softnet_lend_fops);
	debugfs_create_file("softnet_hold", 0600, NULL, NULL, &softnet_hold_fops);
	return 0;
}
module_init(softnet_hold_init);

static void __exit softnet_hold_exit(void)
{
	debugfs_lookup_and_remove("softnet_held", NULL);
	debugfs_lookup_and_remove("softnet_begin", NULL);
	debugfs_lookup_and_remove("softnet_output", NULL);
	debugfs_lookup_and_remove("softnet_lend", NULL);
	debugfs_lookup_and_remove("softnet_hold", NULL);
	softnet_release();
}
module_exit(softnet_hold_exit);

MODULE_DESCRIPTION("Keeps a CPU's backlog from being polled");
MODULE_LICENSE("GPL");
