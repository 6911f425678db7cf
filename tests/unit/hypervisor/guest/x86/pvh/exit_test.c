/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit records to changes of state: hypercalls, CPUID, MSRs, ports, memory that is not there, control registers, states from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/hvm_params.h>
#include <abi/hvm_save.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>
#include <tests/unit/hypervisor/random.h>

static struct x86_vcpu *const v0 = &rig_vcpu[0];

static int start(void **state)
{
    rig_start();
    v0->regs.rflags = X86_FLAGS_FIXED | X86_FLAGS_IF;
    return 0;
}

static int end(void **state)
{
    rig_end();
    return 0;
}

#define CODE(...) put_code((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put_code(const uint8_t *bytes, size_t n)
{
    memcpy(rig_at(RIG_CODE), bytes, n);
    v0->regs.rip = RIG_CODE;
}

static void run(enum vmexit_reason reason)
{
    rig_run(v0, &(struct vmexit){.reason = reason});
}

static const struct vm_event *injected(void)
{
    return &v0->pvh->vm.inject;
}

/* Long mode, 64-bit code, its tables in pages 1 to 4: the first 2 MiB of linear addresses are the first of memory. */
static void long_mode(void)
{
    struct vm_state *s = vm_fetch(&v0->pvh->vm, VM_ALL);
    uint64_t flags = PTE_P | PTE_RW | PTE_US;

    ((uint64_t *)rig_at(0x1000))[0] = 0x2000 | flags;
    ((uint64_t *)rig_at(0x2000))[0] = 0x3000 | flags;
    ((uint64_t *)rig_at(0x3000))[0] = flags | PTE_PS;
    s->cr0 = 0x80000011;
    s->cr3 = 0x1000;
    s->cr4 = 0x20;
    s->msr.efer = EFER_LME | EFER_LMA | EFER_NXE;
    s->seg[X86_SEG_CS].attr = 0xa9b;
    v0->pvh->vm.mode = INSN_MODE_64;
    vm_changed(&v0->pvh->vm, VM_ALL);
}

static void hypercall_of_64_bits(void **state)
{
    long_mode();
    CODE(0x0f, 0x01, 0xd9);
    v0->regs.rax = 17;
    v0->regs.rdi = 1, v0->regs.rsi = 2, v0->regs.rdx = 3, v0->regs.r10 = 4, v0->regs.r8 = 5, v0->regs.r9 = 6;
    rig_call_result = -XEN_EINVAL;
    run(VMEXIT_HYPERCALL);
    assert_int_equal(rig_call.nr, 17);
    for (unsigned int i = 0; i < 6; i++) {
        assert_int_equal(rig_call.arg[i], i + 1);
    }
    assert_false(rig_call.is_compat);
    assert_int_equal(v0->regs.rax, -XEN_EINVAL);
    assert_int_equal(v0->regs.rip, RIG_CODE + 3);
}

static void hypercall_of_32_bits(void **state)
{
    CODE(0x0f, 0x01, 0xd9);
    v0->regs.rax = 0xffffffff00000011;
    v0->regs.rbx = 0xffffffff00000001, v0->regs.rcx = 2, v0->regs.rdx = 3, v0->regs.rsi = 4, v0->regs.rdi = 5,
    v0->regs.rbp = 6;
    rig_call_result = -XEN_EINVAL;
    run(VMEXIT_HYPERCALL);
    assert_int_equal(rig_call.nr, 17);
    for (unsigned int i = 0; i < 6; i++) {
        assert_int_equal(rig_call.arg[i], i + 1);
    }
    assert_true(rig_call.is_compat);
    assert_int_equal(v0->regs.rax, (uint32_t)-XEN_EINVAL);
}

