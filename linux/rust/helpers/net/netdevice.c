// SPDX-License-Identifier: GPL-2.0

#include <linux/cpumask.h>
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <net/net_namespace.h>
#include <net/netdev_lock.h>

#ifdef CONFIG_NET

__rust_helper struct net *rust_helper_dev_net(const struct net_device *dev)
{
	return dev_net(dev);
}

__rust_helper void rust_helper_dev_net_set(struct net_device *dev, struct net *net)
{
	dev_net_set(dev, net);
}

/* bindgen's accessors take a bit field bit by bit. */
__rust_helper u32 rust_helper_netdev_get_priv_flags(const struct net_device *dev)
{
	return dev->priv_flags;
}

__rust_helper void rust_helper_netdev_set_priv_flags(struct net_device *dev, u32 flags)
{
	dev->priv_flags = flags;
}

__rust_helper void rust_helper_netif_keep_dst(struct net_device *dev)
{
	netif_keep_dst(dev);
}

__rust_helper void rust_helper_dev_lstats_add(struct net_device *dev, unsigned int len)
{
	dev_lstats_add(dev, len);
}

/* A step of for_each_possible_cpu(): whether there is such a CPU, from @cpu on. */
__rust_helper bool rust_helper_find_possible_cpu(unsigned int *cpu)
{
	*cpu = find_next_bit(cpumask_bits(cpu_possible_mask), small_cpumask_bits, *cpu);
	return *cpu < small_cpumask_bits;
}

__rust_helper const struct pcpu_lstats *
rust_helper_netdev_lstats_cpu_ptr(const struct net_device *dev, unsigned int cpu)
{
	return per_cpu_ptr(dev->lstats, cpu);
}

__rust_helper void rust_helper_eth_hw_addr_random(struct net_device *dev)
{
	eth_hw_addr_random(dev);
}

__rust_helper void rust_helper_netif_tx_stop_queue(struct netdev_queue *queue)
{
	netif_tx_stop_queue(queue);
}

__rust_helper bool rust_helper_netif_tx_queue_stopped(const struct netdev_queue *queue)
{
	return netif_tx_queue_stopped(queue);
}

/* The lock classes are one set for each crate that this is inlined into. */
__rust_helper void rust_helper_netdev_lockdep_set_classes(struct net_device *dev)
{
	netdev_lockdep_set_classes(dev);
}

#endif
