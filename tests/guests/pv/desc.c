/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables of a PV guest: set_gdt, update_descriptor, set_ldt, and what they may hold. */
#include "guest.h"

#define DATA3 0x00cff3000000ffffUL /* ring 3 data */
#define CODE3 0x00affb000000ffffUL /* ring 3 64-bit code */
#define DATA0 0x00cf93000000ffffUL /* ring 0: must not stay so */
#define GATE  0x0000ee0000080000UL /* an interrupt gate */
#define TSS   0x0000890000000067UL

static u64 *gdt;
static void gdt_up(void)
{
    unsigned long frames[16];
    if (gdt) {
        return;
    }
    gdt = page_alloc();
    gdt[1] = DATA3;
    gdt[2] = CODE3;
    frames[0] = va_mfn(gdt);
    CHECK_EQ(make_ro(gdt), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_gdt, frames, 512), 0);
}
TEST(set_gdt)
{
    u64 a = 0x0b, c = 0, d = 0, seen = 0;
    RUN(gdt_up());
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), -1);
    asm volatile("mov %%es, %0" : "=r"(seen));
    CHECK_EQ(seen & 0xffff, 0x0b);
    asm volatile("mov %0, %%es" ::"r"(0));
    a = 0x23; /* an empty entry */
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), 13);
    CHECK_EQ(g.trap.err, 0x20);
}
TEST(selector_beyond_the_gdt)
{ /* where there is no page there is no descriptor: #GP that names it, not a page fault where the hypervisor keeps the table */
    static const u16 beyond[] = {0x1000, 0x2008, 0x6ff8, 0xfff8};
    u64 a, c = 0, d = 0;
    RUN(gdt_up());
    for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
        a = beyond[i] | 3;
        CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), 13);
        CHECK_EQ(g.trap.err, beyond[i]);
        CHECK_EQ(TRAP_INSN("lar %%eax, %%ecx; setz %%dl", a, c, d), -1); /* says so by a flag */
        CHECK_EQ(d & 0xff, 0);
    }
}
TEST(gdt_page_not_writable)
{
    RUN(gdt_up());
    CHECK(make_rw(gdt) < 0);
    CHECK_EQ(probe_write(&gdt[5], 0), 14);
    CHECK_EQ(set_va(gdt, va_mfn(gdt) << 12 | PTE_RO), 0);
}
TEST(set_gdt_errors)
{
    unsigned long frames[16] = {0x7ffffffUL};
    u64 *page = page_alloc();
    CHECK(hc2(__HYPERVISOR_set_gdt, frames, 512) < 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_gdt, (void *)0x00007ff000000000UL, 512), -XEN_EFAULT);
    CHECK_EQ(hc2(__HYPERVISOR_set_gdt, frames, FIRST_RESERVED_GDT_ENTRY + 1), -XEN_EINVAL);
    frames[0] = va_mfn(page); /* mapped writable */
    CHECK(hc2(__HYPERVISOR_set_gdt, frames, 512) < 0);
    frames[0] = va_mfn((void *)g.si->pt_base); /* a page table */
    CHECK(hc2(__HYPERVISOR_set_gdt, frames, 512) < 0);
    CHECK_EQ(make_ro(page), 0);
}
TEST(gdt_bad_contents)
{ /* a page with a gate or a TSS in it never becomes a descriptor page */
    static const u64 bad[] = {GATE, TSS};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        unsigned long frames[16];
        u64 *page = page_alloc();
        page[3] = bad[i];
        frames[0] = va_mfn(page);
        CHECK_EQ(make_ro(page), 0);
        CHECK(hc2(__HYPERVISOR_set_gdt, frames, 512) < 0);
        CHECK_EQ(make_rw(page), 0);
        page_free(page);
    }
}
TEST(update_descriptor)
{
    RUN(gdt_up());
    u64 ma = (va_mfn(gdt) << 12) + 6 * 8;
    CHECK_EQ(hc2(__HYPERVISOR_update_descriptor, ma, DATA3), 0);
    CHECK_EQ(gdt[6], DATA3);
    u64 a = 0x33, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), -1);
    asm volatile("mov %0, %%es" ::"r"(0));
    CHECK_EQ(hc2(__HYPERVISOR_update_descriptor, ma, 0), 0);
    CHECK_EQ(gdt[6], 0);
}
TEST(update_descriptor_errors)
{
    RUN(gdt_up());
    u64 ma = (va_mfn(gdt) << 12) + 6 * 8;
    CHECK_EQ(hc2(__HYPERVISOR_update_descriptor, ma, GATE), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_update_descriptor, ma, TSS), -XEN_EINVAL);
    CHECK_EQ(gdt[6], 0);
    CHECK(hc2(__HYPERVISOR_update_descriptor, ma + 3, DATA3) < 0); /* not aligned */
    CHECK(hc2(__HYPERVISOR_update_descriptor, 0x7ffffffUL << 12, DATA3) < 0);
    u64 *pt = (u64 *)g.si->pt_base;
    CHECK(hc2(__HYPERVISOR_update_descriptor, va_mfn(pt) << 12, DATA3) < 0); /* a page table */
}
TEST(ring0_descriptor)
{ /* no selector of the guest's gives more than ring 3 (older Xen raises it by itself) */
    RUN(gdt_up());
    u64 ma = (va_mfn(gdt) << 12) + 7 * 8;
    long rc = hc2(__HYPERVISOR_update_descriptor, ma, DATA0);
    CHECK(rc == -XEN_EINVAL || (rc == 0 && (gdt[7] >> 45 & 3) != 0));
}
TEST(reserved_entries)
{ /* the hypervisor's flat segments stay reachable */
    u64 a = FLAT_KERNEL_SS, c = 0, d = 0;
    RUN(gdt_up());
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), -1);
    asm volatile("mov %0, %%es" ::"r"(0));
}
TEST(set_ldt)
{
    u64 *ldt = page_alloc();
    ldt[1] = DATA3;
    CHECK_EQ(make_ro(ldt), 0);
    CHECK_EQ(mmuext1(MMUEXT_SET_LDT, (u64)ldt, 512), 0);
    u64 a = 0x0f, c = 0, d = 0; /* index 1, LDT, ring 3 */
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), -1);
    asm volatile("mov %0, %%es" ::"r"(0));
    CHECK(make_rw(ldt) < 0); /* in use now */
    a = 0x17;
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), 13);
    CHECK_EQ(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
    a = 0x0f;
    CHECK_EQ(TRAP_INSN("mov %%eax, %%es", a, c, d), 13);
    CHECK_EQ(make_rw(ldt), 0);
    page_free(ldt);
}
TEST(set_ldt_errors)
{
    u64 *p = page_alloc();
    CHECK(mmuext1(MMUEXT_SET_LDT, (u64)p + 8, 1) < 0); /* not page aligned */
    CHECK(mmuext1(MMUEXT_SET_LDT, (u64)p, 8193) < 0);
    CHECK(mmuext1(MMUEXT_SET_LDT, 0xffff830000000000UL, 1) < 0);
    page_free(p);
}
TEST(ldt_writable_page)
{ /* a writable page as LDT: the selector load faults, nothing else */
    u64 *ldt = page_alloc();
    ldt[1] = DATA3;
    CHECK_EQ(mmuext1(MMUEXT_SET_LDT, (u64)ldt, 512), 0);
    u64 a = 0x0f, c = 0, d = 0;
    int v = TRAP_INSN("mov %%eax, %%es", a, c, d);
    CHECK(v == 13 || v == 14);
    CHECK_EQ(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
    page_free(ldt);
}