static void hypercall_in_real_mode_is_refused(void **state)
{
    CODE(0x0f, 0x01, 0xd9);
    vm_fetch(&v0->pvh->vm, VM_CR)->cr0 &= ~1ull;
    v0->regs.rax = 17;
    rig_call.nr = 99;
    run(VMEXIT_HYPERCALL);
    assert_int_equal(rig_call.nr, 99);
    assert_int_equal(v0->regs.rax, (uint32_t)-XEN_EPERM);
    assert_int_equal(v0->regs.rip, RIG_CODE + 3);
}

static void hypercall_to_be_resumed_is_executed_again(void **state)
{
    CODE(0x0f, 0x01, 0xd9);
    v0->regs.rax = 17;
    rig_call_result = -XEN_ERESTART;
    run(VMEXIT_HYPERCALL);
    assert_int_equal(v0->regs.rip, RIG_CODE);
    assert_int_equal(v0->regs.rax, 17);
    assert_int_equal(v0->regs.rbx, 0x1111);
}

static void user_mode_has_no_hypercalls(void **state)
{
    CODE(0x0f, 0x01, 0xd9);
    v0->pvh->vm.cpl = 3;
    rig_call.nr = 99;
    run(VMEXIT_HYPERCALL);
    assert_int_equal(rig_call.nr, 99);
    assert_int_equal((int32_t)v0->regs.rax, -XEN_EPERM);
}

static void lengths(void **state)
{
    CODE(0x66, 0x0f, 0xa2);
    run(VMEXIT_CPUID);
    assert_int_equal(v0->regs.rip, RIG_CODE + 3); /* a prefix */
    CODE(0x0f, 0xa2);
    v0->regs.rax = 7;
    v0->pvh->vm.shadow = true;
    run(VMEXIT_CPUID);
    assert_int_equal(v0->regs.rip, RIG_CODE + 2);
    assert_int_equal(v0->regs.rdx, 10);
    assert_false(v0->pvh->vm.shadow);
    v0->regs.rip = 0x5000000; /* cannot be read: try again */
    run(VMEXIT_CPUID);
    assert_int_equal(v0->regs.rip, 0x5000000);
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_CPUID, .next_rip = 0x5000004}); /* the processor knows */
    assert_int_equal(v0->regs.rip, 0x5000004);
}

static void length_across_a_page(void **state)
{
    uint64_t at = RIG_CODE + PAGE_SIZE - 1;

    *(uint8_t *)rig_at(at) = 0x0f;
    *(uint8_t *)rig_at(at + 1) = 0xa2;
    v0->regs.rip = at;
    run(VMEXIT_CPUID);
    assert_int_equal(v0->regs.rip, at + 2);
}

static void single_step_traps_after_an_emulated_instruction(void **state)
{
    CODE(0x0f, 0xa2);
    v0->regs.rflags |= X86_FLAGS_TF;
    run(VMEXIT_CPUID);
    assert_true(injected()->valid && injected()->vector == 1);
    assert_true(v0->pvh->vm.state.dr[6] & (1 << 14));
}

static void wrmsr(uint32_t msr, uint64_t value)
{
    CODE(0x0f, 0x30);
    v0->regs.rcx = msr;
    v0->regs.rax = (uint32_t)value;
    v0->regs.rdx = value >> 32;
    v0->pvh->vm.inject.valid = false;
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_MSR, .is_write = true});
}

static uint64_t rdmsr(uint32_t msr)
{
    CODE(0x0f, 0x32);
    v0->regs.rcx = msr;
    v0->pvh->vm.inject.valid = false;
    run(VMEXIT_MSR);
    return (uint32_t)v0->regs.rax | v0->regs.rdx << 32;
}

