/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PVH domain (1) with three vCPUs and 64 pages of memory at guest frame 0, for the unit tests and the fuzzer of guest/x86/pvh: the real layer over a processor
 * that is a script (rig_script is what the next entry comes back with), with stand-ins for core/domain and core/hypercall.
 */
#pragma once
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <abi/grant_table.h>
#include <base/guest_access.h>
#include <core/hypercall/hypercall.h>
#include <core/memory/arch.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <host/host.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>

#define rig_assert(e) ((e) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e), abort()))

#define RIG_VCPUS 3u
#define RIG_PAGES 64u
#define RIG_CODE  0x5000u

static struct x86_domain rig_domain;
static struct x86_vcpu rig_vcpu[RIG_VCPUS];
static struct vcpu *rig_vcpus[RIG_VCPUS] = {&rig_vcpu[0].v, &rig_vcpu[1].v, &rig_vcpu[2].v};
static struct shared_info rig_shared;
static struct cpu_policy rig_policy;

/* What happened, for tests to look at. */
static struct vmexit rig_script;
static struct vm_vcpu rig_entered; /* the vCPU's processor side as it was at the last entry */
static unsigned int rig_entries, rig_blocks, rig_downs, rig_crashes, rig_shutdowns, rig_time_updates,
    rig_barriers;
static struct hypercall rig_call;
static long rig_call_result;
static uint64_t rig_tsc;
static int rig_guest_cr8 = -1; /* what the guest leaves in CR8; negative: what was there */

/* --- the processor ------------------------------------------------------------------------------------------------------------------------------------------- */

bool vm_available(void)
{
    return true;
}

bool vm_has_1g_pages(void)
{
    return true;
}

int vm_vcpu_init(struct vm_vcpu *vm)
{
    vm->hw = zalloc(16);
    return vm->hw ? 0 : -XEN_ENOMEM;
}

void vm_vcpu_free(struct vm_vcpu *vm)
{
    zfree(vm->hw);
}

void vm_fetch_slow(struct vm_vcpu *vm, uint32_t groups)
{
    vm->valid |= groups;
}

void vm_enter(struct vm_vcpu *vm, struct x86_regs *regs, struct vmexit *e)
{
    rig_assert(!irqs_enabled() && (vm->dirty & ~vm->valid) == 0);
    rig_entered = *vm;
    rig_entries++;
    vm->valid = vm->dirty = 0;
    vm->flush = false;
    vm->inject.valid = false;
    if (rig_guest_cr8 >= 0) {
        vm->cr8 = (uint8_t)rig_guest_cr8;
    }
    *e = rig_script;
}

void vm_take_interrupts(void)
{
    rig_assert(!irqs_enabled());
}

void vm_switch_from(struct vm_vcpu *vm)
{
}

void vm_switch_to(struct vm_vcpu *vm)
{
}

void hw_forget_branches(void)
{
    rig_barriers++;
}

void hw_set_tsc_aux(uint64_t value)
{
}

void vm_load_debug(struct vm_vcpu *vm)
{
}

void vm_save_debug(struct vm_vcpu *vm)
{
}

void hw_time_now(uint64_t *tsc, uint64_t *now_ns)
{
    *tsc = rig_tsc;
    *now_ns = port_now_ns();
}

void hw_tsc_scale(uint32_t *mul, int8_t *shift)
{
    *mul = 1u << 31;
    *shift = 1;
}

uint64_t hw_xstate_components(void)
{
    return 0;
}

uint32_t hw_mxcsr_mask(void)
{
    return 0xffff;
}

void hw_set_xcr0(uint64_t value)
{
}

uint64_t hw_read_xcr0(void)
{
    return 1;
}

void hw_fpu_clear(uint64_t components)
{
}

void hw_set_ts(bool on)
{
}

static bool rig_may_halt;

bool sched_may_halt(const struct sched_vcpu *v)
{
    return rig_may_halt;
}

void hw_load_idle_tables(void)
{
}

void hw_hide_guest_descriptors(void)
{
}

