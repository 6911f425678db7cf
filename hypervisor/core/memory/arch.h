/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/memory needs from above; core/domain defines it. */
#pragma once
#include <core/memory/domain_mem.h>

/* The account of an existing domain that still owns frames; never NULL for an owner found in a frame's state word. */
struct domain_mem *domain_mem_of(domid_t owner);
/* The domain got its first frame: it must be kept alive until domain_mem_empty(). */
void domain_mem_first(domid_t owner);
/* The domain's last frame went: whoever kept the domain alive for its frames may let go. */
void domain_mem_empty(domid_t owner);
