/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log. A line is made in a buffer of the caller's, then put into the ring and on the console under one lock, so that lines of several pCPUs do
 * not mix. Ring positions are running byte counts; the ring holds [ring_end - RING_SIZE, ring_end), less what was cleared.
 */
#include <base/lock.h>
#include <base/log.h>
#include <base/softirq.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <stdarg.h>

#define RING_SIZE 65536u
#define LINE_MAX  512u
/* What is limited: so many lines at once, then one in each period. */
#define LIMIT_BURST     20u
#define LIMIT_PERIOD_NS MILLISECS(250)

struct log_levels log_levels = {LOG_INFO, LOG_INFO};
struct log_levels log_guest_levels = {LOG_NONE, LOG_WARNING};
enum log_timestamps log_timestamps = LOG_TS_NONE;

static struct spinlock lock = SPINLOCK_INIT(console); /* guards all below */
static char ring[RING_SIZE];
static uint32_t ring_start, ring_end;
static bool is_announced;
static unsigned int show_all; /* how many want everything shown; atomic */
/* How many lines may pass now, and were not passed since the last that was. */
static struct limit {
    uint32_t tokens, dropped;
    uint64_t at_ns;
} guest_limit = {LIMIT_BURST}, own_limit = {LIMIT_BURST};

static void ring_put(const char *text, size_t len)
{
    while (len > 0) {
        uint32_t at = ring_end % RING_SIZE;
        uint32_t n = MIN_T(uint32_t, len, RING_SIZE - at);

        memcpy(ring + at, text, n);
        text += n;
        len -= n;
        ring_end += n;
    }
    if (ring_end - ring_start > RING_SIZE) {
        ring_start = ring_end - RING_SIZE;
    }
    if (is_announced) {
        softirq_raise(SOFTIRQ_LOG);
    }
}

