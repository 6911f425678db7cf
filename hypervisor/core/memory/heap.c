/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page allocator. A frame that is free is in exactly one place: in the block of one order whose bit is set in maps[order], or on one of two lists
 * of single frames (linked through the auxiliary words): `stale`, which some TLB may still know, and `flushed`, which none does. Invariants: no
 * two buddies are both free in the maps; free_count is the number of all free frames; claimed <= free_count.
 */
#include <base/lock.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/memory/heap.h>
#include <core/memory/heap_dirty.h>
#include <core/memory/heap_map.h>
#include <lib/string.h>

#define ORDERS       (HEAP_MAX_ORDER + 1)
#define FRAMES_4G    (1ull << (32 - PAGE_SHIFT))
#define LIST_END     UINT32_MAX
#define STALE_BATCH  1024u /* flush when so many wait */
#define FLUSHED_KEPT 4096u /* frames that stay on the list, for quick allocation */
#define MERGE_STEP   2u /* above it each free moves so many to the maps: the list shrinks while frames come */
#define MERGE_BATCH  256u /* frames moved under one holding of the lock */
#define PENDING_MAX  16u
#define SCRUB_ORDER  4u /* frames cleaned at once: some microseconds */

struct frame_list {
    uint32_t head, tail;
    uint64_t count;
};

static struct spinlock lock = SPINLOCK_INIT(heap); /* guards all below */
static struct heap_map maps[ORDERS];
static uint32_t orders_free; /* bit n: maps[n] is not empty */
static struct frame_list stale = {LIST_END, LIST_END, 0};
static struct frame_list flushed = {LIST_END, LIST_END, 0};
static uint64_t free_count, total_count, claimed_count;
static bool maps_ready;
static uint64_t scrub_from; /* where the scrubber goes on */
static uint32_t
    scrub_holds; /* blocks that scrubbers have out of the maps, though they count as free; atomic to read */
bool heap_scrub_wanted;
static struct {
    mfn_t start;
    uint64_t count;
} pending[PENDING_MAX]; /* ranges that came before there was room for the maps */
static unsigned int pending_count;

/* --- blocks in the maps --------------------------------------------------------------------------------------------------------------- */

static void put_block(uint64_t mfn, unsigned int order)
{
    heap_map_set(&maps[order], mfn >> order);
    orders_free |= 1u << order;
}

static void take_block(uint64_t mfn, unsigned int order)
{
    struct heap_map *m = &maps[order];

    heap_map_clear(m, mfn >> order);
    if (m->level[m->top][0] == 0) {
        orders_free &= ~(1u << order);
    }
}

/* Enter a free block, joining it with its buddy for as long as that is free too. */
static void merge_block(uint64_t mfn, unsigned int order)
{
    while (order < HEAP_MAX_ORDER) {
        uint64_t buddy = mfn ^ (1ull << order);

        if ((buddy >> order) >= maps[order].bits || !heap_map_test(&maps[order], buddy >> order)) {
            break;
        }
        take_block(buddy, order);
        mfn &= ~(1ull << order);
        order++;
    }
    put_block(mfn, order);
}

/* The block to take a block of @order from: *@from is its order. The smallest that fits; of several, the highest; memory under 4 GiB last. */
static uint64_t find_block(unsigned int order, bool below_4g, unsigned int *from)
{
    uint64_t low = HEAP_MAP_NONE;

    for (uint32_t left = orders_free & ~((1u << order) - 1); left; left &= left - 1) {
        unsigned int o = (unsigned int)__builtin_ctz(left);
        uint64_t bit =
            below_4g ? heap_map_highest_below(&maps[o], FRAMES_4G >> o) : heap_map_highest(&maps[o]);

        if (bit == HEAP_MAP_NONE) {
            continue;
        }
        if (below_4g || frame_limit <= FRAMES_4G || bit << o >= FRAMES_4G) {
            *from = o;
            return bit << o;
        }
        if (low == HEAP_MAP_NONE) {
            low = bit << o;
            *from = o;
        }
    }
    return low;
}

/* A block of exactly @order out of the maps; INVALID_MFN when there is none. */
static mfn_t split_block(unsigned int order, bool below_4g)
{
    unsigned int from = 0;
    uint64_t mfn = find_block(order, below_4g, &from);

    if (mfn == HEAP_MAP_NONE) {
        return INVALID_MFN;
    }
    take_block(mfn, from);
    while (from > order) {
        from--;
        put_block(mfn, from);
        mfn += 1ull << from;
    }
    return MFN(mfn);
}

