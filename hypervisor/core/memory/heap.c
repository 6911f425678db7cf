/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page allocator. A frame that is free is in exactly one place: in the block of one order whose bit is set in heap.maps[order], or on one of three lists
 * of single frames (linked through the auxiliary words): `stale` and `stale_dirty`, which some TLB may still know, and `flushed`, which none does.
 * Invariants: no two buddies are both free in the maps; free_count is the number of all free frames; claimed_count <= free_count.
 */
#include <base/lock.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/memory/heap_dirty.h>
#include <core/memory/heap_internal.h>
#include <lib/string.h>

#define STALE_BATCH  256u  /* flush when so many wait: they are then cleared, in some tens of microseconds */
#define FLUSHED_KEPT 4096u /* frames that stay on the list, for quick allocation */
#define MERGE_STEP   1u    /* above it each free moves one to the maps: the list grows no longer */
#define MERGE_BATCH  256u  /* frames moved under one holding of the lock */
#define PENDING_MAX  16u
#define SCRUB_ORDER  4u /* frames cleaned at once: some microseconds */

struct heap_state heap = {.lock = SPINLOCK_INIT(heap),
                          .stale = LIST_EMPTY,
                          .stale_dirty = LIST_EMPTY,
                          .flushed = {[0 ... NUMA_NODES_MAX - 1] = LIST_EMPTY},
                          .safe_order = HEAP_MAX_ORDER};
static uint64_t scrub_from; /* where the scrubber goes on */
static uint32_t
    scrub_holds; /* blocks that scrubbers have out of the maps, though they count as free; atomic to read */
bool heap_scrub_wanted;
bool heap_scrub_allowed;
static struct {
    mfn_t start;
    uint64_t count;
} pending[PENDING_MAX]; /* ranges that came before there was room for the maps */
static unsigned int pending_count;

/* --- blocks in the maps --------------------------------------------------------------------------------------------------------------- */

/* Enter a free block, joining it with its buddy for as long as that is free too, and of the same node. */
static void merge_block(uint64_t mfn, unsigned int order)
{
    while (order < HEAP_MAX_ORDER) {
        uint64_t buddy = mfn ^ (1ull << order);

        if ((buddy >> order) >= heap.maps[order].bits || !heap_map_test(&heap.maps[order], buddy >> order)) {
            break;
        }
        if (unlikely(order >= heap.safe_order) && numa_is_split(MFN(mfn & buddy), 2ull << order)) {
            break;
        }
        heap_take_block(buddy, order);
        mfn &= ~(1ull << order);
        order++;
    }
    heap_put_block(mfn, order);
}

/* Enter @count frames from @mfn on as the largest aligned blocks that they are made of, each of one node. @is_new: they did not count as free. */
static void merge_run(uint64_t mfn, uint64_t count, bool is_new)
{
    while (count > 0) {
        unsigned int order = MIN(HEAP_MAX_ORDER, fls64(count) - 1);

        if (mfn != 0) {
            order = MIN(order, ffs64(mfn) - 1);
        }
        while (numa_is_split(MFN(mfn), 1ull << order)) {
            order--;
        }
        merge_block(mfn, order);
        if (is_new) {
            heap_count_free(MFN(mfn), 1ull << order);
        }
        mfn += 1ull << order;
        count -= 1ull << order;
    }
}

/* The block to take a block of @order from: *@from is its order. The smallest that fits; of several, the highest; memory under 4 GiB last. */
static uint64_t find_block(unsigned int order, bool below_4g, unsigned int *from)
{
    uint64_t low = HEAP_MAP_NONE;

    for (uint32_t left = heap.orders_free & ~((1u << order) - 1); left; left &= left - 1) {
        unsigned int o = (unsigned int)__builtin_ctz(left);
        uint64_t bit = below_4g ? heap_map_highest_below(&heap.maps[o], FRAMES_4G >> o)
                                : heap_map_highest(&heap.maps[o]);

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

    return mfn == HEAP_MAP_NONE ? INVALID_MFN : heap_split(mfn, from, order);
}

/* --- the lists of single frames --------------------------------------------------------------------------------------------------------- */

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
    *from = (struct frame_list)LIST_EMPTY;
}

static void merge_flushed(struct frame_list *flushed, unsigned int budget)
{
    while (flushed->count > 0 && budget-- > 0) {
        merge_block(heap_list_pop(flushed).n, 0);
    }
}

/* Frames that no TLB knows any more go to their nodes' lists. */
static void sort_flushed(struct frame_list *batch)
{
    if (likely(numa_nodes <= 1)) {
        list_join(&heap.flushed[0], batch);
        return;
    }
    while (batch->count > 0) {
        mfn_t mfn = heap_list_pop(batch);

        heap_list_push(&heap.flushed[numa_frame_node(mfn)], mfn);
    }
}

