/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of host programs: the arena and its frame words, small objects, the window on a guest's memory. */
#include <base/frame.h>
#include <core/memory/heap.h>
#include <host/host.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

uint8_t *host_arena;
uint64_t *host_frame_state;
uint32_t *host_frame_aux;
uint64_t *host_m2p;

static uint64_t arena_frames;
static uint8_t *hole; /* a byte for each frame: 1 where there is no RAM */
static int64_t allocs_left = -1;
static uint64_t allocs;
static uint8_t *window;
static size_t window_size;
static void (*on_read)(void *arg, uint64_t gva, size_t size);
static void *on_read_arg;

static void *map(uint64_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        port_panic("no memory for the arena");
    }
    return p;
}

static void unmap_all(void)
{
    if (host_arena) {
        munmap(host_arena, arena_frames << PAGE_SHIFT);
        munmap(host_frame_state, arena_frames * sizeof(*host_frame_state));
        munmap(host_frame_aux, arena_frames * sizeof(*host_frame_aux));
        munmap(host_m2p, arena_frames * sizeof(*host_m2p));
        munmap(hole, arena_frames);
    }
}

void host_memory_init_bare(uint64_t size_bytes)
{
    unmap_all();
    arena_frames = size_bytes >> PAGE_SHIFT;
    host_arena = map(arena_frames << PAGE_SHIFT);
    host_frame_state = map(arena_frames * sizeof(*host_frame_state));
    host_frame_aux = map(arena_frames * sizeof(*host_frame_aux));
    host_m2p = map(arena_frames * sizeof(*host_m2p));
    hole = map(arena_frames);
    frame_limit = arena_frames;
    for (uint64_t i = 0; i < arena_frames; i++) {
        host_frame_state[i] = FRAME_OWNER(DOMID_NONE);
        host_m2p[i] = ~0ull;
    }
    heap_reset();
}

void host_memory_init(uint64_t size_bytes)
{
    host_memory_init_bare(size_bytes);
    host_memory_hole(0, 1);
    heap_add_range(MFN(1), arena_frames - 1);
}

void host_memory_hole(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        hole[i] = 1;
        host_frame_state[i] = 0;
    }
}

bool frame_is_ram(mfn_t mfn)
{
    return mfn.n < frame_limit && !hole[mfn.n];
}

/* --- small objects ----------------------------------------------------------------------------------------------------------------------- */

void host_alloc_fail_after(int64_t n)
{
    allocs_left = n;
}

uint64_t host_alloc_count(void)
{
    return allocs;
}

void *zalloc(size_t size)
{
    void *p;

    if (allocs_left == 0) {
        return NULL;
    }
    if (allocs_left > 0) {
        allocs_left--;
    }
    p = calloc(1, size);
    if (p) {
        __atomic_fetch_add(&allocs, 1, __ATOMIC_RELAXED);
    }
    return p;
}

void zfree(void *ptr)
{
    if (ptr) {
        __atomic_fetch_sub(&allocs, 1, __ATOMIC_RELAXED);
        free(ptr);
    }
}

/* --- a guest's memory ---------------------------------------------------------------------------------------------------------------------- */

void host_guest_window(void *base, size_t size)
{
    window = base;
    window_size = size;
}

void host_guest_on_read(void (*fn)(void *arg, uint64_t gva, size_t size), void *arg)
{
    on_read = fn;
    on_read_arg = arg;
}

static uint8_t *in_window(uint64_t gva, size_t size)
{
    uint64_t offset = gva - (uint64_t)(uintptr_t)window;

    return window && offset <= window_size && size <= window_size - offset ? window + offset : NULL;
}

int host_guest_read(void *dst, uint64_t gva, size_t size)
{
    const uint8_t *from = in_window(gva, size);

    if (size == 0) {
        return 0;
    }
    if (!from) {
        return -XEN_EFAULT;
    }
    memcpy(dst, from, size);
    if (on_read) {
        on_read(on_read_arg, gva, size);
    }
    return 0;
}

int host_guest_write(uint64_t gva, const void *src, size_t size)
{
    uint8_t *to = in_window(gva, size);

    if (size == 0) {
        return 0;
    }
    if (!to) {
        return -XEN_EFAULT;
    }
    memcpy(to, src, size);
    return 0;
}

int host_guest_clear(uint64_t gva, size_t size)
{
    uint8_t *to = in_window(gva, size);

    if (size == 0) {
        return 0;
    }
    if (!to) {
        return -XEN_EFAULT;
    }
    memset(to, 0, size);
    return 0;
}
