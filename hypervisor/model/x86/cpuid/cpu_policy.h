/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU policies: what CPUID and a few identification MSRs say, as data.
 *
 * The host's policy is read once; the most and the default that PV and HVM guests can have are derived from
 * it; a domain starts with a default, tools replace leaves, cpu_policy_check() and cpu_policy_clamp() keep
 * it possible, and cpuid_query() answers a vCPU from it. Pure functions; the caller guards the policy it
 * hands in. AMD APM volume 3, appendix E; <xen/arch-x86/cpuid.h> and cpufeatureset.h for the ABI.
 */
#ifndef MODEL_X86_CPUID_CPU_POLICY_H
#define MODEL_X86_CPUID_CPU_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <abi/cpuid.h>

/* Leaves that a policy holds. The tools' side of the ABI refuses others, so these bounds are part of it. */
#define CPU_POLICY_BASIC  14u /* 0 .. 0xd */
#define CPU_POLICY_CACHE  6u  /* subleaves of 4 */
#define CPU_POLICY_FEAT   3u  /* subleaves of 7 */
#define CPU_POLICY_TOPO   2u  /* subleaves of 0xb */
#define CPU_POLICY_XSTATE 63u /* subleaves of 0xd */
#define CPU_POLICY_EXTD   34u /* 0x80000000 .. 0x80000021 */
/* The most that serialising gives: four basic leaves become arrays, and two hypervisor limits are added. */
#define CPU_POLICY_MAX_LEAVES                                                                              \
    (CPU_POLICY_BASIC - 4 + CPU_POLICY_CACHE + CPU_POLICY_FEAT + CPU_POLICY_TOPO + CPU_POLICY_XSTATE + 2 + \
     CPU_POLICY_EXTD)
#define CPU_POLICY_MAX_MSRS 2u

#define CPU_FEATURESET_WORDS 19u

#define MSR_PLATFORM_INFO     0xceu
#define MSR_ARCH_CAPABILITIES 0x10au

struct cpuid_regs {
    uint32_t a, b, c, d;
};

struct cpu_policy {
    struct cpuid_regs basic[CPU_POLICY_BASIC]; /* 4, 7, 0xb and 0xd unused: in the arrays */
    struct cpuid_regs cache[CPU_POLICY_CACHE];
    struct cpuid_regs feat[CPU_POLICY_FEAT];
    struct cpuid_regs topo[CPU_POLICY_TOPO];
    struct cpuid_regs xstate[CPU_POLICY_XSTATE];
    struct cpuid_regs extd[CPU_POLICY_EXTD];
    uint32_t hv_limit, hv2_limit; /* tools' wish for the highest hypervisor leaf; 0: ours */
    uint64_t platform_info, arch_caps;
};

enum cpu_policy_kind { CPU_POLICY_PV_MAX, CPU_POLICY_PV_DEFAULT, CPU_POLICY_HVM_MAX, CPU_POLICY_HVM_DEFAULT };

/* What the hypervisor can do for guests beyond looking at the CPU. */
struct cpu_policy_limits {
    uint64_t xcr0_pv, xcr0_hvm;             /* state components that are switched; 0: no XSAVE */
    uint32_t drop_pv[CPU_FEATURESET_WORDS]; /* features to leave out (cpu_featureset_set() builds it) */
    uint32_t drop_hvm[CPU_FEATURESET_WORDS];
};

typedef struct cpuid_regs (*cpuid_read_fn)(void *arg, uint32_t leaf, uint32_t subleaf);

/* Read the machine through @read: the raw policy. */
void cpu_policy_from_host(struct cpu_policy *p, cpuid_read_fn read, void *arg);

/* What a kind of guest may have (…_MAX) or gets unasked (…_DEFAULT) on @host. */
void cpu_policy_derive(struct cpu_policy *p, const struct cpu_policy *host, enum cpu_policy_kind kind,
                       const struct cpu_policy_limits *limits);

