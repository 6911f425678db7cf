/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU policies of the machine and of domains over model/x86/cpuid: derived once at start-up, copied into each domain, and asked at each CPUID. A
 * domain's policy is replaced by XEN_DOMCTL_set_cpu_policy only, while the domain is paused, so that vCPUs read it without a lock.
 */
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/common/tsc.h>
#include <lib/string.h>
#include <model/x86/insn/insn.h>
#include <model/x86/xstate/xstate.h>

#define LEAF_XEN_TSC 0x40000003u
#define LEAF_XSTATE  0xdu /* the only one that depends on XCR0 */
#define CR4_OSXSAVE  (1ull << 18)
#define KHZ_PER_GHZ  1000000ull

static struct cpu_policy host_policy; /* constant after cpuid_init(), as the one below */
static struct cpu_policy guest_policy[4];

static struct cpuid_regs read_host(void *arg, uint32_t leaf, uint32_t subleaf)
{
    uint32_t r[4];

    hw_cpuid(leaf, subleaf, r);
    return (struct cpuid_regs){r[0], r[1], r[2], r[3]};
}

/* EFER.FFXSR would leave registers out of what FXSAVE switches. Protection keys need page tables of the guest's own: not PV. */
static void set_limits(struct cpu_policy_limits *l)
{
    memset(l, 0, sizeof(*l));
    l->xcr0_pv = hw_xstate_components() & ~XSTATE_PKRU;
    l->xcr0_hvm = hw_xstate_components();
    cpu_featureset_set(l->drop_pv, XEN_X86_FEATURE_FFXSR);
    cpu_featureset_set(l->drop_hvm, XEN_X86_FEATURE_FFXSR);
}

void cpuid_init(void)
{
    struct cpu_policy_limits limits;

    set_limits(&limits);
    cpu_policy_from_host(&host_policy, read_host, NULL);
    for (unsigned int k = CPU_POLICY_PV_MAX; k <= CPU_POLICY_HVM_DEFAULT; k++) {
        cpu_policy_derive(&guest_policy[k], &host_policy, (enum cpu_policy_kind)k, &limits);
    }
}

const struct cpu_policy *cpuid_host_policy(void)
{
    return &host_policy;
}

const struct cpu_policy *cpuid_guest_policy(enum cpu_policy_kind kind)
{
    return &guest_policy[kind];
}

const struct cpu_policy *cpuid_max_policy(const struct domain *d)
{
    return &guest_policy[is_pv(d) ? CPU_POLICY_PV_MAX : CPU_POLICY_HVM_MAX];
}

int cpuid_domain_init(struct x86_domain *xd)
{
    xd->policy = zalloc(sizeof(*xd->policy));
    if (!xd->policy) {
        return -XEN_ENOMEM;
    }
    *xd->policy = guest_policy[is_pv(&xd->d) ? CPU_POLICY_PV_DEFAULT : CPU_POLICY_HVM_DEFAULT];
    return 0;
}

void cpuid_domain_free(struct x86_domain *xd)
{
    zfree(xd->policy);
    xd->policy = NULL;
}

uint32_t cpuid_tsc_khz(void)
{
    uint32_t mul;
    int8_t shift;
    uint64_t khz;

    hw_tsc_scale(&mul, &shift);
    if (mul == 0) {
        return 0;
    }
    khz = (KHZ_PER_GHZ << 32) / mul;
    return (uint32_t)(shift >= 0 ? khz >> shift : khz << -shift);
}

/* --- the instruction ------------------------------------------------------------------------------------------------------------------------ */

static void add_clock(const struct x86_domain *xd, struct cpuid_vcpu *v)
{
    v->tsc.mode = xd->tsc_mode;
    v->tsc.emulated = xd->tsc_khz != 0;
    v->tsc.khz = tsc_khz_of_domain(xd);
    v->tsc.host_khz = cpuid_tsc_khz();
    v->tsc.offset = xd->tsc_offset;
    v->tsc.host_reliable = cpu_policy_has(&host_policy, XEN_X86_FEATURE_ITSC);
    tsc_scale_of_domain(xd, &v->tsc.mul, &v->tsc.shift);
}

/*
 * A PV kernel's CPUID behind the forced-emulation prefix: it wants to know what the hypervisor gives it, and takes XSAVE only where OSXSAVE says that it is on.
 * User mode cannot tell the prefix's answer from the CPU's, so it gets the CPU's.
 */
static bool asked_by_prefix(const struct x86_vcpu *xv)
{
    return xv->is_kernel_mode && xv->regs.entry_vector == X86_VEC_UD;
}

static void add_identity(struct x86_vcpu *xv, struct cpuid_vcpu *v)
{
    v->vcpu_id = xv->v.id;
    v->domid = xv->v.domain->id;
    v->xcr0 = xv->xcr0;
    if (is_pv(xv->v.domain)) {
        v->apic_enabled = true;
        v->osxsave = (xv->pv->cr4 & CR4_OSXSAVE) || asked_by_prefix(xv);
        v->machine_address_bits = (uint8_t)(PAGE_SHIFT + 64 - __builtin_clzll((frame_limit - 1) | 1));
    } else {
        v->hvm = true;
        pvh_cpuid_state(xv, v);
    }
}

void x86_cpuid(struct x86_vcpu *xv, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    const struct x86_domain *xd = x86_domain(xv->v.domain);
    struct cpuid_vcpu v = {0};
    struct cpuid_regs r;

    if (leaf == LEAF_XSTATE && xv == current_x86() && !is_pv(xv->v.domain)) {
        fpu_follow_xcr0(xv);
    }
    add_identity(xv, &v);
    if (leaf == LEAF_XEN_TSC) {
        add_clock(xd, &v);
    }
    r = cpuid_query(xd->policy, &v, leaf, subleaf);
    out[0] = r.a;
    out[1] = r.b;
    out[2] = r.c;
    out[3] = r.d;
}
