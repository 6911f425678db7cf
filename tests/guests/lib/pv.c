/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV: trap table, callbacks, shared info, page-table helpers, secondary vCPUs (xen/arch-x86/xen.h, xen/xen.h). */
#include "guest.h"

extern u8 pv_stubs[], pv_secondary[];
static u8 shared_page[PAGE_SIZE] __attribute__((aligned(4096)));

u64 pv_stub(int vec)
{
    return (u64)pv_stubs + 32 * vec;
}
void fill_trap_table(struct trap_info *ti)
{
    int n = 0;
    for (int v = 0; v < 256; v++) {
        if (v == 2 || v == 8 || v == 15 || (v > 21 && v < 32)) {
            continue;
        }
        ti[n].vector = v;
        ti[n].flags = v == 3 || v == 4 || v >= 32 ? 3 : 0;
        ti[n].cs = FLAT_KERNEL_CS;
        ti[n++].address = pv_stub(v);
    }
    ti[n].address = 0;
}
static struct trap_info traps[257];

static void set_callback(int type, int flags, u64 address)
{
    struct callback_register cb = {.type = type, .flags = flags, .address = address};
    long rc = hc2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb);
    if (rc) {
        panic("callback %d: %ld", type, rc);
    }
}
static void set_callbacks(void)
{
    set_callback(CALLBACKTYPE_event, 0, pv_stub(VEC_UPCALL));
    set_callback(CALLBACKTYPE_failsafe, 0, pv_stub(VEC_FAILSAFE));
    set_callback(CALLBACKTYPE_syscall, CALLBACKF_mask_events, pv_stub(VEC_SYSCALL));
}
void pv_init(void)
{
    long rc;
    fill_trap_table(traps);
    rc = hc1(__HYPERVISOR_set_trap_table, traps);
    if (rc) {
        panic("set_trap_table %ld", rc);
    }
    set_callbacks();
    rc = hc3(__HYPERVISOR_update_va_mapping, shared_page, g.si->shared_info | PTE_RW, UVMF_INVLPG);
    if (rc) {
        panic("mapping shared_info: %ld", rc);
    }
    g.shared = (void *)shared_page;
    g.shared->arch.max_pfn = g.si->nr_pages;
    hc2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, stacks[0] + STACK_SIZE);
}

/* --- page tables --- */
static int pt_index(const void *va, int level)
{
    return (u64)va >> (12 + 9 * (level - 1)) & 511;
}
u64 *pt_entry(const void *va, int level)
{
    u64 *table = (u64 *)g.si->pt_base;
    for (int l = 4;; l--) {
        u64 *e = &table[pt_index(va, l)];
        if (l == level) {
            return e;
        }
        if (!(*e & PTE_P) || (*e & PTE_PS)) {
            return NULL;
        }
        table = pfn_va(m2p[PTE_MFN(*e)]);
    }
}
u64 pt_entry_maddr(const void *va, int level)
{
    u64 *e = pt_entry(va, level);
    return e ? (va_mfn(e) << 12) + ((u64)e & 0xfff) : 0;
}
long set_va(void *va, u64 pte)
{
    return hc3(__HYPERVISOR_update_va_mapping, va, pte, UVMF_INVLPG);
}
long mmu_update_many(const struct mmu_update *req, int n, int *done, u32 dom)
{
    return hc4(__HYPERVISOR_mmu_update, req, n, done, dom);
}
long mmu_update1(u64 ptr, u64 val)
{
    struct mmu_update u = {.ptr = ptr, .val = val};
    return mmu_update_many(&u, 1, NULL, DOMID_SELF);
}
long mmuext1(unsigned cmd, unsigned long a1, unsigned long a2)
{
    struct mmuext_op op = {.cmd = cmd};
    op.arg1.mfn = a1;
    op.arg2.nr_ents = a2;
    return hc4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}
long make_ro(void *page)
{
    return set_va(page, va_mfn(page) << 12 | PTE_RO);
}
long make_rw(void *page)
{
    return set_va(page, va_mfn(page) << 12 | PTE_RW);
}

/* --- secondary vCPUs --- */
static struct vcpu_guest_context ctx;

static long pv_cpu_start(int cpu, void (*fn)(void))
{
    memset(&ctx, 0, sizeof(ctx));
    cpu_fn[cpu] = fn;
    ctx.flags = VGCF_in_kernel;
    ctx.user_regs.rip = (u64)pv_secondary;
    ctx.user_regs.rsp = (u64)stacks[cpu] + STACK_SIZE;
    ctx.user_regs.rdi = cpu;
    ctx.user_regs.cs = FLAT_KERNEL_CS;
    ctx.user_regs.ss = FLAT_KERNEL_SS;
    ctx.user_regs.rflags = 0x202;
    ctx.kernel_ss = FLAT_KERNEL_SS;
    ctx.kernel_sp = (u64)stacks[cpu] + STACK_SIZE;
    ctx.ctrlreg[3] = xen_pfn_to_cr3(va_mfn((void *)g.si->pt_base));
    ctx.event_callback_eip = pv_stub(VEC_UPCALL);
    ctx.failsafe_callback_eip = pv_stub(VEC_FAILSAFE);
    ctx.syscall_callback_eip = pv_stub(VEC_SYSCALL);
    for (int i = 0; traps[i].address; i++) {
        ctx.trap_ctxt[traps[i].vector] = traps[i];
    }
    vcpu_info(cpu)->evtchn_upcall_mask = 1;
    long rc = vcpu_op(VCPUOP_initialise, cpu, &ctx);
    if (rc && rc != -XEN_EEXIST) {
        return rc;
    }
    return vcpu_op(VCPUOP_up, cpu, 0);
}

/* --- the kind-specific half of cpu_start(): see pvh.c --- */
long pvh_cpu_start(int cpu, void (*fn)(void));
void pvh_cpu_init_secondary(void);
long cpu_start(int cpu, void (*fn)(void))
{
    return g.pv ? pv_cpu_start(cpu, fn) : pvh_cpu_start(cpu, fn);
}
void cpu_init_secondary(void)
{
    if (!g.pv) {
        pvh_cpu_init_secondary();
    }
}