/* --- the lists of single frames --------------------------------------------------------------------------------------------------------- */

static void list_push(struct frame_list *l, mfn_t mfn)
{
    *frame_aux(mfn) = l->head;
    l->head = (uint32_t)mfn.n;
    if (l->count++ == 0) {
        l->tail = l->head;
    }
}

static mfn_t list_pop(struct frame_list *l)
{
    mfn_t mfn = MFN(l->head);

    l->head = *frame_aux(mfn);
    l->count--;
    *frame_aux(mfn) = 0;
    return mfn;
}

/* Put all of @from in front of @to. */
static void list_join(struct frame_list *to, struct frame_list *from)
{
    if (from->count == 0) {
        return;
    }
    *frame_aux(MFN(from->tail)) = to->head;
    to->head = from->head;
    if (to->count == 0) {
        to->tail = from->tail;
    }
    to->count += from->count;
    *from = (struct frame_list){LIST_END, LIST_END, 0};
}

static void merge_flushed(unsigned int budget)
{
    while (flushed.count > 0 && budget-- > 0) {
        merge_block(list_pop(&flushed).n, 0);
    }
}

/* Make every stale frame usable: flush all TLBs. The lock is not held; interrupts on. */
static void flush_stale(void)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    struct frame_list batch = stale;

    stale = (struct frame_list){LIST_END, LIST_END, 0};
    spin_unlock_irqrestore(&lock, flags);
    if (batch.count == 0) {
        return;
    }
    port_flush_tlb(cpus_online);
    flags = spin_lock_irqsave(&lock);
    list_join(&flushed, &batch);
    spin_unlock_irqrestore(&lock, flags);
}

/* Everything that waits into the maps, for an allocation that found nothing there. */
static void merge_all(void)
{
    bool more = true;

    if (irqs_enabled()) {
        flush_stale();
    }
    while (more) {
        unsigned long flags = spin_lock_irqsave(&lock);

        merge_flushed(MERGE_BATCH);
        more = flushed.count > 0;
        spin_unlock_irqrestore(&lock, flags);
    }
}

/* --- allocation -------------------------------------------------------------------------------------------------------------------------- */

static mfn_t try_alloc(unsigned int order, unsigned int flags, uint64_t claimed)
{
    uint64_t count = 1ull << order;
    unsigned long irq = spin_lock_irqsave(&lock);
    mfn_t mfn = INVALID_MFN;

    if (free_count >= count && free_count - count >= claimed_count - claimed) {
        if (order == 0 && flushed.count > 0 && !(flags & HEAP_BELOW_4G)) {
            mfn = list_pop(&flushed);
        } else {
            mfn = split_block(order, flags & HEAP_BELOW_4G);
        }
        if (!mfn_is_invalid(mfn)) {
            free_count -= count;
            claimed_count -= claimed;
        }
    }
    spin_unlock_irqrestore(&lock, irq);
    return mfn;
}

mfn_t heap_alloc_claimed(unsigned int order, unsigned int flags, uint64_t claimed)
{
    mfn_t mfn;

    if (order > HEAP_MAX_ORDER) {
        return INVALID_MFN;
    }
    mfn = try_alloc(order, flags, claimed);
    if (mfn_is_invalid(mfn) && __atomic_load_n(&free_count, __ATOMIC_RELAXED) >= 1ull << order) {
        merge_all();
        while (__atomic_load_n(&scrub_holds, __ATOMIC_ACQUIRE)) {
            cpu_relax(); /* they come back within microseconds */
        }
        mfn = try_alloc(order, flags, claimed);
    }
    if (!mfn_is_invalid(mfn)) {
        heap_dirty_take(mfn, order, flags & HEAP_ZERO);
        ASSERT(!(flags & HEAP_ZERO) || *(const uint64_t *)mfn_to_virt(mfn) == 0);
    }
    return mfn;
}

mfn_t heap_alloc(unsigned int order, unsigned int flags)
{
    return heap_alloc_claimed(order, flags, 0);
}

void heap_free_clean(mfn_t start, unsigned int order)
{
    unsigned long flags;

    ASSERT(order <= HEAP_MAX_ORDER && IS_ALIGNED(start.n, 1ull << order) && start.n < frame_limit);
    ASSERT(frame_read(start) == FRAME_OWNER(DOMID_NONE));
    flags = spin_lock_irqsave(&lock);
    merge_block(start.n, order);
    free_count += 1ull << order;
    spin_unlock_irqrestore(&lock, flags);
}

