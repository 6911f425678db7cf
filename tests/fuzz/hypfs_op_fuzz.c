/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hypfs_op. A record's command is the operation (2 bits), the entry that the path is of (6 bits; the last ones: the path is in the arguments), and how the
 * path's length is off (8 bits); its id is the buffer's size; its arguments are 64 bytes of path and 64 of contents. What is not the buffer never changes.
 */
#include "tools_fuzz.h"
#include <abi/hypfs.h>
#include <core/param/param.h>

#define OWN_PATH    48u
#define PATH_AT     FAKE_WINDOW_AT
#define BUFFER_AT   (FAKE_WINDOW_AT + AREA_OFFSET)
#define BUFFER_SIZE 8192u
#define GUARD       0xa5u

static const char *const paths[] = {"/",
                                    "/buildinfo",
                                    "/buildinfo/config",
                                    "/buildinfo/version/major",
                                    "/buildinfo/compileinfo",
                                    "/cpupool",
                                    "/cpupool/0",
                                    "/cpupool/0/sched-gran",
                                    "/cpupool/5/sched-gran",
                                    "/params",
                                    "/params/",
                                    "/params/nonsense"};

/* The path that a record names, at PATH_AT; its length with the terminator. */
static uint64_t choose_path(uint16_t which, const uint8_t *text)
{
    char *to = (char *)fake_window;

    memset(to, 0, AREA_OFFSET);
    if (which >= OWN_PATH) {
        memcpy(to, text, 64);
    } else if (which < ARRAY_SIZE(paths)) {
        strlcpy(to, paths[which], AREA_OFFSET);
    } else {
        strlcpy(to, "/params/", AREA_OFFSET);
        strlcat(to, param_at((which - (unsigned int)ARRAY_SIZE(paths)) % param_count())->name, AREA_OFFSET);
    }
    return strlen(to) + 1;
}

static void check_contents(uint64_t size)
{
    const struct xen_hypfs_direntry *e = (const void *)(fake_window + AREA_OFFSET);

    fake_check(e->type <= XEN_HYPFS_TYPE_BOOL && e->encoding == XEN_HYPFS_ENC_PLAIN && e->pad == 0);
    fake_check(e->content_len <= size - sizeof(*e));
    if (e->type == XEN_HYPFS_TYPE_STRING) {
        fake_check(strnlen((const char *)(e + 1), e->content_len) == e->content_len - 1);
    }
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    uint64_t length = choose_path(command >> 2 & 0x3f, args), size = id % BUFFER_SIZE;
    struct hypercall c = {.arg = {command & 3, PATH_AT, length + (uint64_t)(int8_t)(command >> 8), BUFFER_AT,
                                  id == 0xffff ? ~0ull : size}};
    uint8_t *buffer = fake_window + AREA_OFFSET;
    bool reads = c.arg[0] == XEN_HYPFS_OP_read;
    long rc;

    memset(buffer, GUARD, BUFFER_SIZE);
    memcpy(buffer, args + 64, 64);
    if (c.arg[0] == XEN_HYPFS_OP_get_version) {
        memset(&c.arg[1], 0, id & 1 ? 0 : 4 * sizeof(c.arg[0]));
    }
    rc = do_hypfs_op(&c);
    fake_check(rc > -4096 && rc != -XEN_ERESTART && lock_held_count() == 0 && irqs_enabled());
    if (id != 0xffff) {
        for (uint64_t i = reads ? MAX(size, 64ull) : 64; i < BUFFER_SIZE; i++) {
            fake_check(buffer[i] == GUARD);
        }
    }
    if (reads && rc == 0 && id != 0xffff) {
        check_contents(size);
    }
}

/* What an earlier input set is undone. */
static void prepare(void)
{
    static const struct {
        const char *initial;
    } declared[] = {
#define PARAM(name, kind, when, values, initial, good, bad, meaning) {initial},
#include <core/param/params.def>
#undef PARAM
    };

    for (unsigned int i = 0; i < param_count(); i++) {
        if (param_at(i)->is_runtime) {
            fake_check(param_set(param_at(i), declared[i].initial) == 0);
        }
    }
    host_console_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
