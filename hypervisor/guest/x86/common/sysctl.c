/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl, what x86 adds: topology, capabilities, feature sets and policies of the machine. <xen/sysctl.h>. */
#include <base/guest_access.h>
#include <core/hypercall/arch.h>
#include <core/hypercall/build_info.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <lib/string.h>

/* --- topology --------------------------------------------------------------------------------------------------------------------------------- */

/* APIC ids are thread, core and package, each a field of bits. */
struct topology {
    unsigned int threads, cores; /* threads of a core, cores of a package */
    unsigned int thread_bits, package_shift;
};

static unsigned int bits_for(unsigned int count)
{
    return count <= 1 ? 0 : 32 - (unsigned int)__builtin_clz(count - 1);
}

static struct topology topology(void)
{
    const struct cpu_policy *p = cpuid_host_policy();
    unsigned int logical = p->basic[1].d & (1u << 28) ? (p->basic[1].b >> 16) & 0xff : 1;
    struct topology t = {.threads = 1};

    if (p->topo[1].b != 0) { /* leaf 0xb: threads of a core, then of a package */
        t.threads = MAX(p->topo[0].b & 0xffff, 1u);
        logical = MAX(p->topo[1].b & 0xffff, 1u);
    } else if (cpu_policy_has(p, XEN_X86_FEATURE_TOPOEXT)) {
        t.threads = ((p->extd[0x1e].b >> 8) & 0xff) + 1;
    }
    if (cpu_policy_has(p, XEN_X86_FEATURE_CMP_LEGACY)) {
        logical = (p->extd[8].c & 0xff) + 1; /* all of them, also threads */
    }
    t.cores = MAX(logical / t.threads, 1u);
    t.thread_bits = bits_for(t.threads);
    t.package_shift = t.thread_bits + bits_for(t.cores);
    return t;
}

void arch_cpu_topology(unsigned int cpu, struct xen_sysctl_cputopo *topo)
{
    struct topology t = topology();
    uint32_t apic_id, acpi_id;

    hw_cpu_ids(cpu, &apic_id, &acpi_id);
    topo->socket = apic_id >> t.package_shift;
    topo->core = (apic_id >> t.thread_bits) & ((1u << (t.package_shift - t.thread_bits)) - 1);
}

void arch_physinfo(struct xen_sysctl_physinfo *info)
{
    struct topology t = topology();
    uint32_t words[CPU_FEATURESET_WORDS];

    info->threads_per_core = t.threads;
    info->cores_per_socket = t.cores;
    info->cpu_khz = cpuid_tsc_khz();
    info->capabilities |= pv_is_built() ? XEN_SYSCTL_PHYSCAP_pv : 0;
    cpu_policy_to_featureset(cpuid_host_policy(), words);
    memcpy(info->hw_cap, words, sizeof(info->hw_cap));
}

/* --- features ------------------------------------------------------------------------------------------------------------------------------------- */

/* NULL: the build or the machine has no such guests. */
static const struct cpu_policy *guest_policy(enum cpu_policy_kind kind)
{
    bool hvm = kind == CPU_POLICY_HVM_MAX || kind == CPU_POLICY_HVM_DEFAULT;

    return (hvm ? build_has_hvm : pv_is_built()) ? cpuid_guest_policy(kind) : NULL;
}

static int find_featureset(uint32_t index, const struct cpu_policy **p)
{
    static const uint8_t kinds[] = {
        [XEN_SYSCTL_cpu_featureset_pv] = CPU_POLICY_PV_DEFAULT,
        [XEN_SYSCTL_cpu_featureset_hvm] = CPU_POLICY_HVM_DEFAULT,
        [XEN_SYSCTL_cpu_featureset_pv_max] = CPU_POLICY_PV_MAX,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = CPU_POLICY_HVM_MAX,
    };

    if (index >= ARRAY_SIZE(kinds)) {
        return -XEN_EINVAL;
    }
    *p = index <= XEN_SYSCTL_cpu_featureset_host ? cpuid_host_policy()
                                                 : guest_policy((enum cpu_policy_kind)kinds[index]);
    return *p ? 0 : -XEN_EOPNOTSUPP;
}

static int find_policy(uint32_t index, const struct cpu_policy **p)
{
    static const uint8_t kinds[] = {
        [XEN_SYSCTL_cpu_policy_pv_max] = CPU_POLICY_PV_MAX,
        [XEN_SYSCTL_cpu_policy_hvm_max] = CPU_POLICY_HVM_MAX,
        [XEN_SYSCTL_cpu_policy_pv_default] = CPU_POLICY_PV_DEFAULT,
        [XEN_SYSCTL_cpu_policy_hvm_default] = CPU_POLICY_HVM_DEFAULT,
    };

    if (index >= ARRAY_SIZE(kinds)) {
        return -XEN_EINVAL;
    }
    *p = index <= XEN_SYSCTL_cpu_policy_host ? cpuid_host_policy()
                                             : guest_policy((enum cpu_policy_kind)kinds[index]);
    return *p ? 0 : -XEN_EOPNOTSUPP;
}

static long get_featureset(struct xen_sysctl_cpu_featureset *f, bool *copyback)
{
    uint32_t words[CPU_FEATURESET_WORDS];
    uint32_t asked = f->nr_features;
    const struct cpu_policy *p;
    int rc;

    if (guest_addr(f->features) == 0) {
        f->nr_features = CPU_FEATURESET_WORDS;
        *copyback = true;
        return 0;
    }
    rc = find_featureset(f->index, &p);
    if (rc != 0) {
        return rc;
    }
    cpu_policy_to_featureset(p, words);
    f->nr_features = MIN(asked, CPU_FEATURESET_WORDS);
    if (guest_write(guest_addr(f->features), words, f->nr_features * sizeof(words[0])) != 0) {
        return -XEN_EFAULT;
    }
    *copyback = true;
    return asked < CPU_FEATURESET_WORDS ? -XEN_ENOBUFS : 0;
}

static long get_policy(struct xen_sysctl_cpu_policy *c, bool *copyback)
{
    const struct cpu_policy *p;
    int rc;

    if (c->_rsvd != 0) {
        return -XEN_EINVAL;
    }
    rc = find_policy(c->index, &p);
    if (rc == 0) {
        rc = x86_policy_to_tool(p, guest_addr(c->leaves), &c->nr_leaves, guest_addr(c->msrs), &c->nr_msrs);
    }
    *copyback = rc == 0;
    return rc;
}

long arch_sysctl(struct xen_sysctl *op, bool *copyback)
{
    switch (op->cmd) {
    case XEN_SYSCTL_get_cpu_levelling_caps:
        op->u.cpu_levelling_caps.caps = 0; /* CPUID of PV guests' user mode is the machine's */
        *copyback = true;
        return 0;
    case XEN_SYSCTL_get_cpu_featureset:
        return get_featureset(&op->u.cpu_featureset, copyback);
    case XEN_SYSCTL_get_cpu_policy:
        return get_policy(&op->u.cpu_policy, copyback);
    case XEN_SYSCTL_psr_cmt_op:
    case XEN_SYSCTL_psr_alloc:
        return -XEN_ENODEV;
    default:
        return -XEN_ENOSYS;
    }
}