void heap_free(mfn_t start, unsigned int order)
{
    memset(mfn_to_virt(start), 0, PAGE_SIZE << order);
    heap_free_clean(start, order);
}

void heap_free_stale(mfn_t mfn)
{
    unsigned long flags;
    bool flush;

    ASSERT(frame_read(mfn) == FRAME_OWNER(DOMID_NONE));
    flags = spin_lock_irqsave(&lock);
    list_push(&stale, mfn);
    free_count++;
    if (flushed.count > FLUSHED_KEPT) {
        merge_flushed(MERGE_STEP);
    }
    flush = stale.count >= STALE_BATCH;
    spin_unlock_irqrestore(&lock, flags);
    if (unlikely(flush) && irqs_enabled()) {
        flush_stale();
    }
}

void *heap_alloc_page(void)
{
    mfn_t mfn = heap_alloc(0, HEAP_ZERO);

    return mfn_is_invalid(mfn) ? NULL : mfn_to_virt(mfn);
}

void heap_free_page(void *page)
{
    if (page) {
        heap_free(virt_to_mfn(page), 0);
    }
}

/* --- scrubbing ---------------------------------------------------------------------------------------------------------------------------- */

/* Take the free frames around @frame, at most 2^SCRUB_ORDER, out of the maps: *@order says how many. False: it is not in a block. Under the lock. */
static bool take_around(uint64_t frame, uint64_t *start, unsigned int *order)
{
    unsigned int from = 0;

    while (from <= HEAP_MAX_ORDER && !heap_map_test(&maps[from], frame >> from)) {
        from++;
    }
    if (from > HEAP_MAX_ORDER) {
        return false;
    }
    take_block(frame >> from << from, from);
    while (from > SCRUB_ORDER) {
        from--;
        put_block((frame >> from ^ 1) << from, from); /* the half that @frame is not in */
    }
    *start = frame >> from << from;
    *order = from;
    return true;
}

/* Clear the dirty ones of a block that nobody else has, until something more urgent comes. */
static void clean_block(uint64_t start, unsigned int order)
{
    for (uint64_t frame = heap_dirty_next(start); frame < start + (1ull << order) && !softirq_pending();
         frame = heap_dirty_next(frame)) {
        heap_dirty_take(MFN(frame), 0, true);
    }
}

bool heap_scrub_step(void)
{
    unsigned long flags =
        spin_lock_irqsave(&lock); /* off until the block is back: who waits for it must not be in the way */
    uint64_t frame = heap_dirty_next(scrub_from), start;
    unsigned int order;
    bool taken = false;

    if (frame == HEAP_DIRTY_NONE) {
        frame = heap_dirty_next(0);
    }
    if (frame == HEAP_DIRTY_NONE) {
        heap_scrub_wanted = false;
    } else {
        taken = take_around(frame, &start, &order);
        scrub_from = frame + 1;
    }
    scrub_holds += taken;
    spin_unlock(&lock);
    if (taken) {
        clean_block(start, order);
        spin_lock(&lock);
        merge_block(start, order);
        __atomic_store_n(&scrub_holds, scrub_holds - 1, __ATOMIC_RELEASE);
        spin_unlock(&lock);
    }
    irq_restore(flags);
    return frame != HEAP_DIRTY_NONE;
}

uint64_t heap_dirty_frames(void)
{
    return heap_dirty_count();
}

/* --- counts and claims ---------------------------------------------------------------------------------------------------------------------- */

uint64_t heap_free_frames(void)
{
    return __atomic_load_n(&free_count, __ATOMIC_RELAXED);
}

uint64_t heap_total_frames(void)
{
    return __atomic_load_n(&total_count, __ATOMIC_RELAXED);
}

uint64_t heap_claimed_frames(void)
{
    return __atomic_load_n(&claimed_count, __ATOMIC_RELAXED);
}

int heap_claim(uint64_t frames)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    int rc = -XEN_ENOMEM;

    if (frames <= free_count - claimed_count) {
        claimed_count += frames;
        rc = 0;
    }
    spin_unlock_irqrestore(&lock, flags);
    return rc;
}

void heap_unclaim(uint64_t frames)
{
    unsigned long flags = spin_lock_irqsave(&lock);

    BUG_ON(frames > claimed_count);
    claimed_count -= frames;
    spin_unlock_irqrestore(&lock, flags);
}