static void msrs(void **state)
{
    wrmsr(MSR_EFER, EFER_SCE | EFER_NXE);
    assert_false(injected()->valid);
    assert_int_equal(rdmsr(MSR_EFER), EFER_SCE | EFER_NXE);
    wrmsr(MSR_EFER, EFER_SVME);
    assert_true(injected()->valid && injected()->vector == 13);
    assert_int_equal(v0->regs.rip, RIG_CODE);
    (void)rdmsr(0xdead);
    assert_true(injected()->valid && injected()->vector == 13);
    wrmsr(MSR_PAT, 0x0007040600070406);
    assert_int_equal(rdmsr(MSR_PAT), 0x0007040600070406);
    rig_tsc = 1000000;
    wrmsr(MSR_TSC, 5000);
    assert_int_equal(rdmsr(MSR_TSC), 5000);
    rig_tsc += 7;
    assert_int_equal(rdmsr(MSR_TSC), 5007);
    assert_int_equal(rig_time_updates, 1); /* the shared time is said anew */
}

/* The domain's counter is not the processor's: 3 GHz of the hypervisor's time. */
static void emulated_counter(void **state)
{
    rig_domain.tsc_khz = 3000000;
    rig_domain.tsc_offset = 100;
    host_advance(1000);
    CODE(0x0f, 0x31);
    v0->regs.rax = v0->regs.rdx = ~0ull;
    run(VMEXIT_RDTSC);
    assert_int_equal(v0->regs.rip, RIG_CODE + 2);
    assert_int_equal(v0->regs.rax, port_now_ns() * 3 + 100);
    assert_int_equal(v0->regs.rdx, 0);
    wrmsr(MSR_TSC_AUX, 77);
    CODE(0x0f, 0x01, 0xf9);
    run(VMEXIT_RDTSCP);
    assert_int_equal(v0->regs.rip, RIG_CODE + 3);
    assert_int_equal(v0->regs.rcx, 77);
    vm_fetch(&v0->pvh->vm, VM_CR)->cr4 |= 4; /* TSD */
    CODE(0x0f, 0x31);
    v0->pvh->vm.cpl = 3;
    run(VMEXIT_RDTSC);
    assert_true(injected()->valid && injected()->vector == 13);
    assert_int_equal(v0->regs.rip, RIG_CODE);
}

static void xsetbv_by_policy(void **state)
{
    CODE(0x0f, 0x01, 0xd1);
    v0->regs.rax = 1, v0->regs.rcx = v0->regs.rdx = 0;
    run(VMEXIT_XSETBV); /* CR4.OSXSAVE is off */
    assert_true(injected()->valid && injected()->vector == 6);
    vm_fetch(&v0->pvh->vm, VM_CR)->cr4 |= 1 << 18;
    v0->pvh->vm.inject.valid = false;
    run(VMEXIT_XSETBV); /* the policy has no XSAVE */
    assert_true(injected()->valid && injected()->vector == 13);
    assert_int_equal(v0->regs.rip, RIG_CODE);
    rig_policy.basic[1].c |= 1 << 26;
    rig_policy.xstate[0].a = 3;
    v0->pvh->vm.inject.valid = false;
    v0->pvh->vm.cpl = 3;
    run(VMEXIT_XSETBV);
    assert_true(injected()->valid && injected()->vector == 13);
    v0->pvh->vm.cpl = 0;
    v0->pvh->vm.inject.valid = false;
    run(VMEXIT_XSETBV);
    assert_false(injected()->valid);
    assert_int_equal(v0->regs.rip, RIG_CODE + 3);
    assert_int_equal(v0->xcr0, 1);
}

static void x2apic_by_msr(void **state)
{
    wrmsr(0x80b, 0); /* EOI before it is turned on */
    assert_true(injected()->valid);
    wrmsr(MSR_APIC_BASE, VLAPIC_DEFAULT_BASE | VLAPIC_BASE_BSP | VLAPIC_BASE_ENABLE | VLAPIC_BASE_X2APIC);
    assert_false(injected()->valid);
    assert_int_equal(rdmsr(0x802), 0);
    wrmsr(0x80f, 0x1ff);
    wrmsr(0x83f, 0x45); /* to itself */
    run(VMEXIT_INTERRUPT);
    assert_true(rig_entered.inject.valid && rig_entered.inject.vector == 0x45);
}

