/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: lines with a level, to the console (when the level passes loglvl / guest_loglvl) and always to a ring that `xl dmesg` reads.
 * log_guest_*() is for what a guest can cause: its own threshold and a rate limit. Any context.
 */
#pragma once
#include <base/types.h>

#define LOG_PREFIX "(XEN) " /* of each line: what people, and programs that read hypervisor logs, look for */

enum log_level {
    LOG_NONE = -1, /* as a threshold: nothing */
    LOG_ERROR = 0,
    LOG_WARNING = 1,
    LOG_INFO = 2,
    LOG_DEBUG = 3,
};

void log_at(enum log_level level, bool guest, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...)         log_at(LOG_ERROR, false, __VA_ARGS__)
#define log_warning(...)       log_at(LOG_WARNING, false, __VA_ARGS__)
#define log_info(...)          log_at(LOG_INFO, false, __VA_ARGS__)
#define log_debug(...)         log_at(LOG_DEBUG, false, __VA_ARGS__)
#define log_guest_error(...)   log_at(LOG_ERROR, true, __VA_ARGS__)
#define log_guest_warning(...) log_at(LOG_WARNING, true, __VA_ARGS__)
#define log_guest_info(...)    log_at(LOG_INFO, true, __VA_ARGS__)
#define log_guest_debug(...)   log_at(LOG_DEBUG, true, __VA_ARGS__)

/* Once for each place in the source. */
#define log_once(fn, ...)                                           \
    do {                                                            \
        static bool said_;                                          \
        if (!__atomic_exchange_n(&said_, true, __ATOMIC_RELAXED)) { \
            fn(__VA_ARGS__);                                        \
        }                                                           \
    } while (0)

/* Bytes as they are to the console, not to the ring, without level or time stamp (a guest's console_io output). */
void log_raw(const char *text, size_t len);

/* What is put on the console: messages up to level `always`, and with a limit on their number those up to `limited`, which is not below. May change at any time. */
struct log_levels {
    int always, limited;
};
extern struct log_levels log_levels; /* loglvl= */
/* guest_loglvl=; these have a limit in any case, for the ring too */
extern struct log_levels log_guest_levels;

enum log_timestamps { LOG_TS_NONE, LOG_TS_DATE, LOG_TS_DATEMS, LOG_TS_BOOT, LOG_TS_RAW };
extern enum log_timestamps log_timestamps; /* console_timestamps=; may change at any time */

/*
 * Read the ring: copy at most @size bytes from position @*index (a running byte count; moved past what was copied, and forward to the
 * oldest byte that is left). Returns the number of bytes copied. @clear forgets all that is in the ring now.
 */
size_t log_ring_read(char *dst, size_t size, uint32_t *index);
void log_ring_clear(void);
/* Between these two all of our own messages are put on the console, whatever loglvl says: somebody asked to see them. They nest; any context. */
void log_show_all_begin(void);
void log_show_all_end(void);
/* From now on SOFTIRQ_LOG is raised when the ring gets more: its handler is set. */
void log_ring_announce(void);
