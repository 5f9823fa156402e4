// SPDX-License-Identifier: GPL-2.0

#include <linux/u64_stats_sync.h>

__rust_helper unsigned int
rust_helper_u64_stats_fetch_begin(const struct u64_stats_sync *syncp)
{
	return u64_stats_fetch_begin(syncp);
}

__rust_helper bool rust_helper_u64_stats_fetch_retry(const struct u64_stats_sync *syncp,
						     unsigned int start)
{
	return u64_stats_fetch_retry(syncp, start);
}

__rust_helper u64 rust_helper_u64_stats_read(const u64_stats_t *p)
{
	return u64_stats_read(p);
}