static void hypercall_page(void **state)
{
    const uint8_t *page = rig_at(0x7000);

    wrmsr(MSR_HYPERCALL_PAGE, 0x7000);
    assert_false(injected()->valid);
    assert_memory_equal(page + 32 * 12, "\xb8\x0c\0\0\0\x0f\x01\xd9\xc3", 9);
    assert_memory_equal(page + 32 * 23, "\x0f\x0b", 2);
    wrmsr(MSR_HYPERCALL_PAGE, 0x7000000); /* no memory there */
    assert_true(injected()->valid);
}

static void halting(void **state)
{
    CODE(0xf4);
    run(VMEXIT_HLT);
    assert_int_equal(rig_blocks, 1);
    assert_int_equal(v0->regs.rip, RIG_CODE + 1);
    CODE(0xf4);
    v0->regs.rflags &= ~X86_FLAGS_IF;
    run(VMEXIT_HLT);
    assert_int_equal(rig_blocks, 1);
    assert_int_equal(rig_downs, 1);
}

static void ports_read_as_ones(void **state)
{
    CODE(0xec);
    v0->regs.rax = 0x12345678;
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_IO, .port = 0x60, .size = 1, .next_rip = RIG_CODE + 1});
    assert_int_equal(v0->regs.rax, 0x123456ff);
    assert_int_equal(v0->regs.rip, RIG_CODE + 1);
    CODE(0x6c); /* INSB */
    v0->regs.rdi = 0x6010;
    v0->regs.rdx = 0x60;
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_IO, .port = 0x60, .size = 1, .is_string = true});
    assert_int_equal(*(uint8_t *)rig_at(0x6010), 0xff);
    assert_int_equal(v0->regs.rip, RIG_CODE + 1);
}

static void page_exit(uint64_t gpa, uint32_t error)
{
    v0->pvh->vm.inject.valid = false;
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_PAGE, .gpa = gpa, .error = error});
}

static void apic_by_memory(void **state)
{
    CODE(0x8b, 0x03); /* mov (%ebx), %eax */
    v0->regs.rbx = 0xfee00030;
    page_exit(0xfee00030, 4);
    assert_int_equal(v0->regs.rax & 0xff, 0x14);
    CODE(0x89, 0x03); /* mov %eax, (%ebx) */
    v0->regs.rbx = 0xfee00080;
    v0->regs.rax = 0x50;
    page_exit(0xfee00080, 6);
    assert_int_equal(vlapic_cr8(&v0->pvh->vlapic), 5);
    assert_int_equal(v0->regs.rip, RIG_CODE + 2);
}

static void where_nothing_is(void **state)
{
    CODE(0x8b, 0x03);
    v0->regs.rbx = 0xd0000000;
    page_exit(0xd0000000, 4);
    assert_int_equal(v0->regs.rax, 0xffffffff);
    CODE(0x89, 0x03);
    page_exit(0xd0000000, 6);
    assert_int_equal(v0->regs.rip, RIG_CODE + 2);
    assert_int_equal(rig_crashes, 0);
    page_exit(0xd0000000, 0x14); /* code */
    assert_int_equal(rig_crashes, 1);
}

static void what_cannot_be_emulated_is_ud(void **state)
{
    CODE(0x0f, 0x28, 0x03); /* movaps (%ebx), %xmm0 */
    v0->regs.rbx = 0xd0000000;
    page_exit(0xd0000000, 4);
    assert_true(injected()->valid && injected()->vector == 6);
}

static void mapped_meanwhile(void **state)
{
    CODE(0x8b, 0x03);
    page_exit(0x6000, 4);
    assert_int_equal(v0->regs.rip, RIG_CODE);
    assert_false(injected()->valid);
}

