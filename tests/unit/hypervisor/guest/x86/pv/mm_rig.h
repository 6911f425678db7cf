/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV domain with two vCPUs (1), another PV domain (2) and a PVH one (3), for the unit tests and the fuzzer of PV memory management: the real handlers, with
 * stand-ins for core/domain, the machine and the rest of the PV layer. Everything is checked by a scan of all page tables.
 *
 * Frames 0 to 3 of domain 1 are its first tables, one a level; they map its frames at RIG_VA. Guest memory is what these tables map, and rig_buf.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <abi/grant_table.h>
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/memory_map.h>
#include <guest/x86/pv/mm/mm_internal.h>
#include <guest/x86/pv/pv.h>
#include <host/host.h>
#include <lib/string.h>
#include <model/x86/insn/insn.h>
#include <tests/unit/hypervisor/random.h>

#define rig_assert(e) ((e) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e), abort()))

#define FIRST  16u
#define FRAMES 26u
#define OWN    20u /* of domain 1; then 4 of domain 2, 2 of domain 3 */
#define HOLE   128u
#define DOMS   3u
#define VCPUS  2u
#define RIG_VA (1ull << 39)
#define STEP   16u /* bytes of input an operation */

static struct x86_domain dom[DOMS];
static struct x86_vcpu vcpu[VCPUS];
static struct pv_vcpu pv[VCPUS];
static struct vcpu *vcpu_list[VCPUS] = {&vcpu[0].v, &vcpu[1].v};
static struct shared_info shared;
static uint8_t rig_buf[512] __attribute__((aligned(16)));
static unsigned int rig_gnt_held[FRAMES]; /* mapped grants: the maptrack's references */
static unsigned int rig_injected;

static inline mfn_t frame(unsigned int i)
{
    return MFN(FIRST + i);
}

static inline uint64_t *words(unsigned int i)
{
    return mfn_to_virt(frame(i));
}

static inline uint64_t entry(unsigned int i, uint64_t flags)
{
    return mfn_to_paddr(frame(i)) | PTE_P | flags;
}

/* --- stand-ins ------------------------------------------------------------------------------------------------------------------------------ */

struct domain *domain_get(domid_t id)
{
    if (id < 1 || id > DOMS) {
        return NULL;
    }
    dom[id - 1].d.refs++;
    return &dom[id - 1].d;
}

struct domain *domain_get_or_self(domid_t id)
{
    return domain_get(id == DOMID_SELF ? current_domain()->id : id);
}

void domain_put(struct domain *d)
{
    rig_assert(d->refs > 0);
    d->refs--;
}

/* Domain 3's guest frame n is its n-th frame. */
int arch_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    if (gfn.n >= 2) {
        return -XEN_EINVAL;
    }
    *mfn = frame(24 + (unsigned int)gfn.n);
    return (write ? frame_get_writable(*mfn, d->id) : frame_get(*mfn, d->id)) ? 0 : -XEN_EINVAL;
}

void arch_put_gfn(struct domain *d, mfn_t mfn, bool write)
{
    if (write) {
        frame_put_writable(mfn);
    } else {
        frame_put(mfn);
    }
}

void hw_fill_l4(uint64_t *l4)
{
    for (unsigned int i = 0; i < L4_SLOT_COUNT; i++) {
        l4[L4_SLOT_FIRST + i] = 1;
    }
}

void hw_load_cr3(mfn_t l4)
{
    rig_assert(frame_type(frame_read(l4)) == FT_L4 && (frame_read(l4) & FRAME_VALIDATED));
    port_flush_tlb(cpuset_of(pcpu_id()));
}

void hw_switch_cr3(mfn_t l4)
{
    hw_load_cr3(l4);
}

void hw_flush_local(void)
{
    port_flush_tlb(cpuset_of(pcpu_id()));
}

void hw_invlpg_local(vaddr_t va)
{
}

void hw_flush_caches(void)
{
}

void hw_set_gdt_page(unsigned int page, mfn_t mfn)
{
    rig_assert(!irqs_enabled() && page < PV_GDT_FRAMES);
}

