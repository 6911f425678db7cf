/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of a PVH guest by its virtual addresses: a walk of its page tables through the p2m for each page. Walk and copy are one section with interrupts
 * off, which is what keeps the frames from being given to others meanwhile (p2m.h). No translation is kept: the guest changes its tables without an exit.
 */
#include <guest/x86/common/cpuid.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>
#include <model/x86/pt/pt.h>

/* Where @gpa is in the direct map; NULL: no memory, or not writable. */
static void *gpa_to_virt(const struct p2m *p, uint64_t gpa, bool write)
{
    unsigned int level;
    uint64_t e = p2m_find(p, gpa >> PAGE_SHIFT, &level);

    if (unlikely(e == 0 || (write && !(e & PTE_RW)))) {
        return NULL;
    }
    return (uint8_t *)mfn_to_virt(p2m_frame(e, gpa >> PAGE_SHIFT, level)) + (gpa & ~PAGE_MASK);
}

static bool read_entry(void *arg, uint64_t gpa, unsigned int size, uint64_t *entry)
{
    const void *at = gpa_to_virt(arg, gpa, false);

    if (!at) {
        return false;
    }
    *entry = size == 8 ? __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED) : __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
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
        return __atomic_compare_exchange_n((uint64_t *)at, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
    }
    return __atomic_compare_exchange_n((uint32_t *)at, &old32, (uint32_t)new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

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
        .gb_pages = true,
        .paddr_bits = (uint8_t)cpu_policy_paddr_bits(policy),
        .read_entry = read_entry,
        .update_entry = update_entry,
        .arg = p2m_of(xv),
    };
}

enum pt_status pvh_walk(struct x86_vcpu *xv, vaddr_t gva, unsigned int access, struct pt_result *out)
{
    struct pt_ctx c;
    unsigned long flags;
    enum pt_status st;

    fill_walk(xv, &c);
    flags = irq_save();
    st = pt_walk(&c, gva, access, out);
    irq_restore(flags);
    return st;
}

static inline size_t to_page_end(vaddr_t gva, size_t size)
{
    return MIN(size, PAGE_SIZE - (gva & ~PAGE_MASK));
}

static int copy_within_page(const struct pt_ctx *c, vaddr_t gva, void *buf, size_t n, unsigned int access)
{
    unsigned long flags = irq_save();
    struct pt_result r;
    void *at = NULL;

    if (pt_walk(c, gva, access, &r) == PT_OK) {
        at = gpa_to_virt(c->arg, r.gpa, (access & PT_ACCESS_WRITE) != 0);
    }
    if (at) {
        if (access & PT_ACCESS_WRITE) {
            memcpy(at, buf, n);
        } else {
            memcpy(buf, at, n);
        }
    }
    irq_restore(flags);
    return at ? 0 : -XEN_EFAULT;
}

static int copy(struct x86_vcpu *xv, vaddr_t gva, void *buf, size_t size, unsigned int access)
{
    struct pt_ctx c;

    fill_walk(xv, &c);
    while (size > 0) {
        size_t n = to_page_end(gva, size);

        if (copy_within_page(&c, gva, buf, n, access) != 0) {
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
    return copy(xv, gva, dst, size, 0);
}

int pvh_guest_write(struct x86_vcpu *xv, vaddr_t gva, const void *src, size_t size)
{
    return copy(xv, gva, (void *)(uintptr_t)src, size, PT_ACCESS_WRITE);
}

unsigned int pvh_fetch_code(struct x86_vcpu *xv, uint64_t linear, uint8_t *buf, unsigned int max)
{
    unsigned int access = PT_ACCESS_EXEC | PT_ACCESS_PEEK | (xv->pvh->vm.cpl == 3 ? PT_ACCESS_USER : 0);
    unsigned int got = 0;
    struct pt_ctx c;

    fill_walk(xv, &c);
    while (got < max) {
        unsigned int n = (unsigned int)to_page_end(linear + got, max - got);

        if (copy_within_page(&c, linear + got, buf + got, n, access) != 0) {
            break;
        }
        got += n;
    }
    return got;
}
