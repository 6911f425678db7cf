/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies by linear address: what is remembered of walks and frames is forgotten in time, rights of the guest and of its p2m, promised memory, code at a page's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <model/x86/pt/pt.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

#define VA    0x7fffff000000ull /* pages here are mapped to guest frames 16 on, in reverse order */
#define PAGES 8u
#define FLAGS (PTE_P | PTE_RW | PTE_US)

static struct x86_vcpu *const v0 = &rig_vcpu[0];
static struct vm_state *s;

static uint64_t *entry(unsigned int level, unsigned int page)
{
    static const uint64_t tables[] = {0x4000, 0x3000, 0x2000, 0x1000};

    return (uint64_t *)rig_at(tables[level - 1]) + ((VA + page * PAGE_SIZE) >> (3 + 9 * level) & 511);
}

static uint64_t *data(unsigned int page)
{
    return rig_at((16 + PAGES - 1 - page) * PAGE_SIZE);
}

static int start(void **state)
{
    rig_start();
    s = vm_fetch(&v0->pvh->vm, VM_ALL);
    *entry(4, 0) = 0x2000 | FLAGS;
    *entry(3, 0) = 0x3000 | FLAGS;
    *entry(2, 0) = 0x4000 | FLAGS;
    for (unsigned int i = 0; i < PAGES; i++) {
        *entry(1, i) = ((16 + PAGES - 1 - i) * PAGE_SIZE) | FLAGS;
        data(i)[0] = i;
    }
    s->cr0 = 0x80010011;
    s->cr3 = 0x1000;
    s->cr4 = 0x20;
    s->msr.efer = EFER_LME | EFER_LMA | EFER_NXE;
    v0->pvh->vm.mode = INSN_MODE_64;
    vm_changed(&v0->pvh->vm, VM_ALL);
    return 0;
}

static int end(void **state)
{
    rig_end();
    return 0;
}

static int read(unsigned int page, uint64_t *value)
{
    *value = ~0ull;
    return pvh_guest_read(v0, value, VA + page * PAGE_SIZE, 8);
}

static int write(unsigned int page, uint64_t value)
{
    return pvh_guest_write(v0, VA + page * PAGE_SIZE, &value, 8);
}

static bool reads(unsigned int page, uint64_t want)
{
    uint64_t value;

    return read(page, &value) == 0 && value == want;
}

