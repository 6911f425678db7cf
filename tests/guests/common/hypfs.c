/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hypfs_op: what the control domain sees and may change, hostile paths and buffers; other domains may do nothing. */
#include "guest.h"
#include <xen/hypfs.h>

#define hypfs_op(cmd, path, length, buf, size) \
    hc5(__HYPERVISOR_hypfs_op, cmd, hc_a(path), hc_a(length), hc_a(buf), hc_a(size))

static char path[2 * XEN_HYPFS_MAX_PATHLEN];
static u8 buf[2 * PAGE_SIZE];
static struct xen_hypfs_direntry *const entry = (void *)buf;

static unsigned long set_path(const char *name)
{
    unsigned long n = strlen(name) + 1;

    memcpy(path, name, n);
    return n;
}
static long get(const char *name)
{
    unsigned long n = set_path(name);

    return hypfs_op(XEN_HYPFS_OP_read, path, n, buf, sizeof(buf));
}
static long put(const char *name, const char *value, unsigned long size)
{
    unsigned long n = set_path(name);

    memcpy(buf, value, size);
    return hypfs_op(XEN_HYPFS_OP_write_contents, path, n, buf, size);
}
static const char *contents(void)
{
    return (const char *)(entry + 1);
}
/* Is there an entry of this name in the listing that was read last? */
static bool listed(const char *name)
{
    struct xen_hypfs_dirlistentry *e = (void *)(entry + 1);

    for (u32 at = 0; at < entry->content_len; at += e->off_next, e = (void *)((u8 *)e + e->off_next)) {
        if (strncmp(e->name, name, 64) == 0) {
            return true;
        }
        if (e->off_next == 0) {
            break;
        }
    }
    return false;
}

