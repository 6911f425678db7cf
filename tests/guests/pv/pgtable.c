/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page types: a frame is a page table, a descriptor page or writable, one at a time; whatever the guest tries. */
#include "guest.h"

#define SLOT_VA(slot) ((u8 *)((u64)(slot) << 39))
#define FREE_SLOT     100

static u64 *table(void)
{ /* a zeroed page, mapped read-only: ready to be a page table */
    u64 *t = page_alloc();
    make_ro(t);
    return t;
}
static void drop(u64 *t)
{
    make_rw(t);
    page_free(t);
}
static u64 pte(const void *p, u64 flags)
{
    return va_mfn(p) << 12 | flags;
}
/* Writes an entry of a page that is no page table yet. */
static void seed_entry(u64 *t, int i, u64 val)
{
    make_rw(t);
    t[i] = val;
    make_ro(t);
}

TEST(m2p_matches)
{
    for (unsigned long pfn = 0; pfn < g.si->nr_pages; pfn++) {
        unsigned long mfn = ((unsigned long *)g.si->mfn_list)[pfn];
        if (m2p[mfn] != pfn) {
            CHECK_EQ(m2p[mfn], pfn);
        }
    }
}
TEST(initial_tables_read_only)
{
    for (unsigned i = 0; i < g.si->nr_pt_frames; i++) {
        u64 *t = (u64 *)(g.si->pt_base + i * PAGE_SIZE);
        CHECK(!(*pt_entry(t, 1) & PTE_W));
        CHECK(set_va(t, pte(t, PTE_RW)) < 0);
    }
}
TEST(pin_l1)
{
    u64 *t = table();
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(t), 0), 0);
    CHECK(make_rw(t) < 0);
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(t), 0), 0);
    CHECK_EQ(make_rw(t), 0);
    page_free(t);
}
TEST(pin_every_level)
{
    static const unsigned cmd[] = {MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
                                   MMUEXT_PIN_L4_TABLE};
    for (unsigned i = 0; i < ARRAY_SIZE(cmd); i++) {
        u64 *t = table();
        CHECK_EQ(mmuext1(cmd[i], va_mfn(t), 0), 0);
        CHECK(make_rw(t) < 0);
        for (unsigned j = 0; j < ARRAY_SIZE(cmd); j++) {
            CHECK(mmuext1(cmd[j], va_mfn(t), 0) < 0); /* another type, or pinned twice */
        }
        CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(t), 0), 0);
        CHECK(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(t), 0) < 0);
        CHECK_EQ(make_rw(t), 0);
        page_free(t);
    }
}
TEST(pin_writable_page)
{
    u64 *t = page_alloc();
    CHECK(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(t), 0) < 0);
    CHECK(mmuext1(MMUEXT_PIN_L4_TABLE, va_mfn(t), 0) < 0);
    t[0] = 1;
    page_free(t);
}
TEST(pin_errors)
{
    CHECK(mmuext1(MMUEXT_PIN_L1_TABLE, 0x7ffffffUL, 0) < 0);
    CHECK(mmuext1(MMUEXT_PIN_L1_TABLE, ~0UL, 0) < 0);
    CHECK(mmuext1(MMUEXT_UNPIN_TABLE, 0x7ffffffUL, 0) < 0);
    CHECK(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(stacks), 0) < 0);
}
TEST(l1_contents_checked)
{
    u64 *t = table(), *l1 = table();
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(l1), 0), 0);
    seed_entry(t, 7, pte(l1, PTE_RW)); /* a writable mapping of a page table */
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(t), 0), -XEN_EBUSY);
    seed_entry(t, 7, pte(t, PTE_RW)); /* of itself */
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(t), 0), -XEN_EBUSY);
    seed_entry(t, 7, pte(l1, PTE_RO)); /* read-only: fine */
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(t), 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(t), 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(l1), 0), 0);
    drop(t);
    drop(l1);
}
TEST(l2_contents_checked)
{
    u64 *t = table(), *data = page_alloc(), *l1 = table();
    seed_entry(t, 3, pte(data, PTE_RW)); /* a writable page as L1 */
    CHECK(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(t), 0) < 0);
    seed_entry(t, 3, 0x200000 | PTE_RW | PTE_PS); /* a superpage */
    CHECK(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(t), 0) < 0);
    seed_entry(t, 3, pte(l1, PTE_RW));
    CHECK_EQ(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(t), 0), 0);
    CHECK(make_rw(l1) < 0); /* it is an L1 by being referred to */
    CHECK(mmuext1(MMUEXT_PIN_L3_TABLE, va_mfn(l1), 0) < 0);
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(t), 0), 0);
    CHECK_EQ(make_rw(l1), 0);
    page_free(l1);
    page_free(data);
    drop(t);
}
TEST(failed_pin_leaves_nothing)
{ /* an L2 whose second half is bad: the L1s of its first half are free again */
    u64 *t = table(), *l1 = table(), *data = page_alloc();
    make_rw(t);
    t[0] = pte(l1, PTE_RW);
    t[500] = pte(data, PTE_RW);
    make_ro(t);
    CHECK(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(t), 0) < 0);
    CHECK_EQ(make_rw(l1), 0);
    CHECK_EQ(make_rw(t), 0);
    page_free(t);
    page_free(l1);
    page_free(data);
}
TEST(foreign_frames_refused)
{
    u8 *w = page_alloc();
    u64 old = *pt_entry(w, 1);
    u8 *gone = page_alloc();
    xen_pfn_t f = va_mfn(gone);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, &f);
    CHECK_EQ(set_va(gone, 0), 0);
    CHECK_EQ(memory_op(XENMEM_decrease_reservation, &r), 1);
    CHECK_EQ(set_va(w, f << 12 | PTE_RW), -XEN_EBUSY); /* given back: not ours any more */
    CHECK_EQ(set_va(w, f << 12 | PTE_RO), -XEN_EBUSY);
    xen_pfn_t m2p_frame;
    struct xen_machphys_mfn_list ml = {.max_extents = 1};
    set_xen_guest_handle(ml.extent_start, &m2p_frame);
    CHECK_EQ(memory_op(XENMEM_machphys_mfn_list, &ml), 0);
    CHECK_EQ(set_va(w, m2p_frame << 12 | PTE_RW), -XEN_EBUSY);                /* the M2P, writable */
    CHECK_EQ(set_va(w, PTE_MFN(*pt_entry(w, 2)) << 12 | PTE_RW), -XEN_EBUSY); /* a table */
    long end = memory_op(XENMEM_maximum_ram_page, 0);
    CHECK_EQ(set_va(w, (u64)(end - 1) << 12 | PTE_RO), -XEN_EBUSY);
    long rc = set_va(w, (u64)end << 12 | PTE_RO); /* no memory any more */
    CHECK_EQ(rc, g.dom0 ? 0 : -XEN_EPERM);
    CHECK_EQ(set_va(w, 1UL << 51 | PTE_RW), -XEN_EPERM); /* more than the processor has */
    CHECK_EQ(set_va(w, 0xffffffffff000UL | PTE_RW), -XEN_EINVAL);
    CHECK_EQ(set_va(w, old), 0);
    CHECK_EQ(*pt_entry(w, 1), old);
    page_free(w);
}
TEST(hypervisor_frames_refused)
{ /* no RAM frame that is not ours can be mapped; a sweep over all of memory */
    u8 *w = page_alloc();
    long max = memory_op(XENMEM_maximum_ram_page, 0), mapped = 0;
    for (long f = 0x100; f < max && f < 0x40000; f++) {
        bool ours = m2p[f] < g.si->nr_pages && ((unsigned long *)g.si->mfn_list)[m2p[f]] == (unsigned long)f;
        if (!ours && !set_va(w, (u64)f << 12 | PTE_RW)) {
            mapped++;
        }
    }
    CHECK_EQ(make_rw(w), 0);
    /* the first domain may map frames that are no RAM, and the console's and shared pages: few */
    CHECK(mapped < (g.dom0 ? 1500 : 8));
    page_free(w);
}
TEST(recursive_l4)
{
    u64 *l4 = (u64 *)g.si->pt_base;
    u64 ptr = (va_mfn(l4) << 12) + FREE_SLOT * 8;
    CHECK(mmu_update1(ptr, pte(l4, PTE_RW)) < 0);
    CHECK_EQ(l4[FREE_SLOT], 0);
    CHECK_EQ(mmu_update1(ptr, pte(l4, PTE_RO)), 0);
    u64 v;
    u64 *self =
        (u64 *)((u64)FREE_SLOT << 39 | (u64)FREE_SLOT << 30 | (u64)FREE_SLOT << 21 | (u64)FREE_SLOT << 12);
    CHECK_EQ(probe_read(&self[FREE_SLOT], &v), -1);
    CHECK_EQ(PTE_MFN(v), va_mfn(l4));
    CHECK_EQ(probe_write(&self[FREE_SLOT], 0), 14);
    CHECK_EQ(mmu_update1(ptr, 0), 0);
    CHECK_EQ(probe_read(&self[FREE_SLOT], &v), 14);
}
TEST(hypervisor_slots)
{ /* L4 entries 256 to 271 are not the guest's */
    u64 *l4 = (u64 *)g.si->pt_base;
    u64 *l3 = table();
    for (int i = 256; i < 272; i++) {
        u64 old = l4[i];
        CHECK(mmu_update1((va_mfn(l4) << 12) + i * 8, 0) < 0);
        CHECK(mmu_update1((va_mfn(l4) << 12) + i * 8, pte(l3, PTE_RW)) < 0);
        CHECK_EQ(l4[i], old);
    }
    drop(l3);
}
TEST(build_and_drop_a_tree)
{
    u64 *l3 = table(), *l2 = table(), *l1 = table(), *data = page_alloc();
    u8 *va = SLOT_VA(FREE_SLOT);
    u64 l4e = (va_mfn((void *)g.si->pt_base) << 12) + FREE_SLOT * 8;
    data[0] = 0xfeed;
    seed_entry(l1, 0, pte(data, PTE_RW));
    seed_entry(l2, 0, pte(l1, PTE_RW));
    seed_entry(l3, 0, pte(l2, PTE_RW));
    CHECK_EQ(mmu_update1(l4e, pte(l3, PTE_RW)), 0);
    u64 v;
    CHECK_EQ(probe_read(va, &v), -1);
    CHECK_EQ(v, 0xfeed);
    CHECK(make_rw(l1) < 0 && make_rw(l2) < 0 && make_rw(l3) < 0);
    /* live updates at each level */
    u64 *l1b = table(), *data2 = page_alloc();
    data2[0] = 0xbeef;
    CHECK_EQ(mmu_update1((va_mfn(l1) << 12) + 8, pte(data2, PTE_RW)), 0);
    CHECK_EQ(probe_read(va + PAGE_SIZE, &v), -1);
    CHECK_EQ(v, 0xbeef);
    seed_entry(l1b, 0, pte(data2, PTE_RO));
    CHECK_EQ(mmu_update1((va_mfn(l2) << 12) + 8, pte(l1b, PTE_RW)), 0);
    CHECK_EQ(probe_read(va + 0x200000, &v), -1);
    CHECK_EQ(v, 0xbeef);
    CHECK(make_rw(l1b) < 0);
    CHECK_EQ(mmu_update1((va_mfn(l2) << 12) + 8, 0), 0);
    mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    CHECK_EQ(probe_read(va + 0x200000, &v), 14);
    CHECK_EQ(make_rw(l1b), 0);
    CHECK_EQ(mmu_update1((va_mfn(l3) << 12) + 8, pte(l2, PTE_RW)), 0); /* one L2 twice */
    CHECK_EQ(probe_read(va + 0x40000000, &v), -1);
    CHECK_EQ(v, 0xfeed);
    CHECK(mmu_update1((va_mfn(l3) << 12) + 16, pte(l1, PTE_RW)) < 0); /* an L1 as L2 */
    CHECK(mmu_update1((va_mfn(l2) << 12) + 16, pte(l3, PTE_RW)) < 0);
    CHECK_EQ(mmu_update1(l4e, 0), 0);
    mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
    CHECK_EQ(probe_read(va, &v), 14);
    CHECK_EQ(make_rw(l3), 0);
    CHECK_EQ(make_rw(l2), 0);
    CHECK_EQ(make_rw(l1), 0);
}
TEST(map_table_page_writable_through_new_l1)
{
    u64 *l1 = table(), *victim = table();
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(l1), 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(victim), 0), 0);
    CHECK(mmu_update1(va_mfn(l1) << 12, pte(victim, PTE_RW)) < 0);
    CHECK_EQ(l1[0], 0);
    CHECK_EQ(mmu_update1(va_mfn(l1) << 12, pte(victim, PTE_RO)), 0);
    CHECK(mmu_update1(va_mfn(l1) << 12, pte(victim, PTE_RW)) < 0); /* raising an entry */
    CHECK(!(l1[0] & PTE_W));
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(victim), 0), 0);
    CHECK_EQ(mmu_update1(va_mfn(l1) << 12, pte(victim, PTE_RW)), 0);
    CHECK(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(victim), 0) < 0); /* that mapping forbids it now */
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(l1), 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_PIN_L2_TABLE, va_mfn(victim), 0), 0); /* gone with its table */
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(victim), 0), 0);
    drop(l1);
    drop(victim);
}
TEST(emulated_write)
{ /* a plain store to an L1 entry is emulated; bad values and higher levels fault */
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
             0); /* the first domain has it from its notes */
    u8 *p = page_alloc();
    u64 *e = pt_entry(p, 1), good = *e;
    CHECK_EQ(probe_write(e, good & ~PTE_W), -1);
    CHECK_EQ(*e & PTE_W, 0);
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)p, 0);
    CHECK_EQ(probe_write(p, 1), 14);
    CHECK_EQ(probe_write(e, good), -1);
    CHECK_EQ(probe_write(p, 1), -1);
    CHECK_EQ(probe_write(e, pte((void *)g.si->pt_base, PTE_RW)), 14);
    CHECK_EQ(PTE_MFN(*e), PTE_MFN(good));
    CHECK_EQ(probe_write(pt_entry(p, 2), 0), 14);
    CHECK_EQ(probe_write(pt_entry(p, 4), 0), 14);
    page_free(p);
}
TEST(emulated_cmpxchg)
{
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    u8 *p = page_alloc();
    u64 *e = pt_entry(p, 1), old = *e, expect = old;
    trap_clear();
    asm volatile("1: lock cmpxchgq %2, %1\n2:\n" FIXUP
                 : "+a"(expect), "+m"(*e)
                 : "r"(old & ~PTE_W)
                 : "memory", "cc");
    CHECK_EQ(g.trap.vec, -1);
    CHECK_EQ(expect, old);
    CHECK_EQ(*e & PTE_W, 0);
    CHECK_EQ(make_rw(p), 0);
    page_free(p);
}

