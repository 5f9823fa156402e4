// SPDX-License-Identifier: GPL-2.0
/*
 * Writes down what happens to network namespaces, to their devices and to the
 * driver's module, in order: /sys/kernel/debug/lo_listener/events.
 *
 * As all who hear of a device it may object. It does so if told to, once:
 * /sys/kernel/debug/lo_listener/refuse. After an event it may let one of the
 * next allocations of the same task fail: /sys/kernel/debug/lo_listener/fail.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#define LO_LISTENER_EVENTS 1024

struct lo_listener_event {
	const char *what;
	char name[IFNAMSIZ];
	int ifindex;
	unsigned int inum;
	unsigned int fail_nth;
};

static DEFINE_SPINLOCK(lo_listener_lock);
static struct lo_listener_event lo_listener_events[LO_LISTENER_EVENTS];
static size_t lo_listener_count, lo_listener_lost;

static struct {
	char what[32];
	unsigned int after;
	int error;
} lo_listener_refusal;

static struct {
	char what[32];
	unsigned int nth;
} lo_listener_failure;

/* Lets the nth allocation from now on fail, if this is where it was told to count from. */
static void lo_listener_fail(const char *what)
{
	if (!lo_listener_failure.nth || strcmp(lo_listener_failure.what, what))
		return;
	WRITE_ONCE(current->fail_nth, lo_listener_failure.nth);
	lo_listener_failure.nth = 0;
}

/* How many more allocations of this task it takes until one fails says where that happens. */
static void lo_listener_add(const char *what, const char *name, int ifindex, const struct net *net)
{
	struct lo_listener_event *event;

	spin_lock(&lo_listener_lock);
	lo_listener_fail(what);
	if (lo_listener_count == LO_LISTENER_EVENTS) {
		lo_listener_lost++;
		goto unlock;
	}
	event = &lo_listener_events[lo_listener_count++];
	event->what = what;
	strscpy(event->name, name);
	event->ifindex = ifindex;
	event->inum = net ? net->ns.inum : 0;
	event->fail_nth = READ_ONCE(current->fail_nth);
unlock:
	spin_unlock(&lo_listener_lock);
}

/* The error to object with. */
static int lo_listener_objection(const char *what, const struct net_device *dev)
{
	int error = 0;

	spin_lock(&lo_listener_lock);
	if (lo_listener_refusal.after && !strcmp(lo_listener_refusal.what, what) &&
	    !strcmp(dev->name, "lo") && !--lo_listener_refusal.after)
		error = -lo_listener_refusal.error;
	spin_unlock(&lo_listener_lock);
	return error;
}

static int lo_listener_device(struct notifier_block *nb, unsigned long event, void *info)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(info);
	const char *what = netdev_cmd_to_name(event);

	lo_listener_add(what, dev->name, dev->ifindex, dev_net(dev));
	return notifier_from_errno(lo_listener_objection(what, dev));
}

static struct notifier_block lo_listener_device_nb = {
	.notifier_call = lo_listener_device,
};

static int lo_listener_module(struct notifier_block *nb, unsigned long state, void *data)
{
	static const char *const states[] = {
		[MODULE_STATE_LIVE] = "MODULE_LIVE",
		[MODULE_STATE_COMING] = "MODULE_COMING",
		[MODULE_STATE_GOING] = "MODULE_GOING",
	};
	const struct module *module = data;

	if (!strcmp(module->name, "rust_loopback") && state < ARRAY_SIZE(states))
		lo_listener_add(states[state], "-", 0, NULL);
	return NOTIFY_DONE;
}

static struct notifier_block lo_listener_module_nb = {
	.notifier_call = lo_listener_module,
};

/* The namespace's loopback device, in the place of a device. */
static void lo_listener_namespace(const char *what, const struct net *net)
{
	const struct net_device *lo = net->loopback_dev;

	lo_listener_add(what, lo ? lo->name : "-", 0, net);
}

/* The last of the subsystems comes just before the first of the devices, which is lo. */
static int __net_init lo_listener_subsys_init(struct net *net)
{
	lo_listener_namespace("SUBSYS_INIT", net);
	return 0;
}

static void __net_exit lo_listener_subsys_exit(struct net *net)
{
	lo_listener_namespace("SUBSYS_EXIT", net);
}

static struct pernet_operations lo_listener_subsys = {
	.init = lo_listener_subsys_init,
	.exit = lo_listener_subsys_exit,
};

/* This comes after all other devices. */
static int __net_init lo_listener_devices_init(struct net *net)
{
	lo_listener_namespace("DEVICES_INIT", net);
	return 0;
}

static void __net_exit lo_listener_devices_exit(struct net *net)
{
	lo_listener_namespace("DEVICES_EXIT", net);
}

static struct pernet_operations lo_listener_devices = {
	.init = lo_listener_devices_init,
	.exit = lo_listener_devices_exit,
};

