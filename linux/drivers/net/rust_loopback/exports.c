// SPDX-License-Identifier: GPL-2.0
/*
 * What modules have from drivers/net/loopback.c, here defined in Rust:
 * which cannot export it.
 */

#include <linux/export.h>
#include <linux/netdevice.h>

EXPORT_SYMBOL(blackhole_netdev);
EXPORT_SYMBOL(dev_lstats_read);