void hw_set_ldt_page(unsigned int page, mfn_t mfn)
{
    rig_assert(!irqs_enabled() && page < 16);
}

void hw_load_ldt(unsigned int ents)
{
    rig_assert(ents <= 8192);
}

mfn_t pv_active_table(const struct x86_vcpu *xv)
{
    return xv->pv->guest_table;
}

void pv_inject_page_fault(struct x86_vcpu *xv, uint32_t error, uint64_t cr2)
{
    rig_injected++;
}

void pv_insn_ctx_init(struct insn_ctx *ctx, struct x86_vcpu *xv)
{
    *ctx = (struct insn_ctx){.regs = &xv->regs, .mode = INSN_MODE_64, .protected_mode = true, .cpl = 0};
}

/* The page of guest memory at @gva: what the tables say, as the CPU would walk them. */
static uint8_t *rig_translate(vaddr_t gva, bool write)
{
    mfn_t mfn = current_x86()->pv->guest_table;

    if (!is_guest_address(gva)) {
        return NULL;
    }
    for (unsigned int level = 4; level >= 1; level--) {
        uint64_t e = ((uint64_t *)mfn_to_virt(mfn))[pte_index(gva, level)];

        if (!(e & PTE_P) || (level == 1 && write && !(e & PTE_RW)) || pte_mfn(e).n - FIRST >= FRAMES) {
            return NULL;
        }
        mfn = pte_mfn(e);
    }
    return (uint8_t *)mfn_to_virt(mfn) + (gva & ~PAGE_MASK);
}

static uint8_t *guest_at(vaddr_t gva, size_t size, bool write)
{
    uint64_t offset = gva - (uint64_t)(uintptr_t)rig_buf;

    if (offset < sizeof(rig_buf)) {
        return size <= sizeof(rig_buf) - offset ? rig_buf + offset : NULL;
    }
    return (gva & ~PAGE_MASK) + size <= PAGE_SIZE ? rig_translate(gva, write) : NULL;
}

int guest_read(void *dst, vaddr_t gva, size_t size)
{
    const uint8_t *p = size ? guest_at(gva, size, false) : rig_buf;

    if (!p) {
        return -XEN_EFAULT;
    }
    memcpy(dst, p, size);
    return 0;
}

int guest_write(vaddr_t gva, const void *src, size_t size)
{
    uint8_t *p = size ? guest_at(gva, size, true) : rig_buf;

    if (!p) {
        return -XEN_EFAULT;
    }
    memcpy(p, src, size);
    return 0;
}

/* --- the world ---------------------------------------------------------------------------------------------------------------------------------- */

static void rig_run(unsigned int v)
{
    host_set_pcpu(v);
    set_current_vcpu(&vcpu[v].v);
}

static void rig_start(void)
{
    host_init(VCPUS, 1 << 20);
    host_on_relax = NULL;
    host_memory_hole(HOLE, 16);
    memset(dom, 0, sizeof(dom));
    memset(vcpu, 0, sizeof(vcpu));
    memset(pv, 0, sizeof(pv));
    memset(rig_gnt_held, 0, sizeof(rig_gnt_held));
    for (unsigned int i = 0; i < DOMS; i++) {
        dom[i].d.id = (domid_t)(i + 1);
        dom[i].d.kind = i == 2 ? GUEST_PVH : GUEST_PV;
        dom[i].d.target = DOMID_NONE;
        dom[i].d.shared = &shared;
        dom[i].dirty_cpus = cpus_online;
        spin_lock_init(&dom[i].d.lock, domain);
        rangeset_init(&dom[i].d.iomem, NULL, NULL, 1);
    }
    dom[0].d.max_vcpus = VCPUS;
    dom[0].d.vcpus = vcpu_list;
    for (unsigned int i = 0; i < VCPUS; i++) {
        vcpu[i].v.domain = &dom[0].d;
        vcpu[i].v.id = i;
        vcpu[i].v.sched.cpu = (uint16_t)i;
        vcpu[i].pv = &pv[i];
        vcpu[i].is_kernel_mode = true;
        pv[i].guest_table = pv[i].guest_table_user = INVALID_MFN;
        for (unsigned int k = 0; k < PV_GDT_FRAMES; k++) {
            pv[i].gdt_frames[k] = INVALID_MFN;
        }
        for (unsigned int k = 0; k < 16; k++) {
            pv[i].ldt_frames[k] = INVALID_MFN;
        }
    }
    for (unsigned int i = 0; i < FRAMES; i++) {
        domid_t owner = i < OWN ? 1 : i < 24 ? 2 : 3;

        memset(words(i), 0, PAGE_SIZE);
        *frame_state(frame(i)) = FRAME_ALLOCATED | FRAME_REF_ONE | FRAME_OWNER(owner);
    }
    for (unsigned int i = 0; i < 3; i++) {
        words(i)[i == 0] = entry(i + 1, PTE_RW | PTE_US);
    }
    for (unsigned int i = 0; i < OWN; i++) {
        words(3)[i] = entry(i, i < 4 ? 0 : PTE_RW);
    }
    rig_run(1);
    rig_assert(pv_set_base_tables(&vcpu[1], frame(0), INVALID_MFN) == 0);
    rig_run(0);
    rig_assert(pv_adopt_base_table(&vcpu[0], frame(0)) == 0);
}