static int lo_listener_events_show(struct seq_file *seq, void *v)
{
	size_t i;

	spin_lock(&lo_listener_lock);
	for (i = 0; i < lo_listener_count; i++) {
		const struct lo_listener_event *event = &lo_listener_events[i];

		seq_printf(seq, "%s %s %d %u %u\n", event->what, event->name, event->ifindex,
			   event->inum, event->fail_nth);
	}
	if (lo_listener_lost)
		seq_printf(seq, "LOST - %zu 0 0\n", lo_listener_lost);
	spin_unlock(&lo_listener_lock);
	return 0;
}

static int lo_listener_events_open(struct inode *inode, struct file *file)
{
	return single_open(file, lo_listener_events_show, NULL);
}

/* Forgets them, whatever is written. */
static ssize_t lo_listener_events_write(struct file *file, const char __user *buffer, size_t len,
					loff_t *offset)
{
	spin_lock(&lo_listener_lock);
	lo_listener_count = 0;
	lo_listener_lost = 0;
	spin_unlock(&lo_listener_lock);
	return len;
}

static const struct file_operations lo_listener_events_fops = {
	.owner = THIS_MODULE,
	.open = lo_listener_events_open,
	.read = seq_read,
	.write = lo_listener_events_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int lo_listener_refuse_show(struct seq_file *seq, void *v)
{
	spin_lock(&lo_listener_lock);
	seq_printf(seq, "%u\n", lo_listener_refusal.after);
	spin_unlock(&lo_listener_lock);
	return 0;
}

static int lo_listener_refuse_open(struct inode *inode, struct file *file)
{
	return single_open(file, lo_listener_refuse_show, NULL);
}

/* Which event of a lo, the how manieth of them, with which error: "NETDEV_REGISTER 2 18". */
static ssize_t lo_listener_refuse_write(struct file *file, const char __user *buffer, size_t len,
					loff_t *offset)
{
	char line[64] = "", what[32];
	unsigned int after;
	int error;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buffer, len))
		return -EFAULT;
	if (sscanf(line, "%31s %u %d", what, &after, &error) != 3 || error < 0 ||
	    error > MAX_ERRNO)
		return -EINVAL;
	spin_lock(&lo_listener_lock);
	strscpy(lo_listener_refusal.what, what);
	lo_listener_refusal.after = after;
	lo_listener_refusal.error = error;
	spin_unlock(&lo_listener_lock);
	return len;
}

static const struct file_operations lo_listener_refuse_fops = {
	.owner = THIS_MODULE,
	.open = lo_listener_refuse_open,
	.read = seq_read,
	.write = lo_listener_refuse_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* After which event, and the how manieth allocation: "SUBSYS_INIT 3". */
static ssize_t lo_listener_fail_write(struct file *file, const char __user *buffer, size_t len,
				      loff_t *offset)
{
	char line[64] = "", what[32];
	unsigned int nth;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buffer, len))
		return -EFAULT;
	if (sscanf(line, "%31s %u", what, &nth) != 2)
		return -EINVAL;
	spin_lock(&lo_listener_lock);
	strscpy(lo_listener_failure.what, what);
	lo_listener_failure.nth = nth;
	spin_unlock(&lo_listener_lock);
	return len;
}

static const struct file_operations lo_listener_fail_fops = {
	.owner = THIS_MODULE,
	.write = lo_listener_fail_write,
};

static int __init lo_listener_init(void)
{
	struct dentry *directory;
	int error;

	error = register_pernet_subsys(&lo_listener_subsys);
	if (error)
		return error;
	error = register_pernet_device(&lo_listener_devices);
	if (error)
		goto unregister_subsys;
	error = register_netdevice_notifier(&lo_listener_device_nb);
	if (error)
		goto unregister_devices;
	error = register_module_notifier(&lo_listener_module_nb);
	if (error)
		goto unregister_notifier;
	directory = debugfs_create_dir("lo_listener", NULL);
	debugfs_create_file("events", 0600, directory, NULL, &lo_listener_events_fops);
	debugfs_create_file("fail", 0200, directory, NULL, &lo_listener_fail_fops);
	debugfs_create_file("refuse", 0600, directory, NULL, &lo_listener_refuse_fops);
	return 0;

unregister_notifier:
	unregister_netdevice_notifier(&lo_listener_device_nb);
unregister_devices:
	unregister_pernet_device(&lo_listener_devices);
unregister_subsys:
	unregister_pernet_subsys(&lo_listener_subsys);
	return error;
}
module_init(lo_listener_init);

static void __exit lo_listener_exit(void)
{
	debugfs_lookup_and_remove("lo_listener", NULL);
	unregister_module_notifier(&lo_listener_module_nb);
	unregister_netdevice_notifier(&lo_listener_device_nb);
	unregister_pernet_device(&lo_listener_devices);
	unregister_pernet_subsys(&lo_listener_subsys);
}
module_exit(lo_listener_exit);

MODULE_DESCRIPTION("Listens to what happens to lo");
MODULE_LICENSE("GPL");
