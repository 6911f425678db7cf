/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See hypfs_internal.h. */
#include <base/log.h>
#include <core/hypercall/build_info.h>
#include <core/hypercall/hypfs_internal.h>
#include <core/param/param.h>
#include <lib/printf.h>
#include <lib/string.h>

#define GRANULARITY  "cpu" /* every vCPU is scheduled by itself */
#define GRAN_MAX     8u
#define LISTED_ALIGN 4u

static const uint32_t major = ZENDO_XEN_MAJOR, minor = ZENDO_XEN_MINOR;

/* --- what is always there, in the order of its names ------------------------------------------------------------------------------------------- */

enum fixed {
    ROOT,
    BUILDINFO,
    CHANGESET,
    COMPILEINFO,
    COMPILE_BY,
    COMPILE_DATE,
    COMPILE_DOMAIN,
    COMPILER,
    CONFIG,
    VERSION,
    EXTRA,
    MAJOR,
    MINOR,
    CPUPOOL,
    PARAMS,
    FIXED_COUNT
};

static const struct fixed_entry {
    const char *name;
    enum fixed parent;
    const char *const *text; /* of a string; NULL: */
    const uint32_t *number;  /* of a number; NULL too: it is a directory */
} fixed[FIXED_COUNT] = {
    [ROOT] = {"", FIXED_COUNT},
    [BUILDINFO] = {"buildinfo", ROOT},
    [CHANGESET] = {"changeset", BUILDINFO, .text = &(const char *const){build_changeset}},
    [COMPILEINFO] = {"compileinfo", BUILDINFO},
    [COMPILE_BY] = {"compile_by", COMPILEINFO, .text = &(const char *const){BUILD_BY}},
    [COMPILE_DATE] = {"compile_date", COMPILEINFO, .text = &(const char *const){build_date}},
    [COMPILE_DOMAIN] = {"compile_domain", COMPILEINFO, .text = &(const char *const){BUILD_DOMAIN}},
    [COMPILER] = {"compiler", COMPILEINFO, .text = &(const char *const){build_compiler}},
    [CONFIG] = {"config", BUILDINFO, .text = &build_config},
    [VERSION] = {"version", BUILDINFO},
    [EXTRA] = {"extra", VERSION, .text = &(const char *const){ZENDO_EXTRAVERSION}},
    [MAJOR] = {"major", VERSION, .number = &major},
    [MINOR] = {"minor", VERSION, .number = &minor},
    [CPUPOOL] = {"cpupool", ROOT},
    [PARAMS] = {"params", ROOT},
};

static bool is_dir(const struct hypfs_node *n)
{
    const struct fixed_entry *f = &fixed[n->kind == HYPFS_FIXED ? n->number : 0];

    return n->kind == HYPFS_FIXED ? !f->text && !f->number : n->kind == HYPFS_POOL;
}

static bool is_fixed(const struct hypfs_node *n, enum fixed which)
{
    return n->kind == HYPFS_FIXED && n->number == which;
}

/* --- directories -------------------------------------------------------------------------------------------------------------------------------------- */

static bool next_param(uint64_t *cursor, struct hypfs_node *child, char *name)
{
    while (*cursor < param_count()) {
        const struct param *p = param_at((unsigned int)*cursor);

        *child = (struct hypfs_node){HYPFS_PARAM, (uint32_t)(*cursor)++};
        if (p->is_runtime) {
            strlcpy(name, p->name, HYPFS_NAME_MAX);
            return true;
        }
    }
    return false;
}

/* The cursor's upper half counts what was shown: nobody sizes this loop. */
static bool next_pool(uint64_t *cursor, struct hypfs_node *child, char *name)
{
    uint32_t from = (uint32_t)*cursor, shown = (uint32_t)(*cursor >> 32);
    struct sched_pool_info found;

    if (shown == HYPFS_POOLS_SHOWN || (shown > 0 && from == 0) || sched_pool_info(from, &found) != 0) {
        return false;
    }
    *child = (struct hypfs_node){HYPFS_POOL, found.id};
    zscnprintf(name, HYPFS_NAME_MAX, "%u", found.id);
    *cursor = (uint64_t)(shown + 1) << 32 | (uint32_t)(found.id + 1);
    return true;
}

static bool next_fixed(enum fixed parent, uint64_t *cursor, struct hypfs_node *child, char *name)
{
    while (*cursor < FIXED_COUNT) {
        const struct fixed_entry *f = &fixed[*cursor];

        *child = (struct hypfs_node){HYPFS_FIXED, (uint32_t)(*cursor)++};
        if (f->parent == parent) {
            strlcpy(name, f->name, HYPFS_NAME_MAX);
            return true;
        }
    }
    return false;
}

bool hypfs_next(const struct hypfs_node *dir, uint64_t *cursor, struct hypfs_node *child, char *name)
{
    if (is_fixed(dir, PARAMS)) {
        return next_param(cursor, child, name);
    }
    if (is_fixed(dir, CPUPOOL)) {
        return next_pool(cursor, child, name);
    }
    if (dir->kind == HYPFS_FIXED) {
        return next_fixed((enum fixed)dir->number, cursor, child, name);
    }
    *child = (struct hypfs_node){HYPFS_POOL_GRAN, dir->number};
    strlcpy(name, "sched-gran", HYPFS_NAME_MAX);
    return dir->kind == HYPFS_POOL && (*cursor)++ == 0;
}

uint32_t hypfs_listed_size(const char *name)
{
    return (uint32_t)ALIGN_UP(offsetof(struct xen_hypfs_dirlistentry, name) + strlen(name) + 1, LISTED_ALIGN);
}

