/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mmu_update, update_va_mapping, mmuext_op: results, flags, counts, errors. */
#include "guest.h"

static u64 rw(const void *p)
{
    return va_mfn(p) << 12 | PTE_RW;
}

TEST(bits_of_the_guests_own)
{ /* bits 9 to 11 and 53 to 62 of an entry are the guest's, and stay (Debian's Xen has a use for 52) */
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
    u64 old = *pt_entry(window, 1), bits = 0x7fe0000000000e00UL;
    CHECK_EQ(set_va(window, old | bits), 0);
    CHECK_EQ(*pt_entry(window, 1) & bits, bits);
    CHECK_EQ(probe_write(window, 1), -1);
    CHECK_EQ(mmu_update1(pt_entry_maddr(window, 1), old), 0);
    CHECK_EQ(*pt_entry(window, 1) & bits, 0);
}
TEST(update_va_mapping_flags)
{
    u8 *p = page_alloc();
    u64 mask = 1;
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, p, rw(p), UVMF_NONE), 0);
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, p, rw(p), UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, p, rw(p), UVMF_TLB_FLUSH | UVMF_ALL), 0);
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, p, rw(p), UVMF_INVLPG | UVMF_ALL), 0);
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, p, rw(p), (u64)&mask | UVMF_TLB_FLUSH), 0);
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, p, rw(p), (u64)&mask | UVMF_INVLPG), 0);
    page_free(p);
}
TEST(update_va_mapping_errors)
{
    u8 *p = page_alloc();
    CHECK(hc3(__HYPERVISOR_update_va_mapping, 0x00007ff000000000UL, rw(p), 0) < 0); /* no L1 there */
    CHECK(hc3(__HYPERVISOR_update_va_mapping, 0xffff830000000000UL, rw(p), 0) < 0);
    CHECK(hc3(__HYPERVISOR_update_va_mapping, 0x8000000000000000UL, rw(p), 0) < 0);
    CHECK(hc3(__HYPERVISOR_update_va_mapping, MACH2PHYS_VIRT_START, rw(p), 0) < 0);
    CHECK(hc4(__HYPERVISOR_update_va_mapping_otherdomain, p, rw(p), 0, 31000) < 0);
    CHECK_EQ(hc4(__HYPERVISOR_update_va_mapping_otherdomain, p, rw(p), UVMF_INVLPG, DOMID_SELF), 0);
    CHECK_EQ(probe_write(p, 1), -1);
    page_free(p);
}
TEST(normal_update)
{
    u8 *a = page_alloc(), *b = page_alloc();
    a[0] = 1;
    b[0] = 2;
    CHECK_EQ(mmu_update1(pt_entry_maddr(a, 1), rw(b)), 0);
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)a, 0);
    CHECK_EQ(*(volatile u8 *)a, 2);
    CHECK_EQ(mmu_update1(pt_entry_maddr(a, 1), rw(a)), 0);
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)a, 0);
    CHECK_EQ(*(volatile u8 *)a, 1);
    page_free(a);
    page_free(b);
}
TEST(preserve_ad)
{
    u8 *p = page_alloc();
    u64 clean = rw(p) & ~(PTE_A | PTE_D);
    CHECK_EQ(mmu_update1(pt_entry_maddr(p, 1), clean), 0);
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)p, 0);
    CHECK_EQ(*pt_entry(p, 1) & (PTE_A | PTE_D), 0);
    *(volatile u8 *)p = 1;
    CHECK_EQ(*pt_entry(p, 1) & (PTE_A | PTE_D), PTE_A | PTE_D);
    CHECK_EQ(mmu_update1(pt_entry_maddr(p, 1) | MMU_PT_UPDATE_PRESERVE_AD, clean), 0);
    CHECK_EQ(*pt_entry(p, 1) & (PTE_A | PTE_D), PTE_A | PTE_D);
    page_free(p);
}
TEST(machphys_update)
{
    u8 *p = page_alloc();
    unsigned long mfn = va_mfn(p), pfn = va_pfn(p);
    CHECK_EQ(mmu_update1(mfn << 12 | MMU_MACHPHYS_UPDATE, 0x1234), 0);
    CHECK_EQ(m2p[mfn], 0x1234);
    CHECK_EQ(mmu_update1(mfn << 12 | MMU_MACHPHYS_UPDATE, pfn), 0);
    CHECK_EQ(m2p[mfn], pfn);
    CHECK(mmu_update1(0x7ffffffUL << 12 | MMU_MACHPHYS_UPDATE, 1) < 0);
    page_free(p);
}
TEST(batch_stops_at_error)
{
    u8 *p = page_alloc();
    struct mmu_update u[3] = {
        {.ptr = pt_entry_maddr(p, 1), .val = rw(p)},
        {.ptr = 0x7ffffffUL << 12, .val = 0},
        {.ptr = pt_entry_maddr(p, 1), .val = rw(p)},
    };
    int done = -1;
    CHECK(mmu_update_many(u, 3, &done, DOMID_SELF) < 0);
    CHECK_EQ(done, 1);
    u[1] = u[0];
    CHECK_EQ(mmu_update_many(u, 3, &done, DOMID_SELF), 0);
    CHECK_EQ(done, 3);
    CHECK_EQ(mmu_update_many(u, 0, &done, DOMID_SELF), 0);
    page_free(p);
}
TEST(update_errors)
{
    u8 *p = page_alloc();
    for (u64 command = 4; command < 8; command++) {
        CHECK_EQ(mmu_update1(pt_entry_maddr(p, 1) | command, 0), -XEN_ENOSYS);
    }
    CHECK_EQ(mmu_update_many((void *)0x00007ff000000000UL, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    struct mmu_update u = {.ptr = pt_entry_maddr(p, 1), .val = rw(p)};
    CHECK(mmu_update_many(&u, 1, NULL, 31000) < 0);
    CHECK_EQ(mmu_update_many(&u, 1, NULL, DOMID_SELF), 0);
    page_free(p);
}
TEST(machphys_table_mapped_by_tools)
{ /* as frames of DOMID_XEN, to read */
    u8 *p = page_alloc();
    xen_pfn_t frame = 0;
    struct xen_machphys_mfn_list ml = {.max_extents = 1};
    set_xen_guest_handle(ml.extent_start, &frame);
    if (!g.dom0) {
        page_free(p);
        return;
    }
    CHECK_EQ(memory_op(XENMEM_machphys_mfn_list, &ml), 0);
    struct mmu_update u = {.ptr = pt_entry_maddr(p, 1), .val = (u64)frame << 12 | PTE_RO};
    CHECK_EQ(mmu_update_many(&u, 1, NULL, DOMID_XEN), 0);
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)p, 0);
    CHECK_EQ(*(volatile u64 *)(p + 8 * 300), m2p[300]);
    u.val |= PTE_RW;
    CHECK(mmu_update_many(&u, 1, NULL, DOMID_XEN) < 0);
    u.val = (u64)va_mfn(&frame) << 12 | PTE_RO; /* not the hypervisor's */
    CHECK(mmu_update_many(&u, 1, NULL, DOMID_XEN) < 0);
    CHECK_EQ(mmu_update1(pt_entry_maddr(p, 1), rw(p)), 0);
    mmuext1(MMUEXT_INVLPG_LOCAL, (u64)p, 0);
    page_free(p);
}
TEST(long_batch)
{ /* long enough to be preempted and resumed */
    static struct mmu_update u[3000];
    u8 *p = page_alloc();
    int done = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(u); i++) {
        u[i].ptr = pt_entry_maddr(p, 1);
        u[i].val = i & 1 ? rw(p) : rw(p) & ~PTE_W;
    }
    CHECK_EQ(mmu_update_many(u, ARRAY_SIZE(u), &done, DOMID_SELF), 0);
    CHECK_EQ(done, ARRAY_SIZE(u));
    CHECK(*pt_entry(p, 1) & PTE_W);
    page_free(p);
}
TEST(tlb_flushes)
{
    u64 mask = 1;
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_MULTI};
    CHECK_EQ(mmuext1(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_INVLPG_LOCAL, (u64)stacks, 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_INVLPG_ALL, (u64)stacks, 0), 0);
    set_xen_guest_handle(op.arg2.vcpumask, (void *)&mask);
    CHECK_EQ(hc4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
    op.cmd = MMUEXT_INVLPG_MULTI;
    op.arg1.linear_addr = (u64)stacks;
    CHECK_EQ(hc4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF), 0);
}
TEST(clear_and_copy_page)
{
    u8 *a = page_alloc(), *b = page_alloc();
    memset(a, 0x5a, PAGE_SIZE);
    CHECK_EQ(mmuext1(MMUEXT_COPY_PAGE, va_mfn(b), va_mfn(a)), 0);
    CHECK_EQ(memcmp(a, b, PAGE_SIZE), 0);
    CHECK_EQ(mmuext1(MMUEXT_CLEAR_PAGE, va_mfn(a), 0), 0);
    CHECK(a[0] == 0 && a[4095] == 0);
    CHECK(mmuext1(MMUEXT_CLEAR_PAGE, va_mfn((void *)g.si->pt_base), 0) < 0);
    CHECK(mmuext1(MMUEXT_COPY_PAGE, va_mfn((void *)g.si->pt_base), va_mfn(a)) < 0);
    CHECK(mmuext1(MMUEXT_CLEAR_PAGE, 0x7ffffffUL, 0) < 0);
    page_free(a);
    page_free(b);
}
TEST(mmuext_errors)
{
    CHECK_EQ(mmuext1(999, 0, 0), -XEN_ENOSYS);
    CHECK_EQ(hc4(__HYPERVISOR_mmuext_op, 0x00007ff000000000UL, 1, 0, DOMID_SELF), -XEN_EFAULT);
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    CHECK(hc4(__HYPERVISOR_mmuext_op, &op, 1, 0, 31000) < 0);
    int done = -1;
    struct mmuext_op two[2] = {{.cmd = MMUEXT_TLB_FLUSH_LOCAL}, {.cmd = 999}};
    CHECK_EQ(hc4(__HYPERVISOR_mmuext_op, two, 2, &done, DOMID_SELF), -XEN_ENOSYS);
    CHECK_EQ(done, 1);
}
TEST(new_baseptr)
{ /* a second L4 with the same contents: switch to it and back */
    u64 *l4 = page_alloc(), *old = (u64 *)g.si->pt_base, v;
    l4[511] = old[511];
    CHECK_EQ(make_ro(l4), 0);
    CHECK_EQ(mmuext1(MMUEXT_PIN_L4_TABLE, va_mfn(l4), 0), 0);
    CHECK_EQ(mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(l4), 0), 0);
    CHECK_EQ(probe_read((void *)MACH2PHYS_VIRT_START, &v), -1); /* the hypervisor's slots are there */
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr3, %%rax", a, c, d), -1);
    CHECK_EQ(a >> 12, va_mfn(l4));
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(l4), 0), 0); /* still in use as base */
    CHECK(make_rw(l4) < 0);
    CHECK_EQ(mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(old), 0), 0);
    CHECK_EQ(make_rw(l4), 0);
    page_free(l4);
}
TEST(new_baseptr_errors)
{
    u64 *data = page_alloc(), *l1 = page_alloc();
    CHECK(mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(data), 0) < 0);
    CHECK(mmuext1(MMUEXT_NEW_BASEPTR, 0x7ffffffUL, 0) < 0);
    CHECK_EQ(make_ro(l1), 0);
    CHECK_EQ(mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(l1), 0), 0);
    CHECK(mmuext1(MMUEXT_NEW_BASEPTR, va_mfn(l1), 0) < 0);
    CHECK_EQ(mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(l1), 0), 0);
    CHECK(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0x7ffffffUL, 0) < 0);
    CHECK_EQ(mmuext1(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
}
TEST(cr3_write_emulated)
{
    u64 a = va_mfn((void *)g.si->pt_base) << 12, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr3", a, c, d), -1);
    a = va_mfn(stacks) << 12;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr3", a, c, d), 13);
}
TEST(exchange_contiguous)
{ /* single pages for one region below 4 GiB: what a PV kernel does for a device's memory */
    static u8 *page[16];
    static xen_pfn_t in[16];
    xen_pfn_t out;
    struct xen_memory_exchange x = {
        .in = {.nr_extents = 16, .domid = DOMID_SELF},
        .out = {.nr_extents = 1,
                .extent_order = 4,
                .mem_flags = XENMEMF_address_bits(32),
                .domid = DOMID_SELF},
    };
    for (int i = 0; i < 16; i++) {
        page[i] = page_alloc();
        in[i] = va_mfn(page[i]);
        CHECK_EQ(set_va(page[i], 0), 0);
    }
    out = va_pfn(page[0]);
    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, &out);
    CHECK_EQ(memory_op(XENMEM_exchange, &x), 0);
    CHECK_EQ(x.nr_exchanged, 16);
    CHECK(out % 16 == 0 && out + 15 < 1UL << 20);
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(m2p[out + i], va_pfn(page[0]) + i);
        ((unsigned long *)g.si->mfn_list)[va_pfn(page[i])] = out + i;
        CHECK_EQ(mmu_update1((out + i) << 12 | MMU_MACHPHYS_UPDATE, va_pfn(page[i])), 0);
        CHECK_EQ(set_va(page[i], (out + i) << 12 | PTE_RW), 0);
        CHECK_EQ(probe_write(page[i], i), -1);
        page_free(page[i]);
    }
}
