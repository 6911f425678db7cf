/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating-point and vector registers: FXSAVE for vCPUs that never turned on more than x87 and SSE, XSAVE for the others. State is switched with the vCPU,
 * never by a fault on first use: that would let one vCPU see another's registers by speculation. XCR0 is the running vCPU's own, since PV guests read it with
 * XGETBV and SVM does not switch it; the hypervisor widens it only around a save or a load. AMD APM volume 2, 11.5; Intel SDM volume 1, chapter 13.
 */
#include <base/log.h>
#include <base/percpu.h>
#include <guest/x86/common/hw_contract.h>
#include <hw/x86/cpu/fpu.h>
#include <hw/x86/cpu/insn.h>
#include <lib/string.h>
#include <model/x86/xstate/xstate.h>

#define FSW_OFFSET         2
#define FSW_ERROR          0x80u /* an exception is pending: FXRSTOR loads the error pointers too */
#define MXCSR_MASK_OFFSET  28
#define ECX1_XSAVE         BIT(26)
#define XSTATE1_XSAVEOPT   BIT(0)
#define EBX_RSTR_ERR_PTRS  BIT(2) /* of 0x80000008 */
#define EXTD_ADDRESS_SIZES 0x80000008u

static uint64_t components; /* constant after fpu_init_bsp(), as the three below */
static bool has_xsaveopt;
static bool leaks_error_pointers;
static uint32_t mxcsr_mask;
static DEFINE_PER_CPU(uint64_t, loaded_xcr0); /* 1 from the start: without XSAVE no vCPU's is another */

/* --- what there is ----------------------------------------------------------------------------------------------------------------------------- */

static void find_xsave(void)
{
    struct cpuid_result r;

    if (cpuid(0, 0).eax < 0xd || !(cpuid(1, 0).ecx & ECX1_XSAVE)) {
        return;
    }
    r = cpuid(0xd, 0);
    components = (r.eax | (uint64_t)r.edx << 32) & XSTATE_KNOWN;
    if ((components & XSTATE_AVX512) != XSTATE_AVX512 || !(components & XSTATE_AVX)) {
        components &= ~XSTATE_AVX512;
    }
    if ((components & XSTATE_LEGACY) != XSTATE_LEGACY) {
        components = 0;
    }
    has_xsaveopt = (cpuid(0xd, 1).eax & XSTATE1_XSAVEOPT) != 0;
}

/* AMD's FXRSTOR and XRSTOR leave the x87 instruction and data pointers alone unless an exception is pending: the last vCPU's would show. */
static void find_error_pointer_leak(void)
{
    struct cpuid_result vendor = cpuid(0, 0);
    bool is_amd = vendor.ebx == 0x68747541 || vendor.ebx == 0x6f677948; /* AuthenticAMD, HygonGenuine */

    leaks_error_pointers = is_amd && !(cpuid(0x80000000, 0).eax >= EXTD_ADDRESS_SIZES &&
                                       (cpuid(EXTD_ADDRESS_SIZES, 0).ebx & EBX_RSTR_ERR_PTRS));
}

void fpu_init_bsp(void)
{
    uint8_t image[XSTATE_FXSAVE_SIZE] __attribute__((aligned(16)));

    hw_fpu_save(image, XSTATE_LEGACY);
    memcpy(&mxcsr_mask, image + MXCSR_MASK_OFFSET, sizeof(mxcsr_mask));
    find_error_pointer_leak();
    find_xsave();
    if (components) {
        log_info("XSAVE: components %#lx%s", (unsigned long)components, has_xsaveopt ? ", XSAVEOPT" : "");
    }
}

static void xsetbv(uint64_t value)
{
    asm volatile("xsetbv" ::"c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

void fpu_init_cpu(void)
{
    this_cpu(loaded_xcr0) = XSTATE_X87;
    if (components) {
        write_cr4(read_cr4() | CR4_OSXSAVE);
        xsetbv(XSTATE_X87);
    }
}

uint64_t hw_xstate_components(void)
{
    return components;
}

uint32_t hw_mxcsr_mask(void)
{
    return mxcsr_mask;
}

/* --- switching --------------------------------------------------------------------------------------------------------------------------------- */

void hw_set_xcr0(uint64_t value)
{
    if (this_cpu(loaded_xcr0) != value) {
        this_cpu(loaded_xcr0) = value;
        xsetbv(value);
    }
}

uint64_t hw_read_xcr0(void)
{
    uint32_t low, high;

    if (components) {
        asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        this_cpu(loaded_xcr0) = low | (uint64_t)high << 32;
    }
    return this_cpu(loaded_xcr0);
}

void hw_fpu_save(void *image, uint64_t used)
{
    uint32_t low = (uint32_t)used, high = (uint32_t)(used >> 32);

    if (likely(!(used & ~XSTATE_LEGACY))) {
        asm volatile("fxsave64 (%0)" ::"r"(image) : "memory");
        return;
    }
    hw_set_xcr0(used);
    if (has_xsaveopt) {
        asm volatile("xsaveopt64 (%0)" ::"r"(image), "a"(low), "d"(high) : "memory");
    } else {
        asm volatile("xsave64 (%0)" ::"r"(image), "a"(low), "d"(high) : "memory");
    }
}

static void clear_error_pointers(const void *image)
{
    static const uint32_t zero;
    uint16_t fsw;

    memcpy(&fsw, (const uint8_t *)image + FSW_OFFSET, sizeof(fsw));
    if (!(fsw & FSW_ERROR)) {
        /* with a register free, a load changes only the pointers and what is loaded over at once */
        asm volatile("fnclex; ffree %%st(7); fildl %0" ::"m"(zero));
    }
}

void hw_fpu_load(const void *image, uint64_t used)
{
    if (leaks_error_pointers) {
        clear_error_pointers(image);
    }
    if (likely(!(used & ~XSTATE_LEGACY))) {
        asm volatile("fxrstor64 (%0)" ::"r"(image) : "memory");
        return;
    }
    hw_set_xcr0(used);
    asm volatile("xrstor64 (%0)" ::"r"(image), "a"((uint32_t)used), "d"((uint32_t)(used >> 32)) : "memory");
}

void hw_fpu_clear(uint64_t which)
{
    static const uint8_t nothing_in_use[XSTATE_MIN_SIZE] __attribute__((aligned(64)));

    asm volatile("xrstor64 (%0)" ::"r"(nothing_in_use), "a"((uint32_t)which), "d"((uint32_t)(which >> 32))
                 : "memory");
}
