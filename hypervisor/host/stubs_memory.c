/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/memory needs from above, for programs that have no domains: one test defines better ones, core/domain the real ones. */
#include <core/memory/arch.h>

#define WEAK __attribute__((weak))

WEAK struct domain_mem *domain_mem_of(domid_t owner)
{
    port_assert_failed("no domain owns frames in this program", __FILE__, __LINE__);
}

WEAK void domain_mem_first(domid_t owner)
{
}

WEAK void domain_mem_empty(domid_t owner)
{
}
