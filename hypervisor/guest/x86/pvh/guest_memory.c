/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a PVH guest by its virtual addresses: a walk of its page tables through the p2m for each page. Walk and copy are one section with interrupts
 * off, which is what keeps the frames from being given to others meanwhile (p2m.h). The guest changes its tables without an exit, so a walk that was done
 * before is used again only after each of its entries was read again and is what it was. What the p2m says is kept, for the last frames.
 */
#include <guest/x86/common/cpuid.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>
#include <model/x86/pt/pt.h>

#define CR0_PG         BIT(31)
#define CR4_SMAP       BIT(21)
#define MAYBE_RESERVED 0x000ffff000000000ull /* address bits that some guest does not have */
#define LARGE_RESERVED 0x1fe000ull           /* low address bits of a 2 MiB page */
#define POPULATE_TRIES 8u

/* --- the p2m as this vCPU knows it ---------------------------------------------------------------------------------------------------------------------------- */

/*
 * Frames found before, until a removal from the p2m: that adds to p2m.flushes before it waits for the pCPUs, so whoever begins after the wait sees it.
 * Interrupts off, from here to the last use of what is found.
 */
static void begin(struct x86_vcpu *xv)
{
    struct pvh_frame_cache *c = &xv->pvh->frames;
    uint32_t now = __atomic_load_n(&p2m_of(xv)->flushes, __ATOMIC_SEQ_CST);

    if (unlikely(c->flushes != now)) {
        for (unsigned int i = 0; i < PVH_CACHED_FRAMES; i++) {
            c->e[i].page = NULL;
        }
        for (unsigned int i = 0; i < PVH_CACHED_WALKS; i++) {
            c->w[i].levels = 0;
        }
        c->flushes = now;
    }
}

static void *find_frame(struct x86_vcpu *xv, uint64_t gfn, bool write)
{
    struct pvh_cached_frame *c = &xv->pvh->frames.e[(gfn ^ gfn >> 5) % PVH_CACHED_FRAMES];
    unsigned int level;
    uint64_t e = p2m_find(p2m_of(xv), gfn, &level);

    if (e == 0 || (write && !(e & PTE_RW))) {
        xv->pvh->frames.missed = e == 0 ? gfn : P2M_MAX_GFN;
        return NULL;
    }
    *c = (struct pvh_cached_frame){
        .gfn = gfn, .page = mfn_to_virt(p2m_frame(e, gfn, level)), .write = (e & PTE_RW) != 0};
    return c->page;
}

/* Where @gpa is in the direct map; NULL: no memory, or not writable. */
static inline void *gpa_to_virt(struct x86_vcpu *xv, uint64_t gpa, bool write)
{
    uint64_t gfn = gpa >> PAGE_SHIFT;
    const struct pvh_cached_frame *c = &xv->pvh->frames.e[(gfn ^ gfn >> 5) % PVH_CACHED_FRAMES];
    uint8_t *page = c->page;

    if (unlikely(!page || c->gfn != gfn || (write && !c->write))) {
        page = find_frame(xv, gfn, write);
    }
    return likely(page) ? page + (gpa & ~PAGE_MASK) : NULL;
}

static bool read_entry(void *arg, uint64_t gpa, unsigned int size, uint64_t *entry)
{
    const void *at = gpa_to_virt(arg, gpa, false);

    if (!at) {
        return false;
    }
    *entry = size == 8 ? __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED)
                       : __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
    return true;
}

