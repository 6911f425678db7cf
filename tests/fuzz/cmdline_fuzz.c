/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a command line; every value goes through every parser.
 */
#include <lib/cmdline.h>
#include <lib/string.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), part[8];
    struct cmdline_option option;
    struct cmdline line;
    uint64_t u;
    int64_t i;
    bool b;

    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    cmdline_init(&line, text);
    while (cmdline_next(&line, &option)) {
        const char *list = option.value;

        if (strnlen(option.name, CMDLINE_WORD_MAX) == CMDLINE_WORD_MAX || line.rest > text + size) {
            __builtin_trap();
        }
        cmdline_option_bool(&option, "smt", &b);
        while (cmdline_next_part(&list, part, sizeof(part))) {
            cmdline_parse_u64(part, &u);
            cmdline_parse_i64(part, &i);
            cmdline_parse_size(part, 1024, &u);
            cmdline_parse_bool(part, &b);
        }
    }
    if (line.rest < text || line.rest > text + size) {
        __builtin_trap();
    }
    free(text);
    return 0;
}
