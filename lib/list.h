/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intrusive doubly linked circular list.
 *
 * A list is a `struct list_head` that links to itself when empty; an element embeds another one.
 * Invariant: for every linked node n, n->next->prev == n and n->prev->next == n. A deleted node links
 * to itself, so that list_is_empty(&node) says "not on any list" and a second list_del() is harmless.
 * The caller holds whatever lock guards the list; nothing here is atomic.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <lib/bits.h>

struct list_head {
    struct list_head *prev;
    struct list_head *next;
};

#define LIST_HEAD_INIT(name) \
    {                        \
        &(name), &(name)     \
    }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

/* Make @head an empty list, or @head an element that is on no list. */
static inline void list_init(struct list_head *head)
{
    head->prev = head;
    head->next = head;
}

/* Does the list hold nothing; is this element on no list? */
static inline bool list_is_empty(const struct list_head *head)
{
    return head->next == head;
}

static inline void __list_insert(struct list_head *node, struct list_head *prev, struct list_head *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

/* Put @node first in the list @head, or right after the element @head. */
static inline void list_add(struct list_head *node, struct list_head *head)
{
    __list_insert(node, head, head->next);
}

/* Put @node last in the list @head, or right before the element @head. */
static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
    __list_insert(node, head->prev, head);
}

/* Take @node off its list; it then links to itself. */
static inline void list_del(struct list_head *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Take @node off its list and put it first, or last, in @head. */
static inline void list_move(struct list_head *node, struct list_head *head)
{
    list_del(node);
    list_add(node, head);
}

static inline void list_move_tail(struct list_head *node, struct list_head *head)
{
    list_del(node);
    list_add_tail(node, head);
}

/* Append everything in @from to the end of @to; @from is left empty. */
static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
    if (list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#define list_entry(node, type, member) container_of(node, type, member)

/* First and last element; the list must not be empty. The _or_null forms allow it to be. */
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
    (list_is_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)

/* Walk the links, or the elements; the body must not unlink the current one. */
#define list_for_each(node, head) for ((node) = (head)->next; (node) != (head); (node) = (node)->next)

#define list_for_each_entry(pos, head, member)                                                   \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member); &(pos)->member != (head); \
         (pos) = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)                                           \
    for ((pos) = list_entry((head)->prev, __typeof__(*(pos)), member); &(pos)->member != (head); \
         (pos) = list_prev_entry(pos, member))

/* Walk the elements; the body may unlink or free @pos, but not @next. */
#define list_for_each_entry_safe(pos, next_pos, head, member)          \
    for ((pos) = list_entry((head)->next, __typeof__(*(pos)), member), \
        (next_pos) = list_next_entry(pos, member);                     \
         &(pos)->member != (head); (pos) = (next_pos), (next_pos) = list_next_entry(pos, member))

#endif