static bool update_entry(void *arg, uint64_t gpa, unsigned int size, uint64_t old, uint64_t new)
{
    void *at = gpa_to_virt(arg, gpa, true);
    uint32_t old32 = (uint32_t)old;

    if (!at) {
        return false;
    }
    if (size == 8) {
        return __atomic_compare_exchange_n((uint64_t *)at, &old, new, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }
    return __atomic_compare_exchange_n((uint32_t *)at, &old32, (uint32_t) new, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* --- walks ------------------------------------------------------------------------------------------------------------------------------------------------------ */

static void fill_walk(struct x86_vcpu *xv, struct pt_ctx *c)
{
    const struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_CR);
    const struct cpu_policy *policy = x86_domain(xv->v.domain)->policy;

    *c = (struct pt_ctx){
        .cr0 = s->cr0,
        .cr3 = s->cr3,
        .cr4 = s->cr4,
        .efer = s->msr.efer,
        .ac = (xv->regs.rflags & X86_FLAGS_AC) != 0,
        .gb_pages = cpu_policy_has(policy, XEN_X86_FEATURE_PAGE1GB),
        .paddr_bits = (uint8_t)cpu_policy_paddr_bits(policy),
        .read_entry = read_entry,
        .update_entry = update_entry,
        .arg = xv,
    };
}

static enum pt_status walk(struct x86_vcpu *xv, vaddr_t gva, unsigned int access, struct pt_result *out)
{
    struct pt_ctx c;

    fill_walk(xv, &c);
    return pt_walk(&c, gva, access, out);
}

/*
 * An access failed: true if that was for memory which the domain was promised and which it has now, so that another try gets further. Where interrupts are
 * off nothing can be allocated: the guest is then to fault on it by itself.
 */
static bool populate_missed(struct x86_vcpu *xv)
{
    return p2m_has_promises(p2m_of(xv)) && irqs_enabled() &&
           p2m_pod_populate(p2m_of(xv), xv->pvh->frames.missed) == 0;
}

enum pt_status pvh_walk(struct x86_vcpu *xv, vaddr_t gva, unsigned int access, struct pt_result *out)
{
    enum pt_status st;

    do {
        unsigned long flags = irq_save();

        begin(xv);
        st = walk(xv, gva, access, out);
        irq_restore(flags);
    } while (st == PT_UNREADABLE && populate_missed(xv));
    return st;
}

/*
 * The usual case, quickly: four levels, everything present and accessed (dirty for a write), no right that needs thought. True with the address; false: ask
 * pt_walk(), which knows all the rules. For code only presence counts: the processor has just executed it.
 */
static inline bool quick_walk(struct x86_vcpu *xv, const struct vm_state *s, vaddr_t gva, unsigned int access,
                              struct pvh_cached_walk *w, uint64_t *gpa)
{
    uint64_t need = access & PT_ACCESS_EXEC    ? PTE_P
                    : access & PT_ACCESS_WRITE ? PTE_P | PTE_A | PTE_RW
                                               : PTE_P | PTE_A;
    uint64_t all = ~0ull, any = 0, table = s->cr3 & PTE_ADDR, e;
    unsigned int shift = 39, levels = 0;

    w->levels = 0;
    if (unlikely(!(s->msr.efer & EFER_LMA) || !(s->cr0 & CR0_PG) || !pt_canonical(gva))) {
        return false;
    }
    for (;; shift -= 9) {
        const uint64_t *at = gpa_to_virt(xv, table + ((gva >> shift) & 511) * 8, false);

        if (unlikely(!at)) {
            return false;
        }
        e = __atomic_load_n(at, __ATOMIC_RELAXED);
        w->at[levels] = at;
        w->entry[levels++] = e;
        all &= e;
        any |= e;
        if (unlikely((e & need) != need)) {
            return false;
        }
        if (shift == 12 || (e & PTE_PS)) {
            break;
        }
        table = e & PTE_ADDR;
    }
    if (unlikely(shift > 21 || ((access & PT_ACCESS_WRITE) && !(e & PTE_D)))) {
        return false;
    }
    any |= shift == 21 && (e & LARGE_RESERVED) ? MAYBE_RESERVED : 0;
    if (!(access & PT_ACCESS_EXEC) &&
        ((any & MAYBE_RESERVED) || ((any & PTE_NX) && !(s->msr.efer & EFER_NXE)))) {
        return false;
    }
    if ((all & PTE_US) && (s->cr4 & CR4_SMAP) && !(access & PT_ACCESS_EXEC)) {
        return false;
    }
    *gpa = (e & PTE_ADDR & ~(BIT(shift) - 1)) | (gva & (BIT(shift) - 1));
    w->levels = levels;
    return true;
}

/* The same walk gives the same: everything that it depends on is as it was. */
static inline bool walk_holds(const struct pvh_cached_walk *w, const struct vm_state *s, vaddr_t gva,
                              unsigned int access)
{
    if (w->page != gva >> PAGE_SHIFT || w->access != access || w->cr3 != s->cr3 || w->cr4 != s->cr4 ||
        w->cr0 != s->cr0 || w->efer != s->msr.efer) {
        return false;
    }
    for (unsigned int i = 0; i < w->levels; i++) {
        if (__atomic_load_n(w->at[i], __ATOMIC_RELAXED) != w->entry[i]) {
            return false;
        }
    }
    return w->levels != 0;
}

static void *walk_to_virt(struct x86_vcpu *xv, const struct vm_state *s, struct pvh_cached_walk *w,
                          vaddr_t gva, unsigned int access)
{
    struct pt_result r;
    uint64_t gpa;
    uint8_t *at;

    if (unlikely(!quick_walk(xv, s, gva, access, w, &gpa))) {
        if (walk(xv, gva, access, &r) != PT_OK) {
            return NULL;
        }
        gpa = r.gpa;
    }
    at = gpa_to_virt(xv, gpa, (access & PT_ACCESS_WRITE) != 0);
    if (unlikely(!at)) {
        w->levels = 0;
        return NULL;
    }
    w->page = gva >> PAGE_SHIFT;
    w->access = access;
    w->cr0 = s->cr0;
    w->cr3 = s->cr3;
    w->cr4 = s->cr4;
    w->efer = s->msr.efer;
    w->data = at - (gva & ~PAGE_MASK);
    return at;
}

/* Where @gva is in the direct map; NULL: it cannot be accessed so. Interrupts off. */
static void *gva_to_virt(struct x86_vcpu *xv, vaddr_t gva, unsigned int access)
{
    const struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_CR);
    uint64_t page = gva >> PAGE_SHIFT;
    struct pvh_cached_walk *w = &xv->pvh->frames.w[(page ^ page >> 4 ^ access) % PVH_CACHED_WALKS];

    begin(xv);
    if (likely(walk_holds(w, s, gva, access))) {
        return w->data + (gva & ~PAGE_MASK);
    }
    return walk_to_virt(xv, s, w, gva, access);
}

/* --- copies ------------------------------------------------------------------------------------------------------------------------------------------------------ */

static inline size_t to_page_end(vaddr_t gva, size_t size)
{
    return MIN(size, PAGE_SIZE - (gva & ~PAGE_MASK));
}

static bool try_copy(struct x86_vcpu *xv, vaddr_t gva, void *buf, size_t n, unsigned int access)
{
    unsigned long flags = irq_save();
    void *at = gva_to_virt(xv, gva, access);

    if (likely(at)) {
        if (access & PT_ACCESS_WRITE) {
            memcpy(at, buf, n);
        } else {
            memcpy(buf, at, n);
        }
    }
    irq_restore(flags);
    return at != NULL;
}

/* A walk over four levels and the page itself may each have to be populated. */
static int copy_within_page(struct x86_vcpu *xv, vaddr_t gva, void *buf, size_t n, unsigned int access)
{
    for (unsigned int i = 0; unlikely(!try_copy(xv, gva, buf, n, access)); i++) {
        if (i > POPULATE_TRIES || !populate_missed(xv)) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

int pvh_copy(struct x86_vcpu *xv, vaddr_t gva, void *buf, size_t size, unsigned int access)
{
    while (size > 0) {
        size_t n = to_page_end(gva, size);

        if (copy_within_page(xv, gva, buf, n, access) != 0) {
            return -XEN_EFAULT;
        }
        gva += n;
        buf = (uint8_t *)buf + n;
        size -= n;
    }
    return 0;
}

int pvh_guest_read(struct x86_vcpu *xv, void *dst, vaddr_t gva, size_t size)
{
    if (unlikely(xv->pvh->compat.depth != 0)) {
        return compat_read(xv, dst, gva, size);
    }
    return pvh_copy(xv, gva, dst, size, 0);
}

int pvh_guest_write(struct x86_vcpu *xv, vaddr_t gva, const void *src, size_t size)
{
    if (unlikely(xv->pvh->compat.depth != 0)) {
        return compat_write(xv, gva, src, size);
    }
    return pvh_copy(xv, gva, (void *)(uintptr_t)src, size, PT_ACCESS_WRITE);
}

/* --- code -------------------------------------------------------------------------------------------------------------------------------------------------------- */

static unsigned int code_access(const struct x86_vcpu *xv)
{
    return PT_ACCESS_EXEC | PT_ACCESS_PEEK | (xv->pvh->vm.cpl == 3 ? PT_ACCESS_USER : 0);
}

uint32_t pvh_peek_code(struct x86_vcpu *xv, uint64_t linear)
{
    unsigned long flags;
    uint32_t word = 0;
    const void *at;

    if (unlikely((linear & ~PAGE_MASK) > PAGE_SIZE - sizeof(word))) {
        return 0;
    }
    flags = irq_save();
    at = gva_to_virt(xv, linear, code_access(xv));
    if (likely(at)) {
        __builtin_memcpy(&word, at, sizeof(word));
    }
    irq_restore(flags);
    return word;
}

unsigned int pvh_fetch_code(struct x86_vcpu *xv, uint64_t linear, uint8_t *buf, unsigned int max)
{
    unsigned int got = 0;

    while (got < max) {
        unsigned int n = (unsigned int)to_page_end(linear + got, max - got);

        if (copy_within_page(xv, linear + got, buf + got, n, code_access(xv)) != 0) {
            break;
        }
        got += n;
    }
    return got;
}
