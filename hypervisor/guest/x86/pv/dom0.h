/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building the first domain as a PV guest, from an ELF kernel in memory. */
#pragma once
#include <guest/x86/common/x86_domain.h>
#include <abi/elfnote.h>
#include <lib/elf.h>

struct pv_build {
    struct elf *elf;
    const struct elf_xen_info *notes;
    const void *ramdisk; /* NULL: none */
    uint64_t ramdisk_size;
    const char *cmdline;
    uint64_t pages; /* memory the domain starts with */
};

/*
 * Allocate @b->pages for @d, lay out the kernel, its page tables, p2m and start info, and set vCPU 0's state. The domain is then ready to be
 * unpaused. -XEN_ENOMEM; -XEN_EINVAL or -XEN_EOPNOTSUPP for a kernel that cannot run so (the log says why).
 */
int pv_build_domain(struct domain *d, const struct pv_build *b);
