/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PVH guest that does its worst: random exit records with random code at RIP, random registers, page tables, interrupts from outside. Nothing may fail an
 * assertion or touch memory that is not the guest's, and teardown finds every page. 32 bytes of input a round: what, registers, code.
 */
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

#define ROUND 32u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_mode(struct x86_vcpu *xv, uint8_t how)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    struct vm_state *s = vm_fetch(vm, VM_ALL);
    uint64_t flags = PTE_P | PTE_RW | PTE_US;

    rig_flat_mode(xv);
    vm->cpl = how & 0x20 ? 3 : 0;
    if ((how & 3) == 1) { /* long mode; page tables that the guest can write to */
        ((uint64_t *)rig_at(0x1000))[0] |= 0x2000 | flags;
        ((uint64_t *)rig_at(0x2000))[0] |= 0x3000 | flags;
        ((uint64_t *)rig_at(0x3000))[0] |= flags | PTE_PS;
        s->cr0 = 0x80000011;
        s->cr3 = 0x1000;
        s->cr4 = 0x20;
        s->msr.efer = EFER_LME | EFER_LMA | EFER_NXE;
        s->seg[X86_SEG_CS].attr = 0xa9b;
        vm->mode = INSN_MODE_64;
    } else if ((how & 3) == 2) { /* real mode */
        s->cr0 = 0x10;
        for (unsigned int i = 0; i < X86_SEG_COUNT; i++) {
            s->seg[i].limit = 0xffff;
        }
        vm->mode = INSN_MODE_16;
    } else if ((how & 3) == 3) { /* 32-bit paging */
        s->cr0 = 0x80000011;
        s->cr3 = 0x1000;
        s->cr4 = how & 4 ? 0x30 : 0x10;
        ((uint32_t *)rig_at(0x1000))[0] |= (uint32_t)(flags | PTE_PS);
    }
}

static void one_round(const uint8_t *in)
{
    struct x86_vcpu *xv = &rig_vcpu[in[0] % RIG_VCPUS];
    struct vmexit e = {.reason = in[1] % VMEXIT_COUNT};
    uint64_t *gpr = &xv->regs.r15;

    set_mode(xv, in[2]);
    e.is_write = in[2] & 0x40;
    e.is_string = in[2] & 0x80;
    e.size = (uint8_t)(1u << (in[3] % 3));
    e.vector = in[3] & 31;
    e.port = (uint16_t)(in[4] | in[5] << 8);
    e.error = in[6] & 0x1f;
    e.gpa = in[6] & 0x80 ? 0xfee00000 + (in[4] & 0x3f) * 16 : (uint64_t)(in[4] | in[5] << 8) << 8;
    for (unsigned int i = 0; i < 15; i++) {
        uint64_t small = in[7 + i % 9];

        gpr[i] = in[16] & 1   ? small << 8
                 : in[16] & 2 ? 0xfee00000 + small * 16
                              : small * 0x0101010101010101ull;
    }
    if (e.reason == VMEXIT_MSR) {
        xv->regs.rcx = in[7] & 1   ? 0x800u + in[8]
                       : in[7] & 2 ? 0xc0000080u + (in[8] & 31)
                                   : in[8] | (uint32_t)in[9] << 8;
    }
    xv->regs.rflags = X86_FLAGS_FIXED | (in[16] & 4 ? X86_FLAGS_IF : 0) | (in[16] & 8 ? X86_FLAGS_DF : 0) |
                      (in[16] & 16 ? X86_FLAGS_TF : 0);
    xv->regs.rip = RIG_CODE + (in[16] & 32 ? 0xff8 : 0);
    memcpy(rig_at(RIG_CODE), in + 17, 15);
    memcpy(rig_at(RIG_CODE + 0xff8), in + 17, 8);
    memcpy(rig_at(RIG_CODE + 0x1000), in + 25, 7);
    if (in[16] & 64) {
        pvh_post_irq(xv, (uint8_t)(in[5] | 16));
    }
    if ((in[16] & 128) && in[4] == 0x77) {
        pvh_post(xv, POST_INIT);
    }
    rig_call_result = in[3] & 0x80 ? -XEN_ERESTART : 0;
    rig_run(xv, &e);
    /* what the next entry finds must be what it can load */
    rig_assert((xv->pvh->vm.dirty & ~xv->pvh->vm.valid) == 0);
    if (xv->pvh->vm.valid & VM_CR) {
        rig_assert(!(xv->pvh->vm.state.cr4 & ~(rig_domain.pvh->cr4_allowed)) &&
                   !(xv->pvh->vm.state.cr0 >> 32));
    }
    rig_assert(xv->pvh->vlapic.deadline_ns == 0 || xv->pvh->vlapic.deadline_ns < ~0ull);
}

static void load_context(const uint8_t *data, size_t size)
{
    static uint8_t records[16384];
    uint32_t used = 0;

    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        rig_vcpu[i].v.is_initialised = true;
        rig_vcpu[i].v.sched.pause_flags = 0;
    }
    rig_assert(pvh_get_context(&rig_domain, records, sizeof(records), &used) == 0);
    for (size_t i = 0; i + 3 <= size; i += 3) { /* changes to a good one */
        records[(data[i] | data[i + 1] << 8) % used] ^= data[i + 2];
    }
    if (pvh_set_context(&rig_domain, records, used) == 0) {
        for (unsigned int i = 0; i < RIG_VCPUS; i++) {
            struct x86_regs r = rig_vcpu[i].regs;

            rig_assert(pvh_check_state(&rig_domain, vm_fetch(&rig_vcpu[i].pvh->vm, VM_ALL), &r) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rig_start();
    if (size > 0 && data[0] == 0xff) {
        load_context(data + 1, size - 1);
    } else {
        for (; size >= ROUND; data += ROUND, size -= ROUND) {
            one_round(data);
        }
    }
    rig_end();
    return 0;
}
