/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV memory hypercalls: mmu_update, update_va_mapping, mmuext_op, descriptors, write faults, grants, teardown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <tests/unit/hypervisor/guest/x86/pv/mm_rig.h>
#include <hypervisor/panics.h>

static int setup(void **state)
{
    rig_start();
    return 0;
}

static int teardown(void **state)
{
    rig_check();
    rig_end(false);
    return 0;
}

static struct mmu_update *reqs = (struct mmu_update *)rig_buf;
static struct mmuext_op *ops = (struct mmuext_op *)rig_buf;
static uint32_t *done = (uint32_t *)&rig_buf[500];

static long mmu_update(unsigned int count, uint32_t foreign)
{
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, count, (uintptr_t)done, foreign}};

    return rig_call(do_mmu_update, &c, 1000);
}

static long mmuext(unsigned int count, uint32_t foreign)
{
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, count, (uintptr_t)done, foreign}};

    return rig_call(do_mmuext_op, &c, 10000);
}

static uint64_t word(unsigned int i, unsigned int index)
{
    return mfn_to_paddr(frame(i)) + index * 8;
}

static void update_list_and_errors(void **state)
{
    reqs[0] = (struct mmu_update){word(3, 30), entry(4, PTE_RW)};
    reqs[1] = (struct mmu_update){word(3, 31), entry(3, PTE_RW)};
    reqs[2] = (struct mmu_update){word(3, 32), entry(4, 0)};
    assert_int_equal(mmu_update(3, DOMID_SELF), -XEN_EBUSY);
    assert_int_equal(*done, 1);
    assert_int_equal(words(3)[30], entry(4, PTE_RW | PTE_US));
    assert_int_equal(words(3)[32], 0);
    /* not a table: a plain write, unless it is read-only everywhere for a reason */
    reqs[0] = (struct mmu_update){word(5, 0), 0x1234567890123456};
    assert_int_equal(mmu_update(1, DOMID_SELF), 0);
    assert_int_equal(words(5)[0], 0x1234567890123456);
    reqs[0] = (struct mmu_update){word(3, 30) | 4, 0};
    assert_int_equal(mmu_update(1, DOMID_SELF), -XEN_ENOSYS);
    reqs[0] = (struct mmu_update){word(20, 0), 0};
    assert_int_equal(mmu_update(1, DOMID_SELF), -XEN_EINVAL);
    reqs[0] = (struct mmu_update){word(0, 256), 0};
    assert_int_equal(mmu_update(1, DOMID_SELF), -XEN_EPERM);
    struct hypercall c = {.arg = {0x10, 1, 0, DOMID_SELF}};
    assert_int_equal(do_mmu_update(&c), -XEN_EFAULT);
    c = (struct hypercall){.arg = {(uintptr_t)rig_buf, 0, (uintptr_t)done, DOMID_SELF}};
    assert_int_equal(do_mmu_update(&c), 0);
    assert_int_equal(*done, 0);
}

/* Linux goes on after as many as it is told were done: a list that is refused must not leave that word as it was. */
static void a_refused_list_did_nothing(void **state)
{
    *done = 7;
    assert_true(mmu_update(1, 31000) < 0);
    assert_int_equal(*done, 0);
    *done = 7;
    assert_true(mmuext(1, 31000) < 0);
    assert_int_equal(*done, 0);
    *done = 7;
    assert_true(mmu_update(1, 31000u << 16 | DOMID_SELF) < 0);
    assert_int_equal(*done, 0);
}

static void update_list_is_resumed(void **state)
{
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, 20, (uintptr_t)done, DOMID_SELF}};
    unsigned int stops = 0;
    long rc;

    for (unsigned int i = 0; i < 20; i++) {
        reqs[i] = (struct mmu_update){word(3, 100 + i), entry(4 + i % 4, 0)};
    }
    this_cpu(softirq_bits) = 1;
    while ((rc = do_mmu_update(&c)) == -XEN_ERESTART) {
        stops++;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(stops, 19);
    assert_int_equal(*done, 20);
    this_cpu(softirq_bits) = 0;
}

