// SPDX-License-Identifier: GPL-2.0

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

__rust_helper void rust_helper_netif_keep_dst(struct net_device *dev)
{
	netif_keep_dst(dev);
}

__rust_helper void rust_helper_dev_lstats_add(struct net_device *dev, unsigned int len)
{
	dev_lstats_add(dev, len);
}

/* The lock classes are one set for each crate that this is inlined into. */
__rust_helper void rust_helper_netdev_lockdep_set_classes(struct net_device *dev)
{
	netdev_lockdep_set_classes(dev);
}

#endif
