// SPDX-License-Identifier: GPL-2.0
/*
 * What Rust cannot say for itself: what modules may use of it, and when at
 * boot it is called. The functions and the variable are in rust_blackhole.rs.
 */

#include <linux/export.h>
#include <linux/init.h>
#include <linux/netdevice.h>

EXPORT_SYMBOL(blackhole_netdev);
EXPORT_SYMBOL(dev_lstats_read);

int rust_blackhole_netdev_init(void);
device_initcall(rust_blackhole_netdev_init);
