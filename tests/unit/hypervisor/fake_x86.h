/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine without hardware for tests and fuzzers of hypercalls that act on whole domains: the real core and guest/x86/common over fake pv_*, pvh_* and
 * hw_* functions. Weak, so that a program can bring its own. Included once by a program.
 *
 *   fake_x86_start()   the first time: memory, scheduler, policies, the hardware domain, whose vCPU is current; guest addresses are those of fake_window
 *   fake_x86_end()     kill every other domain; no frame and no object may be left
 */
#pragma once
#ifdef FAKE_WINDOW_AT
#define _GNU_SOURCE
#include <sys/mman.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <abi/hvm_save.h>
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <core/evtchn/arch.h>
#include <core/gnttab/arch.h>
#include <core/hypercall/arch.h>
#include <core/hypercall/build_info.h>
#include <core/hypercall/cpu_hotplug.h>
#include <core/hypercall/handlers.h>
#include <core/memory/heap.h>
#include <core/sched/arch.h>
#include <core/trace/trace.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <host/host.h>
#include <lib/string.h>

#define FAKE_WEAK     __attribute__((weak))
#define FAKE_MEMORY   (64ull << 20)
#define FAKE_CPUS     4u
#define FAKE_WINDOW   65536u
#define fake_check(e) ((e) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e), abort()))

static uint8_t *fake_window; /* on the heap: the sanitizers see what runs over it */
static struct domain *fake_dom0;
static uint64_t fake_free_at_start, fake_objects_at_start;
/* what the fakes saw last */
static uint64_t fake_fs_base, fake_gs_base, fake_hidden_gs_base;
static uint64_t fake_xcr0, fake_fpu_cleared, fake_tsc_aux;
static bool fake_ts;
static unsigned int fake_barriers;
static uint32_t fake_callback_vector, fake_contexts_set, fake_nmis, fake_policy_changes;
static struct sched_vcpu fake_idle[FAKE_CPUS];
/* what a program may put in the place of the answers below: entering grant mappings in page tables, dropping page tables at a domain's end */
static int (*fake_enter_mapping)(uint64_t addr, mfn_t mfn, uint32_t flags);
static int (*fake_relinquish)(struct x86_domain *xd);
static int (*fake_get_gva)(vaddr_t gva, bool write, mfn_t *mfn);
static long (*fake_initialise)(struct vcpu *v);
static void (*fake_on_get_gfn)(void); /* once, while a frame is looked up */

/* --- the machine ------------------------------------------------------------------------------------------------------------------------------- */

FAKE_WEAK void hw_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof(*out));
    switch (leaf) {
    case 0:
        out[0] = 0xd, out[1] = 0x68747541, out[2] = 0x444d4163, out[3] = 0x69746e65;
        break;
    case 1:
        out[0] = 0x800f12, out[1] = 0x00040800, out[2] = 0xfffa3203, out[3] = 0x178bfbff;
        break;
    case 7:
        out[1] = subleaf == 0 ? 0x209c01a9 : 0;
        break;
    case 0xd:
        out[0] = subleaf == 0 ? 7 : subleaf == 2 ? 256 : 0xf;
        out[1] = subleaf == 2 ? 576 : 832, out[2] = subleaf == 0 ? 832 : 0;
        break;
    case 0x80000000:
        out[0] = 0x8000001f;
        break;
    case 0x80000001:
        out[2] = 0x004003f3, out[3] = 0x2fd3fbff;
        break;
    case 0x80000008:
        out[0] = 0x3028, out[2] = 0x2003;
        break;
    default:
        break;
    }
}

FAKE_WEAK void hw_tsc_scale(uint32_t *mul, int8_t *shift)
{
    *mul = 0x80000000u; /* 2 GHz */
    *shift = 0;
}

FAKE_WEAK unsigned int hw_cpu_count(void)
{
    return FAKE_CPUS;
}

FAKE_WEAK void hw_cpu_ids(unsigned int cpu, uint32_t *apic_id, uint32_t *acpi_id)
{
    *apic_id = cpu;
    *acpi_id = cpu;
}