static void read_only_memory_refuses_writes(void **state)
{
    mfn_t mfn = heap_alloc(0, HEAP_ZERO);

    /* a frame without an owner does for a grant: the mapping's reference is what counts */
    __atomic_store_n(frame_state(mfn), FRAME_OWNER(DOMID_NONE) | FRAME_REF_ONE, __ATOMIC_RELEASE);
    assert_int_equal(p2m_add(&rig_domain, &rig_domain.pvh->p2m, 0x9000, mfn, 0, P2M_GRANT_RO), 0);
    CODE(0x89, 0x03);
    page_exit(0x9000000, 7);
    assert_true(injected()->valid && injected()->vector == 13);
    page_exit(0x9000000, 5);
    assert_false(injected()->valid);
    assert_int_equal(pvh_guest_write(v0, 0x9000000, "x", 1), -XEN_EFAULT);
}

static void cr_write(uint8_t modrm, uint64_t value)
{
    CODE(0x0f, 0x22, modrm);
    v0->regs.rax = value;
    v0->pvh->vm.inject.valid = false;
    run(VMEXIT_CR_WRITE);
}

static void control_registers(void **state)
{
    const struct vm_state *s = &v0->pvh->vm.state;

    long_mode();
    rig_flat_mode(v0);
    v0->pvh->vm.state.msr.efer = 0;
    cr_write(0xe0, 0x20); /* CR4 = PAE */
    assert_int_equal(s->cr4, 0x20);
    cr_write(0xe0, 1 << 18); /* OSXSAVE: not in the policy */
    assert_true(injected()->valid && injected()->vector == 13);
    wrmsr(MSR_EFER, EFER_LME);
    cr_write(0xc0, 0x80000011);
    assert_false(injected()->valid);
    assert_int_equal(s->msr.efer, EFER_LME | EFER_LMA);
    cr_write(0xe0, 0); /* PAE off in long mode */
    assert_true(injected()->valid);
    cr_write(0xc0, 0x11);
    assert_int_equal(s->msr.efer, EFER_LME);
    cr_write(0xc0, 0x80000010); /* paging without protection */
    assert_true(injected()->valid);
}

static void walk_through_the_guests_tables(void **state)
{
    char buf[8] = "abcdefg", back[8];

    long_mode();
    assert_int_equal(pvh_guest_write(v0, 0x6ffc, buf, 8), 0);
    assert_memory_equal(rig_at(0x6ffc), "abcd", 4);
    assert_memory_equal(rig_at(0x7000), "efg", 4);
    assert_int_equal(pvh_guest_read(v0, back, 0x6ffc, 8), 0);
    assert_memory_equal(back, buf, 8);
    assert_true(*(uint64_t *)rig_at(0x3000) & PTE_D);
    assert_int_equal(pvh_guest_read(v0, back, 0x200000, 1), -XEN_EFAULT); /* not mapped by the guest */
    assert_int_equal(pvh_guest_read(v0, back, 0x100000, 1),
                     -XEN_EFAULT); /* mapped by it to where it has no memory */
    assert_int_equal(pvh_guest_read(v0, back, 1ull << 47, 1), -XEN_EFAULT);
}

