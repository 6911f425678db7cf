/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged instructions of a PV kernel: they trap with #GP (or #UD behind the forced-emulation prefix) since it runs in ring 3. The model decodes and
 * executes; here is what each may do to this vCPU.
 */
#include <base/guest_access.h>
#include <base/log.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/common/selectors.h>
#include <guest/x86/common/tsc.h>
#include <guest/x86/pv/mm.h>
#include <guest/x86/pv/pv.h>
#include <model/x86/insn/insn.h>

#define CR0_GUEST       0x80050033ull /* PG AM WP NE ET MP PE: what a PV guest sees, besides TS */
#define CR0_TS          8ull
#define CR4_TSD         BIT(2)
#define STRING_IO_LIMIT 64
#define OPCODE_INVD     0x08 /* these two behind 0x0f */
#define OPCODE_CPUID    0xa2

static struct x86_vcpu *vcpu_of(struct insn_ctx *ctx)
{
    return ctx->opaque;
}

/* A 64-bit guest's own addresses: below or above the hypervisor's. */
static bool guest_range_ok(uint64_t va, unsigned int size)
{
    return is_canonical(va) && (va + size <= VA_HYPERVISOR_START || va >= VA_HYPERVISOR_END);
}

/* An access that cannot be made: to an address that is none, or to memory that is not there. */
static enum insn_status no_access(struct insn_ctx *ctx, uint64_t linear, uint32_t error)
{
    return is_canonical(linear) ? insn_raise_pf(ctx, error, linear) : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_fetch(struct insn_ctx *ctx, uint64_t linear, uint8_t *buf, unsigned size,
                                 unsigned *got)
{
    unsigned int in_page = (unsigned int)(PAGE_SIZE - (linear & ~PAGE_MASK));
    unsigned int first = MIN(size, in_page);

    if (guest_read(buf, linear, first) != 0) {
        return no_access(ctx, linear, 0x14);
    }
    *got = first;
    if (size > first && guest_read(buf + first, linear + first, size - first) == 0) {
        *got = size;
    }
    return INSN_DONE;
}

static enum insn_status op_read(struct insn_ctx *ctx, uint64_t linear, void *buf, unsigned size,
                                enum insn_access how)
{
    if (!guest_range_ok(linear, size) || guest_read(buf, linear, size) != 0) {
        return insn_raise_pf(ctx, 4, linear);
    }
    return INSN_DONE;
}

static enum insn_status op_write(struct insn_ctx *ctx, uint64_t linear, const void *buf, unsigned size)
{
    if (!guest_range_ok(linear, size) || guest_write(linear, buf, size) != 0) {
        return insn_raise_pf(ctx, 6, linear);
    }
    return INSN_DONE;
}

/* Are all of @size ports from @port on open in the I/O bitmap? What cannot be read of it is closed. */
static bool bitmap_allows(const struct pv_vcpu *p, uint16_t port, unsigned int size)
{
    uint8_t bits[2] = {0xff, 0xff};
    unsigned int bytes = port % 8 + size > 8 ? 2 : 1;

    if (!p->iobmp || port + size > p->iobmp_limit || guest_read(bits, p->iobmp + port / 8, bytes) != 0) {
        return false;
    }
    return !((bits[0] | (unsigned int)bits[1] << 8) >> (port % 8) & ((1u << size) - 1));
}

/* Does its I/O privilege level suffice? The kernel is in ring 1, or in ring 0 when it asked for levels as on a processor. */
static bool io_level_suffices(const struct x86_vcpu *xv)
{
    uint8_t kernel = pv_has_assist(xv, VMASST_TYPE_architectural_iopl) ? 0 : 1;

    return xv->pv->iopl >= (xv->is_kernel_mode ? kernel : 3);
}

/* Its I/O privilege level, or its I/O bitmap, lets the instruction through. */
static enum insn_status op_io_allowed(struct insn_ctx *ctx, uint16_t port, unsigned size)
{
    const struct x86_vcpu *xv = vcpu_of(ctx);

