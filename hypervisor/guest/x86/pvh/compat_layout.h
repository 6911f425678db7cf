/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What hypercalls of 32-bit callers differ in: for each call and sub-operation, how its argument's fields lie in both layouts, as data.
 * compat.c does the work. A call that is not in the table is not offered to such callers.
 */
#pragma once
#include <base/types.h>

struct compat_layout;

/* One field; where the 32-bit one is smaller its value is extended with zeroes, and cut when it is written. */
struct compat_field {
    uint8_t at64, size64;
    uint8_t at32, size32;
    bool is_handle;                     /* read only: what it points at is never moved */
    const struct compat_layout *target; /* of a handle: how its elements differ; NULL: not at all */
};

/* A structure, or the element of an array; what no field covers reads as zero. */
struct compat_layout {
    uint16_t size64, size32;
    uint16_t field_count;
    const struct compat_field *fields;
};

/* The largest size32 there is. */
#define COMPAT_ELEMENT_MAX 44u

struct compat_call {
    bool is_known;
    bool is_joined;       /* the first argument has 64 bits, in two registers */
    uint8_t pointer;      /* which argument points at the structure */
    uint8_t layout_count; /* sub-operations in layouts[] */
    uint32_t
        op_mask; /* the sub-operation in the first argument; 0: the call has none, layouts[0] is what it is */
    const struct compat_layout *const *layouts; /* by sub-operation; NULL: the same for both */
};

/* How 32-bit callers make call @nr; NULL: they cannot. */
const struct compat_call *compat_call_of(uint64_t nr);
/* How the structure of @call with first argument @arg differs; NULL: it does not. */
const struct compat_layout *compat_layout_of(const struct compat_call *call, uint32_t arg);
