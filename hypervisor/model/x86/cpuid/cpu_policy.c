/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy's storage: where each leaf lives, feature words, the ABI's serialised form. */
#include <lib/bits.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>

#define EXTD 0x80000000u
#define HV   0x40000000u

/* The array of leaves with subleaves, or NULL. */
static struct cpuid_regs *subleaves(struct cpu_policy *p, uint32_t leaf, unsigned *count)
{
    switch (leaf) {
    case 4:
        *count = CPU_POLICY_CACHE;
        return p->cache;
    case 7:
        *count = CPU_POLICY_FEAT;
        return p->feat;
    case 0xb:
        *count = CPU_POLICY_TOPO;
        return p->topo;
    case 0xd:
        *count = CPU_POLICY_XSTATE;
        return p->xstate;
    default:
        return NULL;
    }
}

/* Where (leaf, subleaf) is kept. Leaves without subleaves want XEN_CPUID_NO_SUBLEAF. */
static struct cpuid_regs *slot(struct cpu_policy *p, uint32_t leaf, uint32_t subleaf)
{
    unsigned count;
    struct cpuid_regs *array = subleaves(p, leaf, &count);

    if (array) {
        return subleaf < count ? &array[subleaf] : NULL;
    }
    if (subleaf != XEN_CPUID_NO_SUBLEAF) {
        return NULL;
    }
    if (leaf < CPU_POLICY_BASIC) {
        return &p->basic[leaf];
    }
    return leaf >= EXTD && leaf - EXTD < CPU_POLICY_EXTD ? &p->extd[leaf - EXTD] : NULL;
}

void cpu_policy_from_host(struct cpu_policy *p, cpuid_read_fn read, void *arg)
{
    struct cpuid_regs *array;
    unsigned count, last;
    uint64_t components;

    memset(p, 0, sizeof(*p));
    p->basic[0] = read(arg, 0, 0);
    last = MIN_T(uint32_t, p->basic[0].a, CPU_POLICY_BASIC - 1);
    for (uint32_t leaf = 1; leaf <= last; leaf++) {
        array = subleaves(p, leaf, &count);
        if (!array) {
            p->basic[leaf] = read(arg, leaf, 0);
            continue;
        }
        if (leaf == 0xd) {
            continue;
        }
        for (unsigned i = 0; i < count; i++) {
            array[i] = read(arg, leaf, i);
            if ((leaf == 4 && !(array[i].a & 0x1f)) || (leaf == 7 && i >= array[0].a)) {
                break;
            }
        }
    }
    if (last >= 0xd) {
        p->xstate[0] = read(arg, 0xd, 0);
        p->xstate[1] = read(arg, 0xd, 1);
        components = ((uint64_t)p->xstate[0].d << 32 | p->xstate[0].a) |
                     ((uint64_t)p->xstate[1].d << 32 | p->xstate[1].c);
        for (unsigned i = 2; i < CPU_POLICY_XSTATE; i++) {
            if ((components >> i) & 1) {
                p->xstate[i] = read(arg, 0xd, i);
            }
        }
    }
    p->extd[0] = read(arg, EXTD, 0);
    last = p->extd[0].a >= EXTD ? MIN_T(uint32_t, p->extd[0].a - EXTD, CPU_POLICY_EXTD - 1) : 0;
    for (uint32_t i = 1; i <= last; i++) {
        p->extd[i] = read(arg, EXTD + i, 0);
    }
}

/* --- features --------------------------------------------------------------------------------------- */

/* Bits of 0x80000001.EDX that only repeat 1.EDX on AMD: they are no features of their own. */
#define AMD_COMMON_EDX 0x0183f3ffu