/* --- the check ---------------------------------------------------------------------------------------------------------------------------------- */

struct tally {
    unsigned int refs, type_refs;
    bool as_writable, as_desc;
    unsigned int as_level;
};

static void tally_held(struct tally *t, mfn_t mfn, bool desc)
{
    if (!mfn_is_invalid(mfn)) {
        rig_assert(mfn.n - FIRST < OWN);
        t[mfn.n - FIRST].refs++;
        t[mfn.n - FIRST].type_refs++;
        t[mfn.n - FIRST].as_desc |= desc;
        if (!desc) {
            rig_assert(frame_type(frame_read(mfn)) == FT_L4 && (frame_read(mfn) & FRAME_VALIDATED));
        }
    }
}

static void tally_table(struct tally *t, unsigned int i, unsigned int n)
{
    enum frame_type type = frame_type(frame_read(frame(i)));

    for (unsigned int k = 0; k < n; k++) {
        uint64_t e = words(i)[k];
        unsigned int j = (unsigned int)(pte_mfn(e).n - FIRST);

        if (!(e & PTE_P) || j >= FRAMES || pgtype_is_hypervisor_slot(type, k)) {
            continue;
        }
        if (type == FT_L4 && j == i) { /* its map of itself */
            rig_assert((e & PTE_US) && !(e & PTE_RW));
            continue;
        }
        rig_assert(e & PTE_US);
        t[j].refs++;
        if (type != FT_L1) {
            rig_assert(t[j].as_level == 0 || t[j].as_level == type - 1u);
            t[j].as_level = type - 1;
            t[j].type_refs++;
        } else if (e & PTE_RW) {
            t[j].as_writable = true;
            t[j].type_refs++;
        }
    }
}

static void rig_check(void)
{
    struct tally t[FRAMES] = {0};

    for (unsigned int v = 0; v < VCPUS; v++) {
        tally_held(t, pv[v].guest_table, false);
        tally_held(t, pv[v].guest_table_user, false);
        for (unsigned int k = 0; k < PV_GDT_FRAMES; k++) {
            tally_held(t, pv[v].gdt_frames[k], true);
        }
        for (unsigned int k = 0; k < 16; k++) {
            tally_held(t, pv[v].ldt_frames[k], true);
        }
    }
    for (unsigned int i = 0; i < FRAMES; i++) {
        uint64_t s = frame_read(frame(i));
        enum frame_type type = frame_type(s);
        bool own = (s & FRAME_PINNED) || (s & FRAME_PARTIAL);

        if (frame_type_refs(s) > 0 && type >= FT_L1 && type <= FT_L4) {
            rig_assert(!(s & FRAME_VALIDATED) != !(s & FRAME_PARTIAL));
            tally_table(t, i, s & FRAME_PARTIAL ? *frame_aux(frame(i)) & 0x3ff : PTE_ENTRIES);
        }
        t[i].refs += !!(s & FRAME_ALLOCATED) + own + rig_gnt_held[i];
        t[i].type_refs += own + rig_gnt_held[i];
    }
    for (unsigned int i = 0; i < FRAMES; i++) {
        uint64_t s = frame_read(frame(i));

        rig_assert(frame_refs(s) == t[i].refs && frame_type_refs(s) == t[i].type_refs);
        rig_assert(!t[i].as_writable || (frame_type(s) == FT_WRITABLE && !t[i].as_level && !t[i].as_desc));
        rig_assert(!t[i].as_level || (frame_type(s) == t[i].as_level && (s & FRAME_VALIDATED)));
        rig_assert(!t[i].as_desc || (frame_type(s) == FT_SEGDESC && (s & FRAME_VALIDATED)));
    }
    for (unsigned int i = 0; i < DOMS; i++) {
        rig_assert(dom[i].d.refs == 0);
    }
    rig_assert(pv_audit(&dom[0].d) == 0);
}

