/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that are carried out for a PVH guest: accesses to the local APIC's page and to addresses without memory, string I/O, writes of CR0, CR4
 * and CR8.
 * The work is model/x86/insn's; here are its callbacks. Memory that is there is accessed as the guest would, so this can also be asked of an instruction that
 * has one operand in memory and one in a device.
 */
#include <base/log.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>
#include <model/x86/pt/pt.h>
#include <model/x86/xstate/xstate.h>

#define REP_LIMIT   512u
#define CR0_PE      BIT(0)
#define CR0_ET      BIT(4)
#define CR0_WP      BIT(16)
#define CR0_NW      BIT(29)
#define CR0_CD      BIT(30)
#define CR0_PG      BIT(31)
#define CR0_KNOWN   0xe005003full
#define CR4_PAE     BIT(5)
#define CR4_PCIDE   BIT(17)
#define CR4_PKE     BIT(22)
#define CR4_FLUSHES 0x7200b0ull /* PSE PAE PGE PCIDE SMEP SMAP PKE: changing them changes translations */

struct emulation {
    struct x86_vcpu *xv;
    const struct vmexit *exit;
};

static enum insn_status walk_failed(struct insn_ctx *c, enum pt_status st, const struct pt_result *r,
                                    uint64_t linear)
{
    switch (st) {
    case PT_FAULT:
        return insn_raise_pf(c, r->error, linear);
    case PT_NONCANONICAL:
        return insn_raise(c, X86_VEC_GP, 0);
    default:
        return INSN_RETRY;
    }
}