static void clear_frames(const struct frame_list *l)
{
    for (uint32_t at = l->head; at != LIST_END; at = *frame_aux(MFN(at))) {
        port_clear_page(mfn_to_virt(MFN(at)));
    }
}

/* Frames that no TLB knows any more go to the maps as they are, runs of them at once: they mostly came in rising order. */
static void merge_dirty(struct frame_list *batch)
{
    while (batch->count > 0) {
        uint64_t first = heap_list_pop(batch).n, count = 1;
        unsigned long flags;

        while (batch->count > 0 && batch->head + 1 == first) {
            first = heap_list_pop(batch).n;
            count++;
        }
        heap_dirty_mark(MFN(first), count);
        flags = spin_lock_irqsave(&heap.lock);
        merge_run(first, count, false);
        heap_scrub_wanted = heap_scrub_allowed;
        spin_unlock_irqrestore(&heap.lock, flags);
    }
}

/*
 * Make every stale frame usable: flush all TLBs, and only then clear them or say that they are dirty, since a guest whose TLB still knew one could write
 * to it until now. The lock is not held; interrupts on.
 */
static void flush_stale(void)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock);
    struct frame_list batch = heap.stale, dirty = heap.stale_dirty;

    heap.stale = (struct frame_list)LIST_EMPTY;
    heap.stale_dirty = (struct frame_list)LIST_EMPTY;
    spin_unlock_irqrestore(&heap.lock, flags);
    if (batch.count + dirty.count == 0) {
        return;
    }
    port_flush_tlb(cpus_online);
    merge_dirty(&dirty);
    clear_frames(&batch);
    flags = spin_lock_irqsave(&heap.lock);
    sort_flushed(&batch);
    spin_unlock_irqrestore(&heap.lock, flags);
}

/* Everything that waits into the maps, for an allocation that found nothing there. */
static void merge_all(void)
{
    if (irqs_enabled()) {
        flush_stale();
    }
    for (unsigned int node = 0; node < numa_nodes; node++) {
        bool more = true;

        while (more) {
            unsigned long flags = spin_lock_irqsave(&heap.lock);

            merge_flushed(&heap.flushed[node], MERGE_BATCH);
            more = heap.flushed[node].count > 0;
            spin_unlock_irqrestore(&heap.lock, flags);
        }
    }
}

/* --- allocation -------------------------------------------------------------------------------------------------------------------------- */

static mfn_t try_alloc(unsigned int order, unsigned int flags, uint64_t claimed)
{
    uint64_t count = 1ull << order;
    unsigned long irq = spin_lock_irqsave(&heap.lock);
    mfn_t mfn = INVALID_MFN;

    if (heap.free_count >= count && heap.free_count - count >= heap.claimed_count - claimed) {
        if (unlikely(numa_nodes > 1)) {
            mfn = heap_take_near(order, flags);
        } else if (order == 0 && heap.flushed[0].count > 0 && !(flags & HEAP_BELOW_4G)) {
            mfn = heap_list_pop(&heap.flushed[0]);
        } else {
            mfn = split_block(order, flags & HEAP_BELOW_4G);
        }
        if (!mfn_is_invalid(mfn)) {
            heap.free_count -= count;
            heap.claimed_count -= claimed;
        }
    }
    spin_unlock_irqrestore(&heap.lock, irq);
    return mfn;
}

/* Is enough free, where it is looked for, so that what waits may be what is missing? */
static bool could_be_merged(unsigned int order, unsigned int flags)
{
    unsigned int node = HEAP_GET_NODE(flags);
    uint64_t free =
        flags & HEAP_EXACT_NODE && node < numa_nodes ? heap_node_free_frames(node) : heap_free_frames();

    return free >= 1ull << order;
}