TEST(version)
{
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), g.dom0 ? 1 : -XEN_EPERM);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_get_version, 1, 0, 0, 0), g.dom0 ? -XEN_EINVAL : -XEN_EPERM);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_get_version, 0, 0, 0, 1), g.dom0 ? -XEN_EINVAL : -XEN_EPERM);
    CHECK_EQ(hypfs_op(77, 0, 0, 0, 0), g.dom0 ? -XEN_EINVAL : -XEN_EPERM);
}
TEST(control_domain_only)
{
    if (g.dom0) {
        SKIP("this is it");
    }
    CHECK_EQ(get("/"), -XEN_EPERM);
    CHECK_EQ(get("/params/loglvl"), -XEN_EPERM);
    CHECK_EQ(put("/params/loglvl", "all", 4), -XEN_EPERM);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, NOWHERE, 10, NOWHERE, 100), -XEN_EPERM);
}
TEST(tree)
{
    if (!g.dom0) {
        SKIP("for the control domain");
    }
    CHECK_EQ(get("/"), 0);
    CHECK_EQ(entry->type, XEN_HYPFS_TYPE_DIR);
    CHECK(listed("buildinfo") && listed("cpupool") && listed("params") && !listed("param"));
    CHECK_EQ(get("/params"), 0);
    CHECK(listed("loglvl") && listed("guest_loglvl") && listed("console_timestamps"));
    CHECK(listed("gnttab_max_frames") && listed("gnttab_max_maptrack_frames"));
    CHECK_EQ(get("/buildinfo/version/major"), 0);
    CHECK_EQ(entry->type, XEN_HYPFS_TYPE_UINT);
    CHECK_EQ(entry->content_len, 4);
    CHECK_EQ(*(const u32 *)contents(), 4);
    CHECK_EQ(get("/cpupool/0/sched-gran"), 0);
    CHECK_EQ(strncmp(contents(), "cpu", 4), 0);
}
TEST(paths)
{
    static const char *const absent[] = {"//",
                                         "/params//loglvl",
                                         "/params/loglvl/",
                                         "/params/loglvl/x",
                                         "/params/log",
                                         "/params/loglvlx",
                                         "/../params",
                                         "/cpupool/0x0",
                                         "/cpupool/4294967296",
                                         "/cpupool/1"};

    if (!g.dom0) {
        SKIP("for the control domain");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        CHECK_EQ(get(absent[i]), -XEN_ENOENT);
        CHECK_EQ(put(absent[i], "all", 4), -XEN_ENOENT);
    }
    CHECK_EQ(get("params"), -XEN_EINVAL);
    CHECK_EQ(get(""), -XEN_EINVAL);
    set_path("/params");
    for (unsigned long n = 0; n < 20; n++) {
        CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, path, n, buf, sizeof(buf)), n == 8 ? 0 : -XEN_EINVAL);
    }
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, path, XEN_HYPFS_MAX_PATHLEN + 1, buf, 100), -XEN_EINVAL);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, path, ~0UL, buf, 100), -XEN_EINVAL);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, NOWHERE, 8, buf, 100), -XEN_EFAULT);
}
TEST(buffers)
{
    u32 need;

    if (!g.dom0) {
        SKIP("for the control domain");
    }
    CHECK_EQ(get("/params"), 0);
    need = sizeof(*entry) + entry->content_len;
    CHECK(need < sizeof(buf));
    for (u32 size = 0; size <= need; size++) {
        memset(buf, 0xa5, sizeof(buf));
        CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, path, 8, buf, size), size < sizeof(*entry) ? -XEN_EINVAL
                                                                  : size < need         ? -XEN_ENOBUFS
                                                                                        : 0);
        CHECK_EQ(buf[size], 0xa5);
        CHECK(size < sizeof(*entry) || entry->content_len == need - sizeof(*entry));
    }
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, path, 8, NOWHERE, sizeof(buf)), -XEN_EFAULT);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_read, path, 8, 0, 0), -XEN_EINVAL);
}
TEST(refused)
{
    if (!g.dom0) {
        SKIP("for the control domain");
    }
    CHECK_EQ(put("/params/loglvl", "loud", 5), -XEN_EINVAL);
    CHECK_EQ(put("/params/loglvl", "all", 3), -XEN_EDOM);
    CHECK_EQ(put("/params/loglvl", "all\0", 5), -XEN_EDOM);
    CHECK_EQ(put("/params/loglvl", "", 0), -XEN_EDOM);
    CHECK_EQ(put("/params/loglvl", "", PAGE_SIZE), -XEN_ENOSPC);
    CHECK_EQ(put("/params", "all", 4), -XEN_EACCES);
    CHECK_EQ(put("/buildinfo/changeset", "all", 4), -XEN_EACCES);
    CHECK_EQ(put("/buildinfo/version/major", "all", 4), -XEN_EACCES);
    CHECK_EQ(put("/params/gnttab_max_frames", "-1", 3), -XEN_EINVAL);
    CHECK_EQ(put("/params/gnttab_max_frames", "many", 5), -XEN_EINVAL);
    CHECK_EQ(put("/cpupool/0/sched-gran", "cpu", 4), -XEN_EBUSY);
    CHECK_EQ(put("/cpupool/0/sched-gran", "core", 5), -XEN_EBUSY);
    CHECK_EQ(put("/cpupool/0/sched-gran", "board", 6), -XEN_EINVAL);
    set_path("/params/loglvl");
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_write_contents, path, 15, buf, ~0UL), -XEN_ENOSPC);
    CHECK_EQ(hypfs_op(XEN_HYPFS_OP_write_contents, path, 15, NOWHERE, 4), -XEN_EFAULT);
}
TEST(changes)
{
    static const char *const timestamps[] = {"boot", "date", "datems", "none"};

    if (!g.dom0) {
        SKIP("for the control domain");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(timestamps); i++) {
        CHECK_EQ(put("/params/console_timestamps", timestamps[i], strlen(timestamps[i]) + 1), 0);
        CHECK_EQ(get("/params/console_timestamps"), 0);
        CHECK_EQ(strncmp(contents(), timestamps[i], 16), 0);
        CHECK_EQ(entry->content_len, strlen(timestamps[i]) + 1);
    }
    CHECK_EQ(put("/params/loglvl", "error/all", 10), 0);
    CHECK_EQ(get("/params/loglvl"), 0);
    CHECK_EQ(strncmp(contents(), "error/all", 16), 0);
    CHECK_EQ(put("/params/loglvl", "all", 4), 0);
    CHECK_EQ(get("/params/loglvl"), 0);
    CHECK_EQ(strncmp(contents(), "all/all", 16), 0);
    CHECK_EQ(put("/params/gnttab_max_frames", "0x20", 5), 0);
    CHECK_EQ(get("/params/gnttab_max_frames"), 0);
    CHECK_EQ(strncmp(contents(), "32", 16), 0);
}
