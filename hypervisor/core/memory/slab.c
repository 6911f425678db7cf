/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small objects. A slab page starts with a header; the free objects of a page form a list through their first bytes. Pages with a free object are on the
 * list of their class; an empty page goes back to the heap at once, so that what a domain took is free to the page when it is gone. A large
 * allocation is page-aligned, which no small object is; its order is in its first frame's auxiliary word.
 */
#include <base/lock.h>
#include <core/memory/heap.h>
#include <core/memory/slab.h>
#include <lib/list.h>
#include <lib/string.h>

#define SLAB_MAGIC   0x51ab51abu
#define LARGE_MAGIC  0x1a460000u
#define FIRST_OBJECT 64u

struct slab_page {
    uint32_t magic;
    uint16_t class;
    uint16_t used;
    void *free;            /* first free object */
    struct list_head link; /* in its class's list while `free` is not NULL */
};

BUILD_ASSERT(sizeof(struct slab_page) <= FIRST_OBJECT, "the header lies before the first object");

static const uint16_t sizes[] = {32, 64, 96, 128, 192, 256, 384, 512, 640, 960, 1344, SLAB_MAX};

#define CLASSES ARRAY_SIZE(sizes)

static struct spinlock lock = SPINLOCK_INIT(slab); /* guards all below and every slab page */
static struct list_head partial[CLASSES];
static uint64_t page_count;

static unsigned int class_for(size_t size)
{
    unsigned int c = 0;

    while (sizes[c] < size) {
        c++;
    }
    return c;
}

static struct slab_page *page_of(void *ptr)
{
    return (struct slab_page *)((uintptr_t)ptr & PAGE_MASK);
}

/* A new page of class @c, on its list. The lock is held. */
static bool add_page(unsigned int c)
{
    struct slab_page *p = heap_alloc_page();

    if (!p) {
        return false;
    }
    p->magic = SLAB_MAGIC;
    p->class = (uint16_t)c;
    for (uint32_t at = FIRST_OBJECT; at + sizes[c] <= PAGE_SIZE; at += sizes[c]) {
        void **object = (void **)((uint8_t *)p + at);

        *object = p->free;
        p->free = object;
    }
    list_add(&p->link, &partial[c]);
    page_count++;
    return true;
}

static void *alloc_small(unsigned int c)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    void *object = NULL;

    if (!partial[c].next) {
        list_init(&partial[c]);
    }
    if (!list_is_empty(&partial[c]) || add_page(c)) {
        struct slab_page *p = list_first_entry(&partial[c], struct slab_page, link);

        object = p->free;
        p->free = *(void **)object;
        p->used++;
        if (!p->free) {
            list_del(&p->link);
        }
    }
    spin_unlock_irqrestore(&lock, flags);
    return object;
}

static void free_small(void *object)
{
    struct slab_page *p = page_of(object);
    struct slab_page *empty = NULL;
    unsigned long flags = spin_lock_irqsave(&lock);

    BUG_ON(p->magic != SLAB_MAGIC || p->used == 0);
    if (!p->free) {
        list_add(&p->link, &partial[p->class]);
    }
    *(void **)object = p->free;
    p->free = object;
    if (--p->used == 0) {
        list_del(&p->link);
        page_count--;
        empty = p;
    }
    spin_unlock_irqrestore(&lock, flags);
    heap_free_page(empty);
}

static void *alloc_large(size_t size)
{
    unsigned int order = order_for(DIV_ROUND_UP(size, PAGE_SIZE));
    mfn_t mfn = heap_alloc(order, HEAP_ZERO);

    if (mfn_is_invalid(mfn)) {
        return NULL;
    }
    *frame_aux(mfn) = LARGE_MAGIC | order;
    return mfn_to_virt(mfn);
}

static void free_large(void *ptr)
{
    mfn_t mfn = virt_to_mfn(ptr);
    uint32_t order = *frame_aux(mfn) - LARGE_MAGIC;

    BUG_ON(order > HEAP_MAX_ORDER);
    *frame_aux(mfn) = 0;
    heap_free(mfn, order);
}

void *slab_alloc(size_t size)
{
    void *object;
    unsigned int c;

    if (size > SLAB_MAX) {
        return size <= PAGE_SIZE << HEAP_MAX_ORDER ? alloc_large(size) : NULL;
    }
    c = class_for(size);
    object = alloc_small(c);
    if (object) {
        memset(object, 0, sizes[c]);
    }
    return object;
}

void slab_free(void *ptr)
{
    if (!ptr) {
        return;
    }
    if (((uintptr_t)ptr & ~PAGE_MASK) == 0) {
        free_large(ptr);
    } else {
        free_small(ptr);
    }
}

uint64_t slab_pages(void)
{
    return __atomic_load_n(&page_count, __ATOMIC_RELAXED);
}

void slab_reset(void)
{
    memset(partial, 0, sizeof(partial));
    page_count = 0;
}
