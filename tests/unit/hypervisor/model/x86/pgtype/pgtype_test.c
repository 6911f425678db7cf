/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page types: single rules, and long random sequences with preemption and a second vCPU at every point where an operation can stop. */
#include "rig.h"

static struct random rnd;
static unsigned int preempt_one_in; /* 0: never */
static unsigned int nested_one_in;
static unsigned int depth;

static void random_op(void);

static bool rig_preempt(void)
{
    if (nested_one_in && depth == 0 && random_below(&rnd, nested_one_in) == 0) {
        depth++;
        tlb_check(false);
        random_op();
        depth--;
    }
    return preempt_one_in && random_below(&rnd, preempt_one_in) == 0;
}

static void calm(void)
{
    preempt_one_in = 0;
    nested_one_in = 0;
}

static uint64_t entry(unsigned int i, uint64_t flags)
{
    return mfn_to_paddr(frame(i)) | PTE_P | flags;
}

/* Frame 0 is a level 4 table, 1 level 3, 2 level 2, 3 level 1 that maps 4 writable and 5 read-only, each by entry 0 (and 1). */
static void make_tables(void)
{
    words(0)[0] = entry(1, PTE_RW | PTE_US);
    words(1)[0] = entry(2, PTE_RW | PTE_US);
    words(2)[0] = entry(3, PTE_RW | PTE_US);
    words(3)[0] = entry(4, PTE_RW | PTE_G);
    words(3)[1] = entry(5, 0);
}

static int setup(void **state)
{
    calm();
    depth = 0;
    rig_reset(16, 2);
    make_tables();
    return 0;
}

static int pin(unsigned int i, enum frame_type type)
{
    struct pgtype_ctx ctx = rig_ctx();

    return pgtype_pin(&ctx, frame(i), DOM, type);
}

static int unpin(unsigned int i)
{
    struct pgtype_ctx ctx = rig_ctx();

    return pgtype_unpin(&ctx, frame(i), DOM);
}

static int update(unsigned int i, unsigned int index, uint64_t val)
{
    mfn_t left;

    return rig_update(i, index, val, 0, DOM, &left);
}

static void pin_and_unpin(void **state)
{
    assert_int_equal(pin(0, FT_L4), 0);
    rig_check();
    assert_int_equal(frame_type(frame_read(frame(3))), FT_L1);
    assert_int_equal(words(3)[0], entry(4, PTE_RW | PTE_US)); /* user, not global */
    assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
    assert_int_equal(unpin(0), 0);
    assert_int_equal(unpin(0), -XEN_EINVAL);
    assert_int_equal(words(0)[L4_SLOT_FIRST], 0);
    rig_check();
    rig_teardown();
}

static void refuses_bad_tables(void **state)
{
    static const uint64_t bad[] = {PTE_PSE, PTE_G, PTE_PCD, PTE_PWT};
    const uint64_t kept = 0x7ffull << 52 | 7ull << 9; /* software's own bits */

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        words(1)[7] = entry(2, bad[i]);
        assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
        rig_check();
        words(1)[7] = 0;
    }
    words(3)[511] = entry(6, kept);
    words(1)[7] = entry(2, kept);
    assert_int_equal(pin(0, FT_L4), 0);
    assert_int_equal(words(3)[511] & kept, kept);
    assert_int_equal(words(1)[7] & kept, kept);
    assert_int_equal(unpin(0), 0);
    words(3)[511] = words(1)[7] = 0;
    /* a table of its own level, itself, another domain's, a device, nothing */
    words(1)[7] = entry(1, 0);
    assert_int_equal(pin(1, FT_L3), -XEN_EINVAL);
    words(0)[7] = entry(0, PTE_RW);
    words(1)[7] = 0;
    assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
    words(0)[7] = entry(15, 0);
    assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
    words(0)[7] = HOLE << PAGE_SHIFT | PTE_P;
    assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
    words(0)[7] = 0x000ffffffffff000ull | PTE_P;
    assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
    rig_check();
    rig_teardown();
}

