/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first domain's layout: for kernels of any size nothing overlaps, everything fits, the tables are enough; and what does not fit is said at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/xen.h>
#include <guest/x86/pv/dom0_plan.h>
#include <lib/bits.h>
#include <lib/string.h>
#include <tests/unit/hypervisor/random.h>

#define BASE 0xffffffff80000000ull
#define MIB  (1ull << 20)

/* As a Linux kernel of 30 MiB says it, with 512 MiB of memory. */
static const struct pv_plan_input linux_like = {.virt_base = BASE,
                                                .kernel_start = BASE + 16 * MIB,
                                                .kernel_end = BASE + 46 * MIB,
                                                .entry = BASE + 17 * MIB,
                                                .p2m_base = 0x8000000000ull,
                                                .ramdisk_bytes = 20 * MIB + 5,
                                                .ramdisk_is_unmapped = true,
                                                .pages = 131072};

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + 4095) / 4096;
}

/* Tables of levels 3 to 1 that map [start, start + pages): counted one by one. */
static uint64_t count_tables(uint64_t start, uint64_t pages)
{
    uint64_t count = 0;

    for (unsigned int level = 1; level <= 3; level++) {
        uint64_t last = ~0ull, shift = 12 + 9 * level;

        for (uint64_t p = 0; p < pages; p++) {
            uint64_t table = (start + p * 4096) >> shift;

            count += table != last;
            last = table;
        }
    }
    return count;
}

struct part {
    uint64_t from, pages;
};

static void check_parts(struct part *part, unsigned int count, uint64_t pages)
{
    for (unsigned int i = 0; i < count; i++) {
        assert_true(part[i].from + part[i].pages <= pages);
        for (unsigned int k = 0; k < i; k++) {
            assert_true(part[i].from + part[i].pages <= part[k].from ||
                        part[k].from + part[k].pages <= part[i].from || part[i].pages == 0 ||
                        part[k].pages == 0);
        }
    }
}

static void check_plan(const struct pv_plan_input *in, const struct pv_plan *p)
{
    uint64_t kernel = pages_of(in->kernel_end - in->virt_base);
    struct part part[] = {{0, kernel},
                          {p->ramdisk_pfn, pages_of(in->ramdisk_bytes)},
                          {p->p2m_pfn, p->p2m_pages + p->p2m_tables},
                          {p->start_info_pfn, 1},
                          {p->table_pfn, p->table_pages},
                          {p->stack_pfn, 1}};

    check_parts(part, ARRAY_SIZE(part), p->used_pages);
    assert_true(p->used_pages <= in->pages);
    assert_int_equal(p->p2m_bytes, in->pages * 8);
    assert_int_equal(p->p2m_pages, pages_of(p->p2m_bytes));
    /* mapped: the kernel, tables and stack, and 512 KiB behind it, to a multiple of 4 MiB */
    assert_int_equal(p->virt_end, in->virt_base + p->mapped_pages * 4096);
    assert_int_equal(p->virt_end % (4 * MIB), 0);
    assert_true(p->mapped_pages - (p->stack_pfn + 1) >= 128);
    assert_true(p->stack_pfn > p->table_pfn && p->table_pfn > p->start_info_pfn);
    assert_true(1 + count_tables(in->virt_base, p->mapped_pages) <= p->table_pages);
    if (in->p2m_base) {
        assert_int_equal(p->p2m_va, in->p2m_base);
        assert_int_equal(p->p2m_tables, count_tables(in->p2m_base, p->p2m_pages));
        assert_true(p->p2m_pfn >= p->mapped_pages);
    } else {
        assert_int_equal(p->p2m_va, in->virt_base + p->p2m_pfn * 4096);
        assert_true(p->p2m_pfn + p->p2m_pages <= p->mapped_pages);
    }
    assert_int_equal(p->ramdisk_pfn >= p->mapped_pages, in->ramdisk_is_unmapped);
}

static int make(const struct pv_plan_input *in, struct pv_plan *p)
{
    const char *reason = NULL;
    int rc;

    memset(p, 0xa5, sizeof(*p));
    rc = pv_plan_make(in, p, &reason);
    assert_int_equal(rc != 0, reason != NULL);
    return rc;
}

