/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hypfs_op: the tree, every run-time parameter through it, pools, rights, and hostile arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/hypfs.h>
#include <base/log.h>
#include <core/hypercall/domctl_internal.h>
#include <core/param/param.h>

#define GUEST(p)      ((uint64_t)(uintptr_t)(p))
#define NOWHERE       8ul
#define CONTENTS_SIZE 4096u

static char *path_area; /* in guest memory */
static uint8_t *buffer; /* the same */
static struct xen_hypfs_direntry *entry;

static int start(void **state)
{
    fake_x86_start();
    path_area = (char *)fake_window;
    buffer = fake_window + 4096;
    entry = (struct xen_hypfs_direntry *)buffer;
    host_console_clear();
    host_set_now(port_now_ns() + SECONDS(60)); /* the limit on messages starts anew */
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static long op(uint64_t cmd, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    struct hypercall c = {.arg = {cmd, a1, a2, a3, a4}};
    long rc = do_hypfs_op(&c);

    assert_int_equal(lock_held_count(), 0);
    return rc;
}

static uint64_t put_path(const char *path)
{
    strlcpy(path_area, path, 4096);
    return strlen(path) + 1;
}

static long get(const char *path)
{
    return op(XEN_HYPFS_OP_read, GUEST(path_area), put_path(path), GUEST(buffer),
              sizeof(*entry) + CONTENTS_SIZE);
}

static const char *contents(void)
{
    return (const char *)(entry + 1);
}

static long put(const char *path, const void *bytes, size_t size)
{
    memcpy(buffer, bytes, size);
    return op(XEN_HYPFS_OP_write_contents, GUEST(path_area), put_path(path), GUEST(buffer), size);
}

static long put_text(const char *path, const char *text)
{
    return put(path, text, strlen(text) + 1);
}

/* Read @path's listing: the names, with a blank behind each. */
static void list(const char *path, char *names, size_t size)
{
    const struct xen_hypfs_dirlistentry *e = (const void *)(entry + 1);
    uint32_t left;

    assert_int_equal(get(path), 0);
    assert_int_equal(entry->type, XEN_HYPFS_TYPE_DIR);
    names[0] = 0;
    for (left = entry->content_len; left > 0; e = (const void *)((const char *)e + e->off_next)) {
        assert_true(e->off_next == 0 || (e->off_next < left && e->off_next % 4 == 0));
        assert_int_equal(e->e.pad, 0);
        strlcat(names, e->name, size);
        strlcat(names, " ", size);
        left -= e->off_next ? e->off_next : left;
    }
}

static void version(void **state)
{
    assert_int_equal(op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), 1);
    for (unsigned int i = 1; i < 5; i++) {
        assert_int_equal(op(XEN_HYPFS_OP_get_version, i == 1, i == 2, i == 3, i == 4), -XEN_EINVAL);
    }
    assert_int_equal(op(3, 0, 0, 0, 0), -XEN_EINVAL);
    assert_int_equal(op(1ull << 32, 0, 0, 0, 0), 1); /* the command has 32 bits */
    fake_dom0->is_control = false;
    assert_int_equal(op(XEN_HYPFS_OP_get_version, 0, 0, 0, 0), -XEN_EPERM);
    assert_int_equal(get("/"), -XEN_EPERM);
    assert_int_equal(put_text("/params/loglvl", "all"), -XEN_EPERM);
    fake_dom0->is_control = true;
}

static void tree(void **state)
{
    char names[512];

    list("/", names, sizeof(names));
    assert_string_equal(names, "buildinfo cpupool params ");
    list("/buildinfo", names, sizeof(names));
    assert_string_equal(names, "changeset compileinfo config version ");
    list("/buildinfo/compileinfo/", names, sizeof(names));
    assert_string_equal(names, "compile_by compile_date compile_domain compiler ");
    list("/buildinfo/version", names, sizeof(names));
    assert_string_equal(names, "extra major minor ");
    list("/cpupool", names, sizeof(names));
    assert_string_equal(names, "0 ");
    list("/cpupool/0", names, sizeof(names));
    assert_string_equal(names, "sched-gran ");
    assert_int_equal(get("/buildinfo/version/major"), 0);
    assert_int_equal(entry->type, XEN_HYPFS_TYPE_UINT);
    assert_int_equal(entry->content_len, 4);
    assert_int_equal(*(const uint32_t *)contents(), 4);
    assert_int_equal(entry->max_write_len, 0);
    build_config = "CONFIG_X=y\n";
    assert_int_equal(get("/buildinfo/config"), 0);
    assert_string_equal(contents(), "CONFIG_X=y\n");
    assert_int_equal(entry->content_len, 12);
}