/* In long rows of stops, one in 37 is looked at. */
static void rig_check_some(void)
{
    static unsigned int n;

    if (n++ % 37 == 0) {
        rig_check();
    }
}

/* All of it, as domain_kill() does; @preempt: stop wherever possible. */
static void rig_end(bool preempt)
{
    int rc;

    for (unsigned int v = 0; v < VCPUS; v++) {
        per_cpu(softirq_bits, v) = preempt;
    }
    while ((rc = pv_relinquish(&dom[0])) == -XEN_ERESTART) {
        rig_check_some();
    }
    rig_assert(rc == 0);
    for (unsigned int i = 0; i < FRAMES; i++) {
        while (pv_drop_types(frame(i)) == -XEN_ERESTART) {
            rig_check_some();
        }
    }
    for (unsigned int i = 0; i < FRAMES; i++) {
        uint64_t s = frame_read(frame(i));

        rig_assert(frame_type_refs(s) == rig_gnt_held[i] && frame_refs(s) == 1 + rig_gnt_held[i]);
        rig_assert(!(s & (FRAME_VALIDATED | FRAME_PARTIAL | FRAME_PINNED)));
    }
}

/* --- operations from bytes ------------------------------------------------------------------------------------------------------------------ */

static uint64_t byte_entry(const uint8_t *b)
{
    static const uint64_t flags[8] = {0,
                                      PTE_P,
                                      PTE_P | PTE_RW,
                                      PTE_P | PTE_RW | PTE_US,
                                      PTE_P | PTE_US | PTE_A,
                                      PTE_P | PTE_G,
                                      PTE_P | PTE_PSE | PTE_RW,
                                      PTE_P | PTE_PCD};
    uint64_t e = flags[b[0] & 7];

    if (b[0] >= 0xf8) {
        memcpy(&e, b, 8);
        return e;
    }
    if (b[0] >= 0xe8) {
        return e | (uint64_t)(HOLE + (b[1] & 3)) << PAGE_SHIFT;
    }
    if (b[0] >= 0xe0) {
        return e | (uint64_t)(b[1] & 3) << PAGE_SHIFT; /* domain 3's guest frames */
    }
    return e | mfn_to_paddr(frame(b[1] % FRAMES));
}

static uint64_t byte_word(uint8_t frame_byte, uint8_t index)
{
    static const uint16_t corner[8] = {0, 1, 2, 3, 255, 256, 271, 511};

    return mfn_to_paddr(frame(frame_byte % FRAMES)) + (index & 0x80 ? corner[index & 7] : index % 24) * 8;
}

static uint32_t byte_foreign(uint8_t b)
{
    static const uint32_t who[8] = {DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF,
                                    2,          3,          DOMID_IO,   3u << 16 | DOMID_SELF};

    return who[b & 7];
}

/* No such table here. */
mfn_t x86_m2p_frame(uint64_t offset)
{
    return INVALID_MFN;
}

/* A call until it is done, or for @tries times. */
static long rig_call(hypercall_fn *fn, struct hypercall *c, unsigned int tries)
{
    long rc;

    do {
        rc = fn(c);
        rig_check_some();
    } while (rc == -XEN_ERESTART && --tries > 0);
    rig_check();
    return rc;
}