static void of_all_sizes(void **state)
{
    struct random r = random_seed(3);
    struct pv_plan_input full = linux_like;
    struct pv_plan plan;
    unsigned int made = 0;

    assert_int_equal(make(&linux_like, &plan), 0);
    check_plan(&linux_like, &plan);
    full.pages = 262144; /* its p2m fills tables wholly */
    assert_int_equal(make(&full, &plan), 0);
    check_plan(&full, &plan);
    for (unsigned int i = 0; i < 400; i++) {
        struct pv_plan_input in = linux_like;
        int rc;

        in.virt_base = random_below(&r, 2) ? BASE : VA_HYPERVISOR_END + random_below(&r, 1000) * 4 * MIB;
        in.kernel_start = in.virt_base + random_below(&r, 32 * MIB);
        in.kernel_end = in.kernel_start + 1 + random_below(&r, 64 * MIB);
        in.entry = in.kernel_start + random_below(&r, in.kernel_end - in.kernel_start);
        in.p2m_base = random_below(&r, 3) ? random_below(&r, 1 << 20) << 26 : 0;
        in.ramdisk_bytes = random_below(&r, 4) ? random_below(&r, 200 * MIB) : 0;
        in.ramdisk_is_unmapped = random_below(&r, 2);
        in.pages = 1 + random_below(&r, 200000);
        rc = make(&in, &plan);
        if (rc == 0) {
            check_plan(&in, &plan);
            made++;
        } else {
            assert_int_equal(rc, -XEN_ENOMEM);
        }
    }
    assert_in_range(made, 200, 399);
}

/* One page less than it needs is too little. */
static void just_enough(void **state)
{
    struct pv_plan_input in = linux_like;
    struct pv_plan plan;
    uint64_t low = 1, high = in.pages;

    while (low < high) {
        in.pages = (low + high) / 2;
        if (make(&in, &plan) == 0) {
            high = in.pages;
        } else {
            low = in.pages + 1;
        }
    }
    in.pages = low;
    assert_int_equal(make(&in, &plan), 0);
    check_plan(&in, &plan);
    assert_int_equal(plan.used_pages, in.pages);
}

#define REFUSED(field, value, error)                  \
    do {                                              \
        in = linux_like;                              \
        in.field = (value);                           \
        assert_int_equal(make(&in, &plan), -(error)); \
    } while (0)

static void refused(void **state)
{
    struct pv_plan_input in;
    struct pv_plan plan;

    REFUSED(virt_base, BASE + 4096, XEN_EINVAL);
    REFUSED(virt_base, VA_HYPERVISOR_END - 4 * MIB, XEN_EINVAL);
    REFUSED(virt_base, 0, XEN_EINVAL);
    REFUSED(kernel_start, BASE - 1, XEN_EINVAL);
    REFUSED(entry, linux_like.kernel_start - 1, XEN_EINVAL);
    REFUSED(entry, linux_like.kernel_end, XEN_EINVAL);
    REFUSED(kernel_end, linux_like.kernel_start, XEN_EINVAL);
    REFUSED(kernel_end, 0, XEN_EINVAL);
    REFUSED(p2m_base, 0x8000000001ull, XEN_EINVAL);
    REFUSED(p2m_base, 1ull << 47, XEN_EINVAL);
    REFUSED(p2m_base, VA_HYPERVISOR_START, XEN_EINVAL);
    REFUSED(pages, 0, XEN_ENOMEM);
    REFUSED(pages, 1000, XEN_ENOMEM);
}

/* Beyond the end of the address space, or of numbers: said, not tried for ever. */
static void too_large(void **state)
{
    struct pv_plan_input in;
    struct pv_plan plan;

    REFUSED(kernel_end, ~0ull, XEN_ENOMEM);
    REFUSED(ramdisk_bytes, 1ull << 62, XEN_ENOMEM);
    REFUSED(ramdisk_bytes, ~0ull - 8191, XEN_ENOMEM);
    in = linux_like;
    in.ramdisk_is_unmapped = false;
    in.ramdisk_bytes = 2048 * MIB; /* between the kernel and the end of addresses there is less */
    in.pages = 1 << 20;
    assert_int_equal(make(&in, &plan), -XEN_ENOMEM);
    in.ramdisk_bytes = ~0ull - 8191;
    assert_int_equal(make(&in, &plan), -XEN_ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_all_sizes),
        cmocka_unit_test(just_enough),
        cmocka_unit_test(refused),
        cmocka_unit_test(too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
