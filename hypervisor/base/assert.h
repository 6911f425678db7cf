/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ASSERT: an internal truth, checked in debug and host builds. BUG_ON: a truth whose violation would corrupt others; always checked.
 * Neither may be reachable through a guest's arguments.
 */
#pragma once
#include <lib/bits.h>

/* Defined by each port: the machine panics with a backtrace, the host aborts. */
_Noreturn void port_assert_failed(const char *expr, const char *file, int line);

#define BUG_ON(e) (unlikely(e) ? port_assert_failed("BUG: " #e, __FILE__, __LINE__) : (void)0)
#ifdef ZENDO_DEBUG
/* This build can afford checks that walk whole tables. */
#define DEBUG_CHECKS true
#define ASSERT(e)    (likely(e) ? (void)0 : port_assert_failed(#e, __FILE__, __LINE__))
#else
#define DEBUG_CHECKS false
#define ASSERT(e)    ((void)sizeof(!(e)))
#endif