static void paths(void **state)
{
    static const struct {
        const char *path;
        int error;
    } cases[] = {
        {"", XEN_EINVAL},
        {"params", XEN_EINVAL},
        {"//", XEN_ENOENT},
        {"/params//loglvl", XEN_ENOENT},
        {"/params/loglvl/", XEN_ENOENT},
        {"/params/loglvl/x", XEN_ENOENT},
        {"/params/log", XEN_ENOENT},
        {"/params/loglvlx", XEN_ENOENT},
        {"/params/x2apic", XEN_ENOENT}, /* at boot only */
        {"/../params", XEN_ENOENT},
        {"/cpupool/1", XEN_ENOENT},
        {"/cpupool/0x0", XEN_ENOENT},
        {"/cpupool/-1", XEN_ENOENT},
        {"/cpupool/4294967296", XEN_ENOENT},
        {"/cpupool/99999999999999999999999", XEN_ENOENT},
        {"/cpupool/0/sched", XEN_ENOENT},
        {"/buildinfo/version/major/", XEN_ENOENT},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        if (get(cases[i].path) != -cases[i].error) {
            fail_msg("%s", cases[i].path);
        }
    }
    assert_non_null(
        strstr(host_console(), "is no parameter that can be changed now; these are: console_timestamps "));
    put_path("/params");
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), 0, GUEST(buffer), 99), -XEN_EINVAL);
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), 7, GUEST(buffer), 99), -XEN_EINVAL);
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), 9, GUEST(buffer), 99), -XEN_EINVAL);
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), 1025, GUEST(buffer), 99), -XEN_EINVAL);
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), ~0ull, GUEST(buffer), 99), -XEN_EINVAL);
    assert_int_equal(op(XEN_HYPFS_OP_read, NOWHERE, 8, GUEST(buffer), 99), -XEN_EFAULT);
    memset(path_area, 'a', 1024);
    path_area[0] = '/';
    path_area[1023] = 0;
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), 1024, GUEST(buffer), 99), -XEN_ENOENT);
}

static void buffers(void **state)
{
    uint64_t length = put_path("/params");

    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), length, GUEST(buffer), sizeof(*entry) - 1),
                     -XEN_EINVAL);
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), length, NOWHERE, 4096), -XEN_EFAULT);
    memset(buffer, 0xee, 4096);
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), length, GUEST(buffer), sizeof(*entry)),
                     -XEN_ENOBUFS);
    assert_int_equal(entry->type, XEN_HYPFS_TYPE_DIR);
    assert_int_equal(contents()[0], (char)0xee);
    for (uint64_t size = entry->content_len - 1; size <= entry->content_len + 1; size++) {
        memset(buffer, 0xee, 4096);
        assert_int_equal(
            op(XEN_HYPFS_OP_read, GUEST(path_area), length, GUEST(buffer), sizeof(*entry) + size),
            size < entry->content_len ? -XEN_ENOBUFS : 0);
        assert_int_equal((uint8_t)contents()[entry->content_len], 0xee);
    }
}

