/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hypfs_op: decoding; what is there is in hypfs_tree.c. ABI: <xen/hypfs.h>. */
#include <base/guest_access.h>
#include <core/hypercall/handlers.h>
#include <core/hypercall/hypfs_internal.h>
#include <core/param/param.h>
#include <lib/string.h>

#define INTERFACE_VERSION 1

BUILD_ASSERT(HYPFS_SCRATCH >= PARAM_VALUE_MAX, "a parameter's value fits");

/* What a path names. */
struct entry {
    struct hypfs_node node;
    struct xen_hypfs_direntry e;
    struct hypfs_content content;
};

/* @length includes the one terminator. */
static long read_path(char *path, vaddr_t gva, uint64_t length)
{
    if (length == 0 || length > XEN_HYPFS_MAX_PATHLEN) {
        return -XEN_EINVAL;
    }
    if (guest_read(path, gva, length) != 0) {
        return -XEN_EFAULT;
    }
    return memchr(path, 0, length) == path + length - 1 ? 0 : -XEN_EINVAL;
}

static long write_listing(const struct hypfs_node *dir, uint32_t left, vaddr_t gva)
{
    struct hypfs_content content;
    struct hypfs_node child;
    uint64_t cursor = 0;
    union {
        struct xen_hypfs_dirlistentry entry;
        char bytes[sizeof(struct xen_hypfs_dirlistentry) + HYPFS_NAME_MAX];
    } u;
    char name[HYPFS_NAME_MAX];

    while (hypfs_next(dir, &cursor, &child, name)) {
        uint32_t size = hypfs_listed_size(name);

        memset(&u, 0, sizeof(u));
        hypfs_describe(&child, &u.entry.e, &content);
        left -= size;
        u.entry.off_next = (uint16_t)(left > 0 ? size : 0);
        memcpy(u.bytes + offsetof(struct xen_hypfs_dirlistentry, name), name, strlen(name));
        if (guest_write(gva, &u, size) != 0) {
            return -XEN_EFAULT;
        }
        gva += size;
    }
    return 0;
}

/* The entry's description comes back in any case; its contents when there is room. */
static long read_entry(const struct entry *entry, vaddr_t gva, uint64_t size)
{
    const struct xen_hypfs_direntry *e = &entry->e;

    if (size < sizeof(*e)) {
        return -XEN_EINVAL;
    }
    if (guest_write_obj(gva, e) != 0) {
        return -XEN_EFAULT;
    }
    if (size - sizeof(*e) < e->content_len) {
        return -XEN_ENOBUFS;
    }
    if (e->type == XEN_HYPFS_TYPE_DIR) {
        return write_listing(&entry->node, e->content_len, gva + sizeof(*e));
    }
    return guest_write(gva + sizeof(*e), entry->content.bytes, e->content_len) == 0 ? 0 : -XEN_EFAULT;
}

static long write_entry(const struct entry *entry, vaddr_t gva, uint64_t size)
{
    const struct xen_hypfs_direntry *e = &entry->e;
    char value[HYPFS_SCRATCH];

    if (e->max_write_len == 0) {
        return -XEN_EACCES;
    }
    if (size == 0 || (e->type == XEN_HYPFS_TYPE_BOOL && size != e->content_len)) {
        return -XEN_EDOM;
    }
    if (size > e->max_write_len) {
        hypfs_refuse(&entry->node, "(too long)");
        return -XEN_ENOSPC;
    }
    if (guest_read(value, gva, size) != 0) {
        return -XEN_EFAULT;
    }
    if (e->type == XEN_HYPFS_TYPE_BOOL) {
        return hypfs_set(&entry->node, value[0] ? "1" : "0");
    }
    if (memchr(value, 0, size) != value + size - 1) {
        return -XEN_EDOM;
    }
    return hypfs_set(&entry->node, value);
}

static long locked(const struct hypercall *c, const char *path)
{
    struct entry entry;
    long rc;

    if (!domctl_try_lock()) {
        return -XEN_ERESTART;
    }
    rc = hypfs_find(path, &entry.node);
    if (rc == 0) {
        hypfs_describe(&entry.node, &entry.e, &entry.content);
        rc = (c->arg[0] == XEN_HYPFS_OP_read ? read_entry : write_entry)(&entry, c->arg[3], c->arg[4]);
    }
    domctl_unlock();
    return rc;
}

long do_hypfs_op(struct hypercall *c)
{
    char path[XEN_HYPFS_MAX_PATHLEN];
    long rc;

    if (!caller_is_control()) {
        return -XEN_EPERM;
    }
    c->arg[0] = (uint32_t)c->arg[0];
    switch (c->arg[0]) {
    case XEN_HYPFS_OP_get_version:
        return (c->arg[1] | c->arg[2] | c->arg[3] | c->arg[4]) == 0 ? INTERFACE_VERSION : -XEN_EINVAL;
    case XEN_HYPFS_OP_read:
    case XEN_HYPFS_OP_write_contents:
        rc = read_path(path, c->arg[1], c->arg[2]);
        return rc == 0 ? locked(c, path) : rc;
    default:
        return -XEN_EINVAL;
    }
}
