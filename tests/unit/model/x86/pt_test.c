/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table walks over small tables in an array that stands for guest memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <model/x86/pt/npt.h>
#include <model/x86/pt/pt.h>

#define CR0       0x80010001ull /* PG WP PE */
#define CR4_PAE   0x20ull
#define CR4_PSE   0x10ull
#define CR4_SMEP  (1ull << 20)
#define CR4_SMAP  (1ull << 21)
#define EFER_LONG 0xd00ull /* LME LMA NXE */

static uint64_t mem[8 * 512];
static unsigned races;

static bool read_entry(void *arg, uint64_t gpa, unsigned size, uint64_t *entry)
{
    if (gpa + size > sizeof(mem)) {
        return false;
    }
    *entry = 0;
    memcpy(entry, (uint8_t *)mem + gpa, size);
    return true;
}

static bool update_entry(void *arg, uint64_t gpa, unsigned size, uint64_t old, uint64_t new)
{
    uint64_t now = 0;

    memcpy(&now, (uint8_t *)mem + gpa, size);
    if (races) {
        races--;
        return false;
    }
    assert_int_equal(now, old);
    memcpy((uint8_t *)mem + gpa, &new, size);
    return true;
}

static struct pt_ctx ctx;
static struct pt_result r;

static int setup(void **state)
{
    memset(mem, 0, sizeof(mem));
    races = 0;
    ctx = (struct pt_ctx){.cr0 = CR0,
                          .cr3 = 0x1000,
                          .cr4 = CR4_PAE,
                          .efer = EFER_LONG,
                          .gb_pages = true,
                          .paddr_bits = 40,
                          .read_entry = read_entry,
                          .update_entry = update_entry};
    return 0;
}

#define ALL (PTE_P | PTE_RW | PTE_US)

/* Long mode: page table at 4, directory at 3, pointers at 2, root at 1 (numbers of 4 KiB frames). */
static void build_long(uint64_t leaf)
{
    mem[512 * 1 + 511] = 0x2000 | ALL;
    mem[512 * 2 + 510] = 0x3000 | ALL;
    mem[512 * 3 + 5] = 0x4000 | ALL;
    mem[512 * 4 + 7] = leaf;
}
#define VA_LONG 0xffffffff80a07123ull

static void test_long(void **state)
{
    build_long(0x12345000 | ALL | PTE_G | PTE_PCD);
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_OK);
    assert_int_equal(r.gpa, 0x12345123);
    assert_int_equal(r.page_size, 4096);
    assert_true(r.writable && r.user && r.executable && r.global && r.pat_index == 2 && r.level == 1);
    assert_int_equal(mem[512 * 4 + 7] & (PTE_A | PTE_D), PTE_A);
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_WRITE, &r), PT_OK);
    assert_int_equal(mem[512 * 4 + 7] & (PTE_A | PTE_D), PTE_A | PTE_D);
    assert_int_equal(mem[512 * 1 + 511] & (PTE_A | PTE_D), PTE_A);
    assert_int_equal(pt_walk(&ctx, VA_LONG + 0x1000, PT_ACCESS_WRITE | PT_ACCESS_USER, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_W | PFEC_U);
    assert_int_equal(pt_walk(&ctx, 0x800000000000, 0, &r), PT_NONCANONICAL);
    mem[512 * 3 + 5] = 0x4000000 | ALL;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_UNREADABLE);
}

static void test_peek_and_races(void **state)
{
    build_long(0x12345000 | ALL);
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_WRITE | PT_ACCESS_PEEK, &r), PT_OK);
    assert_int_equal(mem[512 * 4 + 7] & (PTE_A | PTE_D), 0);
    races = 2;
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_WRITE, &r), PT_OK);
    mem[512 * 4 + 7] &= ~PTE_D;
    races = 100;
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_WRITE, &r), PT_BUSY);
}