static void removed_table_is_finished_by_the_next_call(void **state)
{
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, 1, (uintptr_t)done, DOMID_SELF}};
    unsigned int stops = 0;
    long rc;

    /* a second tree: 8 (L3) -> 9 (L2) -> 10 (L1) */
    for (unsigned int i = 8; i < 11; i++) {
        reqs[0] = (struct mmu_update){word(3, i), entry(i, 0)};
        assert_int_equal(mmu_update(1, DOMID_SELF), 0);
        words(i)[3] = i < 10 ? entry(i + 1, PTE_US) : entry(4, PTE_RW);
    }
    reqs[0] = (struct mmu_update){word(0, 5), entry(8, PTE_US)};
    assert_int_equal(mmu_update(1, DOMID_SELF), 0);
    assert_int_equal(frame_type(frame_read(frame(10))), FT_L1);
    reqs[0].val = 0;
    this_cpu(softirq_bits) = 1;
    while ((rc = do_mmu_update(&c)) == -XEN_ERESTART) {
        rig_check();
        stops++;
    }
    assert_int_equal(rc, 0);
    assert_true(stops > 100);
    assert_int_equal(*done, 1);
    assert_int_equal(frame_type_refs(frame_read(frame(10))), 0);
    assert_int_equal(pv[0].unfinished_mfn[0], 0);
    this_cpu(softirq_bits) = 0;
}

static void machphys(void **state)
{
    reqs[0] = (struct mmu_update){mfn_to_paddr(frame(6)) | MMU_MACHPHYS_UPDATE, 77};
    assert_int_equal(mmu_update(1, DOMID_SELF), 0);
    assert_int_equal(m2p_get(frame(6)), 77);
    reqs[0].ptr = mfn_to_paddr(frame(20)) | MMU_MACHPHYS_UPDATE;
    assert_int_equal(mmu_update(1, DOMID_SELF), -XEN_EINVAL);
    dom[0].d.is_control = true;
    assert_int_equal(mmu_update(1, 2), 0);
}

static void foreign_frames(void **state)
{
    reqs[0] = (struct mmu_update){word(3, 40), entry(20, PTE_RW)};
    assert_int_equal(mmu_update(1, 2), -XEN_EPERM);
    dom[0].d.target = 2;
    assert_int_equal(mmu_update(1, 2), 0);
    dom[0].d.target = DOMID_NONE;
    dom[0].d.is_control = true;
    assert_int_equal(mmu_update(1, 9), -XEN_ESRCH);
    reqs[0].ptr = word(3, 43);
    assert_int_equal(mmu_update(1, DOMID_XEN), -XEN_EPERM);
    reqs[0].val = entry(20, 0);
    assert_int_equal(mmu_update(1, DOMID_XEN),
                     -XEN_EPERM); /* to read, but it is no part of the table that may be */
    reqs[0].val = entry(20, PTE_RW);
    assert_int_equal(mmu_update(1, DOMID_IO), -XEN_EBUSY);
    /* a guest frame of the PVH domain is translated, unless asked not to be */
    reqs[0] = (struct mmu_update){word(3, 41), 1ull << PAGE_SHIFT | PTE_P | PTE_RW};
    assert_int_equal(mmu_update(1, 3), 0);
    assert_int_equal(pte_mfn(words(3)[41]).n, frame(25).n);
    assert_int_equal(mmu_update(1, 3), 0); /* again: no reference too many */
    reqs[0].val = 5ull << PAGE_SHIFT | PTE_P;
    assert_int_equal(mmu_update(1, 3), -XEN_EINVAL);
    reqs[0] = (struct mmu_update){word(3, 42) | MMU_PT_UPDATE_NO_TRANSLATE, entry(24, 0)};
    assert_int_equal(mmu_update(1, 3), 0);
    /* tables of another */
    reqs[0] = (struct mmu_update){word(21, 0), entry(22, 0)};
    assert_int_equal(mmu_update(1, 3u << 16 | 2), 0);
    assert_int_equal(words(21)[0], entry(22, 0));
    assert_int_equal(mmu_update(1, 4u << 16 | 2), -XEN_EINVAL);
    dom[0].d.is_control = false;
    assert_int_equal(mmu_update(1, 3u << 16 | DOMID_SELF), -XEN_EPERM);
}

static long va_mapping(vaddr_t va, uint64_t val, uint64_t flags)
{
    struct hypercall c = {.arg = {va, val, flags}};
    long rc = do_update_va_mapping(&c);

    rig_check();
    return rc;
}