mfn_t heap_alloc_claimed(unsigned int order, unsigned int flags, uint64_t claimed)
{
    mfn_t mfn;

    if (order > HEAP_MAX_ORDER) {
        return INVALID_MFN;
    }
    mfn = try_alloc(order, flags, claimed);
    if (mfn_is_invalid(mfn) && could_be_merged(order, flags)) {
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
    flags = spin_lock_irqsave(&heap.lock);
    merge_block(start.n, order);
    heap_count_free(start, 1ull << order);
    spin_unlock_irqrestore(&heap.lock, flags);
}

void heap_free(mfn_t start, unsigned int order)
{
    memset(mfn_to_virt(start), 0, PAGE_SIZE << order);
    heap_free_clean(start, order);
}

void heap_free_stale(mfn_t mfn)
{
    struct frame_list *flushed;
    unsigned long flags;
    bool flush;

    ASSERT(frame_read(mfn) == FRAME_OWNER(DOMID_NONE));
    flags = spin_lock_irqsave(&heap.lock);
    heap_list_push(&heap.stale, mfn);
    heap_count_free(mfn, 1);
    flushed = &heap.flushed[unlikely(numa_nodes > 1) ? numa_frame_node(mfn) : 0];
    if (flushed->count > FLUSHED_KEPT) {
        merge_flushed(flushed, MERGE_STEP);
    }
    flush = heap.stale.count >= STALE_BATCH;
    spin_unlock_irqrestore(&heap.lock, flags);
    if (unlikely(flush) && irqs_enabled()) {
        flush_stale();
    }
}

void heap_free_stale_dirty(mfn_t mfn)
{
    unsigned long flags;
    bool flush;

    ASSERT(frame_read(mfn) == FRAME_OWNER(DOMID_NONE));
    flags = spin_lock_irqsave(&heap.lock);
    heap_list_push(&heap.stale_dirty, mfn);
    heap_count_free(mfn, 1);
    flush = heap.stale_dirty.count >= STALE_BATCH;
    spin_unlock_irqrestore(&heap.lock, flags);
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

    while (from <= HEAP_MAX_ORDER && !heap_map_test(&heap.maps[from], frame >> from)) {
        from++;
    }
    if (from > HEAP_MAX_ORDER) {
        return false;
    }
    heap_take_block(frame >> from << from, from);
    while (from > SCRUB_ORDER) {
        from--;
        heap_put_block((frame >> from ^ 1) << from, from); /* the half that @frame is not in */
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
    unsigned long flags = spin_lock_irqsave(
        &heap.lock); /* off until the block is back: who waits for it must not be in the way */
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
    spin_unlock(&heap.lock);
    if (taken) {
        clean_block(start, order);
        spin_lock(&heap.lock);
        merge_block(start, order);
        __atomic_store_n(&scrub_holds, scrub_holds - 1, __ATOMIC_RELEASE);
        spin_unlock(&heap.lock);
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
    return __atomic_load_n(&heap.free_count, __ATOMIC_RELAXED);
}

uint64_t heap_total_frames(void)
{
    return __atomic_load_n(&heap.total_count, __ATOMIC_RELAXED);
}

uint64_t heap_claimed_frames(void)
{
    return __atomic_load_n(&heap.claimed_count, __ATOMIC_RELAXED);
}

int heap_claim(uint64_t frames)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock);
    int rc = -XEN_ENOMEM;

    if (frames <= heap.free_count - heap.claimed_count) {
        heap.claimed_count += frames;
        rc = 0;
    }
    spin_unlock_irqrestore(&heap.lock, flags);
    return rc;
}

void heap_unclaim(uint64_t frames)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock);

    BUG_ON(frames > heap.claimed_count);
    heap.claimed_count -= frames;
    spin_unlock_irqrestore(&heap.lock, flags);
}

/* --- start-up -------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t map_bits(unsigned int order)
{
    return (frame_limit >> order) + 1;
}

static uint64_t map_pages(void)
{
    uint64_t words = 0;

    for (unsigned int o = 0; o < HEAP_ORDERS; o++) {
        words += heap_map_words(map_bits(o));
    }
    words += heap_dirty_words(frame_limit);
    return DIV_ROUND_UP(words * sizeof(uint64_t), PAGE_SIZE);
}

static void make_maps(uint64_t *words)
{
    memset(words, 0, map_pages() << PAGE_SHIFT);
    for (unsigned int o = 0; o < HEAP_ORDERS; o++) {
        heap_map_init(&heap.maps[o], map_bits(o), words);
        words += heap_map_words(map_bits(o));
    }
    heap_dirty_init(frame_limit, words);
    heap.maps_ready = true;
}

/* Enter a range, whose contents nobody knows. */
static void add_blocks(uint64_t mfn, uint64_t count)
{
    unsigned long flags;

    heap_dirty_mark(MFN(mfn), count);
    flags = spin_lock_irqsave(&heap.lock);
    merge_run(mfn, count, true);
    spin_unlock_irqrestore(&heap.lock, flags);
}

void heap_add_range(mfn_t start, uint64_t count)
{
    BUG_ON(start.n > frame_limit || count > frame_limit - start.n);
    BUG_ON(count != 0 && (frame_read(start) != FRAME_OWNER(DOMID_NONE) ||
                          frame_read(mfn_add(start, count - 1)) != FRAME_OWNER(DOMID_NONE)));
    heap.total_count += count;
    if (!heap.maps_ready) {
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
    numa_init_one();
    memset(&heap, 0, sizeof(heap));
    spin_lock_init(&heap.lock, heap);
    heap.safe_order = HEAP_MAX_ORDER;
    heap.stale = (struct frame_list)LIST_EMPTY;
    heap.stale_dirty = (struct frame_list)LIST_EMPTY;
    for (unsigned int node = 0; node < NUMA_NODES_MAX; node++) {
        heap.flushed[node] = (struct frame_list)LIST_EMPTY;
    }
    pending_count = 0;
    heap_dirty_init(0, NULL);
    scrub_from = 0;
    heap_scrub_wanted = false;
    heap_scrub_allowed = false;
}
