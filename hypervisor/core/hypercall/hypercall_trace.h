/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Record, for the trace, that the current vCPU makes hypercall @c. */
#pragma once
#include <core/hypercall/hypercall.h>

__attribute__((cold)) void hypercall_trace(const struct hypercall *c);
