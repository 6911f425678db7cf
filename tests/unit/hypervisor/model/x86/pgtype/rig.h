/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's frames, its page tables and the TLBs of some pCPUs, small enough to check in full after each operation. The sources under test are included
 * here, so that each preemption check is the test's: it may stop the operation, or let another vCPU's operation happen first.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <base/layout.h>
#include <base/softirq.h>
#include <hypervisor/random.h>
#include <host/host.h>
#include <model/x86/pgtype/pte.h>
#ifdef RIG_ENTRIES /* tables of a few entries: the same rules, a smaller scope */
#undef PTE_ENTRIES
#define PTE_ENTRIES RIG_ENTRIES
#undef L4_SLOT_FIRST
#define L4_SLOT_FIRST (RIG_ENTRIES / 2)
#undef L4_SLOT_COUNT
#define L4_SLOT_COUNT 1
#endif

static bool rig_preempt(void);
#define hypercall_preempt_check rig_preempt
#include "../../../../../../hypervisor/model/x86/pgtype/pgtype.c"
#include "../../../../../../hypervisor/model/x86/pgtype/pgtype_desc.c"
#include "../../../../../../hypervisor/model/x86/pgtype/pgtype_entry.c"
#include "../../../../../../hypervisor/model/x86/pgtype/pgtype_table.c"

#define DOM        1
#define OTHER      2
#define FIRST      16u /* mfn of frame 0 */
#define MAX_FRAMES 40u
#define HOLE       128u /* device frames: those with an even number may be mapped */
#define SLOT_MAGIC 0x5a5a000000000001ull
#define CPUS       3u
#define TLB_SIZE   32u

static unsigned int rig_frames;  /* the first are DOM's, */
static unsigned int rig_foreign; /* the last are OTHER's */
static cpuset_t rig_cpus = {(1u << CPUS) - 1};
static unsigned int rig_held[MAX_FRAMES]; /* type references of the test's own: base pointers */
static mfn_t rig_cr3[CPUS];

struct tlb_entry {
    mfn_t mfn;
    uint32_t stamp;
    uint8_t level; /* of the table that was walked; 0: a writable page */
    bool used;
};
static struct tlb_entry rig_tlb[CPUS][TLB_SIZE];

static inline mfn_t frame(unsigned int i)
{
    return MFN(FIRST + i);
}

static inline uint64_t *words(unsigned int i)
{
    return mfn_to_virt(frame(i));
}

void arch_fill_l4(uint64_t *l4)
{
    for (unsigned int i = L4_SLOT_FIRST; i < L4_SLOT_FIRST + L4_SLOT_COUNT; i++) {
        l4[i] = SLOT_MAGIC;
    }
}

bool arch_may_map_device(domid_t who, mfn_t mfn)
{
    return mfn.n % 2 == 0;
}

bool arch_may_map_hypervisor(mfn_t mfn, bool write)
{
    return false;
}

static void rig_reset(unsigned int frames, unsigned int foreign)
{
    host_init(CPUS, 1 << 20);
    host_on_relax = NULL;
    host_memory_hole(HOLE, 16);
    rig_frames = frames;
    rig_foreign = foreign;
    memset(rig_held, 0, sizeof(rig_held));
    memset(rig_tlb, 0, sizeof(rig_tlb));
    for (unsigned int i = 0; i < frames; i++) {
        memset(words(i), 0, PAGE_SIZE);
        *frame_state(frame(i)) =
            FRAME_ALLOCATED | FRAME_REF_ONE | FRAME_OWNER(i < frames - foreign ? DOM : OTHER);
        *frame_aux(frame(i)) = i * 77; /* whatever the heap left */
    }
    for (unsigned int c = 0; c < CPUS; c++) {
        rig_cr3[c] = INVALID_MFN;
    }
}

static struct pgtype_ctx rig_ctx(void)
{
    return pgtype_ctx_init(DOM, &rig_cpus);
}

/* --- the check ---------------------------------------------------------------------------------------------------------------------------- */

struct tally {
    unsigned int refs, type_refs;
    bool as_writable;
    unsigned int as_level;
};

static bool is_table_type(enum frame_type t)
{
    return t >= FT_L1 && t <= FT_L4;
}

