#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first line of a small file, without its line end. */
static bool read_line(const char *root, const char *name, char *line, size_t size)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", root, name) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool found = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

/* A whole number above zero that ends at `stop`; "max" and -1, the two ways to say "no limit", are none. */
static bool parse_microseconds(const char *text, char stop, long long *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == stop && *number > 0;
}

static int rounded_up(long long quota, long long period)
{
    long long cpus = quota / period + (quota % period != 0);
    return cpus > INT_MAX ? INT_MAX : (int)cpus;
}

static int quota_version_2(const char *root)
{
    char line[64];
    long long quota = 0;
    long long period = 0;
    if (!read_line(root, "cpu.max", line, sizeof line) || !parse_microseconds(line, ' ', &quota) ||
        !parse_microseconds(strchr(line, ' ') + 1, '\0', &period))
        return INT_MAX;
    return rounded_up(quota, period);
}

static int quota_version_1(const char *root, const char *controller)
{
    char quota_file[64];
    char period_file[64];
    char line[64];
    long long quota = 0;
    long long period = 0;
    snprintf(quota_file, sizeof quota_file, "%s/cpu.cfs_quota_us", controller);
    snprintf(period_file, sizeof period_file, "%s/cpu.cfs_period_us", controller);
    if (!read_line(root, quota_file, line, sizeof line) || !parse_microseconds(line, '\0', &quota) ||
        !read_line(root, period_file, line, sizeof line) || !parse_microseconds(line, '\0', &period))
        return INT_MAX;
    return rounded_up(quota, period);
}

/* CPUs in the affinity mask. The mask's size is the kernel's business: grow until it fits. */
static int allowed_cpus(void)
{
    for (int capacity = 1024; capacity <= 1 << 20; capacity *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)capacity);
        size_t size = CPU_ALLOC_SIZE((size_t)capacity);
        if (set == NULL)
            break;
        int failed = sched_getaffinity(0, size, set);
        int reason = errno;
        int cpus = failed == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (failed == 0)
            return cpus;
        if (reason != EINVAL)
            break;
    }
    return INT_MAX;
}

static int smaller(int left, int right)
{
    return left < right ? left : right;
}

int usable_threads(const char *cgroup_root)
{
    int threads = allowed_cpus();
    threads = smaller(threads, quota_version_2(cgroup_root));
    threads = smaller(threads, quota_version_1(cgroup_root, "cpu"));
    threads = smaller(threads, quota_version_1(cgroup_root, "cpu,cpuacct"));
    /* INT_MAX: the kernel told nothing at all. */
    return threads < 1 || threads == INT_MAX ? 1 : threads;
}