/* --- two vCPUs race for a type --- */
static volatile u32 mapped, started, go;
static u64 *contested;
static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
static void racer(void)
{
    started = 1;
    while (go) {
        if (!hc3(__HYPERVISOR_update_va_mapping, window, pte(contested, PTE_RW), UVMF_INVLPG)) {
            mapped = 1;
            pause();
            mapped = 0;
            hc3(__HYPERVISOR_update_va_mapping, window, 0, UVMF_INVLPG);
        }
        pause(); /* an emulator that runs one vCPU at a time changes over here, too */
    }
}
TEST(type_race)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    u32 pins = 0, refused = 0, bad = 0;
    contested = table();
    go = 1;
    CHECK_EQ(cpu_start(1, racer), 0);
    CHECK(wait_count(&started, 1, 5000000000UL));
    u64 end = now_ns() + 300000000UL;
    while (now_ns() < end || (!pins && now_ns() < end + 3000000000UL)) {
        if (mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(contested), 0)) {
            refused++;
            continue;
        }
        pins++;
        bad += mapped;
        mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(contested), 0);
    }
    go = 0;
    while (vcpu_op(VCPUOP_is_up, 1, 0) == 1) {
        sched_op(SCHEDOP_yield, 0);
    }
    CHECK_EQ(bad, 0);
    CHECK(pins > 0);
}
