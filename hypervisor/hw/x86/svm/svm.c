/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding SVM and turning it on, and a vCPU's control block as it is when made. AMD APM volume 2, 15.4, 15.10, 15.11, 15.16, 15.30. */
#include <base/log.h>
#include <core/hypercall/build_info.h>
#include <core/memory/heap.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/svm/svm.h>
#include <hw/x86/svm/svm_internal.h>
#include <lib/string.h>

#define MSR_VM_CR        0xc0010114u
#define MSR_VM_HSAVE_PA  0xc0010117u
#define VM_CR_SVMDIS     BIT(4)
#define IO_BITMAP_ORDER  2 /* 12 KiB are used */
#define MSR_BITMAP_ORDER 1

struct svm_features svm;
DEFINE_PER_CPU(paddr_t, svm_host_vmcb);
static DEFINE_PER_CPU(bool, svm_on);

/* MSRs that the guest has in the processor, where VMLOAD and VMSAVE keep them. */
static const uint32_t direct_msrs[] = {
    MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, 0x174,
    0x175,       0x176,
};

static void allow_msr(uint8_t *bitmap, uint32_t msr)
{
    uint32_t base = msr >= 0xc0000000 ? 0x800 : 0, bit = (msr & 0x1fff) * 2;

    bitmap[base + bit / 8] &= (uint8_t) ~(3u << (bit % 8));
}

static bool make_bitmaps(void)
{
    mfn_t io = heap_alloc(IO_BITMAP_ORDER, 0), msr = heap_alloc(MSR_BITMAP_ORDER, 0);

    if (mfn_is_invalid(io) || mfn_is_invalid(msr)) {
        return false;
    }
    memset(mfn_to_virt(io), 0xff, PAGE_SIZE << IO_BITMAP_ORDER);
    memset(mfn_to_virt(msr), 0xff, PAGE_SIZE << MSR_BITMAP_ORDER);
    for (unsigned int i = 0; i < ARRAY_SIZE(direct_msrs); i++) {
        allow_msr(mfn_to_virt(msr), direct_msrs[i]);
    }
    svm.io_bitmap = mfn_to_paddr(io);
    svm.msr_bitmap = mfn_to_paddr(msr);
    return true;
}

static bool cpu_has_svm(struct cpuid_result *features)
{
    if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & BIT(2))) {
        return false;
    }
    *features = cpuid(0x8000000a, 0);
    if (!(features->edx & BIT(0)) || features->ebx < 2) {
        log_once(log_info, "SVM without nested paging: no PVH guests");
        return false;
    }
    if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
        log_once(log_info, "SVM is disabled by the firmware: no PVH guests");
        return false;
    }
    return true;
}

static bool init_boot_cpu(const struct cpuid_result *f)
{
    svm.next_rip = (f->edx & BIT(3)) != 0;
    svm.decode_assists = (f->edx & BIT(7)) != 0;
    svm.like_qemu = !svm.next_rip; /* no other sold since 2010 is without */
    svm.asids = f->ebx;
    if (!make_bitmaps()) {
        return false;
    }
    log_info("SVM with nested paging: %u ASIDs, next RIP %s", f->ebx, svm.next_rip ? "saved" : "decoded");
    return true;
}

static bool turn_on(void)
{
    void *save = heap_alloc_page(), *host = heap_alloc_page();

    if (!save || !host) {
        return false;
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, mfn_to_paddr(virt_to_mfn(save)));
    this_cpu(svm_host_vmcb) = mfn_to_paddr(virt_to_mfn(host));
    asm volatile("vmsave %0" ::"a"(this_cpu(svm_host_vmcb)) : "memory");
    this_cpu(svm_on) = true;
    return true;
}

void svm_init_cpu(void)
{
    bool boot = pcpu_id() == 0;
    struct cpuid_result f;

    if (!boot && !svm.available) {
        return;
    }
    svm.available = cpu_has_svm(&f) && (!boot || init_boot_cpu(&f)) && turn_on();
    if (!boot && !svm.available) {
        log_error("CPU %u cannot do what the first one can: no PVH guests", pcpu_id());
    }
    build_has_hvm = svm.available;
}

bool svm_available(void)
{
    return svm.available;
}

bool vm_available(void)
{
    return svm.available;
}

bool vm_has_1g_pages(void)
{
    return (cpuid(0x80000001, 0).edx & BIT(26)) != 0;
}

/* --- a vCPU ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void fill_vmcb(struct vmcb *b)
{
    b->intercept_dr = ~0u;
    b->intercept_exceptions =
        BIT(1) | BIT(17) | BIT(18); /* #DB and #AC can repeat for ever inside the processor; #MC is ours */
    b->intercept1 = INTERCEPT_INTR | INTERCEPT_NMI | INTERCEPT_SMI | INTERCEPT_INIT |
                    INTERCEPT_CR0_SELECTIVE | INTERCEPT_RDPMC | INTERCEPT_CPUID | INTERCEPT_INVD |
                    INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IOIO | INTERCEPT_MSR |
                    (uint32_t)INTERCEPT_SHUTDOWN;
    b->intercept2 = INTERCEPT2_ALL;
    b->iopm_pa = svm.io_bitmap;
    b->msrpm_pa = svm.msr_bitmap;
    b->np_enable = 1;
}

int vm_vcpu_init(struct vm_vcpu *vm)
{
    struct svm_vcpu *h;

    if (!svm.available) {
        return -XEN_EOPNOTSUPP;
    }
    h = zalloc(sizeof(*h));
    if (!h) {
        return -XEN_ENOMEM;
    }
    h->vmcb = heap_alloc_page();
    if (!h->vmcb) {
        zfree(h);
        return -XEN_ENOMEM;
    }
    h->pa = mfn_to_paddr(virt_to_mfn(h->vmcb));
    fill_vmcb(h->vmcb);
    vm->hw = h;
    return 0;
}

void vm_vcpu_free(struct vm_vcpu *vm)
{
    struct svm_vcpu *h = vm->hw;

    heap_free_page(h->vmcb);
    zfree(h);
    vm->hw = NULL;
}
