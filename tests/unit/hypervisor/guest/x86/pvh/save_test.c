/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Save records that do not fit: each refused as a whole, before anything of the domain has changed. States that survive are exit_test.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/hvm_save.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

#define SIZE 16384u

static struct x86_vcpu *const v0 = &rig_vcpu[0];
static uint8_t *buf; /* exactly `used` bytes: the sanitizers see what is read behind */
static uint32_t used;

static int start(void **state)
{
    rig_start();
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        rig_vcpu[i].v.is_initialised = true;
    }
    v0->regs.rax = 0x1111;
    assert_int_equal(pvh_get_context(&rig_domain, NULL, 0, &used), 0);
    buf = malloc(used);
    assert_int_equal(pvh_get_context(&rig_domain, buf, used, &used), 0);
    return 0;
}

static int end(void **state)
{
    free(buf);
    rig_end();
    return 0;
}

/* The descriptor of the @nth record of @type, from 0. */
static struct hvm_save_descriptor *find(uint16_t type, unsigned int nth)
{
    for (uint32_t at = 0; at < used;) {
        struct hvm_save_descriptor *d = (struct hvm_save_descriptor *)(buf + at);

        if (d->typecode == type && nth-- == 0) {
            return d;
        }
        at += (uint32_t)sizeof(*d) + d->length;
    }
    fail_msg("no record %u of type %u", nth, type);
    return NULL;
}

#define RECORD(type, nth) ((HVM_SAVE_TYPE(type) *)(find(HVM_SAVE_CODE(type), nth) + 1))

/* Refused, and the first vCPU, whose record comes before all that can be wrong, is as it was. */
static void refused(void)
{
    struct vm_state before = *vm_fetch(&v0->pvh->vm, VM_ALL);
    struct vlapic vlapic = v0->pvh->vlapic;

    v0->regs.rax = 0x2222;
    assert_int_equal(pvh_set_context(&rig_domain, buf, used), -XEN_EINVAL);
    assert_int_equal(v0->regs.rax, 0x2222);
    assert_memory_equal(&before, &v0->pvh->vm.state, sizeof(before));
    assert_memory_equal(&vlapic, &v0->pvh->vlapic, sizeof(vlapic));
}

static void accepted(void)
{
    assert_int_equal(pvh_set_context(&rig_domain, buf, used), 0);
}

#define REFUSED(place, value)                 \
    do {                                      \
        __typeof__(place) *place_ = &(place); \
        __typeof__(place) good_ = *place_;    \
        *place_ = (value);                    \
        refused();                            \
        *place_ = good_;                      \
    } while (0)

static void as_it_is(void **state)
{
    v0->regs.rax = 0x2222;
    accepted();
    assert_int_equal(v0->regs.rax, 0x1111);
}

static void header(void **state)
{
    REFUSED(RECORD(HEADER, 0)->magic, 0);
    REFUSED(RECORD(HEADER, 0)->version, 99);
    REFUSED(find(HVM_SAVE_CODE(HEADER), 0)->typecode, HVM_SAVE_CODE(CPU));
    REFUSED(find(HVM_SAVE_CODE(HEADER), 0)->typecode, HVM_SAVE_CODE(END));
    REFUSED(find(HVM_SAVE_CODE(HEADER), 0)->length, 0);
}

static void lengths(void **state)
{
    static const uint16_t types[] = {HVM_SAVE_CODE(CPU), HVM_SAVE_CODE(LAPIC), HVM_SAVE_CODE(LAPIC_REGS),
                                     HVM_SAVE_CODE(MTRR), HVM_SAVE_CODE(TSC_ADJUST)};

    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        struct hvm_save_descriptor *d = find(types[i], RIG_VCPUS - 1);
        uint32_t length = d->length;
        const uint32_t wrong[] = {0, length - 1, length + 1, length + 8, 0x7fffffff, ~0u, ~7u};

        for (unsigned int k = 0; k < ARRAY_SIZE(wrong); k++) {
            d->length = wrong[k];
            refused();
        }
        d->length = length;
    }
    accepted();
    /* no end: what is behind is nothing */
    used -= (uint32_t)sizeof(struct hvm_save_descriptor);
    refused();
    used += (uint32_t)sizeof(struct hvm_save_descriptor);
    REFUSED(find(HVM_SAVE_CODE(END), 0)->typecode, 0xfff);
    assert_int_equal(pvh_set_context(&rig_domain, buf, 0), -XEN_EINVAL);
}

static void instances(void **state)
{
    static const uint16_t types[] = {HVM_SAVE_CODE(CPU), HVM_SAVE_CODE(LAPIC), HVM_SAVE_CODE(LAPIC_REGS),
                                     HVM_SAVE_CODE(MTRR), HVM_SAVE_CODE(TSC_ADJUST)};

    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        REFUSED(find(types[i], 2)->instance, RIG_VCPUS);
        REFUSED(find(types[i], 2)->instance, 0xffff);
        rig_vcpus[2] = NULL; /* not created yet */
        refused();
        rig_vcpus[2] = &rig_vcpu[2].v;
    }
    accepted();
    find(HVM_SAVE_CODE(CPU), 2)->instance = 0; /* twice the same: the later one counts */
    RECORD(CPU, 2)->rax = 0x3333;
    accepted();
    assert_int_equal(v0->regs.rax, 0x3333);
}

