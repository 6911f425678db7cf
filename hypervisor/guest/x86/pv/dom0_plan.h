/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout of the first domain's pseudo-physical memory. Page frame n of the first mapped_pages is at virtual address virt_base + n * 4096:
 *
 *   0 .. kernel .. [ramdisk] [p2m] start_info | page tables | boot stack | >= 512 KiB free | then, unmapped there:
 *   [p2m, its page tables: mapped at the kernel's INIT_P2M address] [ramdisk, named by its frame number]
 *
 * <xen/xen.h>, "start of day" comment of struct start_info.
 */
#pragma once
#include <base/layout.h>
#include <base/types.h>

struct pv_plan_input {
    uint64_t virt_base;
    uint64_t kernel_start, kernel_end; /* virtual */
    uint64_t entry;
    uint64_t p2m_base; /* 0: behind the kernel */
    uint64_t ramdisk_bytes;
    bool ramdisk_is_unmapped; /* the kernel takes it by frame number (MOD_START_PFN) */
    uint64_t pages;
};

struct pv_plan {
    uint64_t ramdisk_pfn;
    uint64_t p2m_pfn, p2m_pages, p2m_bytes, p2m_va;
    uint64_t p2m_tables; /* page-table pages behind the p2m's own, 0 when it is in the main mapping */
    uint64_t start_info_pfn;
    uint64_t table_pfn, table_pages; /* the L4 first */
    uint64_t stack_pfn;
    uint64_t mapped_pages;
    uint64_t virt_end;
    uint64_t used_pages;
};

/* -XEN_EINVAL, -XEN_ENOMEM: *reason says what is wrong. */
int pv_plan_make(const struct pv_plan_input *in, struct pv_plan *plan, const char **reason);