FAKE_WEAK bool hw_symbol(uint32_t n, const char **name, uint64_t *addr)
{
    static const char *const names[] = {"entry", "schedule"};

    if (n >= ARRAY_SIZE(names)) {
        return false;
    }
    *name = names[n];
    *addr = 0xffff828040200000ull + 0x1000 * n;
    return true;
}

FAKE_WEAK uint32_t hw_mxcsr_mask(void)
{
    return 0xffff;
}

/* As hw_cpuid() says: x87, SSE, AVX. */
FAKE_WEAK uint64_t hw_xstate_components(void)
{
    return 7;
}

FAKE_WEAK void hw_set_xcr0(uint64_t value)
{
    fake_xcr0 = value;
}

FAKE_WEAK uint64_t hw_read_xcr0(void)
{
    return fake_xcr0;
}

FAKE_WEAK void hw_fpu_save(void *image, uint64_t components)
{
}

FAKE_WEAK void hw_fpu_load(const void *image, uint64_t components)
{
}

FAKE_WEAK void hw_fpu_clear(uint64_t components)
{
    fake_fpu_cleared |= components;
}

FAKE_WEAK void hw_set_ts(bool on)
{
    fake_ts = on;
}

FAKE_WEAK void hw_forget_branches(void)
{
    fake_barriers++;
}

FAKE_WEAK void hw_set_tsc_aux(uint64_t value)
{
    fake_tsc_aux = value;
}

FAKE_WEAK uint64_t hw_read_tsc(void)
{
    return 2 * port_now_ns();
}

FAKE_WEAK void hw_time_now(uint64_t *tsc, uint64_t *now_ns)
{
    *now_ns = port_now_ns();
    *tsc = 2 * *now_ns;
}

FAKE_WEAK int hw_rdmsr_fallible(uint32_t msr, uint64_t *value)
{
    *value = msr == 0xc0000100   ? fake_fs_base
             : msr == 0xc0000101 ? fake_gs_base
             : msr == 0xc0000102 ? fake_hidden_gs_base
                                 : 0;
    return msr >> 28 == 0xc || msr == 0x8b ? 0 : -1;
}

FAKE_WEAK void hw_set_fs_base(uint64_t base)
{
    fake_fs_base = base;
}

FAKE_WEAK void hw_set_gs_base(uint64_t base)
{
    fake_gs_base = base;
}

FAKE_WEAK void hw_set_hidden_gs_base(uint64_t base)
{
    fake_hidden_gs_base = base;
}

FAKE_WEAK void arch_cpu_leave(unsigned int cpu)
{
}

FAKE_WEAK void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
}

FAKE_WEAK void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *idle)
{
}

FAKE_WEAK void arch_resume(struct sched_vcpu *held)
{
}

FAKE_WEAK void arch_release(struct sched_vcpu *held, struct sched_vcpu *idle)
{
}

FAKE_WEAK void arch_runstate_changed(struct sched_vcpu *v)
{
}

FAKE_WEAK int guest_read(void *dst, vaddr_t gva, size_t size)
{
    return host_guest_read(dst, gva, size);
}

FAKE_WEAK int guest_write(vaddr_t gva, const void *src, size_t size)
{
    return host_guest_write(gva, src, size);
}

FAKE_WEAK int guest_clear(vaddr_t gva, size_t size)
{
    return host_guest_clear(gva, size);
}

/* --- both kinds of guest ------------------------------------------------------------------------------------------------------------------------- */

FAKE_WEAK int pv_domain_init(struct x86_domain *xd)
{
    return 0;
}

FAKE_WEAK int pv_vcpu_init(struct x86_vcpu *xv)
{
    xv->pv = zalloc(sizeof(*xv->pv));
    return xv->pv ? 0 : -XEN_ENOMEM;
}

FAKE_WEAK void pv_vcpu_free(struct x86_vcpu *xv)
{
    zfree(xv->pv);
}

FAKE_WEAK int pv_relinquish(struct x86_domain *xd)
{
    return fake_relinquish ? fake_relinquish(xd) : 0;
}

