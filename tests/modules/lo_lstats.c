// SPDX-License-Identifier: GPL-2.0
/*
 * Says what each CPU has counted on a namespace's lo: /proc/net/lo_lstats has
 * a line for each possible CPU, with its number, packets and bytes.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/proc_fs.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

static int lo_lstats_show(struct seq_file *seq, void *v)
{
	struct net_device *lo;
	int cpu;

	rtnl_lock();
	lo = seq_file_single_net(seq)->loopback_dev;
	/* What stands in for a lo that is not there counts nothing. */
	if (!lo || lo->pcpu_stat_type != NETDEV_PCPU_STAT_LSTATS)
		goto out;

	for_each_possible_cpu(cpu) {
		const struct pcpu_lstats *lstats = per_cpu_ptr(lo->lstats, cpu);

		/* Whoever asks has seen to it that nothing is being counted. */
		seq_printf(seq, "%d %llu %llu\n", cpu, u64_stats_read(&lstats->packets),
			   u64_stats_read(&lstats->bytes));
	}
out:
	rtnl_unlock();
	return 0;
}

static int __net_init lo_lstats_net_init(struct net *net)
{
	if (!proc_create_net_single("lo_lstats", 0444, net->proc_net, lo_lstats_show, NULL))
		return -ENOMEM;
	return 0;
}

static void __net_exit lo_lstats_net_exit(struct net *net)
{
	remove_proc_entry("lo_lstats", net->proc_net);
}

static struct pernet_operations lo_lstats_net_ops = {
	.init = lo_lstats_net_init,
	.exit = lo_lstats_net_exit,
};

static int __init lo_lstats_init(void)
{
	return register_pernet_subsys(&lo_lstats_net_ops);
}
module_init(lo_lstats_init);

static void __exit lo_lstats_exit(void)
{
	unregister_pernet_subsys(&lo_lstats_net_ops);
}
module_exit(lo_lstats_exit);

MODULE_DESCRIPTION("Says what each CPU has counted on lo");
MODULE_LICENSE("GPL");
