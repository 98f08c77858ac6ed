/* How many threads this process may use. */
#ifndef CLOISTER_THREADS_H
#define CLOISTER_THREADS_H

/*
 * The smaller of the CPU quota, rounded up, and the CPUs that this process may run on; at least 1. llama-server counts
 * the host's cores instead and slows down many times over when the quota is below that.
 * The quota is that of the cgroup mounted at `cgroup_root`, which inside a container is the container's own:
 * version 2 cpu.max, version 1 cpu.cfs_quota_us and cpu.cfs_period_us. Files that are missing or hold anything else
 * mean no quota.
 */
int usable_threads(const char *cgroup_root);

#endif