static void never_writable_and_table(void **state)
{
    words(3)[2] = entry(3, PTE_RW); /* maps itself writable */
    assert_int_equal(pin(3, FT_L1), -XEN_EBUSY);
    words(3)[2] = entry(3, 0);
    assert_int_equal(pin(3, FT_L1), 0);
    assert_int_equal(update(3, 2, entry(3, PTE_RW)), -XEN_EBUSY);
    /* 4 is writable: no table */
    assert_int_equal(pin(4, FT_L1), -XEN_EINVAL);
    assert_int_equal(update(3, 0, entry(4, 0)), 0);
    assert_int_equal(pin(4, FT_L1), 0);
    assert_int_equal(update(3, 0, entry(4, PTE_RW)), -XEN_EBUSY);
    assert_int_equal(pin(4, FT_SEGDESC), -XEN_EINVAL);
    rig_check();
    rig_teardown();
}

static void shared_pages_are_no_tables(void **state)
{
    *frame_state(frame(7)) &= ~FRAME_ALLOCATED; /* as the shared info page: the hypervisor writes to it */
    assert_int_equal(pin(7, FT_L1), -XEN_EINVAL);
    assert_int_equal(pin(3, FT_L1), 0);
    assert_int_equal(update(3, 9, entry(7, PTE_RW)), 0);
    assert_int_equal(update(3, 9, 0), 0);
    *frame_state(frame(7)) |= FRAME_ALLOCATED;
    rig_teardown();
}

static void maps_devices_and_others(void **state)
{
    mfn_t left;

    assert_int_equal(pin(3, FT_L1), 0);
    assert_int_equal(update(3, 9, (uint64_t)HOLE << PAGE_SHIFT | PTE_P | PTE_RW | PTE_PCD), 0);
    assert_int_equal(words(3)[9], (uint64_t)HOLE << PAGE_SHIFT | PTE_P | PTE_RW | PTE_PCD | PTE_US);
    assert_int_equal(update(3, 10, (uint64_t)(HOLE + 1) << PAGE_SHIFT | PTE_P), -XEN_EPERM);
    assert_int_equal(update(3, 11, PTE_ADDR | PTE_RW | PTE_P), -XEN_EINVAL);
    assert_int_equal(update(3, 11, entry(15, PTE_RW)), -XEN_EBUSY);
    assert_int_equal(rig_update(3, 11, entry(15, PTE_RW | PTE_A), 0, OTHER, &left), 0);
    assert_int_equal(rig_update(3, 12, entry(5, PTE_RW), 0, OTHER, &left), -XEN_EBUSY);
    assert_int_equal(rig_update(3, 12, entry(5, 0), 0, DOMID_IO, &left), -XEN_EBUSY);
    assert_int_equal(frame_type_refs(frame_read(frame(15))), 1);
    rig_check();
    /* memory types are for devices only */
    assert_int_equal(update(3, 13, entry(6, PTE_PCD | PTE_PAT)), 0);
    assert_int_equal(words(3)[13], entry(6, PTE_US));
    rig_teardown();
}

static void keeps_accessed_and_dirty(void **state)
{
    mfn_t left;

    assert_int_equal(pin(3, FT_L1), 0);
    words(3)[0] |= PTE_A | PTE_D;
    assert_int_equal(rig_update(3, 0, entry(4, PTE_US), PGT_PRESERVE_AD, DOM, &left), 0);
    assert_int_equal(words(3)[0], entry(4, PTE_US | PTE_A | PTE_D));
    assert_int_equal(rig_update(3, 0, entry(4, PTE_US), 0, DOM, &left), 0);
    assert_int_equal(words(3)[0], entry(4, PTE_US));
    rig_check();
    rig_teardown();
}

static void hypervisor_slots_are_not_the_guests(void **state)
{
    words(0)[L4_SLOT_FIRST + 1] = entry(4, PTE_RW);
    assert_int_equal(pin(0, FT_L4), 0);
    rig_check(); /* filled over */
    for (unsigned int i = L4_SLOT_FIRST; i < L4_SLOT_FIRST + L4_SLOT_COUNT; i++) {
        assert_int_equal(update(0, i, 0), -XEN_EPERM);
    }
    assert_int_equal(update(0, L4_SLOT_FIRST + L4_SLOT_COUNT, 0), 0);
    assert_int_equal(update(0, L4_SLOT_FIRST - 1, 0), 0);
    rig_teardown();
}

