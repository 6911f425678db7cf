/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters that change at run time and are no plain boolean, number or text: read and shown. */
#include <base/log.h>
#include <core/param/options.h>
#include <core/param/param_internal.h>
#include <core/sched/sched.h>
#include <lib/cmdline.h>
#include <lib/printf.h>
#include <lib/string.h>

#define CTRL(c) ((char)((c)&0x1f))

char opt_conswitch = CTRL('a');
bool opt_conswitch_to_keys;

/* --- the log ------------------------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int level;
} levels[] = {{"none", LOG_NONE}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
              {"info", LOG_INFO}, {"all", LOG_DEBUG},   {"debug", LOG_DEBUG}};

static bool parse_level(const char *text, size_t length, int *level)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(levels); i++) {
        if (str_is(text, length, levels[i].name)) {
            *level = levels[i].level;
            return true;
        }
    }
    return false;
}

static const char *level_name(int level)
{
    unsigned int i = 0;

    while (levels[i].level != level) {
        i++;
    }
    return levels[i].name;
}

/* "<level>[/<level of those that are limited>]" */
static bool parse_levels(const char *value, struct log_levels *to)
{
    const char *slash = strchr(value, '/');
    int always, limited;

    if (!parse_level(value, slash ? (size_t)(slash - value) : strlen(value), &always)) {
        return false;
    }
    limited = always;
    if (slash && (!parse_level(slash + 1, strlen(slash + 1), &limited) || limited < always)) {
        return false;
    }
    __atomic_store_n(&to->always, always, __ATOMIC_RELAXED);
    __atomic_store_n(&to->limited, limited, __ATOMIC_RELAXED);
    return true;
}

bool param_parse_loglvl(const char *value)
{
    return parse_levels(value, &log_levels);
}

bool param_parse_guest_loglvl(const char *value)
{
    return parse_levels(value, &log_guest_levels);
}

void param_show_loglvl(char *value, uint32_t size)
{
    zscnprintf(value, size, "%s/%s", level_name(log_levels.always), level_name(log_levels.limited));
}

void param_show_guest_loglvl(char *value, uint32_t size)
{
    zscnprintf(value, size, "%s/%s", level_name(log_guest_levels.always),
               level_name(log_guest_levels.limited));
}

static const char *const timestamps[] = {[LOG_TS_NONE] = "none",
                                         [LOG_TS_DATE] = "date",
                                         [LOG_TS_DATEMS] = "datems",
                                         [LOG_TS_BOOT] = "boot",
                                         [LOG_TS_RAW] = "raw"};

bool param_parse_timestamps(const char *value)
{
    unsigned int i = param_choice(value, timestamps, ARRAY_SIZE(timestamps));
    bool on = true;

    if (i == ARRAY_SIZE(timestamps)) {
        if (*value != 0 && !cmdline_parse_bool(value, &on)) {
            return false;
        }
        i = on ? LOG_TS_DATE : LOG_TS_NONE;
    }
    __atomic_store_n(&log_timestamps, (enum log_timestamps)i, __ATOMIC_RELAXED);
    return true;
}

void param_show_timestamps(char *value, uint32_t size)
{
    strlcpy(value, timestamps[log_timestamps], size);
}

/* --- the console's switch ------------------------------------------------------------------------------------------------------------------------ */

bool param_parse_conswitch(const char *value)
{
    char key = *value;

    if (key < '@' || key > '~' || (value[1] != 0 && strcmp(value + 1, "x"))) {
        return false;
    }
    __atomic_store_n(&opt_conswitch, CTRL(key), __ATOMIC_RELAXED);
    opt_conswitch_to_keys = value[1] == 'x';
    return true;
}

void param_show_conswitch(char *value, uint32_t size)
{
    zscnprintf(value, size, "%c%s", conswitch_key(opt_conswitch), opt_conswitch_to_keys ? "x" : "");
}

/* --- scheduling ------------------------------------------------------------------------------------------------------------------------------------- */

bool param_parse_sched_ratelimit(const char *value)
{
    uint64_t us;

    return cmdline_parse_u64(value, &us) && us <= UINT32_MAX && sched_set_ratelimit((uint32_t)us) == 0;
}

void param_show_sched_ratelimit(char *value, uint32_t size)
{
    zscnprintf(value, size, "%u", sched_ratelimit());
}