static void va_mappings(void **state)
{
    uint64_t n;

    assert_int_equal(va_mapping(RIG_VA + 5 * PAGE_SIZE, entry(5, 0), UVMF_INVLPG), 0);
    assert_int_equal(words(3)[5], entry(5, PTE_US));
    n = host_flush_count;
    assert_int_equal(va_mapping(RIG_VA + 5 * PAGE_SIZE, 0, UVMF_TLB_FLUSH | UVMF_ALL), 0);
    assert_true(host_flush_count > n);
    rig_buf[0] = 2;
    assert_int_equal(va_mapping(RIG_VA + 5 * PAGE_SIZE, 0, UVMF_INVLPG | (uintptr_t)rig_buf), 0);
    assert_int_equal(va_mapping(RIG_VA + 5 * PAGE_SIZE, 0, UVMF_INVLPG | 0x1230), -XEN_EFAULT);
    assert_int_equal(va_mapping(RIG_VA + (1ull << 30), 0, 0), -XEN_EINVAL);
    assert_int_equal(va_mapping(VA_DIRECT, 0, 0), -XEN_EINVAL);
    assert_int_equal(va_mapping(1ull << 47, 0, 0), -XEN_EINVAL);
    assert_int_equal(va_mapping(RIG_VA + 3 * PAGE_SIZE, entry(3, PTE_RW), 0), -XEN_EBUSY);
}

static void pins_and_bases(void **state)
{
    /* a second L4 shares the first one's tables */
    words(7)[1] = entry(1, PTE_RW);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frame(7).n};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EINVAL); /* mapped writable */
    assert_int_equal(va_mapping(RIG_VA + 7 * PAGE_SIZE, entry(7, 0), UVMF_INVLPG), 0);
    assert_int_equal(mmuext(1, DOMID_SELF), 0);
    assert_int_equal(words(7)[256], 0); /* the M2P is for tables of the guest's kernel */
    assert_int_equal(words(7)[257], 1);
    ops[1] = (struct mmuext_op){.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = frame(7).n};
    ops[2] = (struct mmuext_op){.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = frame(0).n};
    ops[3] = (struct mmuext_op){.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = frame(7).n};
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_ALL};
    assert_int_equal(mmuext(4, DOMID_SELF), 0);
    assert_int_equal(*done, 4);
    assert_int_equal(vcpu[0].cr3.n, frame(7).n);
    assert_int_equal(words(7)[256], 1);
    assert_int_equal(va_mapping(RIG_VA + 7 * PAGE_SIZE, entry(7, PTE_RW), 0), -XEN_EBUSY);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = frame(1).n};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EINVAL);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = frame(0).n};
    ops[1] = (struct mmuext_op){.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = 0};
    assert_int_equal(mmuext(2, DOMID_SELF), 0);
    assert_int_equal(va_mapping(RIG_VA + 7 * PAGE_SIZE, entry(7, PTE_RW), 0), 0); /* free again */
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_MARK_SUPER};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EOPNOTSUPP);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_FLUSH_CACHE};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EACCES);
    ops[0] = (struct mmuext_op){.cmd = 14};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_ENOSYS);
}

static void pins_for_another(void **state)
{
    words(21)[0] = entry(22, PTE_RW);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = frame(21).n};
    assert_int_equal(mmuext(1, 2), -XEN_EPERM);
    dom[0].d.is_control = true;
    assert_int_equal(mmuext(1, 2), 0);
    ops[0].cmd = MMUEXT_NEW_BASEPTR;
    assert_int_equal(mmuext(1, 2), -XEN_EPERM);
    ops[0].cmd = MMUEXT_UNPIN_TABLE;
    assert_int_equal(mmuext(1, 2), 0);
    dom[1].d.dying = DOMAIN_DYING;
    ops[0].cmd = MMUEXT_PIN_L1_TABLE;
    assert_int_equal(mmuext(1, 2), -XEN_EINVAL);
    ops[0].arg1.mfn = frame(24).n;
    assert_int_equal(mmuext(1, 3), -XEN_EINVAL);
}

