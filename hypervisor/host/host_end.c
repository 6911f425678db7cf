/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console and the ways in which a host program ends: see host.h. */
#include <base/assert.h>
#include <host/host.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONSOLE_SIZE 65536

void (*host_on_panic)(const char *message);
bool host_console_to_stderr;

static char console[CONSOLE_SIZE + 1];
static size_t console_len;

/* --- console ------------------------------------------------------------------------------------------------------------------------------- */

void port_console_write(const char *text, size_t len)
{
    if (host_console_to_stderr) {
        fwrite(text, 1, len, stderr);
    }
    if (len > CONSOLE_SIZE) {
        text += len - CONSOLE_SIZE;
        len = CONSOLE_SIZE;
    }
    if (console_len + len > CONSOLE_SIZE) {
        size_t drop = console_len + len - CONSOLE_SIZE;

        memmove(console, console + drop, console_len - drop);
        console_len -= drop;
    }
    memcpy(console + console_len, text, len);
    console_len += len;
    console[console_len] = '\0';
}

const char *host_console(void)
{
    return console;
}

void host_console_clear(void)
{
    console_len = 0;
    console[0] = '\0';
}

/* --- the end -------------------------------------------------------------------------------------------------------------------------------- */

static _Noreturn void stop(const char *message)
{
    if (host_on_panic) {
        host_on_panic(message);
    }
    fprintf(stderr, "%s\n", message);
    abort();
}

_Noreturn void port_assert_failed(const char *expr, const char *file, int line)
{
    char text[256];

    snprintf(text, sizeof(text), "assertion failed: %s at %s:%d", expr, file, line);
    stop(text);
}

_Noreturn void port_panic(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    stop(text);
}

void port_clear_page(void *page)
{
    memset(page, 0, PAGE_SIZE);
}

_Noreturn void port_stop(void)
{
    stop("the machine stops");
}

_Noreturn void port_reboot(void)
{
    stop("reboot");
}

_Noreturn void port_power_off(void)
{
    stop("power off");
}
