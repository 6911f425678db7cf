/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole check of one PV domain's page types, for debug builds and tests: what the frames' state words say against what the domain's tables, base pointers
 * and descriptor tables hold (the invariants of model/x86/pgtype/pgtype.h). Other domains may have mapped its frames, so general references and
 * writable ones may be more than are found; page tables and descriptor pages are referenced by the domain alone, so these counts must be exact.
 */
#include <base/log.h>
#include <guest/x86/pv/mm/mm_internal.h>
#include <model/x86/pgtype/arch.h>

#define SHOWN         8u
#define PARTIAL_COUNT 0x3ffu /* of frame_aux, while partial: entries that hold references */

struct found {
    uint32_t refs, type_refs;
    uint8_t as_level; /* 1 to 4: some table uses it as that */
    bool as_writable, as_desc;
};

struct audit {
    struct domain *d;
    struct found *found; /* by frame */
    unsigned int wrong;
};

static void complain(struct audit *a, mfn_t mfn, const char *what)
{
    const struct found *f = &a->found[mfn.n];

    if (a->wrong++ < SHOWN) {
        log_error("d%u, frame %#lx: %s; state %#lx, found %u references, %u as its type\n", a->d->id,
                  (unsigned long)mfn.n, what, (unsigned long)frame_read(mfn), f->refs, f->type_refs);
    }
}

static void held(struct audit *a, mfn_t mfn, bool desc)
{
    if (mfn_is_invalid(mfn)) {
        return;
    }
    a->found[mfn.n].refs++;
    a->found[mfn.n].type_refs++;
    if (desc) {
        a->found[mfn.n].as_desc = true;
    } else {
        a->found[mfn.n].as_level = FT_L4;
    }
}

static void held_by_vcpus(struct audit *a)
{
    for (unsigned int i = 0; i < a->d->max_vcpus; i++) {
        const struct pv_vcpu *p = a->d->vcpus[i] ? x86_vcpu(a->d->vcpus[i])->pv : NULL;

        if (!p) {
            continue;
        }
        held(a, p->guest_table, false);
        held(a, p->guest_table_user, false);
        for (unsigned int k = 0; k < PV_GDT_FRAMES; k++) {
            held(a, p->gdt_frames[k], true);
        }
        for (unsigned int k = 0; k < ARRAY_SIZE(p->ldt_frames); k++) {
            held(a, p->ldt_frames[k], true);
        }
    }
}

static void entry_of_table(struct audit *a, mfn_t table, enum frame_type type, uint64_t e)
{
    mfn_t mfn = pte_mfn(e);
    struct found *f;

    if (!frame_is_ram(mfn)) {
        if (type != FT_L1) {
            complain(a, table, "a table entry leads to a frame that is no memory");
        }
        return;
    }
    if (type == FT_L1 && arch_may_map_hypervisor(mfn, e & PTE_RW)) {
        return; /* the hypervisor's own: no reference */
    }
    if (type == FT_L4 && mfn_eq(mfn, table)) { /* its map of itself holds no reference */
        if (e & PTE_RW) {
            complain(a, table, "a level 4 table maps itself writable");
        }
        return;
    }
    f = &a->found[mfn.n];
    f->refs++;
    if (type == FT_L1) {
        f->type_refs += (e & PTE_RW) != 0;
        f->as_writable |= (e & PTE_RW) != 0;
        return;
    }
    f->type_refs++;
    if (f->as_level != 0 && f->as_level != type - 1u) {
        complain(a, mfn, "tables use it at two levels");
    }
    f->as_level = (uint8_t)(type - 1);
}

/* The entries of a table that hold references: all, or as many as a stopped check or release has in its state. */
static void held_by_table(struct audit *a, mfn_t table, uint64_t s)
{
    enum frame_type type = frame_type(s);
    const uint64_t *entries = mfn_to_virt(table);
    unsigned int n = s & FRAME_VALIDATED ? PTE_ENTRIES
                     : s & FRAME_PARTIAL ? *frame_aux(table) & PARTIAL_COUNT
                                         : 0;

    for (unsigned int k = 0; k < n; k++) {
        uint64_t e = __atomic_load_n(&entries[k], __ATOMIC_RELAXED);

        if ((e & PTE_P) && !pgtype_is_hypervisor_slot(type, k)) {
            entry_of_table(a, table, type, e);
        }
    }
}

static bool is_table(uint64_t s)
{
    return frame_type_refs(s) > 0 && frame_type(s) >= FT_L1 && frame_type(s) <= FT_L4;
}

static void check_use(struct audit *a, mfn_t mfn, uint64_t s)
{
    const struct found *f = &a->found[mfn.n];
    bool valid = frame_type_refs(s) > 0 && (s & FRAME_VALIDATED);

    if (f->as_writable && (frame_type_refs(s) == 0 || frame_type(s) != FT_WRITABLE)) {
        complain(a, mfn, "mapped writable, and its type is another");
    }
    if (f->as_level != 0 && (!valid || frame_type(s) != f->as_level)) {
        complain(a, mfn, "used as a page table, and is none of that level");
    }
    if (f->as_desc && (!valid || frame_type(s) != FT_SEGDESC)) {
        complain(a, mfn, "used as a descriptor page, and is none");
    }
}

static void check_counts(struct audit *a, mfn_t mfn, uint64_t s)
{
    const struct found *f = &a->found[mfn.n];
    uint32_t own = (s & (FRAME_PINNED | FRAME_PARTIAL)) != 0;
    bool busy =
        (is_table(s) || frame_type(s) == FT_SEGDESC) && !(s & (FRAME_VALIDATED | FRAME_PARTIAL)); /* T is 1 */

    if (busy) {
        return;
    }
    if ((is_table(s) || (frame_type_refs(s) > 0 && frame_type(s) == FT_SEGDESC))
            ? frame_type_refs(s) != f->type_refs + own
            : frame_type_refs(s) < f->type_refs) {
        complain(a, mfn, "its type references are not what its users hold");
    }
    if (frame_refs(s) < f->refs + own + !!(s & FRAME_ALLOCATED)) {
        complain(a, mfn, "it has fewer references than users");
    }
}

unsigned int pv_audit(struct domain *d)
{
    struct audit a = {.d = d, .found = zalloc(frame_limit * sizeof(*a.found))};

    if (!a.found) {
        log_warning("d%u: no memory to check its page types\n", d->id);
        return 0;
    }
    held_by_vcpus(&a);
    for (mfn_t m = MFN(0); m.n < frame_limit; m.n++) {
        uint64_t s = frame_read(m);

        if (frame_is_ram(m) && frame_owner(s) == d->id && is_table(s)) {
            held_by_table(&a, m, s);
        }
    }
    for (mfn_t m = MFN(0); m.n < frame_limit; m.n++) {
        uint64_t s = frame_read(m);

        check_use(&a, m, s);
        if (frame_is_ram(m) && frame_owner(s) == d->id) {
            check_counts(&a, m, s);
        }
    }
    zfree(a.found);
    return a.wrong;
}