static void test_large_pages(void **state)
{
    build_long(0);
    mem[512 * 3 + 5] = 0x40200000 | ALL | PTE_PS | PTE_PAT_LARGE;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_OK);
    assert_int_equal(r.gpa, 0x40207123);
    assert_int_equal(r.page_size, 0x200000);
    assert_int_equal(r.pat_index, 4);
    mem[512 * 3 + 5] |= 0x2000;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_RSVD);
    mem[512 * 2 + 510] = 0x80000000 | ALL | PTE_PS;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_OK);
    assert_int_equal(r.gpa, 0x80a07123);
    assert_int_equal(r.page_size, 0x40000000);
    ctx.gb_pages = false;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_RSVD);
}

static void test_reserved(void **state)
{
    build_long(0x12345000 | ALL | (1ull << 41));
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_RSVD);
    build_long(0x12345000 | ALL | PTE_NX);
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_OK);
    ctx.efer &= ~0x800ull;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_RSVD);
}

/* Rights: every combination against the rule written down another way. */
static void test_rights(void **state)
{
    for (unsigned i = 0; i < 1u << 10; i++) {
        bool rw = i & 1, us = i & 2, nx = i & 4, write = i & 8, exec = i & 16, user = i & 32, wp = i & 64,
             smep = i & 128, smap = i & 256;
        bool ac = i & 512, ok;

        build_long(0x12345000 | PTE_P | (rw ? PTE_RW : 0) | (us ? PTE_US : 0) | (nx ? PTE_NX : 0));
        ctx.cr0 = wp ? CR0 : CR0 & ~0x10000ull;
        ctx.cr4 = CR4_PAE | (smep ? CR4_SMEP : 0) | (smap ? CR4_SMAP : 0);
        ctx.ac = ac;
        if (user) {
            ok = us && (!write || rw) && (!exec || !nx);
        } else {
            ok = (!write || rw || !wp) && (!exec || !nx) && (!exec || !smep || !us) &&
                 (exec || !smap || !us || ac);
        }
        assert_int_equal(
            pt_walk(&ctx, VA_LONG,
                    (write ? PT_ACCESS_WRITE : 0) | (exec ? PT_ACCESS_EXEC : 0) | (user ? PT_ACCESS_USER : 0),
                    &r),
            ok ? PT_OK : PT_FAULT);
        if (!ok) {
            assert_int_equal(r.error,
                             PFEC_P | (write ? PFEC_W : 0) | (user ? PFEC_U : 0) | (exec ? PFEC_I : 0));
        }
    }
    ctx.cr4 = CR4_PAE | CR4_SMAP;
    ctx.ac = true;
    build_long(0x12345000 | ALL);
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_IMPLICIT, &r), PT_FAULT);
}

static void test_rights_of_upper_levels(void **state)
{
    build_long(0x12345000 | ALL);
    mem[512 * 2 + 510] &= ~PTE_RW;
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_WRITE, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_W);
    mem[512 * 1 + 511] |= PTE_NX;
    assert_int_equal(pt_walk(&ctx, VA_LONG, 0, &r), PT_OK);
    assert_false(r.executable || r.writable);
}

