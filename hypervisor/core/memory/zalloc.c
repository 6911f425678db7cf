/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract's small objects, on the machine. Left out of host builds, where libc's allocator lets the sanitizers see misuse. */
#include <base/contract.h>
#include <core/memory/slab.h>

void *zalloc(size_t size)
{
    return slab_alloc(size);
}

void zfree(void *ptr)
{
    slab_free(ptr);
}
