/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vCPUs that wait on a runqueue, ordered by a key (a virtual time), and searchable by where they may run: "the first that may run on one of these
 * pCPUs". A treap whose nodes also keep the union of the sets below them: each operation takes a number of steps that grows with the logarithm of
 * how many wait, however their affinities look.
 *
 * Keys are compared by their difference, so that they may wrap; equal keys keep the order of arrival. The caller holds the lock that guards the queue.
 * Invariant: a node's priority is not below its children's; its `below` sets are the unions over its subtree.
 */
#pragma once
#include <base/cpuset.h>

/* Which of a vCPU's sets a search looks at. */
enum waitq_set { WAITQ_ALLOWED, WAITQ_PREFERRED, WAITQ_LAST, WAITQ_SETS };

struct waitq_node {
    struct waitq_node *parent, *child[2];
    uint64_t key;
    uint32_t priority;
    cpuset_t cpus[WAITQ_SETS];  /* constant while queued */
    cpuset_t below[WAITQ_SETS]; /* of the whole subtree, this node included */
};

struct waitq {
    struct waitq_node *root;
    uint32_t random; /* state of the generator of priorities; never 0 */
};

void waitq_init(struct waitq *q);
static inline bool waitq_is_empty(const struct waitq *q)
{
    return q->root == NULL;
}
/* Put @n, whose key and cpus are set, behind all with the same or an earlier key. */
void waitq_insert(struct waitq *q, struct waitq_node *n);
void waitq_remove(struct waitq *q, struct waitq_node *n);
/* The first (@last: the last) in order; NULL when none waits. */
struct waitq_node *waitq_end(const struct waitq *q, bool last);
/*
 * The first in order behind @after (NULL: of all) whose @set meets @cpus. With @backwards the same from the other end. NULL: none.
 */
struct waitq_node *waitq_find(const struct waitq *q, const struct waitq_node *after, bool backwards,
                              enum waitq_set set, cpuset_t cpus);