/* A type that is not known is passed over, wherever it is from. */
static void unknown(void **state)
{
    struct hvm_save_descriptor *d = find(HVM_SAVE_CODE(MTRR), 1);

    d->typecode = 0x1234;
    d->instance = 0xffff;
    accepted();
    d->length = used; /* but it ends within what there is */
    refused();
}

static void processor(void **state)
{
    struct hvm_hw_cpu *c = RECORD(CPU, 1);
    uint32_t mxcsr = 0xffff;

    REFUSED(c->cr0, 0x80000010);
    REFUSED(c->cr0, 1ull << 32);
    REFUSED(c->cr4, 1ull << 13);
    REFUSED(c->cr3, 1ull << 52);
    REFUSED(c->msr_efer, EFER_SVME);
    REFUSED(c->msr_efer, EFER_LMA);
    REFUSED(c->rip, 1ull << 47);
    REFUSED(c->dr7, 1ull << 32);
    REFUSED(c->cs_arbytes, 0x1c9b);
    REFUSED(c->tr_base, 1ull << 47);
    REFUSED(c->gdtr_base, 1ull << 63);
    REFUSED(c->idtr_base, 1ull << 63);
    REFUSED(c->shadow_gs, 1ull << 47);
    REFUSED(c->sysenter_eip, 1ull << 47);
    REFUSED(c->msr_cstar, 1ull << 47);
    memcpy(c->fpu_regs + 24, &mxcsr, sizeof(mxcsr)); /* a bit that loading it would fault on */
    refused();
    c->flags &= ~XEN_X86_FPU_INITIALISED; /* not looked at then */
    accepted();
}

static void events(void **state)
{
    struct hvm_hw_cpu *c = RECORD(CPU, 0);

    for (unsigned int type = 0; type < 8; type++) {
        bool ok = type == VM_EVENT_INTERRUPT || type == VM_EVENT_NMI || type == VM_EVENT_EXCEPTION;

        c->pending_event = 0;
        c->pending_valid = 1;
        c->pending_type = type & 7;
        c->pending_vector = 31;
        if (ok) {
            accepted();
            assert_true(v0->pvh->vm.inject.valid && v0->pvh->vm.inject.type == type &&
                        v0->pvh->vm.inject.vector == 31);
        } else {
            refused();
        }
    }
    c->pending_type = VM_EVENT_EXCEPTION;
    c->pending_vector = 32; /* no exception has this number */
    refused();
    c->pending_valid = 0;
    accepted();
    assert_false(v0->pvh->vm.inject.valid);
}

static void memory_types(void **state)
{
    struct hvm_hw_mtrr *m = RECORD(MTRR, 2);

    REFUSED(m->msr_pat_cr, 0x0007040600070402);
    REFUSED(m->msr_pat_cr, 0x0807040600070406);
    REFUSED(m->msr_pat_cr, 0x2607040600070406);
    REFUSED(m->msr_mtrr_def_type, 1ull << 8);
    REFUSED(m->msr_mtrr_def_type, 1ull << 63);
    REFUSED(m->msr_mtrr_def_type, 2); /* no such type */
    REFUSED(m->msr_mtrr_var[0], 2);
    REFUSED(m->msr_mtrr_var[0], 1ull << 63);
    REFUSED(m->msr_mtrr_var[15], 1);
    REFUSED(m->msr_mtrr_fixed[0], 2);
    REFUSED(m->msr_mtrr_fixed[NUM_FIXED_MSR - 1], 7ull << 56);
    m->msr_mtrr_def_type = 0xc06;
    accepted();
    assert_int_equal(vm_fetch(&rig_vcpu[2].pvh->vm, VM_MSR)->msr.mtrr_def_type, 0xc06);
}

static void local_apic(void **state)
{
    struct hvm_hw_lapic *l = RECORD(LAPIC, 1);
    struct hvm_hw_lapic_regs *r = RECORD(LAPIC_REGS, 2);

    REFUSED(l->apic_base_msr, 0xfee00400); /* x2APIC, but off */
    REFUSED(l->apic_base_msr, 0xfec00800); /* elsewhere */
    REFUSED(l->apic_base_msr, 1ull << 40 | 0xfee00800);
    REFUSED(*(uint32_t *)&r->data[0x100], 1u << 15); /* in service and requested: 16 on only */
    REFUSED(*(uint32_t *)&r->data[0x200], 1u);
    accepted();
}

/* A vCPU that is down is brought up by its record, and by nothing else. */
static void brings_up(void **state)
{
    rig_vcpu[1].v.sched.pause_flags = VPF_DOWN;
    rig_vcpu[1].v.is_initialised = false;
    find(HVM_SAVE_CODE(CPU), 2)->typecode = 0x1234;
    rig_vcpu[2].v.sched.pause_flags = VPF_DOWN;
    accepted();
    assert_int_equal(rig_vcpu[1].v.sched.pause_flags & VPF_DOWN, 0);
    assert_true(rig_vcpu[1].v.is_initialised);
    assert_int_equal(rig_vcpu[2].v.sched.pause_flags & VPF_DOWN, VPF_DOWN);
}

static void out_of_memory(void **state)
{
    host_alloc_fail_after(0);
    assert_int_equal(pvh_set_context(&rig_domain, buf, used), -XEN_ENOMEM);
    host_alloc_fail_after(-1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(as_it_is), T(header),       T(lengths),    T(instances), T(unknown),       T(processor),
        T(events),   T(memory_types), T(local_apic), T(brings_up), T(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