/* Feature words in the order of cpufeatureset.h, and back into the leaves. */
void cpu_policy_to_featureset(const struct cpu_policy *p, uint32_t words[CPU_FEATURESET_WORDS]);
void cpu_policy_from_featureset(struct cpu_policy *p, const uint32_t words[CPU_FEATURESET_WORDS]);
/* XEN_X86_FEATURE_x in the policy. */
bool cpu_policy_has(const struct cpu_policy *p, unsigned feature);
static inline bool cpu_featureset_test(const uint32_t *words, unsigned feature)
{
    return (words[feature / 32] >> (feature % 32)) & 1;
}
static inline void cpu_featureset_set(uint32_t *words, unsigned feature)
{
    words[feature / 32] |= 1u << (feature % 32);
}
static inline void cpu_featureset_clear(uint32_t *words, unsigned feature)
{
    words[feature / 32] &= ~(1u << (feature % 32));
}

/* Where a policy is wrong; ~0u in what does not apply. */
struct cpu_policy_error {
    uint32_t leaf, subleaf, msr;
};
#define CPU_POLICY_NO_ERROR ((struct cpu_policy_error){~0u, ~0u, ~0u})

/*
 * Call @emit for each leaf (or MSR) in ascending order, until it answers non-zero, which is then the result.
 * Never more than CPU_POLICY_MAX_LEAVES (CPU_POLICY_MAX_MSRS) calls: that is also the answer to a size query.
 */
int cpu_policy_each_leaf(const struct cpu_policy *p, int (*emit)(void *arg, const xen_cpuid_leaf_t *leaf),
                         void *arg);
int cpu_policy_each_msr(const struct cpu_policy *p, int (*emit)(void *arg, const xen_msr_entry_t *msr),
                        void *arg);

/*
 * The same into arrays of *@nr entries; *@nr becomes the number written. -XEN_ENOBUFS: the array is too
 * short.
 */
int cpu_policy_to_leaves(const struct cpu_policy *p, xen_cpuid_leaf_t *leaves, uint32_t *nr);
int cpu_policy_to_msrs(const struct cpu_policy *p, xen_msr_entry_t *msrs, uint32_t *nr);

/*
 * Replace one leaf or MSR. -XEN_ERANGE: not one that policies hold; -XEN_EINVAL: flags; -XEN_EOVERFLOW:
 * value.
 */
int cpu_policy_set_leaf(struct cpu_policy *p, const xen_cpuid_leaf_t *leaf);
int cpu_policy_set_msr(struct cpu_policy *p, const xen_msr_entry_t *msr);

/*
 * Can @wanted be had under @max? -XEN_EINVAL, with *@err naming the leaf or MSR, when it goes beyond its
 * bounds.
 */
int cpu_policy_check(const struct cpu_policy *max, const struct cpu_policy *wanted,
                     struct cpu_policy_error *err);

/*
 * Take out of @p (a checked policy from the tools) every feature that @max lacks and recompute what depends
 * on them.
 */
void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max);

/* XCR0 bits that the policy offers; 0 without XSAVE. */
uint64_t cpu_policy_xcr0(const struct cpu_policy *p);
/* Size of the standard-format XSAVE area for these components. */
uint32_t cpu_policy_xsave_size(const struct cpu_policy *p, uint64_t xcr0);
/* Physical address bits, 32..52; 36 when the policy does not say. */
unsigned cpu_policy_paddr_bits(const struct cpu_policy *p);

/* The part of CPUID that changes with the vCPU. */
struct cpuid_vcpu {
    bool hvm;
    bool osxsave, ospke; /* CR4 */
    bool apic_enabled;   /* APIC_BASE; PV: true */
    uint32_t apic_id, vcpu_id;
    uint16_t domid;
    uint64_t xcr0;
    struct {
        bool emulated, host_reliable;
        uint32_t mode; /* XEN_CPUID leaf 3 EBX: 0..3 */
        uint32_t khz, incarnation, host_khz;
        uint64_t offset;
        uint32_t mul;
        int8_t shift;
    } tsc;
    uint8_t machine_address_bits; /* PV: leaf 0x40000005 */
};

#define CPUID_HYPERCALL_MSR 0x40000000u

/* The answer to CPUID; all zeroes beyond the policy's bounds. */
struct cpuid_regs cpuid_query(const struct cpu_policy *p, const struct cpuid_vcpu *v, uint32_t leaf,
                              uint32_t subleaf);

#endif