static void test_pae(void **state)
{
    uint64_t pdpte[4] = {0, 0, 0, 0x3001};

    ctx.efer = 0x800;
    ctx.cr3 = 0x1020;
    mem[512 * 1 + 4 + 3] = 0x3000 | PTE_P;
    mem[512 * 3 + 2] = 0x4000 | ALL;
    mem[512 * 4 + 1] = 0x5555000 | ALL;
    assert_int_equal(pt_walk(&ctx, 0xc0401abc, PT_ACCESS_WRITE | PT_ACCESS_USER, &r), PT_OK);
    assert_int_equal(r.gpa, 0x5555abc);
    mem[512 * 1 + 4 + 3] |= PTE_A; /* as a walk of nested tables leaves it in memory */
    assert_int_equal(pt_walk(&ctx, 0xc0401abc, 0, &r), PT_OK);
    mem[512 * 1 + 4 + 3] |= PTE_RW; /* reserved there */
    assert_int_equal(pt_walk(&ctx, 0xc0401abc, 0, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_RSVD);
    ctx.pdpte = pdpte;
    assert_int_equal(pt_walk(&ctx, 0xc0401abc, 0, &r), PT_OK);
    pdpte[3] |= PTE_A; /* the CPU would not have loaded this */
    assert_int_equal(pt_walk(&ctx, 0xc0401abc, 0, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_P | PFEC_RSVD);
    pdpte[3] &= ~PTE_A;
    assert_int_equal(pt_walk(&ctx, 0x40401abc, PT_ACCESS_EXEC, &r), PT_FAULT);
    assert_int_equal(r.error, PFEC_I);
}

static void test_two_levels(void **state)
{
    uint32_t *m = (uint32_t *)mem;

    ctx.efer = 0;
    ctx.cr4 = CR4_PSE;
    m[1024 + 0x300] = 0x3000 | ALL;
    m[3 * 1024 + 5] = 0x77000 | PTE_P;
    assert_int_equal(pt_walk(&ctx, 0xc0005042, 0, &r), PT_OK);
    assert_int_equal(r.gpa, 0x77042);
    assert_false(r.writable || r.user);
    assert_true(r.executable);
    m[1024 + 0x301] = 0xc0400000u | ALL | PTE_PS | 0x2000; /* PSE-36: address bit 32 */
    assert_int_equal(pt_walk(&ctx, 0xc0412345, PT_ACCESS_EXEC, &r), PT_OK);
    assert_int_equal(r.gpa, 0x1c0412345);
    assert_int_equal(r.page_size, 0x400000);
    assert_int_equal(pt_walk(&ctx, 0xd0000000, PT_ACCESS_EXEC, &r), PT_FAULT);
    assert_int_equal(r.error, 0); /* no NX, no SMEP: a fetch is not told apart */
    ctx.cr0 = 1;
    assert_int_equal(pt_walk(&ctx, 0xfedcba98, 0, &r), PT_OK);
    assert_int_equal(r.gpa, 0xfedcba98);
}

static void test_npt(void **state)
{
    struct npt_entry e, d;

    srand(2);
    for (unsigned i = 0; i < 10000; i++) {
        unsigned level = 1 + (unsigned)rand() % 3;

        e = (struct npt_entry){.level = (uint8_t)level,
                               .present = true,
                               .leaf = true,
                               .write = rand() & 1,
                               .exec = rand() & 1,
                               .accessed = rand() & 1,
                               .dirty = rand() & 1,
                               .pat_index = rand() & 7,
                               .type = rand() & NPT_TYPE_MAX};
        e.paddr = ((uint64_t)rand() << 18) & PTE_ADDR & ~(npt_page_size(level) - 1);
        npt_decode(npt_encode(&e), level, &d);
        assert_true(d.paddr == e.paddr && d.level == level && d.present && d.leaf && d.write == e.write &&
                    d.exec == e.exec);
        assert_true(d.accessed == e.accessed && d.dirty == e.dirty && d.pat_index == e.pat_index &&
                    d.type == e.type);
    }
    assert_int_equal(npt_encode(&(struct npt_entry){0}), 0);
    /* what the MMU makes of it: a walk as a user */
    e = (struct npt_entry){.level = 1, .present = true, .leaf = true, .paddr = 0x9000, .type = 1023};
    ctx.paddr_bits = 48;
    build_long(npt_encode(&e));
    for (unsigned level = 2; level <= 4; level++) {
        e = (struct npt_entry){.level = (uint8_t)level, .present = true, .paddr = (6 - level) * 0x1000ull};
        mem[512 * (5 - level) + pt_index(VA_LONG, level)] = npt_encode(&e);
    }
    assert_int_equal(pt_walk(&ctx, VA_LONG, PT_ACCESS_USER, &r), PT_OK);
    assert_int_equal(r.gpa, 0x9123);
    assert_false(r.writable || r.executable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_long, setup),
        cmocka_unit_test_setup(test_peek_and_races, setup),
        cmocka_unit_test_setup(test_large_pages, setup),
        cmocka_unit_test_setup(test_reserved, setup),
        cmocka_unit_test_setup(test_rights, setup),
        cmocka_unit_test_setup(test_rights_of_upper_levels, setup),
        cmocka_unit_test_setup(test_pae, setup),
        cmocka_unit_test_setup(test_two_levels, setup),
        cmocka_unit_test_setup(test_npt, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