/* Year, month and day of a count of days since 1970-01-01 (proleptic Gregorian calendar; years begin in March). */
static void civil_date(uint64_t days, unsigned int *year, unsigned int *month, unsigned int *day)
{
    uint64_t z = days + 719468; /* since 0000-03-01 */
    uint64_t era = z / 146097;
    uint64_t doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;

    *day = (unsigned int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (unsigned int)(yoe + era * 400 + (*month <= 2));
}

static int put_date(char *buf, size_t size, bool ms)
{
    uint64_t ns = port_wallclock_base_ns() + port_now_ns();
    uint64_t sec = ns / SECONDS(1);
    unsigned int year, month, day, s = (unsigned int)(sec % 86400);
    int n;

    civil_date(sec / 86400, &year, &month, &day);
    n = zscnprintf(buf, size, "[%04u-%02u-%02u %02u:%02u:%02u", year, month, day, s / 3600, s / 60 % 60,
                   s % 60);
    if (ms) {
        n += zscnprintf(buf + n, size - (size_t)n, ".%03u", (unsigned int)(ns / MILLISECS(1) % 1000));
    }
    return n + zscnprintf(buf + n, size - (size_t)n, "] ");
}

static int put_timestamp(char *buf, size_t size)
{
    uint64_t now;

    switch (log_timestamps) {
    case LOG_TS_DATE:
    case LOG_TS_DATEMS:
        return put_date(buf, size, log_timestamps == LOG_TS_DATEMS);
    case LOG_TS_BOOT:
        now = port_now_ns();
        return zscnprintf(buf, size, "[%5lu.%06lu] ", (unsigned long)(now / SECONDS(1)),
                          (unsigned long)(now / 1000 % 1000000));
    case LOG_TS_RAW:
        return zscnprintf(buf, size, "[%016lx] ", (unsigned long)port_now_ns());
    case LOG_TS_NONE:
    default:
        return 0;
    }
}

/* May a line pass? *@dropped: how many did not since the last that did. */
static bool take_token(struct limit *l, uint32_t *dropped)
{
    uint64_t periods = (port_now_ns() - l->at_ns) / LIMIT_PERIOD_NS;

    if (periods > 0) {
        l->at_ns += periods * LIMIT_PERIOD_NS;
        l->tokens = (uint32_t)MIN_T(uint64_t, l->tokens + periods, LIMIT_BURST);
    }
    if (l->tokens == 0) {
        l->dropped++;
        return false;
    }
    l->tokens--;
    *dropped = l->dropped;
    l->dropped = 0;
    return true;
}

static void emit(const char *text, size_t len, bool to_console)
{
    ring_put(text, len);
    if (to_console) {
        port_console_write(text, len);
    }
}

static void emit_dropped(uint32_t dropped, const char *about, bool to_console)
{
    char buf[64];

    if (dropped > 0) {
        emit(buf,
             (size_t)zscnprintf(buf, sizeof(buf), LOG_PREFIX "%u messages%s suppressed\n", dropped, about),
             to_console);
    }
}

/* A line about a guest is limited as such; one of our own goes to the ring in any case. */
static void emit_limited(const char *line, size_t len, int level, bool guest)
{
    const struct log_levels *levels = guest ? &log_guest_levels : &log_levels;
    bool all = !guest && __atomic_load_n(&show_all, __ATOMIC_RELAXED) > 0;
    bool to_console = all || level <= MAX(levels->always, levels->limited);
    uint32_t dropped = 0;

    if (guest) {
        if (!take_token(&guest_limit, &dropped)) {
            return;
        }
        emit_dropped(dropped, " about guests", to_console);
    } else if (to_console && !all && level > levels->always) {
        to_console = take_token(&own_limit, &dropped);
        emit_dropped(dropped, "", to_console);
    }
    emit(line, len, to_console);
}

void log_at(enum log_level level, bool guest, const char *fmt, ...)
{
    char line[LINE_MAX];
    unsigned long flags;
    size_t len;
    va_list args;

    len = (size_t)zscnprintf(line, sizeof(line), LOG_PREFIX);
    len += (size_t)put_timestamp(line + len, sizeof(line) - len);
    va_start(args, fmt);
    len += (size_t)zvscnprintf(line + len, sizeof(line) - len, fmt, args);
    va_end(args);
    if (line[len - 1] != '\n') {
        len = MIN(len, sizeof(line) - 2);
        line[len++] = '\n';
    }
    flags = spin_lock_irqsave(&lock);
    emit_limited(line, len, (int)level, guest);
    spin_unlock_irqrestore(&lock, flags);
}

void log_show_all_begin(void)
{
    __atomic_fetch_add(&show_all, 1, __ATOMIC_RELAXED);
}

void log_show_all_end(void)
{
    __atomic_fetch_sub(&show_all, 1, __ATOMIC_RELAXED);
}

void log_raw(const char *text, size_t len)
{
    unsigned long flags = spin_lock_irqsave(&lock);

    port_console_write(text, len);
    spin_unlock_irqrestore(&lock, flags);
}

size_t log_ring_read(char *dst, size_t size, uint32_t *index)
{
    unsigned long flags = spin_lock_irqsave(&lock);
    uint32_t at = *index;
    size_t done = 0;

    if (ring_end - at > ring_end - ring_start) {
        at = ring_start; /* too old, or from the future */
    }
    while (done < size && at != ring_end) {
        uint32_t from = at % RING_SIZE;
        uint32_t n = (uint32_t)MIN_T(uint64_t, MIN(ring_end - at, RING_SIZE - from), size - done);

        memcpy(dst + done, ring + from, n);
        done += n;
        at += n;
    }
    *index = at;
    spin_unlock_irqrestore(&lock, flags);
    return done;
}

void log_ring_announce(void)
{
    is_announced = true;
}

void log_ring_clear(void)
{
    unsigned long flags = spin_lock_irqsave(&lock);

    ring_start = ring_end;
    spin_unlock_irqrestore(&lock, flags);
}
