/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen's error numbers (XEN_EFAULT and so on) as symbols of the assembler, for .S files only. */
#define XEN_ERRNO(name, value) .equ XEN_##name, value
#include <xen/errno.h>
