/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table made from params.def, and what is the same for all of its rows. */
#include <abi/xen.h>
#include <base/log.h>
#include <core/gnttab/gnttab.h>
#include <core/param/options.h>
#include <core/param/param_internal.h>
#include <core/sched/sched.h>
#include <lib/cmdline.h>
#include <lib/printf.h>
#include <lib/string.h>

#define BOOT           false
#define RUNTIME        true
#define BOOL(variable) .kind = PARAM_BOOL, .target = &(variable)
#define NUMBER(variable, least, most) \
    .kind = PARAM_NUMBER, .target = &(variable), .min = (least), .max = (most)
#define TEXT(array) .kind = PARAM_TEXT, .target = (array), .max = sizeof(array)
#define OWN(x)      .kind = PARAM_OWN, .parse = param_parse_##x
#define SHOWN(x)    OWN(x), .show = param_show_##x

static const struct param params[] = {
#define PARAM(nm, how, when, text, initial, good, bad, meaning) \
    {.name = (nm), .values = (text), .is_runtime = (when), how},
#include <core/param/params.def>
#undef PARAM
};

unsigned int param_count(void)
{
    return ARRAY_SIZE(params);
}

const struct param *param_at(unsigned int n)
{
    return &params[n];
}

const struct param *param_find(const char *name)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(params); i++) {
        if (!strcmp(params[i].name, name)) {
            return &params[i];
        }
    }
    return NULL;
}

unsigned int param_choice(const char *value, const char *const *names, unsigned int count)
{
    unsigned int i = 0;

    while (i < count && strcmp(value, names[i])) {
        i++;
    }
    return i;
}

static int set_bool(const struct param *p, const char *value)
{
    bool on = true;

    if (value && !cmdline_parse_bool(value, &on)) {
        return -XEN_EINVAL;
    }
    __atomic_store_n((bool *)p->target, on, __ATOMIC_RELAXED);
    return 0;
}

static int set_number(const struct param *p, const char *value)
{
    uint64_t number;

    if (!value || !cmdline_parse_u64(value, &number) || number < p->min || number > p->max) {
        return -XEN_EINVAL;
    }
    __atomic_store_n((uint64_t *)p->target, number, __ATOMIC_RELAXED);
    return 0;
}

/* Whoever reads meanwhile always finds an end: the last byte stays 0. */
static int set_text(const struct param *p, const char *value)
{
    if (!value) {
        return -XEN_EINVAL;
    }
    if (strlen(value) >= p->max) {
        return -XEN_ENOSPC;
    }
    strlcpy(p->target, value, p->max);
    return 0;
}

int param_set(const struct param *p, const char *value)
{
    switch (p->kind) {
    case PARAM_BOOL:
        return set_bool(p, value);
    case PARAM_NUMBER:
        return set_number(p, value);
    case PARAM_TEXT:
        return set_text(p, value);
    case PARAM_OWN:
    default:
        return p->parse(value ? value : "") ? 0 : -XEN_EINVAL;
    }
}

void param_show(const struct param *p, char *value, uint32_t size)
{
    *value = 0;
    switch (p->kind) {
    case PARAM_BOOL:
        strlcpy(value, *(bool *)p->target ? "1" : "0", size);
        break;
    case PARAM_NUMBER:
        zscnprintf(value, size, "%lu", (unsigned long)*(uint64_t *)p->target);
        break;
    case PARAM_TEXT:
        strlcpy(value, p->target, size);
        break;
    case PARAM_OWN:
        if (p->show) {
            p->show(value, size);
        }
        break;
    }
}

/* --- what is said -------------------------------------------------------------------------------------------------------------------------------------- */

static void printable(char *to, const char *from, size_t size)
{
    strlcpy(to, from, size);
    for (; *to; to++) {
        *to = (uint8_t)*to < ' ' || (uint8_t)*to > '~' ? '?' : *to;
    }
}

void param_log_refused(const struct param *p, const char *value)
{
    char text[PARAM_VALUE_MAX];

    printable(text, value, sizeof(text));
    log_guest_warning("Parameter %s: \"%s\" is refused; allowed: %s, at most %u characters\n", p->name, text,
                      p->values, PARAM_VALUE_MAX - 1);
}

void param_log_unknown(const char *name)
{
    char text[PARAM_VALUE_MAX], list[300] = "";

    printable(text, name, sizeof(text));
    for (unsigned int i = 0; i < ARRAY_SIZE(params); i++) {
        if (params[i].is_runtime) {
            strlcat(list, " ", sizeof(list));
            strlcat(list, params[i].name, sizeof(list));
        }
    }
    log_guest_warning("\"%s\" is no parameter that can be changed now; these are:%s\n", text, list);
}