static unsigned int user_bit(const struct emulation *m)
{
    return m->xv->pvh->vm.cpl == 3 ? PT_ACCESS_USER : 0;
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------------------------------- */

static bool is_apic(const struct x86_vcpu *xv, uint64_t gpa)
{
    const struct vlapic *vl = &xv->pvh->vlapic;

    return vlapic_hw_enabled(vl) && !vlapic_x2apic(vl) &&
           (gpa & PAGE_MASK) == (vl->base_msr & PAGE_MASK & ~VLAPIC_BASE_ENABLE);
}

static void device_read(const struct emulation *m, uint64_t gpa, void *buf, unsigned int size)
{
    memset(buf, 0xff, size);
    if (is_apic(m->xv, gpa)) {
        struct vlapic_clock clock = pvh_apic_clock(m->xv);
        unsigned int n = MIN(size, 4u);
        uint32_t value = vlapic_mmio_read(&m->xv->pvh->vlapic, (unsigned int)(gpa & ~PAGE_MASK), n, &clock);

        memcpy(buf, &value, n);
        return;
    }
    log_once(log_guest_info, "d%uv%u: reads guest address %#lx, where nothing is\n", m->xv->v.domain->id,
             m->xv->v.id, (unsigned long)gpa);
}

static void device_write(const struct emulation *m, uint64_t gpa, const void *buf, unsigned int size)
{
    if (is_apic(m->xv, gpa)) {
        struct vlapic_clock clock = pvh_apic_clock(m->xv);
        struct vlapic_effect fx = {0};
        unsigned int n = MIN(size, 4u);
        unsigned long flags;
        uint32_t value = 0;

        memcpy(&value, buf, n);
        flags = irq_save();
        vlapic_mmio_write(&m->xv->pvh->vlapic, (unsigned int)(gpa & ~PAGE_MASK), n, value, &clock, &fx);
        pvh_apply_effect(m->xv, &fx);
        irq_restore(flags);
        return;
    }
    log_once(log_guest_info, "d%uv%u: writes to guest address %#lx, where nothing is\n", m->xv->v.domain->id,
             m->xv->v.id, (unsigned long)gpa);
}

/* The part of an access within one page. */
static enum insn_status access_part(struct insn_ctx *c, uint64_t linear, void *buf, unsigned int size,
                                    unsigned int how)
{
    struct emulation *m = c->opaque;
    struct p2m *p = p2m_of(m->xv);
    struct pt_result r;
    enum pt_status st = pvh_walk(m->xv, linear, how | user_bit(m), &r);
    unsigned long flags;
    struct p2m_leaf l;
    bool write = (how & PT_ACCESS_WRITE) != 0, refused = false;

    if (st != PT_OK) {
        return walk_failed(c, st, &r, linear);
    }
    if (p2m_has_promises(p)) {
        (void)p2m_pod_populate(p, r.gpa >> PAGE_SHIFT); /* if that fails it is as where no memory is */
    }
    flags = irq_save();
    l = p2m_lookup(p, r.gpa >> PAGE_SHIFT);
    if (l.type != P2M_NONE) {
        uint8_t *at = (uint8_t *)mfn_to_virt(l.mfn) + (r.gpa & ~PAGE_MASK);

        refused = write && !l.write;
        if (!refused) {
            memcpy(write ? at : buf, write ? buf : at, size);
        }
    }
    irq_restore(flags);
    if (refused) {
        return insn_raise(c, X86_VEC_GP, 0);
    }
    if (l.type == P2M_NONE && write) {
        device_write(m, r.gpa, buf, size);
    } else if (l.type == P2M_NONE) {
        device_read(m, r.gpa, buf, size);
    }
    return INSN_DONE;
}

static enum insn_status access(struct insn_ctx *c, uint64_t linear, void *buf, unsigned int size,
                               unsigned int how)
{
    while (size > 0) {
        unsigned int n = (unsigned int)MIN((uint64_t)size, PAGE_SIZE - (linear & ~PAGE_MASK));
        enum insn_status st = access_part(c, linear, buf, n, how);

        if (st != INSN_DONE) {
            return st;
        }
        linear += n;
        buf = (uint8_t *)buf + n;
        size -= n;
    }
    return INSN_DONE;
}

static enum insn_status do_read(struct insn_ctx *c, uint64_t linear, void *buf, unsigned int size,
                                enum insn_access how)
{
    return access(c, linear, buf, size, 0);
}

static enum insn_status do_write(struct insn_ctx *c, uint64_t linear, const void *buf, unsigned int size)
{
    return access(c, linear, (void *)(uintptr_t)buf, size, PT_ACCESS_WRITE);
}

static enum insn_status do_fetch(struct insn_ctx *c, uint64_t linear, uint8_t *buf, unsigned int size,
                                 unsigned int *got)
{
    struct emulation *m = c->opaque;
    unsigned int access_bits = PT_ACCESS_EXEC | user_bit(m);
    struct pt_result r;
    enum pt_status st;

    *got = pvh_fetch_code(m->xv, linear, buf, size);
    if (*got > 0) {
        return INSN_DONE;
    }
    st = pvh_walk(m->xv, linear, access_bits, &r);
    return st == PT_OK ? INSN_UNHANDLEABLE : walk_failed(c, st, &r, linear);
}

/* --- ports and control registers ---------------------------------------------------------------------------------------------------------------------------- */

/* The processor checked before the exit. */
static enum insn_status io_allowed(struct insn_ctx *c, uint16_t port, unsigned int size)
{
    return INSN_DONE;
}

static enum insn_status io_read(struct insn_ctx *c, uint16_t port, unsigned int size, uint32_t *value)
{
    struct emulation *m = c->opaque;

    *value = platform_port_read(m->xv->v.domain, port, size);
    return INSN_DONE;
}

static enum insn_status io_write(struct insn_ctx *c, uint16_t port, unsigned int size, uint32_t value)
{
    struct emulation *m = c->opaque;

    platform_port_write(m->xv->v.domain, port, size, value);
    return INSN_DONE;
}

static bool cr0_ok(const struct vm_vcpu *vm, uint64_t value)
{
    const struct vm_state *s = &vm->state;
    bool paging = (value & CR0_PG) != 0;

    if ((value >> 32) || (paging && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD))) {
        return false;
    }
    if (paging && !(s->cr0 & CR0_PG) && (s->msr.efer & EFER_LME)) {
        return (s->cr4 & CR4_PAE) && !(s->seg[X86_SEG_CS].attr & X86_SEG_L);
    }
    return paging || !(s->cr0 & CR0_PG) || (vm->mode != INSN_MODE_64 && !(s->cr4 & CR4_PCIDE));
}

static enum insn_status write_cr0(struct insn_ctx *c, struct x86_vcpu *xv, uint64_t value)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    struct vm_state *s = vm_fetch(vm, VM_CR | VM_SEG);

    if (!cr0_ok(vm, value)) {
        return insn_raise(c, X86_VEC_GP, 0);
    }
    vm->flush |= ((value ^ s->cr0) & (CR0_PG | CR0_PE | CR0_WP)) != 0;
    s->msr.efer &= ~EFER_LMA;
    if ((value & CR0_PG) && (s->msr.efer & EFER_LME)) {
        s->msr.efer |= EFER_LMA;
    }
    s->cr0 = (value & CR0_KNOWN) | CR0_ET;
    vm_changed(vm, VM_CR);
    return INSN_DONE;
}