FAKE_WEAK int pv_drop_types(mfn_t mfn)
{
    return 0;
}

FAKE_WEAK int pv_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    void (*fn)(void) = fake_on_get_gfn;

    if (fn) {
        fake_on_get_gfn = NULL;
        fn();
    }
    *mfn = MFN(gfn.n);
    return (write ? frame_get_writable(*mfn, d->id) : frame_get(*mfn, d->id)) ? 0 : -XEN_EINVAL;
}

FAKE_WEAK int pv_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn)
{
    return fake_get_gva ? fake_get_gva(gva, write, mfn) : -XEN_EINVAL;
}

FAKE_WEAK uint64_t pv_max_gfn(struct domain *d)
{
    return 0;
}

FAKE_WEAK void pv_fill_hypercall_page(struct domain *d, void *page)
{
    memset(page, 0xcc, PAGE_SIZE);
}

FAKE_WEAK int pv_set_context(struct x86_vcpu *xv, const struct vcpu_guest_context *ctx)
{
    fake_contexts_set++;
    xv->v.is_initialised = true;
    return 0;
}

FAKE_WEAK void pv_get_context(struct x86_vcpu *xv, struct vcpu_guest_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

FAKE_WEAK bool pv_is_built(void)
{
    return true;
}

FAKE_WEAK long pv_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva)
{
    return fake_initialise ? fake_initialise(&xv->v) : -XEN_ENOSYS;
}

FAKE_WEAK long pv_send_nmi(struct x86_vcpu *xv)
{
    fake_nmis++;
    return 0;
}

FAKE_WEAK int pv_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    return fake_enter_mapping ? fake_enter_mapping(addr, mfn, flags) : -XEN_EINVAL;
}

FAKE_WEAK int pv_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    return -XEN_EINVAL;
}

FAKE_WEAK int pvh_domain_init(struct x86_domain *xd)
{
    return 0;
}

FAKE_WEAK void pvh_domain_free(struct x86_domain *xd)
{
}

FAKE_WEAK int pvh_vcpu_init(struct x86_vcpu *xv)
{
    return 0;
}

FAKE_WEAK void pvh_vcpu_free(struct x86_vcpu *xv)
{
}

FAKE_WEAK int pvh_relinquish(struct x86_domain *xd)
{
    return 0;
}

FAKE_WEAK int pvh_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    return pv_get_gfn(d, gfn, write, mfn);
}

FAKE_WEAK int pvh_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn)
{
    return -XEN_EINVAL;
}

FAKE_WEAK int pvh_p2m_add(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return 0;
}

FAKE_WEAK int pvh_set_vcpu_context(struct x86_vcpu *xv, const struct vcpu_guest_context *c)
{
    return -XEN_EOPNOTSUPP;
}

FAKE_WEAK void pvh_get_vcpu_context(struct x86_vcpu *xv, struct vcpu_guest_context *c)
{
}

FAKE_WEAK int pvh_pod_promise(struct x86_domain *xd, gfn_t gfn, unsigned int order)
{
    return -XEN_EOPNOTSUPP;
}

FAKE_WEAK int pvh_pod_release(struct x86_domain *xd, gfn_t gfn)
{
    return -XEN_EINVAL;
}

FAKE_WEAK bool pvh_pod_reclaim(struct x86_domain *xd, mfn_t mfn)
{
    return false;
}

FAKE_WEAK int pvh_pod_set_target(struct x86_domain *xd, uint64_t pages)
{
    return 0;
}

FAKE_WEAK void pvh_pod_counts(const struct x86_domain *xd, uint64_t *cached, uint64_t *promised)
{
    *cached = *promised = 0;
}

static uint64_t fake_pool_pages;

FAKE_WEAK uint64_t pvh_pool_pages(const struct x86_domain *xd)
{
    return fake_pool_pages;
}

FAKE_WEAK int pvh_pool_set(struct x86_domain *xd, uint64_t pages)
{
    fake_pool_pages = pages;
    return 0;
}

