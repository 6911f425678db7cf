/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV domain (1) with two vCPUs, for the unit tests of guest/x86/pv outside mm: the real entries, callbacks, emulation and vCPUs over registers that are
 * variables, with stand-ins for memory management, core/domain and the rest. Guest memory is rig_mem; the current vCPU is 0, in kernel mode.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/common/selectors.h>
#include <guest/x86/common/tsc.h>
#include <guest/x86/pv/mm.h>
#include <guest/x86/pv/pv.h>
#include <host/host.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>
#include <model/x86/insn/insn.h>

#define RIG_VCPUS   2u
#define RIG_MEM     16384u
#define RIG_KERNEL  MFN(0x100)
#define RIG_USER    MFN(0x101)
#define RIG_HANDLER 0x10000ull /* of exception 0; the others' follow */
/* Not canonical; and the last before those. */
#define RIG_NO_ADDRESS    0x8000000000000000ull
#define RIG_LAST_OF_LOWER 0x7fffffffffffull

static struct x86_domain rig_domain;
static struct x86_vcpu rig_vcpu[RIG_VCPUS];
static struct vcpu *rig_vcpus[RIG_VCPUS] = {&rig_vcpu[0].v, &rig_vcpu[1].v};
static struct shared_info rig_shared;
static struct cpu_policy rig_policy;
static uint8_t rig_mem[RIG_MEM] __attribute__((aligned(4096)));

/* What happened, and what the stand-ins answer. */
static unsigned int rig_crashes, rig_wakes, rig_gs_swaps, rig_wallclocks, rig_flushes, rig_resumes;
static uint64_t rig_dr[8], rig_dr6_events, rig_fs, rig_gs, rig_hidden_gs, rig_cr3, rig_invlpg, rig_msr;
static uint32_t rig_gs_selector, rig_out;
static unsigned int rig_dr_writes, rig_all_dr_loads;
static bool rig_ts;
static struct hypercall rig_call;
static long rig_call_result;
static bool rig_mm_settles;
static int rig_base_rc, rig_gdt_rc;
static mfn_t rig_new_base;
static unsigned int rig_base_sets;
static jmp_buf rig_resumed;

/* --- stand-ins ---- */

void domain_crash(struct domain *d, const char *fmt, ...)
{
    rig_crashes++;
}

void domain_update_wallclock(struct domain *d)
{
    rig_wallclocks++;
}

void vcpu_unblock(struct vcpu *v)
{
    rig_wakes++;
}

long hypercall_dispatch(struct hypercall *c)
{
    assert_true(irqs_enabled());
    rig_call = *c;
    c->arg[0] += 100;
    return rig_call_result;
}

long hypercall_not_built(const char *name, uint64_t sub_op)
{
    return -XEN_ENOSYS;
}

void pv_resume(struct x86_regs *regs)
{
    rig_resumes++;
    longjmp(rig_resumed, 1);
}

bool pv_mm_fault(struct x86_vcpu *xv, uint64_t cr2, uint32_t error)
{
    return rig_mm_settles;
}

int pv_new_base_table(struct x86_vcpu *xv, mfn_t l4)
{
    rig_new_base = l4;
    return rig_base_rc;
}

int pv_set_base_tables(struct x86_vcpu *xv, mfn_t kernel, mfn_t user)
{
    if (rig_base_rc == 0) {
        rig_base_sets++;
        xv->pv->guest_table = kernel;
        xv->pv->guest_table_user = user;
    }
    return rig_base_rc;
}

int pv_set_gdt_frames(struct x86_vcpu *xv, const unsigned long *frames, unsigned int ents)
{
    if (rig_gdt_rc == 0) {
        xv->pv->gdt_ents = ents;
    }
    return rig_gdt_rc;
}

void x86_cpuid(struct x86_vcpu *xv, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    for (unsigned int i = 0; i < 4; i++) {
        out[i] = leaf + subleaf + i;
    }
}

/* MSR 1 is there. */
int x86_msr_read(struct x86_vcpu *xv, uint32_t msr, uint64_t *value)
{
    *value = rig_msr;
    return msr == 1 ? 0 : -XEN_EINVAL;
}

int x86_msr_write(struct x86_vcpu *xv, uint32_t msr, uint64_t value)
{
    if (msr == 1) {
        rig_msr = value;
    }
    return msr == 1 ? 0 : -XEN_EINVAL;
}

uint32_t platform_port_read(struct domain *d, uint16_t port, unsigned int size)
{
    return port;
}

void platform_port_write(struct domain *d, uint16_t port, unsigned int size, uint32_t value)
{
    rig_out = (uint32_t)port << 16 | (value & 0xffff);
}

uint64_t tsc_of_domain(const struct x86_domain *xd)
{
    return 0x1234567890ull;
}

int fpu_write_xcr0(struct x86_vcpu *xv, uint32_t index, uint64_t value)
{
    return index == 0 && (value & 1) ? 0 : -XEN_EINVAL;
}

void fpu_set_image(struct x86_vcpu *xv, const void *image)
{
}

void fpu_get_image(struct x86_vcpu *xv, void *image)
{
}

/* --- the processor ---- */

void hw_set_ts(bool on)
{
    rig_ts = on;
}

void hw_load_breakpoints(const uint64_t dr[4], uint64_t dr7)
{
    memcpy(rig_dr, dr, 4 * sizeof(rig_dr[0]));
    rig_dr[7] = dr7;
    rig_all_dr_loads++;
}

