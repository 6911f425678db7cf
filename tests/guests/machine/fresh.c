/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A first domain that takes memory which nobody has had since power-on, page by page and in pieces of 2 MiB, and says how much of it is not zero. */
#include "guest.h"

#define PAGES  1024
#define PIECES 2

static u64 *window;

static long take(unsigned order, u64 pfn)
{
    static xen_pfn_t frame;
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};

    frame = pfn;
    set_xen_guest_handle(r.extent_start, &frame);
    return hc2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r) == 1 ? (long)frame : -1;
}

/* Words of machine frame @mfn that are not zero. */
static long count_words(u64 mfn)
{
    long n = 0;

    if (set_va(window, mfn << 12 | PTE_RW)) {
        panic("cannot map %lx", mfn);
    }
    for (int i = 0; i < 512; i++) {
        n += window[i] != 0;
    }
    return n;
}

void guest_main(void)
{
    u64 pfn = g.si->nr_pages;
    long words = 0, pages = 0;

    window = page_alloc();
    for (int i = 0; i < PAGES; i++, pages++) {
        long mfn = take(0, pfn++);

        if (mfn < 0) {
            panic("no more memory after %ld pages", pages);
        }
        words += count_words((u64)mfn);
    }
    for (int i = 0; i < PIECES; i++) {
        long mfn = take(9, pfn = (pfn + 511) & ~511UL);

        if (mfn < 0) {
            panic("no 2 MiB in one piece");
        }
        for (int k = 0; k < 512; k++, pages++) {
            words += count_words((u64)mfn + k);
        }
        pfn += 512;
    }
    print("# fresh: %ld pages, %ld words not zero\n", pages, words);
    print("# end 1 tests, 0 failed\n");
}