FAKE_WEAK int pvh_p2m_remove(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return 0;
}

FAKE_WEAK uint64_t pvh_max_gfn(struct x86_domain *xd)
{
    return 0;
}

FAKE_WEAK int pvh_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    return -XEN_EINVAL;
}

FAKE_WEAK int pvh_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    return -XEN_EINVAL;
}

FAKE_WEAK uint64_t pvh_tsc_offset(const struct x86_vcpu *xv)
{
    return 0;
}

FAKE_WEAK void pvh_upcall_pending(struct x86_vcpu *xv)
{
}

FAKE_WEAK long pvh_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva)
{
    return -XEN_ENOSYS;
}

FAKE_WEAK long pvh_send_nmi(struct x86_vcpu *xv)
{
    fake_nmis++;
    return 0;
}

FAKE_WEAK bool pvh_interrupt_pending(struct x86_vcpu *xv)
{
    return false;
}

FAKE_WEAK void pvh_fill_hypercall_page(struct domain *d, void *page)
{
    memset(page, 0xcc, PAGE_SIZE);
}

FAKE_WEAK void pvh_cpuid_state(const struct x86_vcpu *xv, struct cpuid_vcpu *v)
{
    v->apic_id = 2 * xv->v.id;
    v->apic_enabled = true;
}

FAKE_WEAK int pvh_get_context(struct x86_domain *xd, void *buf, uint32_t size, uint32_t *used)
{
    *used = 24;
    if (buf) {
        fake_check(size >= 24);
        memset(buf, 0x5a, 24);
        memcpy(buf, &(struct hvm_save_descriptor){.typecode = 2, .instance = 1, .length = 16}, 8);
    }
    return 0;
}

FAKE_WEAK int pvh_set_context(struct x86_domain *xd, const void *buf, uint32_t size)
{
    fake_contexts_set++;
    return size >= 24 ? 0 : -XEN_EINVAL;
}

FAKE_WEAK int pvh_set_upcall_vector(struct x86_vcpu *xv, uint8_t vector)
{
    return 0;
}

FAKE_WEAK int pvh_set_callback_vector(struct x86_domain *xd, uint8_t vector)
{
    fake_callback_vector = vector;
    return 0;
}

FAKE_WEAK void pvh_take_info_width(struct x86_vcpu *xv)
{
}

FAKE_WEAK long pvh_compat_hypercall(struct x86_vcpu *xv, struct hypercall *c, hypercall_fn *fn)
{
    return -XEN_ENOSYS;
}

FAKE_WEAK int pvh_guest_read(struct x86_vcpu *xv, void *dst, vaddr_t gva, size_t size)
{
    return host_guest_read(dst, gva, size);
}

FAKE_WEAK int pvh_guest_write(struct x86_vcpu *xv, vaddr_t gva, const void *src, size_t size)
{
    return host_guest_write(gva, src, size);
}

FAKE_WEAK void pvh_policy_changed(struct x86_domain *xd)
{
    fake_policy_changes++;
}

FAKE_WEAK void pvh_flush_tlbs(struct x86_domain *xd)
{
}

/* The table of hypercalls would bring everything in; the programs call handlers themselves. */
FAKE_WEAK long hypercall_not_built(const char *name, uint64_t sub_op)
{
    return -XEN_ENOSYS;
}

FAKE_WEAK int evtchn_pirq_bind(struct evtchn_table *t, uint32_t pirq, uint32_t flags, uint32_t port)
{
    return -XEN_EINVAL;
}

FAKE_WEAK void evtchn_pirq_unbound(struct evtchn_table *t, uint32_t pirq)
{
}

FAKE_WEAK void evtchn_pirq_unmasked(struct evtchn_table *t, uint32_t pirq)
{
}

#ifndef FAKE_NOT_MEMORY_MAP /* programs that want the real one define this */
FAKE_WEAK long x86_memory_op(struct hypercall *c, uint64_t op)
{
    return -XEN_ENOSYS;
}
#endif

/* --- start and end -------------------------------------------------------------------------------------------------------------------------------- */