static uint32_t *feature_word(struct cpu_policy *p, unsigned word)
{
    switch (word) {
    case 0:
        return &p->basic[1].d;
    case 1:
        return &p->basic[1].c;
    case 2:
        return &p->extd[1].d;
    case 3:
        return &p->extd[1].c;
    case 4:
        return &p->xstate[1].a;
    case 5:
        return &p->feat[0].b;
    case 6:
        return &p->feat[0].c;
    case 7:
        return &p->extd[7].d;
    case 8:
        return &p->extd[8].b;
    case 9:
        return &p->feat[0].d;
    case 10:
        return &p->feat[1].a;
    case 11:
        return &p->extd[0x21].a;
    case 12:
        return &p->feat[1].b;
    case 13:
        return &p->feat[2].d;
    case 14:
        return &p->feat[1].c;
    case 15:
        return &p->feat[1].d;
    case 18:
        return &p->extd[0x21].c;
    default:
        return NULL; /* 16, 17: the two halves of an MSR */
    }
}

void cpu_policy_to_featureset(const struct cpu_policy *p, uint32_t words[CPU_FEATURESET_WORDS])
{
    for (unsigned i = 0; i < CPU_FEATURESET_WORDS; i++) {
        const uint32_t *from = feature_word((struct cpu_policy *)p, i);

        words[i] = from ? *from : (uint32_t)(p->arch_caps >> (i == 17 ? 32 : 0));
    }
    words[2] &= ~AMD_COMMON_EDX;
}

static bool is_amd(const struct cpu_policy *p)
{
    /* "AuthenticAMD" and "HygonGenuine" */
    return p->basic[0].b == 0x68747541 || p->basic[0].b == 0x6f677948;
}

void cpu_policy_from_featureset(struct cpu_policy *p, const uint32_t words[CPU_FEATURESET_WORDS])
{
    for (unsigned i = 0; i < CPU_FEATURESET_WORDS; i++) {
        uint32_t *to = feature_word(p, i);

        if (to) {
            *to = words[i];
        }
    }
    p->arch_caps = (uint64_t)words[17] << 32 | words[16];
    p->extd[1].d &= ~AMD_COMMON_EDX;
    if (is_amd(p)) {
        p->extd[1].d |= p->basic[1].d & AMD_COMMON_EDX;
    }
}

bool cpu_policy_has(const struct cpu_policy *p, unsigned feature)
{
    unsigned word = feature / 32;
    const uint32_t *from;
    uint32_t bits;

    if (word >= CPU_FEATURESET_WORDS) {
        return false;
    }
    from = feature_word((struct cpu_policy *)p, word);
    bits = from ? *from : (uint32_t)(p->arch_caps >> (word == 17 ? 32 : 0));
    return ((word == 2 ? bits & ~AMD_COMMON_EDX : bits) >> (feature % 32)) & 1;
}

/* --- serialised form ------------------------------------------------------------------------------ */

struct emitter {
    int (*emit)(void *arg, const xen_cpuid_leaf_t *leaf);
    void *arg;
};

static int emit_one(const struct emitter *e, uint32_t leaf, uint32_t subleaf, const struct cpuid_regs *r)
{
    xen_cpuid_leaf_t out = {.leaf = leaf, .subleaf = subleaf, .a = r->a, .b = r->b, .c = r->c, .d = r->d};

    return e->emit(e->arg, &out);
}

static int emit_subleaves(const struct emitter *e, const struct cpu_policy *p, uint32_t leaf,
                          const struct cpuid_regs *array, unsigned count)
{
    uint64_t components = cpu_policy_xcr0(p) | 3;
    int rc = 0;

    for (unsigned i = 0; i < count && rc == 0; i++) {
        if ((leaf == 7 && i > array[0].a) || (leaf == 0xd && i >= 2 && (components >> i) == 0)) {
            continue; /* components that there are not, below one that there is, are counted by the tools too */
        }
        rc = emit_one(e, leaf, i, &array[i]);
        if (leaf == 4 && !(array[i].a & 0x1f)) {
            break;
        }
    }
    return rc;
}

