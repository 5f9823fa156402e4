// SPDX-License-Identifier: GPL-2.0
/*
 * Lets an allocation of per-CPU memory fail, which the kernel's own fault
 * injection leaves out: who writes "3" to /sys/kernel/debug/percpu_fail gets
 * no memory for its third one from then on.
 *
 * Who reads it learns how many more it would have taken, and who asked for
 * the one that failed: "0 alloc_netdev_mqs".
 */
#include <linux/debugfs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

/* Whose allocations are counted; only this task changes the others. */
static struct task_struct *percpu_fail_task;
static unsigned int percpu_fail_left;
static unsigned long percpu_fail_caller;

/* Whether the end of this allocation is of no interest. */
static int percpu_fail_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if (current != READ_ONCE(percpu_fail_task) || !percpu_fail_left)
		return 1;
	return --percpu_fail_left;
}

static int percpu_fail_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	percpu_fail_caller = get_kretprobe_retaddr(ri);
	free_percpu((void __percpu *)regs_return_value(regs));
	regs_set_return_value(regs, 0);
	return 0;
}

static struct kretprobe percpu_fail_probe = {
	.kp.symbol_name = "pcpu_alloc_noprof",
	.entry_handler = percpu_fail_entry,
	.handler = percpu_fail_return,
};

static ssize_t percpu_fail_write(struct file *file, const char __user *buffer, size_t len,
				 loff_t *offset)
{
	unsigned int nth;
	int error;

	error = kstrtouint_from_user(buffer, len, 10, &nth);
	if (error)
		return error;
	percpu_fail_left = nth;
	percpu_fail_caller = 0;
	WRITE_ONCE(percpu_fail_task, current);
	return len;
}

static int percpu_fail_show(struct seq_file *seq, void *v)
{
	seq_printf(seq, "%u ", percpu_fail_left);
	/* The call may be the last thing in its function. */
	if (percpu_fail_caller)
		seq_printf(seq, "%ps\n", (void *)(percpu_fail_caller - 1));
	else
		seq_puts(seq, "-\n");
	return 0;
}

static int percpu_fail_open(struct inode *inode, struct file *file)
{
	return single_open(file, percpu_fail_show, NULL);
}

static const struct file_operations percpu_fail_fops = {
	.owner = THIS_MODULE,
	.open = percpu_fail_open,
	.read = seq_read,
	.write = percpu_fail_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int __init percpu_fail_init(void)
{
	int error;

	error = register_kretprobe(&percpu_fail_probe);
	if (error)
		return error;
	debugfs_create_file("percpu_fail", 0600, NULL, NULL, &percpu_fail_fops);
	return 0;
}
module_init(percpu_fail_init);

static void __exit percpu_fail_exit(void)
{
	debugfs_lookup_and_remove("percpu_fail", NULL);
	unregister_kretprobe(&percpu_fail_probe);
}
module_exit(percpu_fail_exit);

MODULE_DESCRIPTION("Lets allocations of per-CPU memory fail");
MODULE_LICENSE("GPL");
