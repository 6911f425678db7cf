/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turning on supervisor-mode access prevention: smap.h. */
#include <base/log.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/trap/smap.h>

struct smap_site {
    int32_t offset; /* from here to the three bytes */
    uint32_t last;  /* what the third one becomes */
};
extern const struct smap_site __smap_sites_start[], __smap_sites_end[];

static bool has_smap(void)
{
    return cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & EBX7_SMAP);
}

void smap_init_bsp(void)
{
    uint64_t cr0 = read_cr0();

    if (!has_smap()) {
        return;
    }
    write_cr0(cr0 & ~CR0_WP); /* text is mapped read-only */
    for (const struct smap_site *s = __smap_sites_start; s < __smap_sites_end; s++) {
        uint8_t *at = (uint8_t *)s + s->offset;

        at[1] = 0x01;
        at[2] = (uint8_t)s->last;
    }
    write_cr0(cr0); /* also makes the CPU fetch what was written */
    log_info("SMAP: guests' pages are out of reach but for copies");
}

void smap_init_cpu(void)
{
    if (has_smap()) {
        write_cr4(read_cr4() | CR4_SMAP);
    }
}