static void tally_entry(struct tally *t, enum frame_type type, uint64_t e)
{
    unsigned int i = (unsigned int)(pte_mfn(e).n - FIRST);

    if (!(e & PTE_P) || i >= rig_frames) {
        return;
    }
    t[i].refs++;
    if (type != FT_L1) {
        t[i].type_refs++;
        assert_true(t[i].as_level == 0 || t[i].as_level == type - 1u);
        t[i].as_level = type - 1;
    } else if (e & PTE_RW) {
        t[i].type_refs++;
        t[i].as_writable = true;
    }
    assert_true(e & PTE_US);
}

static void tally_table(struct tally *t, unsigned int i)
{
    uint64_t s = frame_read(frame(i));
    enum frame_type type = frame_type(s);
    unsigned int n = PTE_ENTRIES;

    if (s & FRAME_PARTIAL) {
        n = *frame_aux(frame(i)) & PROGRESS_COUNT;
    }
    for (unsigned int k = 0; k < PTE_ENTRIES; k++) {
        if (pgtype_is_hypervisor_slot(type, k)) {
            assert_int_equal(words(i)[k], SLOT_MAGIC);
        } else if (is_table_type(type) && k < n && !is_self_map(type, frame(i), words(i)[k])) {
            tally_entry(t, type, words(i)[k]);
        }
    }
}

/* Everything at rest: counts are what a scan of all page tables finds, and nobody is two things at once. */
static void rig_check(void)
{
    struct tally t[MAX_FRAMES] = {0};

    for (unsigned int i = 0; i < rig_frames; i++) {
        uint64_t s = frame_read(frame(i));

        if (frame_type_refs(s) > 0 && frame_type(s) != FT_WRITABLE) {
            assert_true(!(s & FRAME_VALIDATED) != !(s & FRAME_PARTIAL)); /* at rest: one of the two */
            tally_table(t, i);
        }
        t[i].refs += rig_held[i] + !!(s & FRAME_ALLOCATED) + !!(s & FRAME_PINNED) +
                     (s & FRAME_PARTIAL && !(s & FRAME_PINNED));
        t[i].type_refs += rig_held[i] + !!(s & FRAME_PINNED) + (s & FRAME_PARTIAL && !(s & FRAME_PINNED));
    }
    for (unsigned int i = 0; i < rig_frames; i++) {
        uint64_t s = frame_read(frame(i));

        assert_int_equal(frame_refs(s), t[i].refs);
        assert_int_equal(frame_type_refs(s), t[i].type_refs);
        assert_false(t[i].as_writable && (t[i].as_level || frame_type(s) != FT_WRITABLE));
        assert_false(t[i].as_level && (frame_type(s) != t[i].as_level || !(s & FRAME_VALIDATED)));
    }
}

/* --- TLBs: what the CPUs may still know ----------------------------------------------------------------------------------------------------- */

static bool tlb_alive(unsigned int cpu, const struct tlb_entry *e)
{
    return e->used && !cpuset_is_empty(port_tlb_stale(cpuset_of(cpu), e->stamp));
}

static void tlb_add(unsigned int cpu, mfn_t mfn, unsigned int level, struct random *r)
{
    rig_tlb[cpu][random_below(r, TLB_SIZE)] = (struct tlb_entry){mfn, port_tlb_clock(), (uint8_t)level, true};
}

/* The CPU loads through its tables: caches the way, sets A and D. */
__attribute__((unused)) static void tlb_access(unsigned int cpu, const unsigned int *index, bool write,
                                               struct random *r)
{
    mfn_t mfn = rig_cr3[cpu];
    unsigned int selves = 0; /* level 4 tables' maps of themselves on the way, which are read-only */

    if (mfn_is_invalid(mfn)) {
        return;
    }
    for (unsigned int level = 4; level >= 1; level--) {
        uint64_t *pte = (uint64_t *)mfn_to_virt(mfn) + index[level - 1];
        uint64_t e = __atomic_load_n(pte, __ATOMIC_RELAXED);
        unsigned int type = level + selves; /* of the table that is walked */

        tlb_add(cpu, mfn, type, r);
        if (!(e & PTE_P) || pgtype_is_hypervisor_slot((enum frame_type)type, index[level - 1]) ||
            (level == 1 && write && (selves > 0 || !(e & PTE_RW)))) {
            return;
        }
        if (pte_mfn(e).n - FIRST >= rig_frames) {
            return; /* a device */
        }
        __atomic_fetch_or(pte, PTE_A | (level == 1 && write ? PTE_D : 0), __ATOMIC_SEQ_CST);
        selves += is_self_map((enum frame_type)type, mfn, e);
        mfn = pte_mfn(e);
        if (level == 1 && selves == 0 && (e & PTE_RW)) {
            tlb_add(cpu, mfn, 0, r);
        }
    }
}