/* --- paths ------------------------------------------------------------------------------------------------------------------------------------------------ */

/* "<decimal number>" of a pool that exists. */
static bool find_pool(const char *name, size_t length, struct hypfs_node *child)
{
    struct sched_pool_info found;
    uint64_t id = 0;

    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9' || id > UINT32_MAX / 10) {
            return false;
        }
        id = id * 10 + (uint64_t)(name[i] - '0');
    }
    if (length == 0 || id > UINT32_MAX || sched_pool_info((uint32_t)id, &found) != 0 || found.id != id) {
        return false;
    }
    *child = (struct hypfs_node){HYPFS_POOL, (uint32_t)id};
    return true;
}

static bool find_child(const struct hypfs_node *dir, const char *name, size_t length,
                       struct hypfs_node *child)
{
    char entry[HYPFS_NAME_MAX];
    uint64_t cursor = 0;

    if (is_fixed(dir, CPUPOOL)) {
        return find_pool(name, length, child);
    }
    while (hypfs_next(dir, &cursor, child, entry)) {
        if (str_is(name, length, entry)) {
            return true;
        }
    }
    if (is_fixed(dir, PARAMS) && length > 0) {
        param_log_unknown(name);
    }
    return false;
}

int hypfs_find(const char *path, struct hypfs_node *node)
{
    if (*path++ != '/') {
        return -XEN_EINVAL;
    }
    *node = (struct hypfs_node){HYPFS_FIXED, ROOT};
    while (*path) {
        const char *slash = strchr(path, '/');
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        struct hypfs_node dir = *node;

        if (!is_dir(&dir) || !find_child(&dir, path, length, node) || (slash && !is_dir(node))) {
            return -XEN_ENOENT;
        }
        path += length + (slash != NULL);
    }
    return 0;
}

/* --- entries -------------------------------------------------------------------------------------------------------------------------------------------- */

static void describe_string(struct xen_hypfs_direntry *e, struct hypfs_content *content, const char *text)
{
    e->type = XEN_HYPFS_TYPE_STRING;
    e->content_len = (uint32_t)strlen(text) + 1;
    content->bytes = text;
}

static void describe_param(const struct param *p, struct xen_hypfs_direntry *e, struct hypfs_content *content)
{
    param_show(p, content->scratch, sizeof(content->scratch));
    describe_string(e, content, content->scratch);
    e->max_write_len = p->kind == PARAM_TEXT ? (uint32_t)p->max : PARAM_VALUE_MAX;
    if (p->kind == PARAM_BOOL) {
        content->scratch[0] = content->scratch[0] == '1';
        e->type = XEN_HYPFS_TYPE_BOOL;
        e->content_len = e->max_write_len = 1;
    }
}

static void describe_dir(const struct hypfs_node *dir, struct xen_hypfs_direntry *e)
{
    char name[HYPFS_NAME_MAX];
    struct hypfs_node child;
    uint64_t cursor = 0;

    e->type = XEN_HYPFS_TYPE_DIR;
    while (hypfs_next(dir, &cursor, &child, name)) {
        e->content_len += hypfs_listed_size(name);
    }
}

void hypfs_describe(const struct hypfs_node *node, struct xen_hypfs_direntry *e,
                    struct hypfs_content *content)
{
    *e = (struct xen_hypfs_direntry){.encoding = XEN_HYPFS_ENC_PLAIN};
    content->bytes = content->scratch;
    if (is_dir(node)) {
        describe_dir(node, e);
    } else if (node->kind == HYPFS_PARAM) {
        describe_param(param_at(node->number), e, content);
    } else if (node->kind == HYPFS_POOL_GRAN) {
        describe_string(e, content, GRANULARITY);
        e->max_write_len = GRAN_MAX;
    } else if (fixed[node->number].text) {
        describe_string(e, content, *fixed[node->number].text);
    } else {
        e->type = XEN_HYPFS_TYPE_UINT;
        e->content_len = sizeof(uint32_t);
        content->bytes = fixed[node->number].number;
    }
}

/* --- changes --------------------------------------------------------------------------------------------------------------------------------------------- */

void hypfs_refuse(const struct hypfs_node *node, const char *what)
{
    if (node->kind == HYPFS_PARAM) {
        param_log_refused(param_at(node->number), what);
    } else {
        log_guest_warning("The granularity of a CPU pool is refused; allowed: " GRANULARITY
                          ", while the pool has no CPUs and no domains\n");
    }
}

/* Only a pool that nothing runs in may change; there is nothing to change to. */
static int set_granularity(const struct hypfs_node *node, const char *value)
{
    bool is_known = !strcmp(value, GRANULARITY) || !strcmp(value, "core") || !strcmp(value, "socket");
    struct sched_pool_info found;

    if (!is_known) {
        return -XEN_EINVAL;
    }
    if (sched_pool_info(node->number, &found) != 0 || found.id != node->number) {
        return -XEN_ENOENT;
    }
    if (found.domains != 0 || !cpuset_is_empty(found.cpus)) {
        return -XEN_EBUSY;
    }
    return strcmp(value, GRANULARITY) ? -XEN_EOPNOTSUPP : 0;
}

int hypfs_set(const struct hypfs_node *node, const char *value)
{
    int rc =
        node->kind == HYPFS_PARAM ? param_set(param_at(node->number), value) : set_granularity(node, value);

    if (rc != 0) {
        hypfs_refuse(node, value);
    } else if (node->kind == HYPFS_PARAM) {
        char now[PARAM_VALUE_MAX];

        param_show(param_at(node->number), now, sizeof(now));
        log_info("Parameter %s is now \"%s\"\n", param_at(node->number)->name, now);
    }
    return rc;
}