    if (io_level_suffices(xv) || bitmap_allows(xv->pv, port, size)) {
        return INSN_DONE;
    }
    return insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_io_read(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t *val)
{
    *val = platform_port_read(vcpu_of(ctx)->v.domain, port, size);
    pv_port_accessed(vcpu_of(ctx), port, size);
    return INSN_DONE;
}

static enum insn_status op_io_write(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t val)
{
    platform_port_write(vcpu_of(ctx)->v.domain, port, size, val);
    pv_port_accessed(vcpu_of(ctx), port, size);
    return INSN_DONE;
}

static enum insn_status op_read_cr(struct insn_ctx *ctx, unsigned cr, uint64_t *val)
{
    struct x86_vcpu *xv = vcpu_of(ctx);

    switch (cr) {
    case 0:
        *val = CR0_GUEST | (xv->pv->cr0 & CR0_TS);
        return INSN_DONE;
    case 2:
        *val = xv->v.info->arch.cr2;
        return INSN_DONE;
    case 3:
        *val = mfn_to_paddr(xv->pv->guest_table);
        return INSN_DONE;
    case 4:
        *val = xv->pv->cr4;
        return INSN_DONE;
    default:
        return insn_raise(ctx, X86_VEC_UD, 0);
    }
}

static enum insn_status op_write_cr(struct insn_ctx *ctx, unsigned cr, uint64_t val)
{
    struct x86_vcpu *xv = vcpu_of(ctx);
    int rc;

    switch (cr) {
    case 0:
        if ((val ^ CR0_GUEST) & ~CR0_TS) {
            log_guest_warning("d%uv%u: write of %#lx to CR0 refused\n", xv->v.domain->id, xv->v.id,
                              (unsigned long)val);
            return insn_raise(ctx, X86_VEC_GP, 0);
        }
        xv->pv->cr0 = val & CR0_TS;
        hw_set_ts(val & CR0_TS);
        return INSN_DONE;
    case 2:
        xv->v.info->arch.cr2 = val;
        return INSN_DONE;
    case 3:
        rc = pv_new_base_table(xv, paddr_to_mfn(val));
        if (rc == -XEN_ERESTART) {
            return INSN_RETRY;
        }
        return rc == 0 ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
    case 4:
        pv_set_cr4(xv, val);
        return INSN_DONE;
    default:
        return insn_raise(ctx, X86_VEC_UD, 0);
    }
}

static bool is_no_debugreg(struct insn_ctx *ctx, unsigned dr)
{
    return dr > 7 || ((dr == 4 || dr == 5) && (vcpu_of(ctx)->pv->cr4 & X86_CR4_DE));
}

static enum insn_status op_read_dr(struct insn_ctx *ctx, unsigned dr, uint64_t *val)
{
    struct hypercall c = {.arg = {dr}};

    if (is_no_debugreg(ctx, dr)) {
        return insn_raise(ctx, X86_VEC_UD, 0);
    }
    *val = (uint64_t)do_get_debugreg(&c);
    return INSN_DONE;
}

static enum insn_status op_write_dr(struct insn_ctx *ctx, unsigned dr, uint64_t val)
{
    struct hypercall c = {.arg = {dr, val}};