static enum insn_status write_cr4(struct insn_ctx *c, struct x86_vcpu *xv, uint64_t value)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    struct vm_state *s = vm_fetch(vm, VM_CR);
    bool long_mode = (s->msr.efer & EFER_LMA) != 0, new_pcide = (value & ~s->cr4 & CR4_PCIDE) != 0;

    if ((value & ~pvh_domain_of(xv)->cr4_allowed) || (long_mode && !(value & CR4_PAE)) ||
        (new_pcide && (!long_mode || (s->cr3 & 0xfff)))) {
        return insn_raise(c, X86_VEC_GP, 0);
    }
    if (value & CR4_PKE) {
        fpu_use(xv, XSTATE_PKRU); /* WRPKRU needs no XCR0 */
    }
    vm->flush |= ((value ^ s->cr4) & CR4_FLUSHES) != 0;
    s->cr4 = value;
    vm_changed(vm, VM_CR);
    return INSN_DONE;
}

static enum insn_status write_cr(struct insn_ctx *c, unsigned int cr, uint64_t value)
{
    struct emulation *m = c->opaque;

    switch (cr) {
    case 0:
        return write_cr0(c, m->xv, value);
    case 4:
        return write_cr4(c, m->xv, value);
    case 8:
        if (value > 15) {
            return insn_raise(c, X86_VEC_GP, 0);
        }
        vlapic_set_cr8(&m->xv->pvh->vlapic, (uint8_t)value);
        m->xv->pvh->look = true;
        return INSN_DONE;
    default:
        return INSN_UNHANDLEABLE;
    }
}

/* LMSW begins with what is there. */
static enum insn_status read_cr(struct insn_ctx *c, unsigned int cr, uint64_t *value)
{
    struct emulation *m = c->opaque;

    if (cr != 0) {
        return INSN_UNHANDLEABLE;
    }
    *value = vm_fetch(&m->xv->pvh->vm, VM_CR)->cr0;
    return INSN_DONE;
}

static const struct insn_ops ops = {
    .fetch = do_fetch,
    .read = do_read,
    .write = do_write,
    .io_allowed = io_allowed,
    .io_read = io_read,
    .io_write = io_write,
    .read_cr = read_cr,
    .write_cr = write_cr,
};

/* --- the instruction ------------------------------------------------------------------------------------------------------------------------------------------ */

static void fill_context(struct x86_vcpu *xv, struct insn_ctx *c, struct emulation *m)
{
    const struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_SEG | VM_CR);

    *c = (struct insn_ctx){
        .regs = &xv->regs,
        .mode = (enum insn_mode)xv->pvh->vm.mode,
        .protected_mode = (s->cr0 & 1) && !(xv->regs.rflags & X86_FLAGS_VM),
        .cpl = xv->pvh->vm.cpl,
        .iopl = (uint8_t)((xv->regs.rflags & X86_FLAGS_IOPL) >> 12),
        .ops = &ops,
        .opaque = m,
        .rep_limit = REP_LIMIT,
    };
    memcpy(c->seg, s->seg, sizeof(c->seg));
}

static enum insn_status get_instruction(struct insn_ctx *c, const struct vmexit *e, struct insn *in)
{
    if (e->insn_count > 0 && insn_decode(e->insn, e->insn_count, c->mode, in) == INSN_OK) {
        return INSN_DONE;
    }
    return insn_fetch(c, in);
}

static void not_done(struct x86_vcpu *xv, const struct insn_ctx *c, const struct insn *in)
{
    log_guest_warning("d%uv%u: instruction %02x (map %u) at rip %#lx is not emulated\n", xv->v.domain->id,
                      xv->v.id, in->opcode, in->map, (unsigned long)xv->regs.rip);
    pvh_inject_ud(xv);
}

void pvh_emulate(struct x86_vcpu *xv, const struct vmexit *e, unsigned int sets)
{
    struct emulation m = {xv, e};
    struct insn_ctx c;
    struct insn in = {0};
    uint64_t rip = xv->regs.rip;
    enum insn_status st;

    fill_context(xv, &c, &m);
    st = get_instruction(&c, e, &in);
    if (st == INSN_DONE) {
        st = insn_execute(&c, &in, sets);
    }
    switch (st) {
    case INSN_DONE:
        if (xv->regs.rip != rip) {
            pvh_skip(xv, 0); /* RIP is right already */
        }
        break;
    case INSN_EXCEPTION:
        if (c.fault.vector == X86_VEC_PF) {
            vm_fetch(&xv->pvh->vm, VM_CR)->cr2 = c.fault.cr2;
            vm_changed(&xv->pvh->vm, VM_CR);
        }
        pvh_inject(xv, c.fault.vector, c.fault.error);
        break;
    case INSN_RETRY:
        break;
    default:
        not_done(xv, &c, &in);
        break;
    }
}
