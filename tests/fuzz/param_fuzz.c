/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters. The input is a command line; then each of its values is given to every parameter. What a parameter takes is shown as a value that it takes
 * again, and that then is shown alike; what it refuses changes nothing.
 */
#include <core/param/param.h>
#include <core/sched/arch.h>
#include <host/host.h>
#include <lib/cmdline.h>
#include <lib/string.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing runs here. */
void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
}

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *to)
{
}

void arch_resume(struct sched_vcpu *held)
{
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *to)
{
}

void arch_runstate_changed(struct sched_vcpu *v)
{
}

static void check(bool ok)
{
    if (!ok) {
        __builtin_trap();
    }
}

static void give(const struct param *p, const char *value)
{
    char before[PARAM_VALUE_MAX], after[PARAM_VALUE_MAX], again[PARAM_VALUE_MAX];
    int rc;

    param_show(p, before, sizeof(before));
    rc = param_set(p, value);
    param_show(p, after, sizeof(after));
    check(strnlen(after, sizeof(after)) < sizeof(after));
    if (rc != 0) {
        check(!strcmp(before, after));
        param_log_refused(p, value ? value : "");
        return;
    }
    if (p->is_runtime) {
        check(param_set(p, after) == 0);
        param_show(p, again, sizeof(again));
        check(!strcmp(after, again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct cmdline_option option;
    struct cmdline line;

    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    host_init(1, 1 << 20);
    host_console_clear();
    params_parse(text);
    params_report();
    cmdline_init(&line, text);
    while (cmdline_next(&line, &option)) {
        if (!param_find(option.name)) {
            param_log_unknown(option.name);
        }
        for (unsigned int i = 0; i < param_count(); i++) {
            give(param_at(i), option.value);
        }
    }
    free(text);
    return 0;
}
