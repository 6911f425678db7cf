/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loghas FILE PATTERN SECONDS: wait until a line of a file that others write matches a basic regular expression. Exit status 0: it does; 1: not in
 * that time; 2: bad arguments. It wakes only when something changes in the file's directory: looking again and again would take a fourth of an emulated
 * machine's time from the guests that are to write the line. mkroot.sh builds it, statically, for dom0.
 */
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

struct follow {
    const char *path;
    regex_t pattern;
    FILE *file;
    char *line; /* as much as there is of the line read last */
    size_t used, size;
};

static void add(struct follow *f, char c)
{
    if (f->used + 1 >= f->size) {
        f->size = f->size ? f->size * 2 : 256;
        f->line = realloc(f->line, f->size);
        if (!f->line) {
            abort();
        }
    }
    f->line[f->used++] = c;
    f->line[f->used] = 0;
}

/* Read on; does a line match? The last one may not be whole yet. */
static bool matches(struct follow *f)
{
    int c;

    if (!f->file && !(f->file = fopen(f->path, "r"))) {
        return false;
    }
    clearerr(f->file);
    while ((c = getc(f->file)) != EOF) {
        if (c == '\n') {
            if (f->used && regexec(&f->pattern, f->line, 0, NULL, 0) == 0) {
                return true;
            }
            f->used = 0;
        } else if (c != '\r' && c != 0) {
            add(f, (char)c);
        }
    }
    return f->used && regexec(&f->pattern, f->line, 0, NULL, 0) == 0;
}

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    struct pollfd changed = {.events = POLLIN};
    char events[4096], dir[512];
    struct follow f = {0};
    long end;

    if (argc != 4 || strlen(argv[1]) >= sizeof(dir) || regcomp(&f.pattern, argv[2], REG_NOSUB) != 0) {
        fprintf(stderr, "usage: loghas FILE PATTERN SECONDS\n");
        return 2;
    }
    f.path = argv[1];
    end = now_ms() + atol(argv[3]) * 1000;
    changed.fd = inotify_init1(IN_NONBLOCK);
    if (changed.fd < 0 ||
        inotify_add_watch(changed.fd, dirname(strcpy(dir, f.path)), IN_CREATE | IN_MODIFY) < 0) {
        perror(dir);
        return 2;
    }
    while (!matches(&f)) {
        long left = end - now_ms();

        if (left <= 0) {
            return 1;
        }
        poll(&changed, 1, (int)left);
        while (read(changed.fd, events, sizeof(events)) > 0) {
        }
    }
    return 0;
}