/* --- start-up -------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t map_bits(unsigned int order)
{
    return (frame_limit >> order) + 1;
}

static uint64_t map_pages(void)
{
    uint64_t words = 0;

    for (unsigned int o = 0; o < ORDERS; o++) {
        words += heap_map_words(map_bits(o));
    }
    words += heap_dirty_words(frame_limit);
    return DIV_ROUND_UP(words * sizeof(uint64_t), PAGE_SIZE);
}

static void make_maps(uint64_t *words)
{
    memset(words, 0, map_pages() << PAGE_SHIFT);
    for (unsigned int o = 0; o < ORDERS; o++) {
        heap_map_init(&maps[o], map_bits(o), words);
        words += heap_map_words(map_bits(o));
    }
    heap_dirty_init(frame_limit, words);
    maps_ready = true;
}

/* Enter a range, whose contents nobody knows, as the largest aligned blocks that it is made of. */
static void add_blocks(uint64_t mfn, uint64_t count)
{
    heap_dirty_mark(MFN(mfn), count);
    while (count > 0) {
        unsigned int order = MIN(HEAP_MAX_ORDER, fls64(count) - 1);
        unsigned long flags;

        if (mfn != 0) {
            order = MIN(order, ffs64(mfn) - 1);
        }
        flags = spin_lock_irqsave(&lock);
        merge_block(mfn, order);
        free_count += 1ull << order;
        spin_unlock_irqrestore(&lock, flags);
        mfn += 1ull << order;
        count -= 1ull << order;
    }
}

void heap_add_range(mfn_t start, uint64_t count)
{
    BUG_ON(start.n > frame_limit || count > frame_limit - start.n);
    ASSERT(count == 0 || frame_read(start) == FRAME_OWNER(DOMID_NONE));
    total_count += count;
    if (!maps_ready) {
        uint64_t pages = map_pages();

        if (count < pages) {
            BUG_ON(pending_count == PENDING_MAX);
            pending[pending_count].start = start;
            pending[pending_count++].count = count;
            return;
        }
        make_maps(mfn_to_virt(start));
        start = mfn_add(start, pages);
        count -= pages;
        for (unsigned int i = 0; i < pending_count; i++) {
            add_blocks(pending[i].start.n, pending[i].count);
        }
        pending_count = 0;
    }
    add_blocks(start.n, count);
}

void heap_reset(void)
{
    memset(maps, 0, sizeof(maps));
    orders_free = 0;
    stale = flushed = (struct frame_list){LIST_END, LIST_END, 0};
    free_count = total_count = claimed_count = 0;
    maps_ready = false;
    pending_count = 0;
    heap_dirty_init(0, NULL);
    scrub_from = 0;
    heap_scrub_wanted = false;
}

/* --- self-check -------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t check_list(const struct frame_list *l)
{
    uint64_t n = 0;
    uint32_t at = l->head, last = LIST_END;

    for (; at != LIST_END; at = *frame_aux(MFN(at))) {
        BUG_ON(frame_read(MFN(at)) != FRAME_OWNER(DOMID_NONE) || heap_map_test(&maps[0], at));
        last = at;
        BUG_ON(++n > l->count);
    }
    BUG_ON(n != l->count || (n > 0 && last != l->tail));
    return n;
}

static uint64_t check_map(unsigned int order)
{
    const struct heap_map *m = &maps[order];
    uint64_t n = 0;

    for (uint64_t b = 0; b < m->bits; b++) {
        if (!heap_map_test(m, b)) {
            continue;
        }
        BUG_ON(order < HEAP_MAX_ORDER && (b ^ 1) < m->bits && heap_map_test(m, b ^ 1));
        for (uint64_t i = 0; i < 1ull << order; i++) {
            BUG_ON(frame_read(MFN((b << order) + i)) != FRAME_OWNER(DOMID_NONE));
        }
        n++;
    }
    BUG_ON((n != 0) != ((orders_free >> order) & 1));
    BUG_ON((n != 0) != (heap_map_highest(m) != HEAP_MAP_NONE));
    return n << order;
}

void heap_check(void)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    uint64_t n = check_list(&stale) + check_list(&flushed);

    for (unsigned int o = 0; maps_ready && o < ORDERS; o++) {
        n += check_map(o);
    }
    BUG_ON(n != free_count || claimed_count > free_count);
    spin_unlock_irqrestore(&lock, flags);
}
