/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The buffers themselves, their description for the reader, and the switches; see trace.h. All is made once and stays: nothing here is freed after it
 * could have been mapped.
 */
#include <core/memory/heap.h>
#include <core/trace/trace_internal.h>
#include <lib/string.h>

/* The description counts its offsets, and the pages of a buffer, in 16 bits. */
#define OFFSET_MAX 0xffffu

static struct t_info *info;
static uint32_t info_pages;
static uint32_t buffer_pages;
static bool is_enabled;

static unsigned int cpu_limit(void)
{
    unsigned int limit = 0;

    for_each_cpu (cpu, cpus_present) {
        limit = cpu + 1;
    }
    return limit;
}

/* Words of the description before the first list of frames. */
static uint32_t head_words(void)
{
    return (uint32_t)DIV_ROUND_UP(sizeof(*info) + cpu_limit() * sizeof(info->mfn_offset[0]),
                                  sizeof(uint32_t));
}

/* The lists of all pCPUs but the last must end within reach of an offset, and all within what was allocated. */
static uint32_t pages_described(uint32_t wanted)
{
    uint32_t most = (OFFSET_MAX - head_words()) / cpuset_count(cpus_present);

    return MIN(wanted, most);
}

/* @pages in a row, zeroed; the rest of the block goes back. NULL: no such block. */
static void *alloc_pages(uint32_t pages)
{
    unsigned int order = 0;
    mfn_t first;

    while ((1ul << order) < pages) {
        order++;
    }
    first = order <= HEAP_MAX_ORDER ? heap_alloc(order, HEAP_ZERO) : INVALID_MFN;
    if (mfn_is_invalid(first)) {
        return NULL;
    }
    for (uint32_t i = pages; i < 1ul << order; i++) {
        heap_free_clean(mfn_add(first, i), 0);
    }
    return mfn_to_virt(first);
}

static void free_pages(void *start, uint32_t pages)
{
    for (uint32_t i = 0; start && i < pages; i++) {
        heap_free_page((uint8_t *)start + i * PAGE_SIZE);
    }
}

static int alloc_buffers(void **start, uint32_t pages)
{
    for_each_cpu (cpu, cpus_present) {
        start[cpu] = alloc_pages(pages);
        if (!start[cpu]) {
            return -XEN_ENOMEM;
        }
    }
    return 0;
}

/* Describe the buffers to the reader: where in the description each pCPU's list of frames begins, in words; 0: it has none. */
static void describe(void *const *start, uint32_t pages)
{
    uint32_t *words = (uint32_t *)info, at = head_words();

    info->tbuf_size = (uint16_t)pages;
    for_each_cpu (cpu, cpus_present) {
        info->mfn_offset[cpu] = (uint16_t)at;
        for (uint32_t i = 0; i < pages; i++) {
            words[at++] = (uint32_t)mfn_add(virt_to_mfn(start[cpu]), i).n;
        }
    }
}

static void open_buffer(unsigned int cpu, void *start, uint32_t pages)
{
    struct trace_buffer *b = &per_cpu(trace_buffer, cpu);

    b->meta = start;
    b->size = (uint32_t)(pages * PAGE_SIZE - sizeof(*b->meta));
    b->prod = 0;
    b->lost = 0;
    /* pairs with the pCPU's own look at it: first the rest */
    __atomic_store_n(&b->data, (uint8_t *)(b->meta + 1), __ATOMIC_RELEASE);
}

int trace_set_size(uint32_t pages)
{
    void *start[MAX_PCPUS] = {NULL};

    pages = pages_described(pages);
    if (info) {
        return pages == buffer_pages ? 0 : -XEN_EINVAL;
    }
    if (pages == 0) {
        return -XEN_EINVAL;
    }
    info_pages = (uint32_t)DIV_ROUND_UP(
        (head_words() + cpuset_count(cpus_present) * (uint64_t)pages) * sizeof(uint32_t), PAGE_SIZE);
    info = alloc_pages(info_pages);
    if (!info || alloc_buffers(start, pages) != 0) {
        for_each_cpu (cpu, cpus_present) {
            free_pages(start[cpu], pages);
        }
        free_pages(info, info_pages);
        info = NULL;
        info_pages = 0;
        return -XEN_ENOMEM;
    }
    describe(start, pages);
    for_each_cpu (cpu, cpus_present) {
        open_buffer(cpu, start[cpu], pages);
    }
    /* last: pairs with trace_may_map() */
    __atomic_store_n(&buffer_pages, pages, __ATOMIC_RELEASE);
    return 0;
}

void trace_reset(void)
{
    trace_disable();
    for_each_cpu (cpu, info ? cpus_present : CPUSET_NONE) {
        free_pages(per_cpu(trace_buffer, cpu).meta, buffer_pages);
        per_cpu(trace_buffer, cpu) = (struct trace_buffer){0};
    }
    free_pages(info, info_pages);
    info = NULL;
    info_pages = buffer_pages = 0;
    trace_set_events(TRC_ALL);
    trace_set_cpus(CPUSET_ALL);
}

/* --- switches ------------------------------------------------------------------------------------------------------------------------------------- */

static void apply(void)
{
    __atomic_store_n(&trace_control.classes, is_enabled ? trace_control.event_mask : 0, __ATOMIC_RELAXED);
}

int trace_enable(void)
{
    if (!info) {
        return -XEN_EINVAL;
    }
    is_enabled = true;
    apply();
    return 0;
}

void trace_disable(void)
{
    is_enabled = false;
    apply();
    for_each_cpu (cpu, cpus_present) {
        __atomic_store_n(&per_cpu(trace_buffer, cpu).lost, 0, __ATOMIC_RELAXED);
    }
}

void trace_set_events(uint32_t mask)
{
    __atomic_store_n(&trace_control.event_mask, mask, __ATOMIC_RELAXED);
    apply();
}

void trace_set_cpus(cpuset_t cpus)
{
    trace_control.cpus = cpus;
}

/* --- for the reader ----------------------------------------------------------------------------------------------------------------------------------- */

void trace_get_info(mfn_t *first, uint32_t *bytes)
{
    *first = info ? virt_to_mfn(info) : MFN(0);
    *bytes = info ? info_pages * (uint32_t)PAGE_SIZE : 0;
}

static bool is_within(mfn_t mfn, const void *start, uint32_t pages)
{
    return mfn.n - virt_to_mfn(start).n < pages;
}

bool trace_may_map(mfn_t mfn, bool write)
{
    if (!__atomic_load_n(&buffer_pages, __ATOMIC_ACQUIRE)) {
        return false;
    }
    if (is_within(mfn, info, info_pages)) {
        return !write;
    }
    for_each_cpu (cpu, cpus_present) {
        const struct trace_buffer *b = &per_cpu(trace_buffer, cpu);

        if (b->data && is_within(mfn, b->meta, buffer_pages)) {
            return true;
        }
    }
    return false;
}