static void clear_and_copy(void **state)
{
    words(5)[1] = 5;
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = frame(6).n, .arg2.src_mfn = frame(5).n};
    ops[1] = (struct mmuext_op){.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = frame(5).n};
    assert_int_equal(mmuext(2, DOMID_SELF), 0);
    assert_int_equal(words(6)[1], 5);
    assert_int_equal(words(5)[1], 0);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = frame(3).n};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EINVAL);
    ops[0] = (struct mmuext_op){.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = frame(6).n, .arg2.src_mfn = frame(20).n};
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EINVAL);
}

static void descriptor_tables(void **state)
{
    unsigned long *frames = (unsigned long *)rig_buf;
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, 512}};

    frames[0] = frame(9).n;
    assert_int_equal(do_set_gdt(&c), -XEN_EINVAL);
    assert_int_equal(va_mapping(RIG_VA + 9 * PAGE_SIZE, entry(9, 0), 0), 0);
    words(9)[2] = 0x00af9b000000ffff;
    assert_int_equal(do_set_gdt(&c), 0);
    rig_check();
    assert_int_equal(words(9)[2], 0x00affb000000ffff);
    assert_int_equal(va_mapping(RIG_VA + 9 * PAGE_SIZE, entry(9, PTE_RW), 0), -XEN_EBUSY);
    c = (struct hypercall){.arg = {word(9, 3), 0x00cf92000000ffff}};
    assert_int_equal(do_update_descriptor(&c), 0);
    assert_int_equal(words(9)[3], 0x00cff3000000ffff);
    c.arg[1] = 0x00008c0000000000; /* a gate */
    assert_int_equal(do_update_descriptor(&c), -XEN_EINVAL);
    c = (struct hypercall){.arg = {word(3, 0), 0}};
    assert_int_equal(do_update_descriptor(&c), -XEN_EINVAL);
    c = (struct hypercall){.arg = {word(8, 0), 0}};
    assert_int_equal(do_update_descriptor(&c), 0);
    c = (struct hypercall){.arg = {(uintptr_t)rig_buf, PV_GDT_FRAMES * 512 + 1}};
    assert_int_equal(do_set_gdt(&c), -XEN_EINVAL);
    c = (struct hypercall){.arg = {(uintptr_t)rig_buf, 0}};
    assert_int_equal(do_set_gdt(&c), 0);
    assert_int_equal(va_mapping(RIG_VA + 9 * PAGE_SIZE, entry(9, PTE_RW), 0), 0);
}

static void ldt_pages_come_with_use(void **state)
{
    vaddr_t window = VA_DESC_WINDOWS + 16 * PAGE_SIZE;

    assert_int_equal(va_mapping(RIG_VA + 9 * PAGE_SIZE, entry(9, 0), 0), 0);
    ops[0] = (struct mmuext_op){
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = RIG_VA + 9 * PAGE_SIZE, .arg2.nr_ents = 1024};
    assert_int_equal(mmuext(1, DOMID_SELF), 0);
    assert_int_equal(pv[0].ldt_frames[0].n, frame(9).n);
    assert_true(mfn_is_invalid(pv[0].ldt_frames[1])); /* 10 is writable still */
    rig_injected = 0;
    assert_true(pv_mm_fault(&vcpu[0], window + PAGE_SIZE + 8, 0));
    assert_int_equal(rig_injected, 1);
    assert_int_equal(va_mapping(RIG_VA + 10 * PAGE_SIZE, entry(10, 0), 0), 0);
    assert_true(pv_mm_fault(&vcpu[0], window + PAGE_SIZE + 8, 0));
    assert_int_equal(rig_injected, 1);
    assert_int_equal(pv[0].ldt_frames[1].n, frame(10).n);
    rig_check();
    ops[0].arg2.nr_ents = 9000;
    assert_int_equal(mmuext(1, DOMID_SELF), -XEN_EINVAL);
    ops[0].arg2.nr_ents = 0;
    assert_int_equal(mmuext(1, DOMID_SELF), 0);
    assert_int_equal(va_mapping(RIG_VA + 9 * PAGE_SIZE, entry(9, PTE_RW), 0), 0);
}