static inline void fake_x86_boot(void)
{
    struct domain_config c = {.id = 0,
                              .kind = GUEST_PV,
                              .is_control = true,
                              .is_hardware = true,
                              .max_vcpus = 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 16,
                              .max_maptrack_frames = 16};
    struct vcpu *v;

    host_init(FAKE_CPUS, FAKE_MEMORY);
    fake_check(sched_init(NULL) == 0);
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        sched_cpu_up(cpu, &fake_idle[cpu]);
    }
    cpuid_init();
    fake_check(domain_create(&c, &fake_dom0) == 0);
    fake_check(vcpu_create(fake_dom0, 0, &v) == 0);
    fake_dom0->mem.max_pages = ~0ull;
    fake_check(rangeset_add(&x86_domain(fake_dom0)->ioports, 0, 0xffff) == 0);
    fake_check(rangeset_add(&fake_dom0->iomem, 0, (1ull << 40) - 1) == 0);
    fake_check(rangeset_add(&fake_dom0->irqs, 0, 255) == 0);
    set_current_vcpu(v);
}

static inline void fake_open_window(void)
{
#ifdef FAKE_WINDOW_AT /* for fuzzers: handles in a corpus stay good */
    fake_window = mmap((void *)FAKE_WINDOW_AT, FAKE_WINDOW, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    fake_check(fake_window == (void *)FAKE_WINDOW_AT);
#else
    fake_window = aligned_alloc(4096, FAKE_WINDOW);
    memset(fake_window, 0, FAKE_WINDOW);
#endif
    host_guest_window(fake_window, FAKE_WINDOW);
}

static inline void fake_close_window(void)
{
    host_guest_window(NULL, 0);
#ifdef FAKE_WINDOW_AT
    munmap(fake_window, FAKE_WINDOW);
#else
    free(fake_window);
#endif
    fake_window = NULL;
}

static inline void fake_x86_start(void)
{
    if (!fake_dom0) {
        fake_x86_boot();
    }
    build_has_hvm = true;
    fake_free_at_start = heap_free_frames();
    fake_objects_at_start = host_alloc_count();
    fake_open_window();
    host_console_clear();
}

/* A guest beside the hardware domain, with its vCPUs from 0 on; it has the handle that XENVER_guest_handle tells. fake_x86_end() ends it. */
static inline struct domain *fake_domain(domid_t id, enum guest_kind kind, unsigned int vcpus)
{
    struct domain_config c = {.id = id,
                              .kind = kind,
                              .max_vcpus = vcpus,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4,
                              .handle = {1, 2, 3}};
    struct domain *d = NULL;

    fake_check(domain_create(&c, &d) == 0);
    for (unsigned int i = 0; i < vcpus; i++) {
        fake_check(vcpu_create(d, i, NULL) == 0);
    }
    return d;
}

/* Call a handler until it is done, as the guest layer does. */
static inline long fake_call(hypercall_fn *fn, uint64_t a0, uint64_t a1)
{
    struct hypercall c = {.arg = {a0, a1}};
    unsigned int tries = 0;
    long rc;

    do {
        host_run_softirqs();
        rc = fn(&c);
        fake_check(++tries < 100000);
    } while (rc == -XEN_ERESTART);
    return rc;
}

static inline void fake_x86_end(void)
{
    unsigned int tries = 0;
    struct domain *d;

    host_alloc_fail_after(-1);
    host_guest_on_read(NULL, NULL);
    host_run_softirqs(); /* what was destroyed may still wait for its tasklet */
    while ((d = domain_next(1)) != NULL) {
        fake_check(++tries < 1000); /* something keeps a dead domain */
        while (domain_kill(d) == -XEN_ERESTART) {
            host_run_softirqs();
        }
        domain_put(d);
        host_run_softirqs();
    }
    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        (void)cpu_bring_online(cpu);
    }
    trace_reset();
    fake_check(heap_free_frames() == fake_free_at_start);
    fake_check(host_alloc_count() == fake_objects_at_start);
    fake_close_window();
}