void hw_set_entry_vcpu(struct x86_vcpu *xv)
{
}

uint64_t hw_read_tsc(void)
{
    return rig_tsc;
}

/* --- the layers around ----------------------------------------------------------------------------------------------------------------------------------------- */

uint32_t cpuid_tsc_khz(void)
{
    return 1000000;
}

const struct cpu_policy *cpuid_host_policy(void)
{
    return &rig_policy;
}

void x86_cpuid(struct x86_vcpu *xv, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    for (unsigned int i = 0; i < 4; i++) {
        out[i] = leaf + i;
    }
}

void x86_msr_note_ignored(struct x86_vcpu *xv, uint32_t msr, uint64_t value)
{
}

uint32_t platform_port_read(struct domain *d, uint16_t port, unsigned int size)
{
    return ~0u;
}

void platform_port_write(struct domain *d, uint16_t port, unsigned int size, uint32_t value)
{
}

long hypercall_dispatch(struct hypercall *c)
{
    rig_assert(irqs_enabled());
    rig_call = *c;
    c->arg[0] = 0x1111;
    return rig_call_result;
}

long hypercall_not_built(const char *name, uint64_t sub_op)
{
    return -XEN_ENOSYS;
}

void domain_set_info_width(struct domain *d, bool is_32bit)
{
    d->evtchn.is_32bit = is_32bit;
}

struct domain_mem *domain_mem_of(domid_t owner)
{
    rig_assert(owner == 1);
    return &rig_domain.d.mem;
}

void domain_mem_first(domid_t owner)
{
}

void domain_mem_empty(domid_t owner)
{
}

void vcpu_update_time(struct vcpu *v)
{
    rig_time_updates++;
}

void vcpu_unblock(struct vcpu *v)
{
    __atomic_fetch_and(&v->sched.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
}

void vcpu_block(struct vcpu *v)
{
    rig_blocks++;
}

void vcpu_take_down(struct vcpu *v)
{
    rig_downs++;
    v->sched.pause_flags |= VPF_DOWN;
}

void sched_wake(struct sched_vcpu *v)
{
}

void sched_sleep(struct sched_vcpu *v)
{
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    rig_shutdowns++;
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    rig_crashes++;
}

int guest_read(void *dst, vaddr_t gva, size_t size)
{
    return pvh_guest_read(current_x86(), dst, gva, size);
}

int guest_write(vaddr_t gva, const void *src, size_t size)
{
    return pvh_guest_write(current_x86(), gva, src, size);
}

/* --- building ------------------------------------------------------------------------------------------------------------------------------------------------------ */

static inline void *rig_at(uint64_t gpa)
{
    struct p2m_leaf l = p2m_lookup(&rig_domain.pvh->p2m, gpa >> PAGE_SHIFT);

    rig_assert(l.type != P2M_NONE);
    return (uint8_t *)mfn_to_virt(l.mfn) + (gpa & ~PAGE_MASK);
}

static inline void rig_make_policy(void)
{
    static const uint16_t features[] = {
        XEN_X86_FEATURE_TSC,    XEN_X86_FEATURE_MSR,          XEN_X86_FEATURE_LM,
        XEN_X86_FEATURE_NX,     XEN_X86_FEATURE_PAT,          XEN_X86_FEATURE_MTRR,
        XEN_X86_FEATURE_X2APIC, XEN_X86_FEATURE_SYSCALL,      XEN_X86_FEATURE_RDTSCP,
        XEN_X86_FEATURE_SEP,    XEN_X86_FEATURE_TSC_DEADLINE, XEN_X86_FEATURE_TSC_ADJUST,
        XEN_X86_FEATURE_MCA,    XEN_X86_FEATURE_DE,           XEN_X86_FEATURE_PSE};
    uint32_t words[CPU_FEATURESET_WORDS] = {0};

    memset(&rig_policy, 0, sizeof(rig_policy));
    rig_policy.basic[0].a = CPU_POLICY_BASIC - 1;
    rig_policy.extd[0].a = 0x80000008;
    rig_policy.extd[8].a = 40;
    for (unsigned int i = 0; i < ARRAY_SIZE(features); i++) {
        cpu_featureset_set(words, features[i]);
    }
    cpu_policy_from_featureset(&rig_policy, words);
}

static inline void rig_fill_memory(void)
{
    for (unsigned int i = 0; i < RIG_PAGES; i++) {
        mfn_t mfn;

        rig_assert(domain_mem_alloc(&rig_domain.d.mem, 0, HEAP_ZERO, &mfn) == 0);
        rig_assert(pvh_p2m_add(&rig_domain, GFN(i), mfn, 0) == 0);
    }
}

/* 32-bit protected mode without paging, flat: guest-physical addresses are linear ones. */
static inline void rig_flat_mode(struct x86_vcpu *xv)
{
    struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_ALL);

    for (unsigned int i = 0; i < X86_SEG_COUNT; i++) {
        s->seg[i] = (struct x86_seg){.attr = i == X86_SEG_CS ? 0xc9b : 0xc93, .limit = ~0u};
    }
    s->cr0 = 0x11;
    xv->pvh->vm.mode = INSN_MODE_32;
    xv->regs.rip = RIG_CODE;
    vm_changed(&xv->pvh->vm, VM_ALL);
}

