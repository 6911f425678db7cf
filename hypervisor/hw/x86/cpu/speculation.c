/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps one domain's branches from steering another's. Retpolines and the like are not there: docs/cpu.md says what is done and what is not.
 * AMD, "Software techniques for managing speculation"; Intel SDM volume 4, IA32_PRED_CMD.
 */
#include <guest/x86/common/hw_contract.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/speculation.h>

#define MSR_PRED_CMD  0x49u
#define PRED_CMD_IBPB 1ull
#define EBX8_IBPB     BIT(12) /* AMD: leaf 0x80000008 */
#define EDX7_SPEC     BIT(26) /* Intel: leaf 7 */

static bool has_ibpb;

void speculation_init(void)
{
    bool amd = cpuid(0x80000000, 0).eax >= 0x80000008 && (cpuid(0x80000008, 0).ebx & EBX8_IBPB);
    bool intel = cpuid(0, 0).eax >= 7 && (cpuid(7, 0).edx & EDX7_SPEC);

    has_ibpb = amd || intel;
}

void hw_forget_branches(void)
{
    if (has_ibpb) {
        wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    }
}