/* --- parameters ------------------------------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *initial, *good, *bad;
} declared[] = {
#define PARAM(name, kind, when, values, initial, good, bad, meaning) {name, initial, good, bad},
#include <core/param/params.def>
#undef PARAM
};

/* Every run-time parameter is there, takes its good values, keeps its value when it refuses bad ones. */
static void parameters(void **state)
{
    char path[64], word[64], before[PARAM_VALUE_MAX];

    for (unsigned int i = 0; i < param_count(); i++) {
        const char *lists[2] = {declared[i].good, declared[i].bad};
        bool is_bool = param_at(i)->kind == PARAM_BOOL;

        strlcpy(path, "/params/", sizeof(path));
        strlcat(path, declared[i].name, sizeof(path));
        if (!param_at(i)->is_runtime) {
            assert_int_equal(get(path), -XEN_ENOENT);
            assert_int_equal(put_text(path, "1"), -XEN_ENOENT);
            continue;
        }
        assert_int_equal(get(path), 0);
        assert_int_equal(entry->type, is_bool ? XEN_HYPFS_TYPE_BOOL : XEN_HYPFS_TYPE_STRING);
        if (is_bool) {
            continue;
        }
        assert_string_equal(contents(), declared[i].initial);
        for (unsigned int bad = 0; bad < 2; bad++) {
            for (const char *at = lists[bad]; *at; at += strlen(word) + (at[strlen(word)] == ' ')) {
                str_copy_bytes(word, sizeof(word), at,
                               strchr(at, ' ') ? (size_t)(strchr(at, ' ') - at) : strlen(at));
                assert_int_equal(get(path), 0);
                strlcpy(before, contents(), sizeof(before));
                assert_int_equal(put_text(path, word), bad ? -XEN_EINVAL : 0);
                assert_int_equal(get(path), 0);
                assert_true(!bad || !strcmp(contents(), before));
            }
        }
        assert_int_equal(put_text(path, declared[i].initial), 0);
    }
}

static void refused_contents(void **state)
{
    char text[PARAM_VALUE_MAX + 2];

    memset(text, 'x', sizeof(text));
    assert_int_equal(put("/params/loglvl", "all", 3), -XEN_EDOM);
    assert_int_equal(put("/params/loglvl", "all\0", 5), -XEN_EDOM);
    assert_int_equal(put("/params/loglvl", "", 0), -XEN_EDOM);
    assert_int_equal(put("/params/loglvl", text, PARAM_VALUE_MAX + 1), -XEN_ENOSPC);
    assert_non_null(
        strstr(host_console(), "Parameter loglvl: \"(too long)\" is refused; allowed: none|error|"));
    assert_non_null(strstr(host_console(), "at most 63 characters"));
    put_path("/params/loglvl");
    assert_int_equal(op(XEN_HYPFS_OP_write_contents, GUEST(path_area), 15, GUEST(buffer), ~0ull),
                     -XEN_ENOSPC);
    assert_int_equal(op(XEN_HYPFS_OP_write_contents, GUEST(path_area), 15, NOWHERE, 4), -XEN_EFAULT);
    assert_int_equal(put_text("/params/loglvl", "loud\x1b"), -XEN_EINVAL);
    assert_non_null(strstr(host_console(), "Parameter loglvl: \"loud?\" is refused"));
    assert_int_equal(put_text("/params", "all"), -XEN_EACCES);
    assert_int_equal(put_text("/buildinfo/changeset", "x"), -XEN_EACCES);
    assert_int_equal(put_text("/buildinfo/version/major", "abc"), -XEN_EACCES);
    assert_int_equal(put_text("/params/nix", "all"), -XEN_ENOENT);
    assert_int_equal(get("/params/loglvl"), 0);
    assert_string_equal(contents(), "info/info");
}

static void booleans(void **state)
{
    assert_int_equal(put("/params/noreboot", "\1", 1), 0);
    assert_int_equal(get("/params/noreboot"), 0);
    assert_int_equal(contents()[0], 1);
    assert_int_equal(put("/params/noreboot", "\0", 1), 0);
    assert_int_equal(get("/params/noreboot"), 0);
    assert_int_equal(contents()[0], 0);
    assert_int_equal(put("/params/noreboot", "\1", 0), -XEN_EDOM);
    assert_int_equal(put("/params/noreboot", "\1\1", 2), -XEN_EDOM);
}

/* --- what changes take effect on ---------------------------------------------------------------------------------------------------------------- */

static void log_levels_act(void **state)
{
    assert_int_equal(put_text("/params/loglvl", "error"), 0);
    host_console_clear();
    log_info("quiet");
    log_error("loud");
    assert_string_equal(host_console(), "(XEN) loud\n");
    assert_int_equal(put_text("/params/loglvl", "all"), 0);
    log_debug("detail");
    assert_non_null(strstr(host_console(), "detail"));
    assert_int_equal(put_text("/params/guest_loglvl", "none"), 0);
    log_guest_error("of a guest");
    assert_null(strstr(host_console(), "of a guest"));
    assert_int_equal(put_text("/params/guest_loglvl", "none/warning"), 0);
    log_guest_error("of a guest");
    assert_non_null(strstr(host_console(), "of a guest"));
    assert_int_equal(put_text("/params/loglvl", "info"), 0);
}