int cpu_policy_each_leaf(const struct cpu_policy *p, int (*emit)(void *arg, const xen_cpuid_leaf_t *leaf),
                         void *arg)
{
    const struct emitter e = {emit, arg};
    unsigned count, last = MIN_T(uint32_t, p->basic[0].a, CPU_POLICY_BASIC - 1);
    int rc = 0;

    for (uint32_t leaf = 0; leaf <= last && rc == 0; leaf++) {
        const struct cpuid_regs *array = subleaves((struct cpu_policy *)p, leaf, &count);

        rc = array ? emit_subleaves(&e, p, leaf, array, count)
                   : emit_one(&e, leaf, XEN_CPUID_NO_SUBLEAF, &p->basic[leaf]);
    }
    if (rc == 0) {
        rc = emit_one(&e, HV, XEN_CPUID_NO_SUBLEAF, &(struct cpuid_regs){.a = p->hv_limit});
    }
    if (rc == 0) {
        rc = emit_one(&e, HV + 0x100, XEN_CPUID_NO_SUBLEAF, &(struct cpuid_regs){.a = p->hv2_limit});
    }
    last = p->extd[0].a >= EXTD ? MIN_T(uint32_t, p->extd[0].a - EXTD, CPU_POLICY_EXTD - 1) : 0;
    for (uint32_t i = 0; i <= last && rc == 0; i++) {
        rc = emit_one(&e, EXTD + i, XEN_CPUID_NO_SUBLEAF, &p->extd[i]);
    }
    return rc;
}

int cpu_policy_each_msr(const struct cpu_policy *p, int (*emit)(void *arg, const xen_msr_entry_t *msr),
                        void *arg)
{
    const xen_msr_entry_t msrs[CPU_POLICY_MAX_MSRS] = {
        {.idx = MSR_PLATFORM_INFO, .val = p->platform_info},
        {.idx = MSR_ARCH_CAPABILITIES, .val = p->arch_caps},
    };
    int rc = 0;

    for (unsigned i = 0; i < CPU_POLICY_MAX_MSRS && rc == 0; i++) {
        rc = emit(arg, &msrs[i]);
    }
    return rc;
}

struct filler {
    xen_cpuid_leaf_t *leaves;
    xen_msr_entry_t *msrs;
    uint32_t room, used;
};

static int fill_leaf(void *arg, const xen_cpuid_leaf_t *leaf)
{
    struct filler *f = arg;

    if (f->used == f->room) {
        return -XEN_ENOBUFS;
    }
    f->leaves[f->used++] = *leaf;
    return 0;
}

static int fill_msr(void *arg, const xen_msr_entry_t *msr)
{
    struct filler *f = arg;

    if (f->used == f->room) {
        return -XEN_ENOBUFS;
    }
    f->msrs[f->used++] = *msr;
    return 0;
}

int cpu_policy_to_leaves(const struct cpu_policy *p, xen_cpuid_leaf_t *leaves, uint32_t *nr)
{
    struct filler f = {.leaves = leaves, .room = *nr};
    int rc = cpu_policy_each_leaf(p, fill_leaf, &f);

    *nr = f.used;
    return rc;
}

int cpu_policy_to_msrs(const struct cpu_policy *p, xen_msr_entry_t *msrs, uint32_t *nr)
{
    struct filler f = {.msrs = msrs, .room = *nr};
    int rc = cpu_policy_each_msr(p, fill_msr, &f);

    *nr = f.used;
    return rc;
}

int cpu_policy_set_leaf(struct cpu_policy *p, const xen_cpuid_leaf_t *leaf)
{
    struct cpuid_regs *to = slot(p, leaf->leaf, leaf->subleaf);

    if (to) {
        *to = (struct cpuid_regs){leaf->a, leaf->b, leaf->c, leaf->d};
        return 0;
    }
    if (leaf->subleaf == XEN_CPUID_NO_SUBLEAF && (leaf->leaf & ~0x100u) == HV) {
        *(leaf->leaf == HV ? &p->hv_limit : &p->hv2_limit) = leaf->a;
        return 0;
    }
    return -XEN_ERANGE;
}

int cpu_policy_set_msr(struct cpu_policy *p, const xen_msr_entry_t *msr)
{
    if (msr->flags) {
        return -XEN_EINVAL;
    }
    switch (msr->idx) {
    case MSR_PLATFORM_INFO:
        if (msr->val >> 32) {
            return -XEN_EOVERFLOW;
        }
        p->platform_info = msr->val;
        return 0;
    case MSR_ARCH_CAPABILITIES:
        p->arch_caps = msr->val;
        return 0;
    default:
        return -XEN_ERANGE;
    }
}