static bool write_fault(const char *insn, size_t n)
{
    bool rc;

    memcpy(rig_buf, insn, n);
    vcpu[0].regs.rip = (uintptr_t)rig_buf;
    rc = pv_mm_fault(&vcpu[0], vcpu[0].regs.rbx, 7);
    assert_int_equal(vcpu[0].regs.rip - (uintptr_t)rig_buf, rc ? n : 0);
    rig_check();
    return rc;
}

static void table_writes_are_carried_out(void **state)
{
    vcpu[0].regs.rbx = RIG_VA + 3 * PAGE_SIZE + 50 * 8;
    vcpu[0].regs.rax = entry(6, PTE_RW);
    assert_true(write_fault("\x48\x89\x03", 3)); /* mov %rax,(%rbx) */
    assert_int_equal(words(3)[50], entry(6, PTE_RW | PTE_US));
    words(3)[50] |= PTE_A | PTE_D;
    assert_true(write_fault("\xf0\x80\x23\xfd", 4)); /* lock andb $~2,(%rbx) */
    assert_int_equal(words(3)[50], entry(6, PTE_US | PTE_A | PTE_D));
    assert_true(write_fault("\xf0\x48\x0f\xba\x33\x05", 6)); /* lock btrq $5,(%rbx) */
    assert_true(vcpu[0].regs.rflags & X86_FLAGS_CF);
    assert_int_equal(words(3)[50], entry(6, PTE_US | PTE_D));
    vcpu[0].regs.rax = 0;
    assert_true(write_fault("\x48\x87\x03", 3)); /* xchg %rax,(%rbx) */
    assert_int_equal(vcpu[0].regs.rax, entry(6, PTE_US | PTE_D));
    assert_int_equal(words(3)[50], 0);
    vcpu[0].regs.rax = 0;
    vcpu[0].regs.rcx = entry(3, PTE_RW);                  /* what it must not map */
    assert_false(write_fault("\xf0\x48\x0f\xb1\x0b", 5)); /* lock cmpxchg %rcx,(%rbx) */
    assert_int_equal(words(3)[50], 0);
    /* not a level 1 table, not from the kernel, not a write */
    vcpu[0].regs.rbx = RIG_VA + 2 * PAGE_SIZE + 50 * 8;
    assert_false(write_fault("\x48\x87\x03", 3));
    vcpu[0].regs.rbx = RIG_VA + 3 * PAGE_SIZE + 50 * 8;
    vcpu[0].is_kernel_mode = false;
    assert_false(write_fault("\x48\x87\x03", 3));
    vcpu[0].is_kernel_mode = true;
    assert_false(pv_mm_fault(&vcpu[0], vcpu[0].regs.rbx, 5));
    /* across two entries */
    vcpu[0].regs.rbx += 4;
    assert_false(write_fault("\x48\x87\x03", 3));
}

static void grants(void **state)
{
    vaddr_t va = RIG_VA + 60 * PAGE_SIZE;

    assert_true(frame_get_writable(frame(21), 2));
    rig_gnt_held[21] = 1;
    assert_int_equal(pv_gnttab_enter_mapping(va, frame(21), GNTMAP_host_map | 5u << _GNTMAP_guest_avail0),
                     GNTST_okay);
    assert_int_equal(words(3)[60], entry(21, PTE_RW | PTE_US | PTE_A | PTE_D | PTE_NX | 5u << 9));
    rig_check();
    assert_int_equal(pv_gnttab_remove_mapping(va, frame(22), GNTMAP_host_map, 0), GNTST_general_error);
    assert_int_equal(pv_gnttab_remove_mapping(va, frame(21), GNTMAP_host_map | GNTMAP_readonly, 0),
                     GNTST_general_error);
    assert_int_equal(pv_gnttab_remove_mapping(va, frame(21), GNTMAP_host_map, 0), GNTST_okay);
    assert_int_equal(words(3)[60], 0);
    rig_check();
    assert_int_equal(pv_gnttab_enter_mapping(word(3, 61), frame(21),
                                             GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly),
                     GNTST_okay);
    rig_check();
    /* replaced by the mapping of 6 */
    assert_int_equal(pv_gnttab_remove_mapping(RIG_VA + 61 * PAGE_SIZE, frame(21),
                                              GNTMAP_host_map | GNTMAP_readonly, RIG_VA + 6 * PAGE_SIZE),
                     GNTST_okay);
    assert_int_equal(words(3)[6], 0);
    assert_int_equal(pte_mfn(words(3)[61]).n, frame(6).n);
    rig_check();
    assert_int_equal(pv_gnttab_enter_mapping(1ull << 45, frame(21), GNTMAP_host_map), GNTST_bad_virt_addr);
    assert_int_equal(pv_gnttab_enter_mapping(word(2, 5), frame(21), GNTMAP_host_map | GNTMAP_contains_pte),
                     GNTST_bad_virt_addr);
    frame_put_writable(frame(21));
    rig_gnt_held[21] = 0;
}

