// SPDX-License-Identifier: GPL-2.0
/*
 * Goes wrong in the way it is told to, for the lab's tests of itself: a lab
 * that calls one of these boots good is broken.
 */
#include <kunit/test.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *kind = "none";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "none, nothing, insert, case, panic, hang, warn or leak");

static void lab_fault_first(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, true);
}

static void lab_fault_second(struct kunit *test)
{
	if (!strcmp(kind, "panic"))
		panic("lab_fault: in the middle of a suite");
	KUNIT_EXPECT_STRNEQ(test, kind, "case");
}

static void lab_fault_third(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, true);
}

static struct kunit_case lab_fault_cases[] = {
	KUNIT_CASE(lab_fault_first),
	KUNIT_CASE(lab_fault_second),
	KUNIT_CASE(lab_fault_third),
	{}
};

static struct kunit_suite lab_fault_suite = {
	.name = "lab_fault",
	.test_cases = lab_fault_cases,
};
kunit_test_suite(lab_fault_suite);

/* A pointer to one may be left behind on the stack; not to all of them. */
static void lab_fault_leak(void)
{
	for (int i = 0; i < 8; i++) {
		void *forgotten = kzalloc(64, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(forgotten);
	}
}

static int __init lab_fault_init(void)
{
	if (!strcmp(kind, "insert"))
		return -ENXIO;
	if (!strcmp(kind, "warn"))
		WARN(1, "lab_fault: as told\n");
	if (!strcmp(kind, "leak"))
		lab_fault_leak();
	if (!strcmp(kind, "hang"))
		for (;;)
			cpu_relax();
	return 0;
}
module_init(lab_fault_init);

static void __exit lab_fault_exit(void)
{
}
module_exit(lab_fault_exit);

MODULE_DESCRIPTION("Goes wrong as told");
MODULE_LICENSE("GPL");
