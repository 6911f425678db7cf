/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls from C: hc(nr, args...) picks SYSCALL (PV), VMMCALL or VMCALL (PVH) without the hypercall page.
 * The result is what Xen left in RAX. Arguments are marked as changed: a checked Xen overwrites them.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

enum hc_kind { HC_SYSCALL, HC_VMMCALL, HC_VMCALL };
extern enum hc_kind hc_kind;

#ifdef __i386__
static inline long hc5(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3,
                       unsigned long a4, unsigned long a5)
{
    long ret;

    if (hc_kind == HC_VMMCALL) {
        asm volatile("vmmcall"
                     : "=a"(ret), "+b"(a1), "+c"(a2), "+d"(a3), "+S"(a4), "+D"(a5)
                     : "0"(nr)
                     : "memory");
    } else {
        asm volatile("vmcall"
                     : "=a"(ret), "+b"(a1), "+c"(a2), "+d"(a3), "+S"(a4), "+D"(a5)
                     : "0"(nr)
                     : "memory");
    }
    return ret;
}
#else
#define HC_ASM(insn)                                                            \
    asm volatile(insn                                                           \
                 : "=a"(ret), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8) \
                 : "0"(nr)                                                      \
                 : "rcx", "r11", "r9", "memory")

static inline long hc5(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3,
                       unsigned long a4, unsigned long a5)
{
    register unsigned long r10 asm("r10") = a4;
    register unsigned long r8 asm("r8") = a5;
    long ret;

    if (hc_kind == HC_SYSCALL) {
        HC_ASM("syscall");
    } else if (hc_kind == HC_VMMCALL) {
        HC_ASM("vmmcall");
    } else {
        HC_ASM("vmcall");
    }
    return ret;
}
/* The PV form alone, for benchmarks: no branch on the kind. */
static inline long hc5_pv(unsigned long nr, unsigned long a1, unsigned long a2, unsigned long a3,
                          unsigned long a4, unsigned long a5)
{
    register unsigned long r10 asm("r10") = a4;
    register unsigned long r8 asm("r8") = a5;
    long ret;

    HC_ASM("syscall");
    return ret;
}

#endif

#define hc_a(x)             ((unsigned long)(x))
#define hc0(nr)             hc5(nr, 0, 0, 0, 0, 0)
#define hc1(nr, a)          hc5(nr, hc_a(a), 0, 0, 0, 0)
#define hc2(nr, a, b)       hc5(nr, hc_a(a), hc_a(b), 0, 0, 0)
#define hc3(nr, a, b, c)    hc5(nr, hc_a(a), hc_a(b), hc_a(c), 0, 0)
#define hc4(nr, a, b, c, d) hc5(nr, hc_a(a), hc_a(b), hc_a(c), hc_a(d), 0)

#define xen_version(cmd, p)   hc2(__HYPERVISOR_xen_version, cmd, p)
#define evtchn_op(cmd, p)     hc2(__HYPERVISOR_event_channel_op, cmd, p)
#define sched_op(cmd, p)      hc2(__HYPERVISOR_sched_op, cmd, p)
#define vcpu_op(cmd, v, p)    hc3(__HYPERVISOR_vcpu_op, cmd, v, p)
#define memory_op(cmd, p)     hc2(__HYPERVISOR_memory_op, cmd, p)
#define grant_op(cmd, p, n)   hc3(__HYPERVISOR_grant_table_op, cmd, p, n)
#define console_io(cmd, n, p) hc3(__HYPERVISOR_console_io, cmd, n, p)
#define multicall(p, n)       hc2(__HYPERVISOR_multicall, p, n)
/* 64 bits: two registers of a 32-bit caller */
#define set_timer(ns)  hc2(__HYPERVISOR_set_timer_op, ns, (uint64_t)(ns) >> 32)
#define hvm_op(cmd, p) hc2(__HYPERVISOR_hvm_op, cmd, p)

#endif