/* A level 4 table may map itself, read-only and without a reference; no other table of its level, and no lower level itself. */
static void self_map(void **state)
{
    struct pgtype_ctx ctx = rig_ctx();
    uint64_t self = mfn_to_paddr(frame(0)) | PTE_P, flushes;
    mfn_t left;

    words(0)[5] = self | PTE_RW;
    assert_int_equal(pin(0, FT_L4), -XEN_EINVAL);
    words(0)[5] = self;
    assert_int_equal(pin(0, FT_L4), 0); /* in the table already */
    assert_int_equal(frame_type_refs(frame_read(frame(0))), 1);
    assert_int_equal(words(0)[5], self | PTE_US);
    rig_check();
    assert_int_equal(rig_update(0, 5, self | PTE_RW, 0, DOM, &left), -XEN_EINVAL);
    assert_int_equal(rig_update(0, 5, self | PTE_NX, PGT_PRESERVE_AD, DOM, &left), 0);
    assert_int_equal(rig_update(0, 6, self, 0, DOM, &left), 0); /* by an update */
    rig_check();
    assert_int_equal(rig_update(0, 6, self | PTE_RW, 0, DOM, &left), -XEN_EINVAL);
    assert_int_equal(rig_update(0, 6, mfn_to_paddr(frame(1)) | PTE_P | PTE_RW, 0, DOM, &left), 0);
    rig_check();
    assert_int_equal(rig_update(0, 6, self, 0, DOM, &left), 0);
    flushes = host_flush_count;
    assert_int_equal(rig_update(0, 5, 0, 0, DOM, &left), 0);
    assert_true(host_flush_count > flushes);
    assert_int_not_equal(rig_update(1, 5, mfn_to_paddr(frame(1)) | PTE_P, 0, DOM, &left), 0);
    assert_int_not_equal(rig_update(1, 5, self, 0, DOM, &left), 0);
    assert_int_equal(pgtype_pin(&ctx, frame(8), DOM, FT_L4), 0); /* empty */
    assert_int_not_equal(rig_update(8, 5, self, 0, DOM, &left), 0);
    rig_check();
    assert_int_equal(pgtype_unpin(&ctx, frame(0), DOM), 0); /* it holds nothing of itself */
    assert_int_equal(frame_type_refs(frame_read(frame(0))), 0);
    rig_teardown();
}

static void descriptors(void **state)
{
    struct pgtype_ctx ctx = rig_ctx();
    uint64_t d = 0x00af9a000000ffffull; /* 64-bit code, DPL 0 */

    assert_true(pgtype_descriptor_ok(&d));
    assert_int_equal(d, 0x00affb000000ffffull);
    d = 0x00cf92000000ffffull;
    assert_true(pgtype_descriptor_ok(&d));
    assert_int_equal(d, 0x00cff3000000ffffull);
    d = 0x12345678;
    assert_true(pgtype_descriptor_ok(&d));
    for (unsigned int type = 1; type < 16; type++) {
        d = BIT(47) | (uint64_t)type << 40 | 3ull << 45;
        assert_false(pgtype_descriptor_ok(&d));
    }
    words(6)[511] = BIT(47) | 12ull << 40; /* a call gate */
    assert_int_equal(pgtype_get(&ctx, frame(6), DOM, FT_SEGDESC, true), -XEN_EINVAL);
    words(6)[511] = 0x00cf92000000ffffull;
    assert_int_equal(pgtype_get(&ctx, frame(6), DOM, FT_SEGDESC, true), 0);
    rig_held[6]++;
    assert_int_equal(words(6)[511], 0x00cff3000000ffffull);
    assert_false(frame_get_writable(frame(6), DOM));
    rig_check();
    rig_held[6]--;
    assert_int_equal(pgtype_put(&ctx, frame(6), PGT_LINKED), 0);
    rig_check();
}

