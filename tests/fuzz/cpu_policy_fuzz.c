/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaves as a tool (or a broken migration stream) may send them: what passes the check stays under the maximum. */
#include <stdlib.h>
#include <string.h>
#include <model/x86/cpuid/cpu_policy.h>
#include <model/x86/msr/msr.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cpuid_regs everything(void *arg, uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 0:
        return (struct cpuid_regs){0xd, 0x68747541, 0x444d4163, 0x69746e65};
    case 0x80000000:
        return (struct cpuid_regs){0x80000021, 0x68747541, 0x444d4163, 0x69746e65};
    case 0xd:
        return subleaf < 2 ? (struct cpuid_regs){0xe7, 0, 0, 0} : (struct cpuid_regs){64, 512 + 64 * subleaf};
    default:
        return (struct cpuid_regs){~0u, ~0u, ~0u, ~0u};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cpu_policy_limits limits = {.xcr0_pv = 7, .xcr0_hvm = 0xe7};
    static struct cpu_policy host, max, p;
    uint32_t have[CPU_FEATURESET_WORDS], may[CPU_FEATURESET_WORDS], nr = CPU_POLICY_MAX_LEAVES;
    static xen_cpuid_leaf_t leaves[CPU_POLICY_MAX_LEAVES];
    struct cpuid_vcpu v = {.hvm = true, .xcr0 = 7};
    struct msr_state state;
    struct msr_ctx ctx = {.policy = &p, .state = &state, .hvm = true};
    struct cpu_policy_error err;
    uint64_t val = 0, aux;

    if (!max.basic[0].a) {
        cpu_policy_from_host(&host, everything, NULL);
        cpu_policy_derive(&max, &host, CPU_POLICY_HVM_MAX, &limits);
    }
    p = max;
    msr_state_init(&state, true);
    for (; size >= sizeof(xen_cpuid_leaf_t);
         data += sizeof(xen_cpuid_leaf_t), size -= sizeof(xen_cpuid_leaf_t)) {
        xen_cpuid_leaf_t leaf;

        memcpy(&leaf, data, sizeof(leaf));
        if (leaf.leaf & 0x100) { /* make hits likely */
            leaf.leaf &= 0x8000003f;
            leaf.subleaf = leaf.leaf == 4 || leaf.leaf == 7 || leaf.leaf == 0xb || leaf.leaf == 0xd
                               ? leaf.subleaf & 63
                               : ~0u;
        }
        cpu_policy_set_leaf(&p, &leaf);
        cpuid_query(&p, &v, leaf.a, leaf.b);
        cpu_policy_set_msr(&p, &(xen_msr_entry_t){.idx = leaf.a & 1 ? 0xce : leaf.b, .val = leaf.c});
    }
    if (cpu_policy_check(&max, &p, &err) != 0) {
        return 0;
    }
    cpu_policy_clamp(&p, &max);
    cpu_policy_to_featureset(&p, have);
    cpu_policy_to_featureset(&max, may);
    for (unsigned i = 0; i < CPU_FEATURESET_WORDS; i++) {
        if (have[i] & ~may[i]) {
            abort();
        }
    }
    if ((cpu_policy_xcr0(&p) & ~cpu_policy_xcr0(&max)) || cpu_policy_to_leaves(&p, leaves, &nr) != 0) {
        abort();
    }
    for (unsigned i = 0; i < size; i++) {
        msr_write(&ctx, 0xc0010000 + data[i], data[i], &aux);
        msr_read(&ctx, data[i], &val);
        msr_write(&ctx, 0x200 + data[i], ~0ull << data[i] % 64, &aux);
    }
    return 0;
}
