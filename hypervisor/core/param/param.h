/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters: what can be given on the command line, and in part changed later. One table, made from params.def. The values are in options.h and with
 * those who act on them. Setting at run time happens under the tools' lock, one at a time.
 */
#pragma once
#include <base/types.h>

/* The longest value of a parameter, terminator included. */
#define PARAM_VALUE_MAX 64u

enum param_kind { PARAM_BOOL, PARAM_NUMBER, PARAM_TEXT, PARAM_OWN };

struct param {
    const char *name;
    const char *values; /* what may be given */
    enum param_kind kind;
    bool is_runtime;
    void *target;      /* bool, uint64_t or char[]; NULL of PARAM_OWN */
    uint64_t min, max; /* of a number; of a text: max is the array's size */
    bool (*parse)(
        const char *value); /* PARAM_OWN: false refuses, nothing has changed then; "": without value */
    void (*show)(char *value, uint32_t size); /* PARAM_OWN; NULL: cannot be shown */
};

unsigned int param_count(void);
/* @n < param_count(); in alphabetical order. */
const struct param *param_at(unsigned int n);
/* NULL: there is none. */
const struct param *param_find(const char *name);
/* Set @p from text; NULL: its name alone was given. -XEN_EINVAL: not one of the values; nothing has changed. -XEN_ENOSPC: too long. */
int param_set(const struct param *p, const char *value);
/* The value now as text that param_set() takes; "" when it cannot be shown. @size: at least PARAM_VALUE_MAX. */
void param_show(const struct param *p, char *value, uint32_t size);
/* Say in the log, limited, that @value was refused, and what is allowed. Control characters are left out. */
void param_log_refused(const struct param *p, const char *value);
/* The same for a name that is no run-time parameter. */
void param_log_unknown(const char *name);

/* --- the command line ------------------------------------------------------------------------------------------------------------------------------ */

/* Set all that @cmdline names. Nothing is printed: the console is not open yet. */
void params_parse(const char *cmdline);
/* Name in the log what was not understood, and what has no effect here. */
void params_report(void);
