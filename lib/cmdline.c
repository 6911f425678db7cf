/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command line tokenizer and value parsers. See cmdline.h.
 */
#include <lib/cmdline.h>
#include <lib/string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct cmdline *line)
{
    while (is_blank(*line->rest)) {
        line->rest++;
    }
}

void cmdline_init(struct cmdline *line, const char *text)
{
    line->rest = text;
    line->ended_by_dashes = false;
}

/* Is the next word exactly --? */
static bool at_dashes(const char *s)
{
    return s[0] == '-' && s[1] == '-' && (s[2] == '\0' || is_blank(s[2]));
}

/* Where the characters of a word go: first its name, after '=' its value. */
struct word {
    char *to;
    size_t used;
    bool is_cut;
};

static void word_put(struct word *word, char c)
{
    if (word->used + 1 < CMDLINE_WORD_MAX) {
        word->to[word->used++] = c;
    } else {
        word->is_cut = true;
    }
}

bool cmdline_next(struct cmdline *line, struct cmdline_option *option)
{
    struct word word = {.to = option->name};
    char quote = '\0';

    skip_blanks(line);
    if (line->ended_by_dashes || *line->rest == '\0') {
        return false;
    }
    if (at_dashes(line->rest)) {
        line->rest += 2;
        line->ended_by_dashes = true;
        skip_blanks(line);
        return false;
    }
    option->value = NULL;
    for (char c; (c = *line->rest) != '\0' && (quote || !is_blank(c)); line->rest++) {
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? '\0' : c;
        } else if (c == '=' && !option->value) {
            word.to[word.used] = '\0';
            option->value = option->value_storage;
            word.to = option->value_storage;
            word.used = 0;
        } else {
            word_put(&word, c);
        }
    }
    word.to[word.used] = '\0';
    option->is_cut = word.is_cut;
    return true;
}

bool cmdline_next_part(const char **list, char *part, size_t size)
{
    const char *start = *list, *comma;
    size_t length;

    if (!start) {
        return false;
    }
    comma = strchr(start, ',');
    length = comma ? (size_t)(comma - start) : strlen(start);
    str_copy_bytes(part, size, start, length);
    *list = comma ? comma + 1 : NULL;
    return true;
}

bool cmdline_parse_u64(const char *text, uint64_t *value)
{
    return str_to_u64(text, value);
}

bool cmdline_parse_i64(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    uint64_t magnitude;

    if (!str_to_u64(text + (negative || *text == '+'), &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *value = (int64_t)(negative ? -magnitude : magnitude);
    return true;
}

/* The factor that a suffix letter stands for; 0 when it is none. */
static uint64_t suffix_unit(char c)
{
    switch (c | 0x20) {
    case 'b':
        return 1;
    case 'k':
        return BIT(10);
    case 'm':
        return BIT(20);
    case 'g':
        return BIT(30);
    case 't':
        return BIT(40);
    default:
        return 0;
    }
}

bool cmdline_parse_size(const char *text, uint64_t default_unit, uint64_t *size_bytes)
{
    size_t length = strlen(text);
    uint64_t unit, number;

    if (length == 0) {
        return false;
    }
    /* In a hexadecimal number a final b is a digit. */
    unit = suffix_unit(text[length - 1]);
    if (unit == 1 && length > 2 && text[0] == '0' && (text[1] | 0x20) == 'x') {
        unit = 0;
    }
    if (!str_to_u64_n(text, unit ? length - 1 : length, &number)) {
        return false;
    }
    if (mul_overflows(number, unit ? unit : default_unit, &number)) {
        return false;
    }
    *size_bytes = number;
    return true;
}

bool cmdline_parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"yes", "on", "true", "enable", "1"};
    static const char *const no[] = {"no", "off", "false", "disable", "0"};

    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *value = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

bool cmdline_option_bool(const struct cmdline_option *option, const char *name, bool *value)
{
    bool negated = false, given = true;

    if (strcmp(option->name, name) != 0) {
        negated = str_starts_with(option->name, "no-") && strcmp(option->name + 3, name) == 0;
        if (!negated) {
            return false;
        }
    }
    if (option->value && !cmdline_parse_bool(option->value, &given)) {
        return false;
    }
    *value = given != negated;
    return true;
}