static void counters_do_not_overflow(void **state)
{
    uint64_t s = FRAME_ALLOCATED | FRAME_OWNER(DOM);

    *frame_state(frame(8)) = s | FRAME_REF_MASK;
    assert_int_equal(pin(3, FT_L1), 0);
    assert_int_equal(update(3, 9, entry(8, 0)), -XEN_EBUSY);
    assert_int_equal(pin(8, FT_L1), -XEN_EINVAL);
    *frame_state(frame(8)) = s | FRAME_TYPE(FT_WRITABLE) | FRAME_TREF_MASK | 0x50000;
    assert_int_equal(update(3, 9, entry(8, PTE_RW)), -XEN_EBUSY);
    *frame_state(frame(8)) = s | FRAME_TYPE(FT_L1) | FRAME_VALIDATED | FRAME_TREF_MASK | 0x50000;
    assert_int_equal(pin(8, FT_L1), -XEN_EINVAL);
    assert_int_equal(pgtype_get_current(frame(8), DOM), FT_NONE);
    *frame_state(frame(8)) = s | FRAME_REF_ONE;
    rig_teardown();
}

/* A pin that stops at each possible point, is resumed or forgotten; then the unpin. */
static void preempted_pin(void **state)
{
    for (unsigned int entries = 0; entries < 3; entries++) {
        words(0)[511] = entries > 0 ? entry(6, PTE_US) : 0;
        words(6)[3] = entries > 1 ? entry(2, PTE_US) : 0;
        preempt_one_in = 1; /* stop wherever it can */
        unsigned int stops = 0;
        int rc;

        while ((rc = pin(0, FT_L4)) == -XEN_ERESTART) {
            rig_check();
            stops++;
            if (stops == 700) {
                rig_teardown(); /* forget it, and begin again */
            }
        }
        assert_int_equal(rc, 0);
        assert_true(stops > 1000);
        rig_check();
        while ((rc = unpin(0)) == -XEN_ERESTART) {
            rig_check();
        }
        assert_int_equal(rc, 0);
        rig_check();
        rig_teardown();
    }
}

static void preempted_failure(void **state)
{
    int rc;

    words(2)[511] = entry(15, 0); /* another's */
    preempt_one_in = 1;
    while ((rc = pin(0, FT_L4)) == -XEN_ERESTART) {
        rig_check();
    }
    assert_int_equal(rc, -XEN_EINVAL);
    rig_check();
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(frame_type_refs(frame_read(frame(i))), 0);
    }
    rig_teardown();
}

static void freed_entry_is_finished_later(void **state)
{
    struct pgtype_ctx ctx = rig_ctx();
    mfn_t left;

    assert_int_equal(pin(0, FT_L4), 0);
    preempt_one_in = 1;
    assert_int_equal(rig_update(0, 0, 0, 0, DOM, &left), 0);
    assert_int_equal(left.n, frame(1).n);
    rig_check();
    while (pgtype_finish(&ctx, left) == -XEN_ERESTART) {
        rig_check();
    }
    assert_int_equal(frame_type_refs(frame_read(frame(3))), 0);
    rig_check();
    rig_teardown();
}

/* The last puts race: while one vCPU empties an entry, another unpins the table, so that both go with the first one's references. */
static void entry_and_table_are_finished_later(void **state)
{
    struct pgtype_ctx ctx = rig_ctx(), other = rig_ctx();

    assert_int_equal(pin(0, FT_L4), 0);
    assert_int_equal(pgtype_get_current(frame(0), DOM), FT_L4);
    preempt_one_in = 1;
    assert_int_equal(pgtype_update_table(&ctx, frame(0), FT_L4, 0, 0, 0), 0);
    assert_int_equal(pgtype_unpin(&other, frame(0), DOM), 0);
    assert_true(mfn_is_invalid(other.unfinished[0]));
    pgtype_put_current(&ctx, frame(0));
    rig_check();
    assert_int_equal(ctx.unfinished[0].n, frame(1).n);
    assert_int_equal(ctx.unfinished[1].n, frame(0).n);
    for (unsigned int i = 0; i < PGTYPE_UNFINISHED; i++) {
        while (pgtype_finish(&ctx, ctx.unfinished[i]) == -XEN_ERESTART) {
            rig_check();
        }
    }
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(frame_type_refs(frame_read(frame(i))), 0);
    }
    rig_check();
    rig_teardown();
}

