/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parameters' values, for whoever acts on them. Written while the command line is parsed, before anything else runs; those that change later
 * say so. What is not here belongs to the folder that acts on it: base/log.h, core/gnttab, core/sched.
 */
#pragma once
#include <base/types.h>

#define OPTION_TEXT_MAX 64u

/* --- the machine ---------------------------------------------------------------------------------------------------------------------------------- */

extern uint64_t opt_maxcpus;   /* 0: as many as there are */
extern uint64_t opt_mem_limit; /* mem=: RAM ends here; 0: not given */
/* badpage=: bytes [start, end) not to use. */
#define BAD_RANGES_MAX 16u
struct bad_range {
    paddr_t start, end;
};
extern struct bad_range opt_bad_range[BAD_RANGES_MAX];
extern unsigned int opt_bad_range_count;
enum bootscrub { BOOTSCRUB_NO, BOOTSCRUB_IDLE, BOOTSCRUB_NOW, BOOTSCRUB_DEFAULT };
extern enum bootscrub opt_bootscrub;
/* Use x2APIC mode when the CPU has it. */
extern bool opt_x2apic;
enum nmi_action { NMI_IGNORE, NMI_DOM0, NMI_FATAL };
extern enum nmi_action opt_nmi;
extern bool opt_numa;
/* The way that is tried first; the others follow in this order. */
enum reboot_way { REBOOT_ACPI, REBOOT_KEYBOARD, REBOOT_PCI, REBOOT_TRIPLE_FAULT, REBOOT_NEVER };
extern enum reboot_way opt_reboot;
extern bool opt_watchdog;
extern bool
    opt_watchdog_force; /* NMIs that are not the watchdog's are handled as nmi= says, in spite of its ticks */
extern uint64_t opt_watchdog_timeout; /* seconds */

/* --- console and crashes ------------------------------------------------------------------------------------------------------------------------- */

extern char opt_console[OPTION_TEXT_MAX];
extern char opt_com[2][OPTION_TEXT_MAX];
extern bool opt_vga_keep;
/* conswitch=: the control character, 0: no switching (may change at any time); and where input goes first. */
extern char opt_conswitch;
extern bool opt_conswitch_to_keys;
/* The key that is typed with Ctrl for it; of letters the small one. */
static inline char conswitch_key(char control)
{
    return control >= ('a' & 0x1f) && control <= ('z' & 0x1f) ? control | '`' : control | '@';
}
extern bool opt_noreboot; /* may change at any time */
/* crash-debug-*=: terminated texts that may change at any time; a reader sees some mix of old and new then. */
enum crash { CRASH_HWDOM, CRASH_PANIC, CRASH_WATCHDOG, CRASH_COUNT };
extern char opt_crash_keys[CRASH_COUNT][OPTION_TEXT_MAX];

/* --- the first domain, scheduling ---------------------------------------------------------------------------------------------------------------- */

/* dom0_mem=: sizes in bytes; 0: not given. Bare size and min: set both ends to what Xen's option means. */
struct dom0_mem_option {
    uint64_t size_bytes, min_bytes, max_bytes;
    bool is_negative; /* "all but this" */
};
extern struct dom0_mem_option opt_dom0_mem;
/* dom0_max_vcpus=; 0: not given. */
struct dom0_vcpus_option {
    uint64_t min, max;
};
extern struct dom0_vcpus_option opt_dom0_max_vcpus;
extern bool opt_dom0_vcpus_pin;
extern uint64_t opt_tbuf_size, opt_tevt_mask; /* 0: not given */
extern char opt_sched[OPTION_TEXT_MAX];       /* "": not given */
