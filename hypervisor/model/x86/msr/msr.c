/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and writes of MSRs by the rules of msr_table.c. */
#include <lib/string.h>
#include <model/x86/msr/msr_internal.h>

#define PV_APIC_BASE            0xfee00800ull
#define APIC_BSP                (1ull << 8)
#define DE_CFG_LFENCE_SERIALIZE 2ull

void msr_state_init(struct msr_state *s, bool hvm)
{
    memset(s, 0, sizeof(*s));
    s->pat = hvm ? MSR_PAT_RESET : MSR_PAT_PV;
    s->efer = hvm ? 0 : EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
}

static bool is_amd(const struct cpu_policy *p)
{
    return p->basic[0].b == 0x68747541 || p->basic[0].b == 0x6f677948; /* AuthenticAMD, HygonGenuine */
}

/* The first row whose range does not end before @idx. */
static unsigned first_candidate(uint32_t idx)
{
    unsigned from = 0, to = msr_rule_count;

    while (from < to) {
        unsigned middle = (from + to) / 2;

        if (msr_rules[middle].last < idx) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static const struct msr_rule *find_rule(const struct msr_ctx *ctx, uint32_t idx)
{
    uint8_t guest = ctx->hvm ? WHO_HVM : WHO_PV, vendor;

    for (unsigned i = first_candidate(idx); i < msr_rule_count && msr_rules[i].first <= idx; i++) {
        const struct msr_rule *r = &msr_rules[i];

        if (!(r->who & guest)) {
            continue;
        }
        vendor = r->who & (WHO_AMD | WHO_INTEL);
        if (vendor && (vendor == WHO_AMD) != is_amd(ctx->policy)) {
            return NULL;
        }
        return r->feature == MSR_ALWAYS || cpu_policy_has(ctx->policy, r->feature) ? r : NULL;
    }
    return NULL;
}

static uint64_t *field(const struct msr_ctx *ctx, const struct msr_rule *r)
{
    return (uint64_t *)((uint8_t *)ctx->state + r->value);
}

enum msr_result msr_read(const struct msr_ctx *ctx, uint32_t idx, uint64_t *val)
{
    const struct msr_rule *r = find_rule(ctx, idx);
    const struct msr_state *s = ctx->state;

    if (!r) {
        return MSR_GP;
    }
    switch ((enum msr_kind)r->kind) {
    case KIND_CONST:
    case KIND_CONST_IGNORE:
    case KIND_SAME_ONLY:
        *val = r->value;
        return MSR_OK;
    case KIND_ZERO_ONLY:
    case KIND_HYPERCALL:
        *val = 0;
        return MSR_OK;
    case KIND_STATE:
    case KIND_STATE_32:
    case KIND_CANONICAL:
    case KIND_BASE:
        *val = *field(ctx, r);
        return MSR_OK;
    case KIND_VLAPIC:
        return MSR_VLAPIC;
    case KIND_TSC:
        *val = ctx->tsc;
        return MSR_OK;
    case KIND_TSC_ADJUST:
        *val = s->tsc_adjust;
        return MSR_OK;
    case KIND_EFER:
    case KIND_PV_EFER:
        *val = s->efer;
        return MSR_OK;
    case KIND_PAT:
        *val = s->pat;
        return MSR_OK;
    case KIND_PATCH_LEVEL:
        /* Intel keeps the revision in the upper half. */
        *val = is_amd(ctx->policy) ? ctx->patch_level : (uint64_t)ctx->patch_level << 32;
        return MSR_OK;
    case KIND_PV_APIC_BASE:
        *val = PV_APIC_BASE | (ctx->first_vcpu ? APIC_BSP : 0);
        return MSR_OK;
    case KIND_MTRR_DEF:
        *val = s->mtrr_def_type;
        return MSR_OK;
    case KIND_MTRR_FIXED:
        *val = s->mtrr_fixed[r->value + (idx - r->first)];
        return MSR_OK;
    case KIND_MTRR_VAR:
        *val = s->mtrr_var[idx - r->first];
        return MSR_OK;
    case KIND_PLATFORM_INFO:
        *val = ctx->policy->platform_info;
        return *val ? MSR_OK : MSR_GP;
    case KIND_ARCH_CAPS:
        *val = ctx->policy->arch_caps;
        return MSR_OK;
    case KIND_PRED_CMD: /* write-only */
        return MSR_GP;
    case KIND_DE_CFG:
        *val = cpu_policy_has(ctx->policy, XEN_X86_FEATURE_LFENCE_DISPATCH) ? DE_CFG_LFENCE_SERIALIZE : 0;
        return MSR_OK;
    }
    return MSR_GP;
}

static bool is_canonical(uint64_t val)
{
    return (uint64_t)((int64_t)(val << 16) >> 16) == val;
}

/* Each byte one of the memory types of @allowed (a bit a type). */
static bool types_ok(uint64_t val, unsigned allowed)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned type = (val >> (8 * i)) & 0xff;

        if (type > 7 || !((allowed >> type) & 1)) {
            return false;
        }
    }
    return true;
}

#define TYPES_MTRR 0x73u /* UC WC WT WP WB */
#define TYPES_PAT  0xf3u /* and UC- */

static enum msr_result write_efer(const struct msr_ctx *ctx, uint64_t val)
{
    struct msr_state *s = ctx->state;
    uint64_t allowed = EFER_LMA;

