/* SPDX-License-Identifier: GPL-2.0-or-later */
/* param_parse_x(), param_show_x() for each OWN(x) and SHOWN(x) of params.def. */
#pragma once
#include <core/param/param.h>

#define BOOL(variable)
#define NUMBER(variable, min, max)
#define TEXT(array)
#define OWN(x) bool param_parse_##x(const char *value);
#define SHOWN(x)                             \
    bool param_parse_##x(const char *value); \
    void param_show_##x(char *value, uint32_t size);
#define PARAM(name, kind, when, values, initial, good, bad, meaning) kind
#include <core/param/params.def>
#undef PARAM
#undef SHOWN
#undef OWN
#undef TEXT
#undef NUMBER
#undef BOOL

/* The number of @value in a list of names; @count: it is none of them. */
unsigned int param_choice(const char *value, const char *const *names, unsigned int count);