    if (is_no_debugreg(ctx, dr)) {
        return insn_raise(ctx, X86_VEC_UD, 0);
    }
    return do_set_debugreg(&c) == 0 ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_read_msr(struct insn_ctx *ctx, uint32_t msr, uint64_t *val)
{
    return x86_msr_read(vcpu_of(ctx), msr, val) == 0 ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_write_msr(struct insn_ctx *ctx, uint32_t msr, uint64_t val)
{
    return x86_msr_write(vcpu_of(ctx), msr, val) == 0 ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_cpuid(struct insn_ctx *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    x86_cpuid(vcpu_of(ctx), leaf, subleaf, out);
    return INSN_DONE;
}

/* They come here when the domain's counter is not the processor's, or its kernel keeps it from user mode. */
static enum insn_status op_rdtsc(struct insn_ctx *ctx, uint64_t *tsc, uint32_t *aux)
{
    const struct x86_vcpu *xv = vcpu_of(ctx);

    if (!xv->is_kernel_mode && xv->pv->cr4 & CR4_TSD) {
        return insn_raise(ctx, X86_VEC_GP, 0);
    }
    *tsc = tsc_of_domain(x86_domain(xv->v.domain));
    if (aux) {
        *aux = (uint32_t)xv->tsc_aux;
    }
    return INSN_DONE;
}

static enum insn_status op_xsetbv(struct insn_ctx *ctx, uint32_t xcr, uint64_t val)
{
    struct x86_vcpu *xv = vcpu_of(ctx);

    return fpu_write_xcr0(xv, xcr, val) == 0 ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_set_if(struct insn_ctx *ctx, bool on)
{
    /* who may does nothing by it: a PV kernel masks events by evtchn_upcall_mask */
    return io_level_suffices(vcpu_of(ctx)) ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status op_invlpg(struct insn_ctx *ctx, uint64_t linear)
{
    hw_invlpg_local(linear);
    return INSN_DONE;
}

static enum insn_status op_wbinvd(struct insn_ctx *ctx)
{
    if (vcpu_of(ctx)->v.domain->is_hardware) {
        hw_flush_caches();
    }
    return INSN_DONE;
}

static const struct insn_ops pv_insn_ops = {
    .fetch = op_fetch,
    .read = op_read,
    .write = op_write,
    .io_allowed = op_io_allowed,
    .io_read = op_io_read,
    .io_write = op_io_write,
    .read_cr = op_read_cr,
    .write_cr = op_write_cr,
    .read_dr = op_read_dr,
    .write_dr = op_write_dr,
    .read_msr = op_read_msr,
    .write_msr = op_write_msr,
    .cpuid = op_cpuid,
    .rdtsc = op_rdtsc,
    .xsetbv = op_xsetbv,
    .set_if = op_set_if,
    .invlpg = op_invlpg,
    .wbinvd = op_wbinvd,
};

void pv_insn_ctx_init(struct insn_ctx *ctx, struct x86_vcpu *xv)
{
    static const struct x86_seg flat = {.sel = SEL_RING3_SS, .attr = 0xcf3, .limit = ~0u};

    ctx->regs = &xv->regs;
    ctx->mode = xv->regs.cs == SEL_RING3_CS32 ? INSN_MODE_32 : INSN_MODE_64;
    ctx->protected_mode = true;
    ctx->cpl = xv->is_kernel_mode ? 0 : 3;
    ctx->iopl = 3; /* op_set_if() and op_io_allowed() look at it */
    ctx->ops = &pv_insn_ops;
    ctx->opaque = xv;
    ctx->rep_limit = STRING_IO_LIMIT;
    ctx->fault = (struct insn_fault){0};
    for (unsigned int i = 0; i < X86_SEG_COUNT; i++) {
        ctx->seg[i] = flat;
    }
}

/*
 * CPUID, RDMSR and WRMSR, which kernels use often: two bytes, operands in fixed registers, so neither decoder
 * nor context is needed. False, and nothing changed: another instruction, or one that raises an exception.
 */
static bool emulate_fixed(struct x86_vcpu *xv, const uint8_t opcode[2])
{
    struct x86_regs *r = &xv->regs;
    uint32_t out[4];
    uint64_t value;

    if (opcode[0] != 0x0f) {
        return false;
    }
    switch (opcode[1]) {
    case OPCODE_CPUID:
        x86_cpuid(xv, (uint32_t)r->rax, (uint32_t)r->rcx, out);
        r->rax = out[0];
        r->rbx = out[1];
        r->rcx = out[2];
        r->rdx = out[3];
        return true;
    case 0x32:
        if (!xv->is_kernel_mode || x86_msr_read(xv, (uint32_t)r->rcx, &value) != 0) {
            return false;
        }
        r->rax = (uint32_t)value;
        r->rdx = value >> 32;
        return true;
    case 0x30:
        value = r->rdx << 32 | (uint32_t)r->rax;
        return xv->is_kernel_mode && x86_msr_write(xv, (uint32_t)r->rcx, value) == 0;
    default:
        return false;
    }
}

/* The same for the instruction at RIP, which is behind a forced-emulation prefix when it raised #UD. */
static bool try_fixed(struct x86_vcpu *xv)
{
    unsigned int prefix = xv->regs.entry_vector == X86_VEC_UD ? INSN_FORCED_PREFIX_LENGTH : 0;
    uint8_t bytes[INSN_FORCED_PREFIX_LENGTH + 2];

    if (xv->regs.cs == SEL_RING3_CS32 || guest_read(bytes, xv->regs.rip, prefix + 2) != 0 ||
        (prefix && !(insn_forced_prefix(bytes, prefix) && bytes[prefix + 1] == OPCODE_CPUID)) ||
        !emulate_fixed(xv, bytes + prefix)) {
        return false;
    }
    xv->regs.rip += prefix + 2;
    xv->regs.rflags &= ~X86_FLAGS_RF;
    return true;
}

/* Who watches a port of the instruction's, or goes through the guest's code in @steps, stops behind it. */
static void stop_for_events(struct x86_vcpu *xv, uint64_t steps)
{
    uint64_t events = xv->pv->debug_events | steps;

    if (unlikely(events)) {
        xv->pv->debug_events = 0;
        xv->pv->debugreg[6] |= events;
        pv_inject(xv, X86_VEC_DB, false, 0);
    }
}

static bool done(struct x86_vcpu *xv)
{
    stop_for_events(xv, xv->regs.rflags & X86_FLAGS_TF ? X86_DR6_STEP : 0);
    return true;
}

/* INVD would throw away what others wrote; behind the prefix there is CPUID and nothing else. */
static bool may_emulate(const struct insn *insn, bool is_forced)
{
    bool is_0f = insn->map == INSN_MAP_0F;

    return is_forced ? is_0f && insn->opcode == OPCODE_CPUID : !(is_0f && insn->opcode == OPCODE_INVD);
}

bool pv_emulate_privileged(struct x86_vcpu *xv)
{
    struct insn_ctx ctx;
    struct insn insn;
    enum insn_status st;
    uint8_t prefix[INSN_FORCED_PREFIX_LENGTH];
    unsigned int forced = 0;
    uint64_t rip = xv->regs.rip;

    if (try_fixed(xv)) {
        return done(xv);
    }
    pv_insn_ctx_init(&ctx, xv);
    if (xv->regs.entry_vector == X86_VEC_UD) {
        if (guest_read(prefix, rip, sizeof(prefix)) != 0) {
            return false;
        }
        forced = insn_forced_prefix(prefix, sizeof(prefix));
        if (forced == 0) {
            return false;
        }
    }
    xv->regs.rip += forced;
    st = insn_fetch(&ctx, &insn);
    if (st == INSN_DONE && !may_emulate(&insn, forced != 0)) {
        st = INSN_UNHANDLEABLE;
    } else if (st == INSN_DONE) {
        st = insn_execute(&ctx, &insn, INSN_SET_PRIVILEGED);
    }
    switch (st) {
    case INSN_DONE:
        return done(xv);
    case INSN_RETRY:
        xv->regs.rip = rip;
        stop_for_events(xv, 0); /* string I/O stops between two elements, too */
        return true;
    case INSN_EXCEPTION:
        xv->regs.rip = rip;
        xv->pv->debug_events = 0;
        if (ctx.fault.vector == X86_VEC_PF) {
            pv_inject_page_fault(xv, ctx.fault.error, ctx.fault.cr2);
        } else {
            pv_inject(xv, ctx.fault.vector, ctx.fault.has_error, ctx.fault.error);
        }
        return true;
    default:
        xv->regs.rip = rip;
        return false;
    }
}
