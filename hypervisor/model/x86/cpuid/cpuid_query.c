/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUID instruction: policy plus the vCPU's own state, and the leaves that say "Xen". */
#include <lib/bits.h>
#include <model/x86/cpuid/cpu_policy.h>

#define EXTD 0x80000000u
#define HV   0x40000000u

#define EDX1_APIC    (1u << 9)
#define ECX1_OSXSAVE (1u << 27)
#define ECX1_XSAVE   (1u << 26)
#define ECX7_PKU     (1u << 3)
#define ECX7_OSPKE   (1u << 4)

static struct cpuid_regs time_leaf(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t subleaf)
{
    struct cpuid_regs r = {0};

    switch (subleaf) {
    case 0:
        r.a = (v->tsc.emulated ? 1 : 0) | (v->tsc.host_reliable ? 2 : 0) |
              (cpu_policy_has(p, XEN_X86_FEATURE_RDTSCP) ? 4 : 0);
        r.b = v->tsc.mode;
        r.c = v->tsc.khz;
        r.d = v->tsc.incarnation;
        break;
    case 1:
        r.a = (uint32_t)v->tsc.offset;
        r.b = (uint32_t)(v->tsc.offset >> 32);
        r.c = v->tsc.mul;
        r.d = (uint32_t)v->tsc.shift;
        break;
    case 2:
        r.a = v->tsc.host_khz;
        break;
    default:
        break;
    }
    return r;
}

static struct cpuid_regs hypervisor_leaf(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t n,
                                         uint32_t subleaf)
{
    uint32_t limit = p->hv_limit & 0xff;
    struct cpuid_regs r = {0};

    if (limit < 2 || limit > XEN_CPUID_MAX_NUM_LEAVES) {
        limit = XEN_CPUID_MAX_NUM_LEAVES;
    }
    if (n > limit) {
        return r;
    }
    switch (n) {
    case 0:
        r = (struct cpuid_regs){HV + limit, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
                                XEN_CPUID_SIGNATURE_EDX};
        break;
    case 1:
        r.a = ZENDO_XEN_MAJOR << 16 | ZENDO_XEN_MINOR;
        break;
    case 2:
        r.a = 1; /* hypercall pages */
        r.b = CPUID_HYPERCALL_MSR;
        r.c = v->hvm ? 0 : XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 3:
        r = time_leaf(p, v, subleaf);
        break;
    case 4:
        if (v->hvm && subleaf == 0) {
            r.a = XEN_HVM_CPUID_IOMMU_MAPPINGS | XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
                  XEN_HVM_CPUID_UPCALL_VECTOR;
            r.b = v->vcpu_id;
            r.c = v->domid;
        }
        break;
    case 5:
        if (!v->hvm && subleaf == 0) {
            r.b = v->machine_address_bits & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK;
        }
        break;
    default:
        break;
    }
    return r;
}

static struct cpuid_regs xstate_leaf(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t subleaf)
{
    struct cpuid_regs r = p->xstate[subleaf];

    if (subleaf == 0 && (p->basic[1].c & ECX1_XSAVE)) {
        r.b = cpu_policy_xsave_size(p, v->xcr0);
    } else if (subleaf == 1 && (r.a & 0xa)) {
        r.b = 512 + 64; /* compacted format: components follow each other */
        for (unsigned i = 2; i < CPU_POLICY_XSTATE; i++) {
            if ((v->xcr0 >> i) & 1) {
                r.b = ((p->xstate[i].c & 2) ? ALIGN_UP(r.b, 64u) : r.b) + p->xstate[i].a;
            }
        }
    }
    return r;
}

static struct cpuid_regs basic_leaf(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t leaf,
                                    uint32_t subleaf)
{
    struct cpuid_regs r = {0};

    switch (leaf) {
    case 1:
        r = p->basic[1];
        r.b = (r.b & 0x00ffffff) | v->apic_id << 24;
        r.c &= ~ECX1_OSXSAVE;
        if (v->osxsave && (r.c & ECX1_XSAVE)) {
            r.c |= ECX1_OSXSAVE;
        }
        if (!v->apic_enabled) {
            r.d &= ~EDX1_APIC;
        }
        return r;
    case 4:
        return subleaf < CPU_POLICY_CACHE ? p->cache[subleaf] : r;
    case 7:
        if (subleaf > p->feat[0].a || subleaf >= CPU_POLICY_FEAT) {
            return r;
        }
        r = p->feat[subleaf];
        if (subleaf == 0) {
            r.c &= ~ECX7_OSPKE;
            r.c |= v->ospke && (r.c & ECX7_PKU) ? ECX7_OSPKE : 0;
        }
        return r;
    case 0xb:
        if (subleaf < CPU_POLICY_TOPO) {
            r = p->topo[subleaf];
        }
        r.c = (r.c & ~0xffu) | (subleaf & 0xff);
        r.d = v->apic_id;
        return r;
    case 0xd:
        return subleaf < CPU_POLICY_XSTATE ? xstate_leaf(p, v, subleaf) : r;
    default:
        return p->basic[leaf];
    }
}

static struct cpuid_regs extended_leaf(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t n)
{
    struct cpuid_regs r = p->extd[n];

    if (n == 1 && !v->apic_enabled) {
        r.d &= ~EDX1_APIC; /* AMD repeats it here */
    } else if (n == 0x1e && r.b) {
        r.a = v->apic_id;
    }
    return r;
}

struct cpuid_regs cpuid_query(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t leaf,
                              uint32_t subleaf)
{
    if (leaf < CPU_POLICY_BASIC && leaf <= p->basic[0].a) {
        return basic_leaf(p, v, leaf, subleaf);
    }
    if (leaf >= EXTD && leaf - EXTD < CPU_POLICY_EXTD && leaf <= p->extd[0].a) {
        return extended_leaf(p, v, leaf - EXTD);
    }
    if (leaf >= HV && leaf - HV < 0x100) {
        return hypervisor_leaf(p, v, leaf - HV, subleaf);
    }
    return (struct cpuid_regs){0};
}