void hw_write_dr(unsigned int n, uint64_t value)
{
    rig_dr[n] = value;
    rig_dr_writes++;
}

uint64_t hw_take_dr6(void)
{
    uint64_t events = rig_dr6_events;

    rig_dr6_events = 0;
    return events;
}

void hw_clear_dr7(void)
{
    rig_dr[7] = 0x400;
}

void hw_load_gs_user_selector(uint32_t sel)
{
    rig_gs_selector = sel;
}

void hw_set_fs_base(uint64_t base)
{
    rig_fs = base;
}

void hw_set_gs_base(uint64_t base)
{
    rig_gs = base;
}

void hw_set_hidden_gs_base(uint64_t base)
{
    rig_hidden_gs = base;
}

void hw_swap_gs(void)
{
    rig_gs_swaps++;
}

void hw_load_cr3(mfn_t l4)
{
    rig_cr3 = l4.n;
}

void hw_switch_cr3(mfn_t l4)
{
    rig_cr3 = l4.n;
}

void hw_invlpg_local(vaddr_t va)
{
    rig_invlpg = va;
}

void hw_flush_caches(void)
{
    rig_flushes++;
}

void hw_save_segments(struct pv_vcpu *p, bool kernel_mode)
{
}

void hw_load_segments(const struct pv_vcpu *p, bool kernel_mode)
{
}

void hw_load_ldt(unsigned int ents)
{
}

void hw_set_entry_vcpu(struct x86_vcpu *xv)
{
}

void hw_show_guest_descriptors(const struct pv_vcpu *p)
{
}

void hw_set_tsc_aux(uint64_t value)
{
}

static uint64_t rig_cr4;

void hw_set_guest_cr4(uint64_t bits)
{
    rig_cr4 = bits;
}

static inline long rig_hypercall(hypercall_fn *fn, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct hypercall c = {.arg = {a0, a1, a2}};

    return fn(&c);
}

/* --- start and end ---- */

static inline void rig_forget(void)
{
    rig_crashes = rig_wakes = rig_gs_swaps = rig_wallclocks = rig_flushes = rig_resumes = 0;
    rig_dr_writes = rig_all_dr_loads = rig_base_sets = 0;
    rig_fs = rig_gs = rig_hidden_gs = rig_cr3 = rig_invlpg = rig_msr = 0;
    rig_gs_selector = rig_out = 0;
    rig_ts = rig_mm_settles = false;
    rig_call_result = 0;
    rig_base_rc = rig_gdt_rc = 0;
    memset(rig_dr, 0, sizeof(rig_dr));
    rig_dr6_events = 0;
}

static inline void rig_schedule(void)
{
}

static inline int rig_start(void **state)
{
    host_init(RIG_VCPUS, 1 << 20);
    memset(&rig_domain, 0, sizeof(rig_domain));
    memset(rig_vcpu, 0, sizeof(rig_vcpu));
    memset(&rig_shared, 0, sizeof(rig_shared));
    memset(&rig_policy, 0, sizeof(rig_policy));
    memset(rig_mem, 0, sizeof(rig_mem));
    host_guest_window(rig_mem, sizeof(rig_mem));
    softirq_set_handler(SOFTIRQ_SCHEDULE, rig_schedule);
    rig_forget();
    rig_domain.d.id = 1;
    rig_domain.d.kind = GUEST_PV;
    rig_domain.d.max_vcpus = RIG_VCPUS;
    rig_domain.d.vcpus = rig_vcpus;
    rig_domain.policy = &rig_policy;
    spin_lock_init(&rig_domain.d.lock, domain);
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        struct x86_vcpu *xv = &rig_vcpu[i];

        xv->v.domain = &rig_domain.d;
        xv->v.id = i;
        xv->v.info = &rig_shared.vcpu_info[i];
        assert_int_equal(pv_vcpu_init(xv), 0);
    }
    rig_vcpu[0].pv->guest_table = RIG_KERNEL;
    rig_vcpu[0].pv->guest_table_user = RIG_USER;
    rig_vcpu[0].v.is_initialised = true;
    set_current_vcpu(&rig_vcpu[0].v);
    return 0;
}

static inline int rig_end(void **state)
{
    host_guest_on_read(NULL, NULL);
    assert_int_equal(lock_held_count(), 0);
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        pv_vcpu_free(&rig_vcpu[i]);
    }
    return 0;
}

/* Every exception has a handler, which masks no events and which user mode may call by INT n when @user says so. */
static inline void rig_set_handlers(struct x86_vcpu *xv, bool user)
{
    for (unsigned int i = 0; i < 256; i++) {
        xv->pv->traps[i] = (struct pv_trap){RIG_HANDLER + i, SEL_RING3_CS64, user ? 3 : 0};
    }
}

/* The top of the guest's stack in rig_mem. */
static inline uint64_t rig_stack(void)
{
    return (uint64_t)(uintptr_t)(rig_mem + RIG_MEM);
}

/* Code at the start of rig_mem, where RIP is from now on. */
static inline void rig_code(struct x86_vcpu *xv, const void *code, size_t size)
{
    memcpy(rig_mem, code, size);
    xv->regs.rip = (uint64_t)(uintptr_t)rig_mem;
    xv->regs.cs = SEL_RING3_CS64;
    xv->regs.ss = SEL_RING3_SS;
    xv->regs.rsp = rig_stack();
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_start, rig_end)
