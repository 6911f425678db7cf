/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See waitq.h. */
#include <core/sched/waitq.h>

static void summarise(struct waitq_node *n)
{
    for (unsigned int s = 0; s < WAITQ_SETS; s++) {
        cpuset_t all = n->cpus[s];

        for (unsigned int side = 0; side < 2; side++) {
            if (n->child[side]) {
                all = cpuset_or(all, n->child[side]->below[s]);
            }
        }
        n->below[s] = all;
    }
}

/* Where the pointer to @n is kept. */
static struct waitq_node **link_to(struct waitq *q, struct waitq_node *n)
{
    return n->parent ? &n->parent->child[n->parent->child[1] == n] : &q->root;
}

/* @n takes its parent's place, and the parent becomes its child. */
static void rotate_up(struct waitq *q, struct waitq_node *n)
{
    struct waitq_node *down = n->parent;
    unsigned int side = down->child[1] == n;
    struct waitq_node *moved = n->child[!side];

    *link_to(q, down) = n;
    n->parent = down->parent;
    n->child[!side] = down;
    down->parent = n;
    down->child[side] = moved;
    if (moved) {
        moved->parent = down;
    }
    summarise(down);
    summarise(n);
}

void waitq_init(struct waitq *q)
{
    *q = (struct waitq){.random = 0x9e3779b9u};
}

/* xorshift32: balance needs numbers without a pattern, not secrets. */
static uint32_t next_random(struct waitq *q)
{
    q->random ^= q->random << 13;
    q->random ^= q->random >> 17;
    q->random ^= q->random << 5;
    return q->random;
}

void waitq_insert(struct waitq *q, struct waitq_node *n)
{
    struct waitq_node **at = &q->root;

    n->parent = NULL;
    n->child[0] = n->child[1] = NULL;
    n->priority = next_random(q);
    while (*at) {
        n->parent = *at;
        at = &(*at)->child[(int64_t)(n->key - (*at)->key) >= 0];
    }
    *at = n;
    summarise(n);
    while (n->parent && n->parent->priority < n->priority) {
        rotate_up(q, n);
    }
    for (n = n->parent; n; n = n->parent) {
        summarise(n);
    }
}

void waitq_remove(struct waitq *q, struct waitq_node *n)
{
    struct waitq_node *up, *only;

    while (n->child[0] && n->child[1]) {
        rotate_up(q, n->child[n->child[1]->priority > n->child[0]->priority]);
    }
    only = n->child[0] ? n->child[0] : n->child[1];
    up = n->parent;
    *link_to(q, n) = only;
    if (only) {
        only->parent = up;
    }
    for (; up; up = up->parent) {
        summarise(up);
    }
}

struct waitq_node *waitq_end(const struct waitq *q, bool last)
{
    struct waitq_node *n = q->root;

    while (n && n->child[last]) {
        n = n->child[last];
    }
    return n;
}

/* The first of the subtree of @n, in the direction that @from names the near side of; there is one. */
static struct waitq_node *first_below(struct waitq_node *n, unsigned int from, enum waitq_set set,
                                      cpuset_t cpus)
{
    for (;;) {
        struct waitq_node *near = n->child[from];

        if (near && cpuset_meets(near->below[set], cpus)) {
            n = near;
        } else if (cpuset_meets(n->cpus[set], cpus)) {
            return n;
        } else {
            n = n->child[!from];
        }
    }
}

struct waitq_node *waitq_find(const struct waitq *q, const struct waitq_node *after, bool backwards,
                              enum waitq_set set, cpuset_t cpus)
{
    unsigned int from = backwards;

    if (!after) {
        return q->root && cpuset_meets(q->root->below[set], cpus) ? first_below(q->root, from, set, cpus)
                                                                  : NULL;
    }
    for (;;) {
        struct waitq_node *far = after->child[!from], *up;

        if (far && cpuset_meets(far->below[set], cpus)) {
            return first_below(far, from, set, cpus);
        }
        /* up to the first ancestor that is behind @after */
        while ((up = after->parent) && up->child[!from] == after) {
            after = up;
        }
        if (!up || cpuset_meets(up->cpus[set], cpus)) {
            return up;
        }
        after = up;
    }
}
