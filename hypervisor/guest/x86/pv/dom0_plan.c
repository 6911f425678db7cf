/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where everything goes in the first domain's memory: arithmetic only. See dom0_plan.h for the picture. */
#include <guest/x86/pv/dom0_plan.h>
#include <lib/bits.h>

#define FREE_AFTER_STACK (512ull << 10) /* mapped and unused bytes the ABI promises behind the boot stack */
#define BOOT_ALIGN       (4ull << 20)

static uint64_t pages_of(uint64_t bytes)
{
    return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

/* Tables of the level whose entries cover 2^shift bytes, for [start, end). */
static uint64_t tables(uint64_t start, uint64_t end, unsigned int shift)
{
    return ((end - 1) >> (shift + 9)) - (start >> (shift + 9)) + 1;
}

static uint64_t all_tables(uint64_t start, uint64_t end)
{
    return tables(start, end, 12) + tables(start, end, 21) + tables(start, end, 30);
}

static int check(const struct pv_plan_input *in, const char **reason)
{
    if (in->virt_base % BOOT_ALIGN != 0 || in->virt_base < VA_HYPERVISOR_END ||
        in->kernel_start < in->virt_base) {
        *reason = "the kernel's virtual base is misaligned, or lies in the hypervisor's range";
        return -XEN_EINVAL;
    }
    if (in->entry < in->kernel_start || in->entry >= in->kernel_end) {
        *reason = "the kernel's entry point is outside the kernel";
        return -XEN_EINVAL;
    }
    if (in->p2m_base != 0 && (in->p2m_base % PAGE_SIZE != 0 || (in->p2m_base >> 47) != 0 ||
                              in->p2m_base + in->pages * 8 < in->p2m_base)) {
        *reason = "the kernel's INIT_P2M address is not a usable one";
        return -XEN_EINVAL;
    }
    return 0;
}

static int too_little(const char **reason)
{
    *reason =
        "the domain's memory does not hold its kernel, ramdisk and page tables: give it more (dom0_mem=)";
    return -XEN_ENOMEM;
}

int pv_plan_make(const struct pv_plan_input *in, struct pv_plan *plan, const char **reason)
{
    uint64_t pfn, end;
    int rc = check(in, reason);

    if (rc != 0) {
        return rc;
    }
    /* first of all, so that no sum below overflows */
    if (pages_of(in->kernel_end - in->virt_base) > in->pages || pages_of(in->ramdisk_bytes) > in->pages) {
        return too_little(reason);
    }
    pfn = pages_of(in->kernel_end - in->virt_base);
    if (!in->ramdisk_is_unmapped) {
        plan->ramdisk_pfn = pfn;
        pfn += pages_of(in->ramdisk_bytes);
    }
    plan->p2m_bytes = in->pages * sizeof(uint64_t);
    plan->p2m_pages = pages_of(plan->p2m_bytes);
    if (in->p2m_base == 0) {
        plan->p2m_pfn = pfn;
        plan->p2m_va = in->virt_base + (pfn << PAGE_SHIFT);
        plan->p2m_tables = 0;
        pfn += plan->p2m_pages;
    } else {
        plan->p2m_va = in->p2m_base;
        plan->p2m_tables = all_tables(in->p2m_base, in->p2m_base + (plan->p2m_pages << PAGE_SHIFT));
    }
    plan->start_info_pfn = pfn++;
    plan->table_pfn = pfn;
    /* more tables need more room, which may need more tables: grows at most a few times */
    for (plan->table_pages = 4;; plan->table_pages++) {
        plan->stack_pfn = plan->table_pfn + plan->table_pages;
        end = in->virt_base + ((plan->stack_pfn + 1) << PAGE_SHIFT);
        end = ALIGN_UP(end + FREE_AFTER_STACK, BOOT_ALIGN);
        if (end < in->virt_base) {
            *reason = "the kernel and its ramdisk reach past the last address";
            return -XEN_ENOMEM;
        }
        if (1 + all_tables(in->virt_base, end) <= plan->table_pages) {
            break;
        }
    }
    plan->virt_end = end;
    plan->mapped_pages = (end - in->virt_base) >> PAGE_SHIFT;
    pfn = plan->mapped_pages;
    if (in->p2m_base != 0) {
        plan->p2m_pfn = pfn;
        pfn += plan->p2m_pages + plan->p2m_tables;
    }
    if (in->ramdisk_is_unmapped) {
        plan->ramdisk_pfn = pfn;
        pfn += pages_of(in->ramdisk_bytes);
    }
    plan->used_pages = pfn;
    return pfn > in->pages ? too_little(reason) : 0;
}