/* The quick walk against the one that knows all the rules: entries with random bits, the same answer and the same bytes. */
static void the_quick_walk_agrees(void **state)
{
    static uint8_t before[3 * PAGE_SIZE];
    struct random r = random_seed(7);

    long_mode();
    for (unsigned int i = 0; i < RIG_PAGES; i++) {
        *(uint64_t *)rig_at(i * PAGE_SIZE + 0xf00) = i;
    }
    for (unsigned int round = 0; round < 20000; round++) {
        struct vm_state *s = vm_fetch(&v0->pvh->vm, VM_CR);
        uint64_t va = (random_below(&r, 32) << PAGE_SHIFT) | 0xf00, got = ~0ull, *entry[4];
        bool write = random_below(&r, 2), wp = random_below(&r, 2), ok;
        struct pt_result where;
        enum pt_status st;

        s->cr0 = 0x80000011 | (wp ? BIT(16) : 0);
        s->msr.efer = EFER_LME | EFER_LMA | (random_below(&r, 4) ? EFER_NXE : 0);
        for (unsigned int l = 0; l < 4; l++) {
            entry[l] = (uint64_t *)rig_at(0x1000 + l * 0x1000) + (l < 3 ? 0 : va >> PAGE_SHIFT);
            *entry[l] = PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D |
                        (l < 3 ? 0x2000 + l * 0x1000 : random_below(&r, RIG_PAGES + 2) << PAGE_SHIFT);
            if (random_below(&r, 3) == 0) {
                *entry[l] ^= BIT(random_below(&r, 64));
            }
        }
        memcpy(before, rig_at(0x1000), PAGE_SIZE), memcpy(before + PAGE_SIZE, rig_at(0x2000), PAGE_SIZE);
        memcpy(before + 2 * PAGE_SIZE, rig_at(0x3000), PAGE_SIZE);
        uint64_t last = *entry[3];

        ok = (write ? pvh_guest_write(v0, va, &round, 0) : pvh_guest_read(v0, &got, va, 8)) == 0;
        if (write) { /* a copy of nothing finds nothing out: write what is there */
            st = pvh_walk(v0, va, PT_ACCESS_PEEK, &where);
            if (st == PT_OK && where.gpa >> PAGE_SHIFT < RIG_PAGES && where.gpa >> PAGE_SHIFT > 4) {
                ok = pvh_guest_write(v0, va, rig_at(where.gpa), 8) == 0;
            } else {
                continue;
            }
        }
        memcpy(rig_at(0x1000), before, PAGE_SIZE), memcpy(rig_at(0x2000), before + PAGE_SIZE, PAGE_SIZE);
        memcpy(rig_at(0x3000), before + 2 * PAGE_SIZE, PAGE_SIZE);
        *entry[3] = last;
        st = pvh_walk(v0, va, write ? PT_ACCESS_WRITE : 0, &where);
        assert_int_equal(ok, st == PT_OK && where.gpa >> PAGE_SHIFT < RIG_PAGES);
        if (ok && !write && where.gpa >> PAGE_SHIFT > 4) {
            assert_int_equal(got, *(uint64_t *)rig_at(where.gpa));
        }
    }
}

static void states_survive_saving(void **state)
{
    static uint8_t one[16384], two[16384];
    uint32_t need, used = 0, again = 0;

    long_mode();
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        rig_vcpu[i].v.is_initialised = true;
    }
    assert_int_equal(pvh_get_context(&rig_domain, NULL, 0, &need), 0);
    assert_true(need <= sizeof(one));
    assert_int_equal(pvh_get_context(&rig_domain, one, need, &used), 0);
    assert_int_equal(used, need);
    assert_int_equal(pvh_get_context(&rig_domain, two, need - 1, &again), -XEN_ENOSPC);
    memset(&v0->regs, 0, sizeof(v0->regs));
    pvh_reset(v0);
    assert_int_equal(pvh_set_context(&rig_domain, one, used), 0);
    assert_int_equal(pvh_get_context(&rig_domain, two, need, &again), 0);
    assert_memory_equal(one, two, used);
    for (uint32_t cut = 0; cut < used; cut += 13) {
        assert_int_equal(pvh_set_context(&rig_domain, one, cut), -XEN_EINVAL);
    }
}

