/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree that hypfs_op shows: buildinfo/, cpupool/<id>/, params/. It is computed, not stored; all calls come under the tools' lock (domctl_try_lock()), so
 * that an entry does not change between its description and its contents.
 */
#pragma once
#include <abi/hypfs.h>
#include <core/hypercall/domctl_internal.h>

#define HYPFS_NAME_MAX    32u /* of an entry, terminator included */
#define HYPFS_SCRATCH     64u /* contents that are made when they are asked for */
#define HYPFS_POOLS_SHOWN 256u

enum hypfs_kind { HYPFS_FIXED, HYPFS_PARAM, HYPFS_POOL, HYPFS_POOL_GRAN };

struct hypfs_node {
    enum hypfs_kind kind;
    uint32_t number; /* of the fixed entry, the parameter or the pool */
};

/* A file's contents: @bytes may point into @scratch. */
struct hypfs_content {
    const void *bytes;
    char scratch[HYPFS_SCRATCH];
};

/* -XEN_EINVAL: not absolute. -XEN_ENOENT; for a parameter that is none the log says which there are. */
int hypfs_find(const char *path, struct hypfs_node *node);
/* Fill @e; of a file also *@content. */
void hypfs_describe(const struct hypfs_node *node, struct xen_hypfs_direntry *e,
                    struct hypfs_content *content);
/* The next entry of a directory, and its name; *@cursor is 0 at first. False: there are no more. */
bool hypfs_next(const struct hypfs_node *dir, uint64_t *cursor, struct hypfs_node *child, char *name);
/* Bytes that an entry of this name takes in the listing of its directory. */
uint32_t hypfs_listed_size(const char *name);
/* Change a parameter, or a pool's granularity, to @value. -XEN_EINVAL: refused, with a line in the log. -XEN_EBUSY, -XEN_EOPNOTSUPP: the granularity. */
int hypfs_set(const struct hypfs_node *node, const char *value);
/* Say in the log that a value was not even read. */
void hypfs_refuse(const struct hypfs_node *node, const char *what);
