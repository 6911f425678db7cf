/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream listen PORT MIB | stream connect ADDRESS PORT MIB: one TCP connection, MIB MiB both ways at once.
 *
 * Each side sends words of a generator with its own seed and holds what it gets, word for word, against the other's.  Prints
 * "MIB MiB each way in SECONDS s" and exits 0 only when every byte of both ways was right; the sums of busybox would take an emulated
 * processor ten times longer than the network does.  mkroot.sh builds it, statically, for dom0 and for guests.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS         8192
#define CONNECT_TRIES 600

static uint64_t state;

static void fill(uint64_t *words)
{
    for (int i = 0; i < WORDS; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = state;
    }
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int send_all(int fd, uint64_t total)
{
    uint64_t words[WORDS];

    for (uint64_t done = 0; done < total; done += sizeof(words)) {
        fill(words);
        for (size_t at = 0; at < sizeof(words);) {
            ssize_t n = write(fd, (char *)words + at, sizeof(words) - at);
            if (n <= 0) {
                return fail("send");
            }
            at += n;
        }
    }
    return 0;
}

static int receive_all(int fd, uint64_t total)
{
    uint64_t words[WORDS], want[WORDS];

    for (uint64_t done = 0; done < total; done += sizeof(words)) {
        for (size_t at = 0; at < sizeof(words);) {
            ssize_t n = read(fd, (char *)words + at, sizeof(words) - at);
            if (n <= 0) {
                return fail(n ? "receive" : "receive: the other side ended early");
            }
            at += n;
        }
        fill(want);
        if (memcmp(words, want, sizeof(words)) != 0) {
            fprintf(stderr, "wrong data in the %zu bytes from %llu\n", sizeof(words),
                    (unsigned long long)done);
            return 1;
        }
    }
    return 0;
}

/* The connection's socket, or -1. */
static int meet(const char *address, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = -1, one = 1;

    if (!address) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (void *)&a, sizeof(a)) || listen(fd, 1)) {
            return -1;
        }
        return accept(fd, NULL, NULL);
    }
    inet_pton(AF_INET, address, &a.sin_addr);
    for (int i = 0; i < CONNECT_TRIES; i++) { /* the other side may not listen yet */
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&a, sizeof(a)) == 0) {
            return fd;
        }
        close(fd);
        if (errno != ECONNREFUSED && errno != EHOSTUNREACH) {
            break;
        }
        usleep(100000);
    }
    return -1;
}

int main(int argc, char **argv)
{
    int listens = argc == 4 && strcmp(argv[1], "listen") == 0;
    struct timespec begin, end;
    pid_t sender;
    int fd, bad, status;
    uint64_t total;

    if (!listens && !(argc == 5 && strcmp(argv[1], "connect") == 0)) {
        fprintf(stderr, "usage: stream listen PORT MIB | stream connect ADDRESS PORT MIB\n");
        return 2;
    }
    total = strtoull(argv[argc - 1], NULL, 10) << 20;
    fd = meet(listens ? NULL : argv[2], atoi(argv[argc - 2]));
    if (fd < 0) {
        return fail("connection");
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    sender = fork();
    if (sender < 0) {
        return fail("fork");
    }
    state = (sender == 0) == listens ? 0x9e3779b97f4a7c15
                                     : 0xd1b54a32d192ed03; /* what the listener sends, what it gets */
    if (sender == 0) {
        _exit(send_all(fd, total));
    }
    bad = receive_all(fd, total);
    waitpid(sender, &status, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (bad || status) {
        return 1;
    }
    printf("%llu MiB each way in %.2f s\n", (unsigned long long)total >> 20,
           end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9);
    return 0;
}
