/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot options: one table (options.c), with Xen's names. */
#pragma once
#include <lib/bits.h>

/* Read the command line into the targets. Nothing is printed: the console is not open yet. */
void options_parse(const char *cmdline);
/* Name each option that was not understood in a warning. */
void options_report(void);

/* dom0_mem=: sizes in bytes; 0: not given. Bare size and min: set both ends to what Xen's option means. */
struct dom0_mem_option {
    uint64_t size_bytes, min_bytes, max_bytes;
    bool is_negative; /* "all but this" */
};
extern struct dom0_mem_option opt_dom0_mem;
/* dom0_max_vcpus=: <n> or <min>-<max>; 0: not given. */
struct dom0_vcpus_option {
    uint64_t min, max;
};
extern struct dom0_vcpus_option opt_dom0_max_vcpus;
enum bootscrub { BOOTSCRUB_NO, BOOTSCRUB_IDLE, BOOTSCRUB_NOW, BOOTSCRUB_DEFAULT };
extern enum bootscrub opt_bootscrub; /* bootscrub= */
#define OPTION_TEXT_MAX 64
extern char opt_sched[OPTION_TEXT_MAX]; /* sched= */
extern uint64_t opt_sched_ratelimit_us; /* UINT64_MAX: not given */
extern bool opt_dom0_vcpus_pin;         /* dom0_vcpus_pin */
extern bool opt_vga_keep;               /* vga=keep */
