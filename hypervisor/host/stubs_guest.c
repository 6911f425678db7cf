/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory for programs that link no guest layer: the window of host.h. A guest layer's, or a test's, own functions win over these. */
#include <base/guest_access.h>
#include <host/host.h>

#define WEAK __attribute__((weak))

WEAK int guest_read(void *dst, vaddr_t gva, size_t size)
{
    return host_guest_read(dst, gva, size);
}

WEAK int guest_write(vaddr_t gva, const void *src, size_t size)
{
    return host_guest_write(gva, src, size);
}

WEAK int guest_clear(vaddr_t gva, size_t size)
{
    return host_guest_clear(gva, size);
}