static void random_sequences(void **state)
{
    const char *env = getenv("MM_ROUNDS");
    unsigned int rounds = env ? (unsigned int)atoi(env) : 60;

    for (unsigned int seed = 0; seed < rounds; seed++) {
        struct random r = random_seed(seed + 1);

        rig_start();
        for (unsigned int i = 0; i < 300; i++) {
            uint8_t b[STEP];

            for (unsigned int k = 0; k < STEP; k++) {
                b[k] = (uint8_t)(random_u64(&r) >> 32);
            }
            rig_step(b);
        }
        rig_end(seed & 1);
    }
}

/* The debug build's check: silent on a good domain (rig_check() calls it all the time), and every kind of error is found. */
static void audit_finds_errors(void **state)
{
    uint64_t s = frame_read(frame(3)), e = words(3)[2];

    assert_int_equal(pv_audit(&dom[0].d), 0);
    *frame_state(frame(3)) = s + FRAME_TREF_ONE; /* one too many */
    assert_int_equal(pv_audit(&dom[0].d), 1);
    *frame_state(frame(3)) = s - FRAME_TREF_ONE; /* lost: too few of both kinds, and so no table any more */
    assert_true(pv_audit(&dom[0].d) > 0);
    *frame_state(frame(3)) = s;
    words(3)[2] = entry(2, PTE_RW | PTE_US); /* a page table that the guest can write to */
    assert_true(pv_audit(&dom[0].d) > 0);
    words(3)[2] = e;
    words(2)[7] = entry(6, PTE_RW | PTE_US); /* no page table */
    assert_true(pv_audit(&dom[0].d) > 0);
    words(2)[7] = 0;
    words(0)[9] = entry(0, PTE_US); /* a map of itself is allowed, but not to write to */
    assert_int_equal(pv_audit(&dom[0].d), 0);
    words(0)[9] = entry(0, PTE_US | PTE_RW);
    assert_true(pv_audit(&dom[0].d) > 0);
    words(0)[9] = 0;
    pv[0].gdt_frames[0] = frame(7); /* no descriptor page */
    assert_true(pv_audit(&dom[0].d) > 0);
    pv[0].gdt_frames[0] = INVALID_MFN;
    s = frame_read(frame(8)); /* mapped, and somebody dropped the reference */
    *frame_state(frame(8)) = s - FRAME_REF_ONE - FRAME_TREF_ONE;
    assert_true(pv_audit(&dom[0].d) > 0);
    *frame_state(frame(8)) = s;
    rig_check();
    dom[0].is_audited = false;
    *frame_state(frame(3)) += FRAME_TREF_ONE;
    expect_panic(pv_relinquish(&dom[0])); /* at the domain's end */
    *frame_state(frame(3)) -= FRAME_TREF_ONE;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(update_list_and_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_list_did_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(update_list_is_resumed, setup, teardown),
        cmocka_unit_test_setup_teardown(removed_table_is_finished_by_the_next_call, setup, teardown),
        cmocka_unit_test_setup_teardown(machphys, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(va_mappings, setup, teardown),
        cmocka_unit_test_setup_teardown(pins_and_bases, setup, teardown),
        cmocka_unit_test_setup_teardown(pins_for_another, setup, teardown),
        cmocka_unit_test_setup_teardown(clear_and_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptor_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(ldt_pages_come_with_use, setup, teardown),
        cmocka_unit_test_setup_teardown(table_writes_are_carried_out, setup, teardown),
        cmocka_unit_test_setup_teardown(grants, setup, teardown),
        cmocka_unit_test_setup_teardown(audit_finds_errors, setup, teardown),
        cmocka_unit_test(random_sequences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
