/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expect_panic(statement): it must panic or fail an assertion. Leaves locks that it took locked: use fresh ones. */
#pragma once
#include <host/host.h>
#include <setjmp.h>

static jmp_buf panic_jump;

static inline void panic_caught(const char *message)
{
    longjmp(panic_jump, 1);
}

#define expect_panic(statement)                        \
    do {                                               \
        host_on_panic = panic_caught;                  \
        if (setjmp(panic_jump) == 0) {                 \
            statement;                                 \
            host_on_panic = NULL;                      \
            fail_msg("did not panic: %s", #statement); \
        }                                              \
        host_on_panic = NULL;                          \
    } while (0)
