/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVH: IDT, shared info, upcall vector, local APIC, secondary vCPUs (xen/hvm/hvm_vcpu.h). */
#include "guest.h"

extern u8 native_stubs[], pvh_secondary[], boot_l4[];
long pvh_cpu_start(int cpu, void (*fn)(void));
void pvh_cpu_init_secondary(void);
static u8 shared_page[PAGE_SIZE] __attribute__((aligned(4096)));
static u64 idt[256][2] __attribute__((aligned(16)));

static void load_idt(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) d = {sizeof(idt) - 1, (u64)idt};
    asm volatile("lidt %0" ::"m"(d));
}
__attribute__((weak)) bool pvh_domain_vector = true;
void pvh_init(void)
{
    for (int v = 0; v < 256; v++) {
        u64 a = (u64)native_stubs + 32 * v;
        u64 dpl = v == 3 || v == 4 || v >= 32 ? 3 : 0;
        idt[v][0] = (a & 0xffff) | 0x08UL << 16 | (0x8e00UL | dpl << 13) << 32 | (a >> 16 & 0xffff) << 48;
        idt[v][1] = a >> 32;
    }
    load_idt();
    struct xen_add_to_physmap x = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = va_pfn(shared_page)};
    long rc = memory_op(XENMEM_add_to_physmap, &x);
    g.shared = (void *)shared_page;
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};
    p.value = (u64)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | PVH_UPCALL_VECTOR;
    long rc2 = pvh_domain_vector ? hvm_op(HVMOP_set_param, &p) : 0;
    if (rc || rc2) {
        panic("shared_info %ld callback %ld", rc, rc2);
    }
}
void pvh_cpu_init_secondary(void)
{
    load_idt();
}

static struct vcpu_hvm_context ctx;
long pvh_cpu_start(int cpu, void (*fn)(void))
{
    memset(&ctx, 0, sizeof(ctx));
    cpu_fn[cpu] = fn;
    ctx.mode = VCPU_HVM_MODE_64B;
    ctx.cpu_regs.x86_64.rip = (u64)pvh_secondary;
    ctx.cpu_regs.x86_64.rsp = (u64)stacks[cpu] + STACK_SIZE;
    ctx.cpu_regs.x86_64.rdi = cpu;
    ctx.cpu_regs.x86_64.cr0 = 0x80010033;
    ctx.cpu_regs.x86_64.cr3 = (u64)boot_l4 - VIRT_BASE;
    ctx.cpu_regs.x86_64.cr4 = 0x620;
    ctx.cpu_regs.x86_64.efer = 0xd01;
    long rc = vcpu_op(VCPUOP_initialise, cpu, &ctx);
    if (rc && rc != -XEN_EEXIST) {
        return rc;
    }
    return vcpu_op(VCPUOP_up, cpu, 0);
}