static void grant_limits_act(void **state)
{
    struct domain_config c = {.id = 1,
                              .kind = GUEST_PV,
                              .max_vcpus = 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = ~0u,
                              .max_maptrack_frames = ~0u};
    struct domain *d;

    assert_int_equal(put_text("/params/gnttab_max_frames", "10"), 0);
    assert_int_equal(put_text("/params/gnttab_max_maptrack_frames", "5"), 0);
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(d->gnttab.max_frames, 10);
    assert_int_equal(d->gnttab.max_maptrack_frames, 5);
    c.id = 2;
    c.max_grant_frames = 11;
    assert_int_equal(domain_create(&c, &d), -XEN_EINVAL);
    c.max_grant_frames = 10;
    c.max_maptrack_frames = 6;
    assert_int_equal(domain_create(&c, &d), -XEN_EINVAL);
    c.max_maptrack_frames = 4;
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(d->gnttab.max_maptrack_frames, 4);
    assert_int_equal(put_text("/params/gnttab_max_frames", "64"), 0);
    assert_int_equal(put_text("/params/gnttab_max_maptrack_frames", "1024"), 0);
}

static void pools(void **state)
{
    uint32_t id = 7, ratelimit;
    char names[64];

    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_CREDIT2), 0);
    list("/cpupool", names, sizeof(names));
    assert_string_equal(names, "0 7 ");
    assert_int_equal(get("/cpupool/7/sched-gran"), 0);
    assert_string_equal(contents(), "cpu");
    assert_int_equal(put_text("/cpupool/7/sched-gran", "cpu"), 0);
    assert_int_equal(put_text("/cpupool/7/sched-gran", "core"), -XEN_EOPNOTSUPP);
    assert_int_equal(put_text("/cpupool/7/sched-gran", "board"), -XEN_EINVAL);
    assert_int_equal(put_text("/cpupool/7/sched-gran", "much too long"), -XEN_ENOSPC);
    assert_int_equal(put_text("/cpupool/0/sched-gran", "cpu"), -XEN_EBUSY);
    assert_int_equal(put_text("/params/sched_ratelimit_us", "2500"), 0);
    for (uint32_t pool = 0; pool <= 7; pool += 7) {
        assert_int_equal(sched_pool_get_ratelimit(pool, &ratelimit), 0);
        assert_int_equal(ratelimit, 2500);
    }
    assert_int_equal(put_text("/params/sched_ratelimit_us", "1000"), 0);
    assert_int_equal(sched_pool_destroy(7), 0);
    assert_int_equal(get("/cpupool/7"), -XEN_ENOENT);
    for (id = 1; id < 300; id++) {
        assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_CREDIT2), 0);
    }
    assert_int_equal(op(XEN_HYPFS_OP_read, GUEST(path_area), put_path("/cpupool"), GUEST(buffer), 32768), 0);
    assert_true(entry->content_len <= 256 * 20);
    for (id = 1; id < 300; id++) {
        assert_int_equal(sched_pool_destroy(id), 0);
    }
}

/* One tool at a time: who comes second tries again. */
static void busy(void **state)
{
    assert_true(domctl_try_lock());
    struct hypercall c = {.arg = {XEN_HYPFS_OP_read, GUEST(path_area), put_path("/"), GUEST(buffer), 4096}};

    assert_int_equal(do_hypfs_op(&c), -XEN_ERESTART);
    assert_int_equal(c.arg[2], 2);
    domctl_unlock();
    assert_int_equal(do_hypfs_op(&c), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version, start, end),
        cmocka_unit_test_setup_teardown(tree, start, end),
        cmocka_unit_test_setup_teardown(paths, start, end),
        cmocka_unit_test_setup_teardown(buffers, start, end),
        cmocka_unit_test_setup_teardown(parameters, start, end),
        cmocka_unit_test_setup_teardown(refused_contents, start, end),
        cmocka_unit_test_setup_teardown(booleans, start, end),
        cmocka_unit_test_setup_teardown(log_levels_act, start, end),
        cmocka_unit_test_setup_teardown(grant_limits_act, start, end),
        cmocka_unit_test_setup_teardown(pools, start, end),
        cmocka_unit_test_setup_teardown(busy, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
