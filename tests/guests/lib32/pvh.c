/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 32-bit PVH: IDT, shared info in the 32-bit layout, upcall vector, secondary vCPUs; division of 64-bit numbers, which the compiler asks for. */
#include "guest.h"

extern u8 native_stubs[], pvh_secondary[];
static u8 shared_page[PAGE_SIZE] __attribute__((aligned(4096)));
static u64 idt[256] __attribute__((aligned(16)));

static void load_idt(void)
{
    struct {
        u16 limit;
        u32 base;
    } __attribute__((packed)) d = {sizeof(idt) - 1, (u32)idt};
    asm volatile("lidt %0" ::"m"(d));
}
void pvh_init(void)
{
    struct xen_add_to_physmap x = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = va_pfn(shared_page)};
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ};

    for (int v = 0; v < 256; v++) {
        u32 a = (u32)native_stubs + 32 * v;

        idt[v] = (a & 0xffff) | 0x08UL << 16 | (0x8e00ULL | (a & 0xffff0000)) << 32;
    }
    load_idt();
    long rc = memory_op(XENMEM_add_to_physmap, &x);
    g.shared = (void *)shared_page;
    p.value = (u64)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | PVH_UPCALL_VECTOR;
    long rc2 = hvm_op(HVMOP_set_param, &p);
    if (rc || rc2) {
        panic("shared_info %ld callback %ld", rc, rc2);
    }
}
void cpu_init_secondary(void)
{
    load_idt();
}

long cpu_start(int cpu, void (*fn)(void))
{
    static struct vcpu_hvm_context ctx;
    struct vcpu_hvm_x86_32 *c = &ctx.cpu_regs.x86_32;

    memset(&ctx, 0, sizeof(ctx));
    cpu_fn[cpu] = fn;
    ctx.mode = VCPU_HVM_MODE_32B;
    c->eip = (u32)pvh_secondary;
    c->esp = (u32)stacks[cpu] + STACK_SIZE;
    c->edi = cpu;
    c->cr0 = 0x11;
    c->cs_limit = c->ds_limit = c->ss_limit = c->es_limit = ~0u;
    c->cs_ar = 0xc9b;
    c->ds_ar = c->ss_ar = c->es_ar = 0xc93;
    c->tr_limit = 0x67;
    c->tr_ar = 0x8b;
    long rc = vcpu_op(VCPUOP_initialise, cpu, &ctx);
    if (rc && rc != -XEN_EEXIST) {
        return rc;
    }
    return vcpu_op(VCPUOP_up, cpu, 0);
}

/* What tests shared with PV name, and PVH guests never reach. */
u64 *pt_entry(const void *va, int level)
{
    panic("page tables of a 32-bit guest");
}
long set_va(void *va, u64 pte)
{
    panic("page tables of a 32-bit guest");
}

long make_ro(void *page)
{
    panic("page tables of a 32-bit guest");
}
long make_rw(void *page)
{
    panic("page tables of a 32-bit guest");
}

u64 __udivmoddi4(u64 n, u64 d, u64 *rest);
u64 __udivmoddi4(u64 n, u64 d, u64 *rest)
{
    u64 q = 0, r = 0;

    for (int i = 63; i >= 0; i--) {
        r = r << 1 | (n >> i & 1);
        if (r >= d) {
            r -= d;
            q |= 1ULL << i;
        }
    }
    if (rest) {
        *rest = r;
    }
    return q;
}
u64 __udivdi3(u64 n, u64 d);
u64 __udivdi3(u64 n, u64 d)
{
    return __udivmoddi4(n, d, NULL);
}
u64 __umoddi3(u64 n, u64 d);
u64 __umoddi3(u64 n, u64 d)
{
    u64 r;

    __udivmoddi4(n, d, &r);
    return r;
}