static void op_mmu_update(const uint8_t *b, unsigned int tries)
{
    struct mmu_update *req = (struct mmu_update *)rig_buf;
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, 1 + (b[1] & 1), b[1] & 2 ? (uintptr_t)&rig_buf[256] : 0,
                                  byte_foreign(b[2])}};

    req[0] = (struct mmu_update){byte_word(b[3], b[4]) | (b[5] & 3), byte_entry(&b[6])};
    req[1] = (struct mmu_update){byte_word(b[4], b[3]) | (b[5] >> 2 & 7), byte_entry(&b[7])};
    rig_call(do_mmu_update, &c, tries);
}

static void op_mmuext(const uint8_t *b, unsigned int tries)
{
    struct mmuext_op *op = (struct mmuext_op *)rig_buf;
    struct hypercall c = {.arg = {(uintptr_t)rig_buf, 1 + (b[1] & 1), b[1] & 2 ? (uintptr_t)&rig_buf[256] : 0,
                                  byte_foreign(b[2])}};

    for (unsigned int i = 0; i < 2; i++) {
        op[i] = (struct mmuext_op){.cmd = b[3 + 3 * i] % 22, .arg1.mfn = frame(b[4 + 3 * i] % FRAMES).n};
        op[i].arg2.src_mfn = frame(b[5 + 3 * i] % FRAMES).n;
        if (op[i].cmd == MMUEXT_SET_LDT) {
            op[i].arg1.linear_addr = RIG_VA + (uint64_t)(b[4 + 3 * i] % 24) * PAGE_SIZE;
            op[i].arg2.nr_ents = b[5 + 3 * i] * 8;
        } else if (op[i].cmd == MMUEXT_TLB_FLUSH_MULTI || op[i].cmd == MMUEXT_INVLPG_MULTI) {
            op[i].arg2.vcpumask.p = (void *)&rig_buf[200 + b[5]];
        } else if (op[i].cmd == MMUEXT_NEW_USER_BASEPTR && b[5 + 3 * i] & 1) {
            op[i].arg1.mfn = 0;
        }
    }
    rig_call(do_mmuext_op, &c, tries);
}

static void op_va_mapping(const uint8_t *b, unsigned int tries)
{
    struct hypercall c = {
        .arg = {RIG_VA + (uint64_t)(b[3] % 64) * PAGE_SIZE, byte_entry(&b[6]), b[4] & 7, byte_foreign(b[2])}};

    if (b[4] & 0x80) {
        c.arg[2] |= (uintptr_t)&rig_buf[400];
    }
    if (b[5] == 255) {
        memcpy(&c.arg[0], &b[8], 8);
    }
    rig_call(b[1] & 1 ? do_update_va_mapping : do_update_va_mapping_otherdomain, &c, tries);
}

static void op_descriptors(const uint8_t *b, unsigned int tries)
{
    struct hypercall c = {.arg = {byte_word(b[3], b[4]), 0}};
    unsigned long *frames = (unsigned long *)rig_buf;

    if (b[1] & 1) {
        memcpy(&c.arg[1], &b[8], 8);
        rig_call(do_update_descriptor, &c, tries);
        return;
    }
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        frames[i] = frame(b[2 + i % 14] % FRAMES).n;
    }
    c = (struct hypercall){.arg = {(uintptr_t)rig_buf, b[1] * 32}};
    rig_call(do_set_gdt, &c, tries);
}

