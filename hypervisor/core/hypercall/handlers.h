/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declares do_<name>() for each row of abi/hypercalls.def. Portable ones are in core/hypercall, the architecture's in guest/. */
#pragma once
#include <core/hypercall/hypercall.h>

#define HYPERCALL(nr, name, kinds, who, text) hypercall_fn do_##name;
#include <abi/hypercalls.def>
#undef HYPERCALL
