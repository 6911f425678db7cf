/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of hw/x86/svm. */
#pragma once
#include <base/percpu.h>
#include <guest/x86/pvh/vm.h>
#include <hw/x86/svm/vmcb.h>

/* struct vm_vcpu.hw */
struct svm_vcpu {
    struct vmcb *vmcb;
    paddr_t pa;
    uint64_t asid_generation; /* of the pCPU that gave the ASID; 0 none */
    uint16_t cpu;
    enum { VINTR_UNUSED, VINTR_FOR_WINDOW, VINTR_FOR_EVENT } vintr_use; /* what the last entry had one for */
    bool debug_loaded; /* DR0-3 are the guest's, and it may use them */
};

struct svm_features {
    bool available;
    bool next_rip, decode_assists;
    bool like_qemu; /* mind its faults: set_events(), recall_interrupts() */
    uint32_t asids;
    paddr_t io_bitmap, msr_bitmap;
};
extern struct svm_features svm;

/* State of the host that VMRUN does not keep, as of svm_init_cpu(). */
DECLARE_PER_CPU(paddr_t, svm_host_vmcb);

/* entry.S: run @vmcb with the general registers of @regs until the exit; then load what @host has. Interrupts off at both ends. */
void svm_run(struct x86_regs *regs, paddr_t vmcb, paddr_t host);