static void impossible_states_are_refused(void **state)
{
    struct vm_state s = *vm_fetch(&v0->pvh->vm, VM_ALL);
    struct x86_regs r = v0->regs;

#define REFUSED(change)                                                        \
    do {                                                                       \
        struct vm_state bad = s;                                               \
        change;                                                                \
        assert_int_equal(pvh_check_state(&rig_domain, &bad, &r), -XEN_EINVAL); \
    } while (0)
    assert_int_equal(pvh_check_state(&rig_domain, &s, &r), 0);
    REFUSED(bad.cr0 = 0x80000010);
    REFUSED(bad.cr0 = 1ull << 32);
    REFUSED(bad.cr0 = 0x20000011);
    REFUSED(bad.cr4 = 1 << 18);
    REFUSED(bad.cr3 = 1ull << 60);
    REFUSED(bad.dr[7] = 1ull << 32);
    REFUSED(bad.msr.efer = EFER_SVME);
    REFUSED(bad.msr.efer = EFER_LMA);
    REFUSED((bad.cr0 = 0x80000011, bad.msr.efer = EFER_LME | EFER_LMA));
    REFUSED(bad.seg[X86_SEG_DS].base = 1ull << 47);
    REFUSED(bad.msr.lstar = 1ull << 62);
#undef REFUSED
}

static void ends(void **state)
{
    run(VMEXIT_TRIPLE_FAULT);
    assert_int_equal(rig_shutdowns, 1);
    run(VMEXIT_FAILED);
    assert_int_equal(rig_crashes, 1);
    run(VMEXIT_ABSENT);
    assert_true(injected()->valid && injected()->vector == 6);
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_EXCEPTION, .vector = 17, .error = 0});
    assert_true(injected()->valid && injected()->vector == 17 && injected()->has_error);
}

/* A kernel that restarts the machine by an event which it has no table for. */
static void an_event_without_memory_for_its_table_is_a_triple_fault(void **state)
{
    pvh_inject(v0, 3, 0);
    v0->pvh->vm.inject.valid = true;
    pvh_handle_exit(v0, &(struct vmexit){.reason = VMEXIT_PAGE, .gpa = 0xbffdc828, .error = 4});
    assert_int_equal(rig_shutdowns, 1);
    assert_int_equal(rig_crashes, 0);
}

/* It would fault for ever. */
static void a_page_table_without_memory_is_a_triple_fault(void **state)
{
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_PAGE, .gpa = 0xbffdc828, .error = 6, .in_walk = true});
    assert_int_equal(rig_shutdowns, 1);
    assert_int_equal(rig_crashes, 0);
}

/* vwfi=native: who owns its pCPU may halt it; the trap is back as soon as it comes to one that it shares. */
static void native_halt(void **state)
{
    pvh_switch_to(v0);
    assert_false(v0->pvh->vm.let_halt);
    rig_may_halt = true;
    pvh_switch_to(v0);
    assert_true(v0->pvh->vm.let_halt);
    rig_may_halt = false;
    pvh_switch_to(v0);
    assert_false(v0->pvh->vm.let_halt);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(hypercall_of_64_bits),
        TEST(hypercall_of_32_bits),
        TEST(hypercall_in_real_mode_is_refused),
        TEST(hypercall_to_be_resumed_is_executed_again),
        TEST(user_mode_has_no_hypercalls),
        TEST(lengths),
        TEST(length_across_a_page),
        TEST(single_step_traps_after_an_emulated_instruction),
        TEST(msrs),
        TEST(x2apic_by_msr),
        TEST(hypercall_page),
        TEST(halting),
        TEST(ports_read_as_ones),
        TEST(apic_by_memory),
        TEST(where_nothing_is),
        TEST(what_cannot_be_emulated_is_ud),
        TEST(mapped_meanwhile),
        TEST(read_only_memory_refuses_writes),
        TEST(control_registers),
        TEST(walk_through_the_guests_tables),
        TEST(the_quick_walk_agrees),
        TEST(emulated_counter),
        TEST(xsetbv_by_policy),
        TEST(states_survive_saving),
        TEST(impossible_states_are_refused),
        TEST(ends),
        TEST(an_event_without_memory_for_its_table_is_a_triple_fault),
        TEST(a_page_table_without_memory_is_a_triple_fault),
        TEST(native_halt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