static void across_pages(void **state)
{
    static uint8_t out[3 * PAGE_SIZE], in[sizeof(out)];

    for (unsigned int i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(pvh_guest_write(v0, VA + 100, out, sizeof(out)), 0);
    assert_memory_equal((uint8_t *)data(0) + 100, out, PAGE_SIZE - 100);
    assert_memory_equal(data(3), out + 3 * PAGE_SIZE - 100, 100);
    assert_int_equal(pvh_guest_read(v0, in, VA + 100, sizeof(in)), 0);
    assert_memory_equal(in, out, sizeof(in));
    *entry(1, 2) = 0; /* a hole: what is before it is written */
    memset(out, 0x5a, sizeof(out));
    assert_int_equal(pvh_guest_write(v0, VA + 100, out, sizeof(out)), -XEN_EFAULT);
    assert_int_equal(((uint8_t *)data(1))[4095], 0x5a);
    assert_int_equal(((uint8_t *)data(3))[0], in[3 * PAGE_SIZE - 100]);
    assert_int_equal(pvh_guest_read(v0, in, VA + 8 * PAGE_SIZE - 4, 8), -XEN_EFAULT);
    assert_int_equal(pvh_guest_read(v0, in, ~0ull - 3, 8), -XEN_EFAULT);
    assert_int_equal(pvh_guest_read(v0, in, 1ull << 47, 0), 0); /* nothing is nowhere */
}

/* The guest changes its tables and control registers without an exit: each counts at once. */
static void tables_change(void **state)
{
    assert_true(reads(0, 0) && reads(1, 1));
    *entry(1, 0) = *entry(1, 5);
    assert_true(reads(0, 5));
    *entry(1, 0) &= ~PTE_P;
    assert_false(reads(0, 5));
    *entry(1, 0) |= PTE_P;
    assert_true(reads(0, 5));
    *entry(3, 0) &= ~PTE_P; /* higher up */
    assert_false(reads(1, 1));
    *entry(3, 0) |= PTE_P;
    assert_true(reads(1, 1));
    assert_int_equal(write(1, 11), 0);
    *entry(1, 1) &= ~PTE_RW;
    assert_int_equal(write(1, 12), -XEN_EFAULT);
    assert_true(reads(1, 11));
    s->cr0 &= ~0x10000ull; /* WP: its kernel may then */
    assert_int_equal(write(1, 12), 0);
    s->cr0 |= 0x10000;
    assert_int_equal(write(1, 13), -XEN_EFAULT);
    memcpy(rig_at(0x8000), rig_at(0x1000), PAGE_SIZE);
    s->cr3 = 0x8000;
    assert_true(reads(1, 12));
    *entry(4, 0) = 0; /* not in use any more */
    assert_true(reads(1, 12));
    s->cr3 = 0x1000;
    assert_false(reads(1, 12));
    s->cr3 = 0x8000;
    assert_true(reads(1, 12));
    s->cr0 &= ~BIT(31); /* without paging it is a physical address */
    assert_false(reads(1, 12));
}

static void rights(void **state)
{
    s->cr4 |= BIT(21); /* SMAP */
    v0->regs.rflags = 0;
    assert_false(reads(0, 0));
    v0->regs.rflags = X86_FLAGS_AC;
    assert_true(reads(0, 0));
    v0->regs.rflags = 0;
    *entry(2, 0) &= ~PTE_US; /* the kernel's by one of the levels */
    assert_true(reads(0, 0));
    s->cr4 &= ~BIT(21);
    *entry(1, 0) |= PTE_NX;
    assert_true(reads(0, 0));
    s->msr.efer &= ~EFER_NXE; /* a reserved bit then */
    assert_false(reads(0, 0));
    s->msr.efer |= EFER_NXE;
    *entry(1, 0) |= BIT(45); /* more than its policy's 40 address bits */
    assert_false(reads(0, 0));
}

static void accessed_and_dirty(void **state)
{
    assert_int_equal(*entry(1, 3) & (PTE_A | PTE_D), 0);
    assert_true(reads(3, 3));
    assert_int_equal(*entry(1, 3) & (PTE_A | PTE_D), PTE_A);
    assert_true(*entry(4, 0) & PTE_A);
    assert_int_equal(write(3, 33), 0);
    assert_int_equal(*entry(1, 3) & (PTE_A | PTE_D), PTE_A | PTE_D);
    *entry(1, 3) &= ~(PTE_A | PTE_D); /* cleared by the guest: set again */
    assert_int_equal(write(3, 34), 0);
    assert_int_equal(*entry(1, 3) & (PTE_A | PTE_D), PTE_A | PTE_D);
}

/* --- the p2m ---- */

static gfn_t gfn_of(unsigned int page)
{
    return GFN(16 + PAGES - 1 - page);
}

static void frames_change(void **state)
{
    mfn_t mfn = p2m_lookup(&rig_domain.pvh->p2m, gfn_of(2).n).mfn, other;

    assert_true(reads(2, 2));
    assert_int_equal(write(2, 22), 0);
    assert_int_equal(pvh_p2m_remove(&rig_domain, gfn_of(2), mfn, 0), 0);
    assert_false(reads(2, 22)); /* gone, whatever was remembered */
    assert_int_equal(write(2, 23), -XEN_EFAULT);
    assert_int_equal(*(uint64_t *)mfn_to_virt(mfn), 22);
    assert_int_equal(domain_mem_alloc(&rig_domain.d.mem, 0, HEAP_ZERO, &other), 0);
    *(uint64_t *)mfn_to_virt(other) = 99;
    assert_int_equal(pvh_p2m_add(&rig_domain, gfn_of(2), other, 0), 0);
    assert_true(reads(2, 99));
    /* a page table's own frame */
    mfn = p2m_lookup(&rig_domain.pvh->p2m, 4).mfn;
    assert_int_equal(pvh_p2m_remove(&rig_domain, GFN(4), mfn, 0), 0);
    assert_false(reads(2, 99));
    assert_int_equal(pvh_p2m_add(&rig_domain, GFN(4), mfn, 0), 0);
    assert_true(reads(2, 99));
}

static void read_only_grant(void **state)
{
    uint64_t addr = gfn_of(2).n << PAGE_SHIFT;
    mfn_t mfn, old = p2m_lookup(&rig_domain.pvh->p2m, gfn_of(2).n).mfn;

    assert_int_equal(domain_mem_alloc(&rig_domain.d.mem, 0, HEAP_ZERO, &mfn), 0);
    assert_int_equal(write(2, 22), 0);
    assert_int_equal(pvh_p2m_remove(&rig_domain, gfn_of(2), old, 0), 0);
    assert_int_equal(pvh_gnttab_enter_mapping(addr, mfn, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
    assert_true(reads(2, 0));
    assert_int_equal(write(2, 22), -XEN_EFAULT);
    assert_int_equal(*(uint64_t *)mfn_to_virt(mfn), 0);
    assert_int_equal(pvh_gnttab_remove_mapping(addr, mfn, GNTMAP_host_map | GNTMAP_readonly, 0), GNTST_okay);
    pvh_flush_tlbs(&rig_domain);
    assert_false(reads(2, 0));
}

static void promised(void **state)
{
    mfn_t mfn = p2m_lookup(&rig_domain.pvh->p2m, gfn_of(2).n).mfn;

    assert_int_equal(pvh_p2m_remove(&rig_domain, gfn_of(2), mfn, 0), 0);
    assert_int_equal(pvh_pod_promise(&rig_domain, gfn_of(2), 0), 0);
    assert_false(reads(2, 0)); /* promised, but there is none */
    assert_int_equal(pvh_pod_set_target(&rig_domain, rig_domain.d.mem.tot_pages + 1), 0);
    irq_disable(); /* nothing can be allocated now */
    assert_false(reads(2, 0));
    irq_enable();
    assert_int_equal(rig_domain.pvh->p2m.pod.promised, 1);
    assert_true(reads(2, 0));
    assert_int_equal(rig_domain.pvh->p2m.pod.promised, 0);
    assert_int_equal(write(2, 5), 0);
}

/* --- code ---- */

static void code(void **state)
{
    uint8_t buf[16], *bytes = (uint8_t *)data(0);

    memset(bytes + 4080, 0x90, 16);
    memset(data(1), 0xcc, 16);
    assert_int_equal(pvh_peek_code(v0, VA + 4092), 0x90909090);
    assert_int_equal(pvh_peek_code(v0, VA + 4093), 0); /* it crosses a page */
    assert_int_equal(pvh_peek_code(v0, 1ull << 47), 0);
    assert_int_equal(pvh_fetch_code(v0, VA + 4090, buf, 15), 15);
    assert_true(buf[5] == 0x90 && buf[6] == 0xcc);
    *entry(1, 1) = 0;
    assert_int_equal(pvh_fetch_code(v0, VA + 4090, buf, 15), 6);
    assert_int_equal(pvh_fetch_code(v0, VA + 4096, buf, 15), 0);
    *entry(1, 0) &= ~PTE_A; /* looking leaves no trace */
    assert_int_equal(pvh_peek_code(v0, VA + 4080), 0x90909090);
    assert_int_equal(*entry(1, 0) & PTE_A, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(across_pages),  T(tables_change),   T(rights),   T(accessed_and_dirty),
        T(frames_change), T(read_only_grant), T(promised), T(code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