static void flushes_before_a_page_becomes_a_table(void **state)
{
    uint64_t n;

    assert_int_equal(pin(0, FT_L4), 0);
    assert_int_equal(rig_load_cr3(0, frame(0)), 0);
    assert_int_equal(update(3, 0, entry(4, 0)), 0);
    n = host_flush_count;
    assert_int_equal(pin(4, FT_L1), 0);
    assert_int_equal(host_flush_count, n + 1);
    assert_int_equal(unpin(4), 0);
    /* the CPUs flushed since: no need to do it again */
    assert_int_equal(update(3, 0, entry(4, PTE_RW)), 0);
    assert_int_equal(update(3, 0, entry(4, 0)), 0);
    port_flush_tlb(rig_cpus);
    n = host_flush_count;
    assert_int_equal(pin(4, FT_L1), 0);
    assert_int_equal(unpin(4), 0);
    assert_int_equal(host_flush_count, n);
    /* a linked table that goes */
    n = host_flush_count;
    assert_int_equal(update(2, 0, 0), 0);
    assert_int_equal(host_flush_count, n + 1);
    rig_check();
    rig_teardown();
}

static void flushes_before_it_lets_go_of_anothers_page(void **state)
{
    unsigned int index[4] = {1, 0, 0, 0};
    mfn_t left;

    rnd = random_seed(1);
    assert_int_equal(pin(0, FT_L4), 0);
    assert_int_equal(rig_load_cr3(1, frame(0)), 0);
    assert_int_equal(rig_update(3, 1, entry(15, PTE_RW), 0, OTHER, &left), 0);
    tlb_access(1, index, true, &rnd);
    tlb_check(true);
    assert_int_equal(update(3, 1, 0), 0);
    tlb_check(true);
    rig_check();
    rig_teardown();
}

/* --- random sequences ------------------------------------------------------------------------------------------------------------------------ */

static unsigned int own(void)
{
    return (unsigned int)random_below(&rnd, rig_frames - rig_foreign);
}

static unsigned int some_index(void)
{
    static const unsigned int corner[] = {0, 1, 2, 255, 256, 271, 272, 511};

    return corner[random_below(&rnd, ARRAY_SIZE(corner))];
}

static uint64_t some_entry(void)
{
    uint64_t flags = PTE_P | (random_below(&rnd, 2) ? PTE_RW : 0) | (random_below(&rnd, 3) ? PTE_US : 0);

    switch (random_below(&rnd, 16)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return random_u64(&rnd);
    case 3:
        return (HOLE + random_below(&rnd, 4)) << PAGE_SHIFT | flags;
    case 4:
        return flags | mfn_to_paddr(frame(rig_frames - 1));
    case 5:
        return (flags & ~PTE_P) | mfn_to_paddr(frame(own()));
    default:
        return flags | mfn_to_paddr(frame(own()));
    }
}

#define LEFT_MAX 8
static mfn_t left_over[LEFT_MAX];

static void remember_left(mfn_t mfn)
{
    if (!mfn_is_invalid(mfn)) {
        left_over[random_below(&rnd, LEFT_MAX)] = mfn;
    }
}

static void random_update(void)
{
    unsigned int i = own(), index = some_index();
    uint64_t val = some_entry();
    domid_t data = random_below(&rnd, 8) ? DOM : random_below(&rnd, 2) ? OTHER : DOMID_IO;
    unsigned int flags = random_below(&rnd, 2) ? PGT_PRESERVE_AD : 0;
    mfn_t left;

    while (rig_update(i, index, val, flags, data, &left) == -XEN_ERESTART && random_below(&rnd, 4) &&
           depth == 0) {
        remember_left(left);
    }
    remember_left(left);
}

static void random_cas(void)
{
    struct pgtype_ctx ctx = rig_ctx();
    unsigned int i = own();
    uint64_t *pte = &words(i)[some_index()], old = *pte;

    enum frame_type type = pgtype_get_current(frame(i), DOM);

    if (type == FT_L1) {
        pgtype_cas_l1(&ctx, pte, &old, some_entry());
    }
    if (type != FT_NONE) {
        pgtype_put_current(&ctx, frame(i));
    }
    remember_left(ctx.unfinished[0]);
}

static void random_pin(void)
{
    unsigned int i = own();
    enum frame_type type = (enum frame_type)(FT_L1 + random_below(&rnd, 4));

    if (i < 12 && random_below(&rnd, 4)) {
        type =
            (enum frame_type)(FT_L4 - i / 3); /* each frame has a favourite, so that deep trees come about */
    }
    while (pin(i, type) == -XEN_ERESTART && random_below(&rnd, 8) && depth == 0) {
    }
}