    allowed |= cpu_policy_has(ctx->policy, XEN_X86_FEATURE_SYSCALL) ? EFER_SCE : 0;
    allowed |= cpu_policy_has(ctx->policy, XEN_X86_FEATURE_LM) ? EFER_LME : 0;
    allowed |= cpu_policy_has(ctx->policy, XEN_X86_FEATURE_NX) ? EFER_NXE : 0;
    allowed |= cpu_policy_has(ctx->policy, XEN_X86_FEATURE_FFXSR) ? EFER_FFXSR : 0;
    if ((val & ~allowed) || (ctx->paging && ((val ^ s->efer) & EFER_LME))) {
        return MSR_GP;
    }
    s->efer = (val & ~EFER_LMA) | (s->efer & EFER_LMA); /* LMA follows CR0.PG, not a write */
    return MSR_NEW_EFER;
}

static bool mtrr_default_ok(uint64_t val)
{
    return !(val & ~0xcffull) && types_ok(val & 0xff, TYPES_MTRR);
}

static bool mtrr_variable_ok(const struct cpu_policy *policy, unsigned index, uint64_t val)
{
    uint64_t address = ((1ull << cpu_policy_paddr_bits(policy)) - 1) & ~0xfffull;
    uint64_t allowed = address | ((index & 1) ? 0x800 : 0xff);

    return !(val & ~allowed) && ((index & 1) || types_ok(val & 0xff, TYPES_MTRR));
}

bool msr_memory_types_ok(const struct cpu_policy *policy, const struct msr_state *s)
{
    for (unsigned i = 0; i < MSR_MTRR_FIXED; i++) {
        if (!types_ok(s->mtrr_fixed[i], TYPES_MTRR)) {
            return false;
        }
    }
    for (unsigned i = 0; i < 2 * MSR_MTRR_VARIABLE; i++) {
        if (!mtrr_variable_ok(policy, i, s->mtrr_var[i])) {
            return false;
        }
    }
    return types_ok(s->pat, TYPES_PAT) && mtrr_default_ok(s->mtrr_def_type);
}

static enum msr_result write_tsc_adjust(const struct msr_ctx *ctx, uint64_t val, uint64_t *aux)
{
    *aux = val - ctx->state->tsc_adjust;
    ctx->state->tsc_adjust = val;
    return MSR_ADD_TSC;
}

static enum msr_result write_hypercall(uint64_t val, uint64_t *aux)
{
    /* Bits 0..11 number the page; there is one. */
    if ((val & 0xfff) || (val >> 52)) {
        return MSR_GP;
    }
    *aux = val >> 12;
    return MSR_SET_HYPERCALL_PAGE;
}

static enum msr_result write_field(const struct msr_ctx *ctx, const struct msr_rule *r, uint64_t val)
{
    if ((r->kind == KIND_CANONICAL || r->kind == KIND_BASE) && !is_canonical(val)) {
        return MSR_GP;
    }
    *field(ctx, r) = r->kind == KIND_STATE_32 ? (uint32_t)val : val;
    return r->kind == KIND_BASE ? MSR_NEW_BASE : MSR_NEW_STATE;
}

static enum msr_result same_only(uint64_t val, uint64_t same)
{
    return val == same ? MSR_OK : MSR_GP;
}

enum msr_result msr_write(const struct msr_ctx *ctx, uint32_t idx, uint64_t val, uint64_t *aux)
{
    const struct msr_rule *r = find_rule(ctx, idx);
    struct msr_state *s = ctx->state;

    if (!r) {
        return MSR_GP;
    }
    switch ((enum msr_kind)r->kind) {
    case KIND_CONST:
    case KIND_PLATFORM_INFO:
    case KIND_ARCH_CAPS:
        return MSR_GP;
    case KIND_CONST_IGNORE:
    case KIND_DE_CFG:
    case KIND_PATCH_LEVEL: /* Intel's way to ask for the revision begins with a write of 0 */
        return MSR_IGNORED;
    case KIND_ZERO_ONLY:
        return same_only(val, 0);
    case KIND_SAME_ONLY:
        return same_only(val, r->value);
    case KIND_PV_APIC_BASE:
        return same_only(val & ~APIC_BSP, PV_APIC_BASE);
    case KIND_PV_EFER:
        return same_only(val, s->efer);
    case KIND_STATE:
    case KIND_STATE_32:
    case KIND_CANONICAL:
    case KIND_BASE:
        return write_field(ctx, r, val);
    case KIND_VLAPIC:
        return MSR_VLAPIC;
    case KIND_TSC:
        if (!ctx->hvm) {
            return MSR_IGNORED;
        }
        s->tsc_adjust += val - ctx->tsc;
        return MSR_SET_TSC;
    case KIND_PRED_CMD:
        return val & ~1ull ? MSR_GP : val ? MSR_FORGET_BRANCHES : MSR_OK;
    case KIND_TSC_ADJUST:
        return write_tsc_adjust(ctx, val, aux);
    case KIND_EFER:
        return write_efer(ctx, val);
    case KIND_PAT:
        if (!types_ok(val, TYPES_PAT)) {
            return MSR_GP;
        }
        s->pat = val;
        return MSR_NEW_STATE;
    case KIND_HYPERCALL:
        return write_hypercall(val, aux);
    case KIND_MTRR_DEF:
        if (!mtrr_default_ok(val)) {
            return MSR_GP;
        }
        s->mtrr_def_type = val;
        return MSR_NEW_MTRR;
    case KIND_MTRR_FIXED:
        if (!types_ok(val, TYPES_MTRR)) {
            return MSR_GP;
        }
        s->mtrr_fixed[r->value + (idx - r->first)] = val;
        return MSR_NEW_MTRR;
    case KIND_MTRR_VAR:
        if (!mtrr_variable_ok(ctx->policy, idx - r->first, val)) {
            return MSR_GP;
        }
        s->mtrr_var[idx - r->first] = val;
        return MSR_NEW_MTRR;
    }
    return MSR_GP;
}
