/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tokenizer for Xen-style command lines: "name=value flag no-flag -- dom0 arguments".
 *
 * Words are separated by blanks; double or single quotes keep blanks inside a word and are removed. Only a word
 * that was not quoted and is exactly "--" ends the options. Values are parsed by the helpers below; all of them
 * accept the whole text or refuse it, and leave the result alone when they refuse. Pure.
 */
#ifndef LIB_CMDLINE_H
#define LIB_CMDLINE_H

#include <lib/bits.h>

#define CMDLINE_WORD_MAX 256 /* longest option, terminator included */

struct cmdline {
    const char *rest; /* what is not read yet; after "--": the words behind it */
    bool ended_by_dashes;
};

struct cmdline_option {
    char name[CMDLINE_WORD_MAX];
    char value_storage[CMDLINE_WORD_MAX];
    const char *value; /* NULL when the word has no '=' */
    bool is_cut;       /* the word was longer than fits: name and value are incomplete */
};

/* Start reading @text, a terminated string that outlives the reader. */
void cmdline_init(struct cmdline *line, const char *text);

/* Read the next option. Returns false at the end or at "--"; line->rest then is what follows, without leading blanks. */
bool cmdline_next(struct cmdline *line, struct cmdline_option *option);

/* Walk a comma separated value ("a,b=c,no-d"): copies the next part into @part of @size bytes and moves *@list on.
 * Returns false when there are no more. A part that does not fit is cut. */
bool cmdline_next_part(const char **list, char *part, size_t size);

/* Decimal, 0x or octal integer. False when it is not one. */
bool cmdline_parse_u64(const char *text, uint64_t *value);
bool cmdline_parse_i64(const char *text, int64_t *value);

/* Size in bytes: an integer with a suffix B K M G T (either case). Without one it is in units of @default_unit
 * bytes (Xen's memory options: 1024). False when it is not a size, or over 64 bits. */
bool cmdline_parse_size(const char *text, uint64_t default_unit, uint64_t *size_bytes);

/* yes on true enable 1, no off false disable 0. False when it is none of these. */
bool cmdline_parse_bool(const char *text, bool *value);

/* Does @option mean the boolean @name: "name", "no-name", "name=<bool>"? False when it is another option or the value
 * is no boolean. "no-name=<bool>" is the negation. */
bool cmdline_option_bool(const struct cmdline_option *option, const char *name, bool *value);

#endif