static void random_unpin(void)
{
    unsigned int i = own();

    while (unpin(i) == -XEN_ERESTART && random_below(&rnd, 8) && depth == 0) {
    }
}

static void random_access(void)
{
    unsigned int index[4] = {some_index(), some_index() & 1, some_index() & 1, some_index() & 1};

    tlb_access((unsigned int)random_below(&rnd, CPUS), index, random_below(&rnd, 2), &rnd);
}

static void random_finish(void)
{
    struct pgtype_ctx ctx = rig_ctx();
    unsigned int k = (unsigned int)random_below(&rnd, LEFT_MAX);

    if (left_over[k].n != 0 && pgtype_finish(&ctx, left_over[k]) == 0) {
        left_over[k] = MFN(0);
    }
}

static void random_op(void)
{
    switch (random_below(&rnd, 16)) {
    case 0:
        random_pin();
        break;
    case 1:
        random_unpin();
        break;
    case 2:
        rig_load_cr3((unsigned int)random_below(&rnd, CPUS),
                     random_below(&rnd, 3) ? frame(own() % 3) : INVALID_MFN);
        break;
    case 3:
    case 4:
        random_access();
        break;
    case 5:
        random_cas();
        break;
    case 6:
        random_finish();
        break;
    case 7:
        if (random_below(&rnd, 8) == 0) {
            port_flush_tlb(cpuset_of((unsigned int)random_below(&rnd, CPUS)));
        }
        break;
    default:
        random_update();
        break;
    }
}

static unsigned int rounds(void)
{
    const char *n = getenv("PGTYPE_ROUNDS");

    return n ? (unsigned int)atoi(n) : 60;
}

static void random_sequences(void **state)
{
    unsigned int validated = 0, partial = 0;

    for (unsigned int seed = 0; seed < rounds(); seed++) {
        rnd = random_seed(seed + 1);
        rig_reset(16, 2);
        memset(left_over, 0, sizeof(left_over));
        for (unsigned int i = 0; i < 1000; i++) {
            preempt_one_in = seed % 4 == 0 ? 0 : 1u << random_below(&rnd, 11);
            nested_one_in = seed % 4 < 2 ? 0 : 1u << (3 + random_below(&rnd, 8));
            random_op();
            rig_check();
            tlb_check(true);
            for (unsigned int k = 0; k < 3; k++) {
                validated +=
                    frame_type(frame_read(frame(k))) == FT_L4 && (frame_read(frame(k)) & FRAME_VALIDATED);
                partial += !!(frame_read(frame(k)) & FRAME_PARTIAL);
            }
        }
        preempt_one_in = seed % 3;
        nested_one_in = 0;
        rig_teardown();
    }
    print_message("validated L4 seen %u times, partial %u\n", validated, partial);
    assert_true(validated > rounds() * 10 && partial > rounds()); /* it does something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pin_and_unpin, setup),
        cmocka_unit_test_setup(refuses_bad_tables, setup),
        cmocka_unit_test_setup(never_writable_and_table, setup),
        cmocka_unit_test_setup(shared_pages_are_no_tables, setup),
        cmocka_unit_test_setup(maps_devices_and_others, setup),
        cmocka_unit_test_setup(keeps_accessed_and_dirty, setup),
        cmocka_unit_test_setup(hypervisor_slots_are_not_the_guests, setup),
        cmocka_unit_test_setup(self_map, setup),
        cmocka_unit_test_setup(descriptors, setup),
        cmocka_unit_test_setup(counters_do_not_overflow, setup),
        cmocka_unit_test_setup(preempted_pin, setup),
        cmocka_unit_test_setup(preempted_failure, setup),
        cmocka_unit_test_setup(freed_entry_is_finished_later, setup),
        cmocka_unit_test_setup(entry_and_table_are_finished_later, setup),
        cmocka_unit_test_setup(flushes_before_a_page_becomes_a_table, setup),
        cmocka_unit_test_setup(flushes_before_it_lets_go_of_anothers_page, setup),
        cmocka_unit_test_setup(random_sequences, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