/* An instruction that writes to a page table where it is mapped. */
static void op_fault(const uint8_t *b)
{
    static const uint8_t insns[][8] = {
        {0x48, 0x89, 0x03},                /* mov %rax,(%rbx) */
        {0x48, 0x87, 0x03},                /* xchg %rax,(%rbx) */
        {0xf0, 0x80, 0x23, 0xfd},          /* lock andb $0xfd,(%rbx) */
        {0xf0, 0x48, 0x0f, 0xba, 0x33, 5}, /* lock btr $5,(%rbx) */
        {0xf0, 0x48, 0x0f, 0xb1, 0x0b},    /* lock cmpxchg %rcx,(%rbx) */
        {0x89, 0x03},                      /* mov %eax,(%rbx) */
        {0x48, 0xc7, 0x03, 0, 0, 0, 0},    /* movq $0,(%rbx) */
        {0xa4},                            /* movsb */
    };
    struct x86_vcpu *xv = current_x86();

    memcpy(rig_buf, insns[b[2] % ARRAY_SIZE(insns)], 8);
    xv->regs.rip = (uintptr_t)rig_buf;
    xv->regs.rbx = RIG_VA + (uint64_t)(b[3] % OWN) * PAGE_SIZE + (b[4] % 24) * 8 + (b[5] & 1 ? b[5] >> 4 : 0);
    xv->regs.rdi = xv->regs.rbx;
    xv->regs.rsi = (uintptr_t)&rig_buf[64];
    xv->regs.rax = byte_entry(&b[6]);
    xv->regs.rcx = byte_entry(&b[8]);
    if (b[1] & 1) {
        uint64_t at = 0;

        if (guest_read(&at, xv->regs.rbx, 8) == 0) {
            xv->regs.rax = at;
        }
    }
    if (b[2] == 255) {
        pv_mm_fault(
            xv, VA_DESC_WINDOWS + ((uint64_t)pcpu_id() * DESC_WINDOW_PAGES + 16) * PAGE_SIZE + b[3] * 97, 0);
    } else {
        pv_mm_fault(xv, xv->regs.rbx, b[2] >= 128 ? b[5] : 7);
    }
    rig_check();
}

/* Mapping domain 2's page as a grant, writable; and undoing it. */
static void op_grant(const uint8_t *b)
{
    unsigned int i = OWN + b[2] % 4;
    uint32_t flags =
        GNTMAP_host_map | (b[1] & 2 ? GNTMAP_readonly : 0) | (b[1] & 4 ? GNTMAP_contains_pte : 0);
    uint64_t addr = b[1] & 4 ? byte_word(b[3], b[4]) : RIG_VA + (uint64_t)(b[3] % 64) * PAGE_SIZE;

    if (b[1] & 1) {
        if (frame_get_writable(frame(i), 2)) {
            rig_gnt_held[i]++;
            if (pv_gnttab_enter_mapping(addr, frame(i), flags) != GNTST_okay) {
                frame_put_writable(frame(i));
                rig_gnt_held[i]--;
            }
        }
    } else if (rig_gnt_held[i] > 0 &&
               pv_gnttab_remove_mapping(addr, frame(i), flags,
                                        b[5] < 64 ? RIG_VA + (uint64_t)(b[5] % 24) * PAGE_SIZE : 0) ==
                   GNTST_okay) {
        port_flush_tlb(dom[0].dirty_cpus);
        frame_put_writable(frame(i));
        rig_gnt_held[i]--;
    }
    rig_check();
}

/* The guest itself: writes where its tables let it, gives a page back, lets a CPU set A and D. */
static void op_guest(const uint8_t *b)
{
    uint64_t val = byte_entry(&b[6]);
    vaddr_t va = RIG_VA + (uint64_t)(b[3] % 64) * PAGE_SIZE + (b[4] % 24) * 8;

    if (mfn_is_invalid(current_x86()->pv->guest_table)) {
        return;
    }
    (void)guest_write(va, &val, sizeof(val));
    rig_check();
}

static void rig_step(const uint8_t *b)
{
    unsigned int tries = b[0] & 0x10 ? 4000 : 1 + (b[0] >> 5);

    rig_run(b[0] & 1);
    this_cpu(softirq_bits) = b[0] >> 1 & 1;
    dom[0].d.is_control = b[0] & 4;
    dom[0].d.target = b[0] & 8 ? 2 : DOMID_NONE;
    switch (b[15] & 7) {
    case 0:
        op_mmuext(b, tries);
        break;
    case 1:
        op_va_mapping(b, tries);
        break;
    case 2:
        op_descriptors(b, tries);
        break;
    case 3:
        op_fault(b);
        break;
    case 4:
        op_grant(b);
        break;
    case 5:
        op_guest(b);
        break;
    default:
        op_mmu_update(b, tries);
        break;
    }
}
