/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSRs of PV vCPUs: the rules of model/x86/msr over the few that are live in this CPU. PVH vCPUs keep their own state and come to the model by
 * themselves (guest/x86/pvh).
 */
#include <base/log.h>
#include <core/domain/arch.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/common/tsc.h>
#include <lib/string.h>
#include <model/x86/msr/msr.h>

#define MSR_PATCH_LEVEL 0x8bu

/* What the machine's own value of does no harm to the hardware domain, whose drivers look for quirks of the chipset. */
static bool hardware_may_read(uint32_t msr)
{
    switch (msr) {
    case 0xc0010010: /* SYSCFG */
    case 0xc001001a: /* TOP_MEM */
    case 0xc001001d: /* TOP_MEM2 */
    case 0xc001001f: /* NB_CFG */
    case 0xc0010055: /* INT_PENDING_MSG */
    case 0xc0010058: /* MMIO_CONF_BASE */
        return true;
    default:
        return false;
    }
}

static uint64_t live(uint32_t msr)
{
    uint64_t value = 0;

    return hw_rdmsr_fallible(msr, &value) == 0 ? value : 0;
}

/* Segment bases are live in this CPU, and a kernel writes one at each change of thread: the model's state stays out of it. */
static bool is_base(uint32_t msr)
{
    return msr == MSR_FS_BASE || msr == MSR_GS_BASE || msr == MSR_KERNEL_GS_BASE;
}

static int load_base(uint32_t msr, uint64_t value)
{
    if (!is_canonical(value)) {
        return -XEN_EINVAL;
    }
    switch (msr) {
    case MSR_FS_BASE:
        hw_set_fs_base(value);
        break;
    case MSR_GS_BASE:
        hw_set_gs_base(value);
        break;
    default:
        hw_set_hidden_gs_base(value);
        break;
    }
    return 0;
}

static struct msr_ctx context(const struct x86_vcpu *xv, struct msr_state *s)
{
    const struct x86_domain *xd = x86_domain(xv->v.domain);

    return (struct msr_ctx){
        .policy = xd->policy,
        .state = s,
        .first_vcpu = xv->v.id == 0,
        .paging = true,
        .tsc = tsc_of_domain(xd),
    };
}

int x86_msr_read(struct x86_vcpu *xv, uint32_t msr, uint64_t *value)
{
    struct msr_state s;
    struct msr_ctx ctx;

    ASSERT(is_pv(xv->v.domain) && xv == current_x86());
    if (is_base(msr)) {
        *value = live(msr);
        return 0;
    }
    if (xv->v.domain->is_hardware && hardware_may_read(msr) && hw_rdmsr_fallible(msr, value) == 0) {
        return 0;
    }
    msr_state_init(&s, false);
    s.tsc_aux = xv->tsc_aux;
    ctx = context(xv, &s);
    if (msr == MSR_PATCH_LEVEL) {
        uint64_t level = live(msr);

        ctx.patch_level =
            (uint32_t)level ? (uint32_t)level : (uint32_t)(level >> 32); /* AMD's place, Intel's */
    }
    return msr_read(&ctx, msr, value) == MSR_OK ? 0 : -XEN_EINVAL;
}

static int set_hypercall_page(struct domain *d, uint64_t gfn)
{
    mfn_t mfn;
    int rc = arch_get_gfn(d, GFN(gfn), true, &mfn);

    if (rc == 0) {
        pv_fill_hypercall_page(d, mfn_to_virt(mfn));
        arch_put_gfn(d, mfn, true);
    }
    return rc;
}

void x86_msr_note_ignored(struct x86_vcpu *xv, uint32_t msr, uint64_t value)
{
    static uint64_t said[4]; /* one bit an MSR; two that share one cost a log line */
    uint32_t hash = (msr * 2654435761u) >> 24;

    if (!(__atomic_fetch_or(&said[hash / 64], 1ull << (hash % 64), __ATOMIC_RELAXED) >> (hash % 64) & 1)) {
        log_guest_debug("d%uv%u: write of %#lx to MSR %#x is ignored", xv->v.domain->id, xv->v.id,
                        (unsigned long)value, msr);
    }
}

int x86_msr_write(struct x86_vcpu *xv, uint32_t msr, uint64_t value)
{
    struct msr_state s;
    struct msr_ctx ctx;
    uint64_t aux = 0;

    ASSERT(is_pv(xv->v.domain) && xv == current_x86());
    if (is_base(msr)) {
        return load_base(msr, value);
    }
    msr_state_init(&s, false);
    ctx = context(xv, &s);
    switch (msr_write(&ctx, msr, value, &aux)) {
    case MSR_OK:
        return 0;
    case MSR_IGNORED:
        x86_msr_note_ignored(xv, msr, value);
        return 0;
    case MSR_NEW_STATE: /* of those that the rules give to PV guests only TSC_AUX has a place */
        xv->tsc_aux = s.tsc_aux;
        hw_set_tsc_aux(s.tsc_aux);
        return 0;
    case MSR_FORGET_BRANCHES:
        hw_forget_branches();
        return 0;
    case MSR_SET_HYPERCALL_PAGE:
        return set_hypercall_page(xv->v.domain, aux) == 0 ? 0 : -XEN_EINVAL;
    default:
        return -XEN_EINVAL;
    }
}
