/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From head.S to init/: what must happen before anything else. */
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/early_trap.h>
#include <hw/x86/boot/main.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/smp/smp.h>
#include <base/contract.h>

_Noreturn void boot_main(uint32_t magic, uint32_t info_pa);

_Noreturn void boot_main(uint32_t magic, uint32_t info_pa)
{
    boot_tsc = rdtsc();
    percpu_init();
    cpus_online = cpus_present = cpuset_of(0);
    early_trap_init();
    boot_info_read(magic, info_pa);
    init_start();
}
