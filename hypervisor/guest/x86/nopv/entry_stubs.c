/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entry code's calls in a build without PV guests: nothing runs in ring 3, so a trap from there is a broken machine. */
#include <base/assert.h>
#include <guest/x86/pv/dom0.h>
#include <guest/x86/pv/pv.h>

bool pv_hypercall_entry(struct x86_regs *regs)
{
    BUG_ON(true);
}

void pv_syscall_from_user(struct x86_regs *regs)
{
    BUG_ON(true);
}

void pv_syscall32(struct x86_regs *regs)
{
    BUG_ON(true);
}

void pv_sysenter(struct x86_regs *regs)
{
    BUG_ON(true);
}

void pv_page_fault(struct x86_regs *regs, uint64_t cr2)
{
    BUG_ON(true);
}

void pv_exception(struct x86_regs *regs)
{
    BUG_ON(true);
}

void pv_iret_failed(uint64_t vector, uint64_t error, uint64_t cr2)
{
    BUG_ON(true);
}

void pv_run(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

int pv_build_domain(struct domain *d, const struct pv_build *b)
{
    BUG_ON(true); /* domain_create() refused before */
}