static inline void rig_start(void)
{
    host_init(2, 16 << 20);
    rig_make_policy();
    memset(&rig_domain, 0, sizeof(rig_domain));
    memset(&rig_shared, 0, sizeof(rig_shared));
    memset(rig_vcpu, 0, sizeof(rig_vcpu));
    rig_entries = rig_blocks = rig_downs = rig_crashes = rig_shutdowns = rig_time_updates = 0;
    rig_call_result = 0;
    rig_guest_cr8 = -1;
    rig_domain.d.id = 1;
    rig_domain.d.kind = GUEST_PVH;
    rig_domain.d.max_vcpus = RIG_VCPUS;
    rig_domain.d.vcpus = rig_vcpus;
    rig_domain.policy = &rig_policy;
    rig_assert(domain_mem_init(&rig_domain.d.mem, 1) == 0);
    rig_domain.d.mem.max_pages = 100000;
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        rig_vcpus[i] = NULL; /* as at a domain's creation */
    }
    rig_assert(pvh_domain_init(&rig_domain) == 0);
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        struct x86_vcpu *xv = &rig_vcpu[i];

        xv->v.domain = &rig_domain.d;
        xv->v.id = i;
        xv->v.info = &rig_shared.vcpu_info[i];
        rig_assert(fpu_init(xv) == 0);
        rig_assert(pvh_vcpu_init(xv) == 0);
        rig_vcpus[i] = &xv->v;
        rig_flat_mode(xv);
        xv->pvh->wait_sipi = false;
    }
    rig_fill_memory();
    set_current_vcpu(&rig_vcpu[0].v);
}

/* Teardown in the order of a domain's; everything is given back. */
static inline void rig_end(void)
{
    while (pvh_relinquish(&rig_domain) != 0) {
    }
    rig_domain.d.mem.dying = true;
    while (domain_mem_relinquish(&rig_domain.d.mem, 1000, NULL) != 0) {
    }
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        pvh_vcpu_free(&rig_vcpu[i]);
        fpu_free(&rig_vcpu[i]);
    }
    pvh_domain_free(&rig_domain);
    rig_assert(rig_domain.d.mem.tot_pages == 0);
    domain_mem_destroy(&rig_domain.d.mem);
    heap_check();
}

/* One round of the vCPU: entry, exit, what follows. */
static inline void rig_run(struct x86_vcpu *xv, const struct vmexit *e)
{
    struct vcpu *before = current_vcpu();

    set_current_vcpu(&xv->v);
    rig_script = *e;
    irq_disable();
    pvh_run(xv);
    rig_assert(!irqs_enabled());
    irq_enable();
    set_current_vcpu(before);
}
