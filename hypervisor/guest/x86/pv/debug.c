/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug registers of PV vCPUs. The processor has DR0 to DR3 and DR7 of the running one, when a breakpoint on memory is on; DR6 is kept here alone, where
 * events are added. Breakpoints on ports (CR4.DE) never reach the processor: the guest's accesses of ports are all done for it, and looked at here.
 * AMD APM volume 2, 13.1.
 */
#include <core/hypercall/handlers.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/pv/pv.h>

#define DR7_ENABLED        0xffull
#define DR7_GENERAL_DETECT (1ull << 13)
#define DR7_RESERVED       0xd800ull
#define BREAKPOINTS        4
#define ON_PORT            2u /* what a breakpoint is for, two bits of DR7 */

static inline unsigned int kind_of(uint64_t dr7, unsigned int i)
{
    return dr7 >> (16 + 4 * i) & 3;
}

static inline bool is_on(uint64_t dr7, unsigned int i)
{
    return dr7 >> (2 * i) & 3;
}

/* DR7 as the processor may have it: without breakpoints on ports. */
static uint64_t dr7_of_processor(uint64_t dr7)
{
    for (unsigned int i = 0; i < BREAKPOINTS; i++) {
        if (kind_of(dr7, i) == ON_PORT) {
            dr7 &= ~(3ull << (2 * i) | 15ull << (16 + 4 * i));
        }
    }
    return dr7;
}

void pv_load_breakpoints(const struct pv_vcpu *p)
{
    if (p->debugreg[7] & DR7_ENABLED) {
        hw_load_breakpoints(p->debugreg, dr7_of_processor(p->debugreg[7]));
    }
}

void pv_unload_breakpoints(const struct pv_vcpu *p)
{
    if (p->debugreg[7] & DR7_ENABLED) {
        hw_clear_dr7();
    }
}

void pv_port_accessed(struct x86_vcpu *xv, unsigned int port, unsigned int size)
{
    struct pv_vcpu *p = xv->pv;
    uint64_t dr7 = p->debugreg[7];

    if (likely(!(dr7 & DR7_ENABLED)) || !(p->cr4 & X86_CR4_DE)) {
        return;
    }
    for (unsigned int i = 0; i < BREAKPOINTS; i++) {
        unsigned int width = (dr7 >> (18 + 4 * i) & 3) + 1; /* 3 means 8: none for ports */
        uint64_t first = p->debugreg[i] & ~(uint64_t)(width - 1);

        if (is_on(dr7, i) && kind_of(dr7, i) == ON_PORT && width != 3 && first < port + size &&
            port < first + width) {
            p->debug_events |= 1u << i;
        }
    }
}

/* A breakpoint inside the hypervisor would be the guest's to trip. */
static bool breakpoint_address_ok(uint64_t va)
{
    return is_canonical(va) && (va < VA_HYPERVISOR_START || va >= VA_HYPERVISOR_END);
}

/* DR7 in the form in which it is kept. -XEN_EINVAL, -XEN_EPERM: as pv_set_debugreg(). */
static long check_control(const struct pv_vcpu *p, uint64_t *dr7)
{
    if (*dr7 >> 32) {
        return -XEN_EINVAL;
    }
    *dr7 = (*dr7 & ~DR7_RESERVED) | X86_DR7_RESET;
    if (*dr7 & DR7_GENERAL_DETECT) {
        return -XEN_EPERM;
    }
    for (unsigned int i = 0; i < BREAKPOINTS; i++) {
        if (kind_of(*dr7, i) == ON_PORT && !(p->cr4 & X86_CR4_DE)) {
            return -XEN_EPERM;
        }
    }
    return 0;
}

/* Which of the eight @reg is; 4 and 5 stand for 6 and 7, unless the guest's CR4.DE says that there are none. */
static uint64_t alias_of(const struct pv_vcpu *p, uint64_t reg)
{
    return (reg == 4 || reg == 5) && !(p->cr4 & X86_CR4_DE) ? reg + 2 : reg;
}

long pv_set_debugreg(struct x86_vcpu *xv, uint64_t reg, uint64_t value)
{
    struct pv_vcpu *p = xv->pv;
    bool is_current = xv == current_x86();
    long rc;

    reg = alias_of(p, reg);
    switch (reg) {
    case 0 ... 3:
        if (!breakpoint_address_ok(value)) {
            return -XEN_EPERM;
        }
        p->debugreg[reg] = value;
        if (is_current) {
            hw_write_dr((unsigned int)reg, value);
        }
        return 0;
    case 6:
        if (value >> 32) {
            return -XEN_EINVAL;
        }
        p->debugreg[6] = (value & 0xefff) | X86_DR6_RESET; /* never in the processor: hw_take_dr6() */
        return 0;
    case 7:
        rc = check_control(p, &value);
        if (rc != 0) {
            return rc;
        }
        if (is_current) {
            pv_unload_breakpoints(p);
        }
        p->debugreg[7] = value;
        if (is_current) {
            pv_load_breakpoints(p);
        }
        return 0;
    default:
        return -XEN_ENODEV;
    }
}

long do_set_debugreg(struct hypercall *c)
{
    return pv_set_debugreg(current_x86(), c->arg[0], c->arg[1]);
}

long do_get_debugreg(struct hypercall *c)
{
    const struct pv_vcpu *p = current_x86()->pv;
    uint64_t reg = alias_of(p, c->arg[0]);

    c->is_value = true;
    return reg > 7 || reg == 4 || reg == 5 ? -XEN_ENODEV : (long)p->debugreg[reg];
}