/* At rest: no CPU can write to a table, or walk what is none. */
__attribute__((unused)) static void tlb_check(bool at_rest)
{
    for (unsigned int c = 0; c < CPUS; c++) {
        for (unsigned int k = 0; k < TLB_SIZE; k++) {
            const struct tlb_entry *e = &rig_tlb[c][k];
            uint64_t s;

            if (!tlb_alive(c, e)) {
                continue;
            }
            s = frame_read(e->mfn);
            if (e->level == 0) {
                assert_false((s & FRAME_VALIDATED) || ((s & FRAME_PARTIAL) && frame_type_refs(s)));
                /* another domain looks at its own CPUs only: its frame stays referenced until ours forgot it */
                assert_true(frame_owner(s) == DOM || frame_type_refs(s) > 0);
            } else if (at_rest) {
                assert_true((s & FRAME_VALIDATED) && frame_type(s) == e->level);
            } else {
                assert_false(frame_type(s) == FT_WRITABLE && frame_type_refs(s) > 0);
            }
        }
    }
}

/* --- operations, as the hypercalls make them ------------------------------------------------------------------------------------------------- */

/* MMU_NORMAL_PT_UPDATE. What is left unfinished comes back in *@left. */
static int rig_update(unsigned int i, unsigned int index, uint64_t val, unsigned int flags, domid_t data,
                      mfn_t *left)
{
    struct pgtype_ctx ctx = rig_ctx();
    enum frame_type type = pgtype_get_current(frame(i), DOM);
    int rc;

    *left = INVALID_MFN;
    ctx.data_owner = data;
    if (type == FT_NONE) {
        if (!frame_get_writable(frame(i), DOM)) {
            return -XEN_EINVAL;
        }
        words(i)[index] = val;
        frame_put_writable(frame(i));
        return 0;
    }
    if (type == FT_SEGDESC) {
        rc = -XEN_EINVAL;
    } else if (type == FT_L1) {
        rc = pgtype_update_l1(&ctx, &words(i)[index], val, flags);
    } else {
        rc = pgtype_update_table(&ctx, frame(i), type, index, val, flags);
    }
    pgtype_put_current(&ctx, frame(i));
    *left = ctx.unfinished[0];
    return rc;
}

/* Load a base pointer on @cpu; INVALID_MFN: none. */
static int rig_load_cr3(unsigned int cpu, mfn_t l4)
{
    struct pgtype_ctx ctx = rig_ctx();
    mfn_t old;
    int rc = mfn_is_invalid(l4) ? 0 : pgtype_get(&ctx, l4, DOM, FT_L4, true);

    if (rc != 0) {
        return rc;
    }
    if (!mfn_is_invalid(l4)) {
        rig_held[l4.n - FIRST]++;
    }
    old = rig_cr3[cpu]; /* only now: another vCPU may have come in between */
    rig_cr3[cpu] = l4;
    port_flush_tlb(cpuset_of(cpu));
    if (mfn_is_invalid(old)) {
        return 0;
    }
    rig_held[old.n - FIRST]--;
    return pgtype_put(&ctx, old, PGT_PREEMPT);
}

static void drop_types(unsigned int i)
{
    struct pgtype_ctx ctx = rig_ctx();
    int rc;

    do {
        uint64_t s = frame_read(frame(i));

        rc = 0;
        if (s & FRAME_PINNED) {
            rc = pgtype_unpin(&ctx, frame(i), DOM);
        } else if (s & FRAME_PARTIAL) {
            rc = pgtype_abandon(&ctx, frame(i), true);
        }
    } while (rc == -XEN_ERESTART);
}

/* As the domain's teardown: afterwards nothing is referenced. */
static void rig_teardown(void)
{
    for (unsigned int c = 0; c < CPUS; c++) {
        rig_load_cr3(c, INVALID_MFN);
    }
    for (unsigned int i = 0; i < rig_frames - rig_foreign; i++) {
        drop_types(i);
    }
    for (unsigned int i = 0; i < rig_frames; i++) {
        uint64_t s = frame_read(frame(i));

        assert_int_equal(frame_type_refs(s), 0);
        assert_int_equal(frame_refs(s), 1);
        assert_int_equal(s & (FRAME_VALIDATED | FRAME_PARTIAL | FRAME_PINNED), 0);
    }
}
