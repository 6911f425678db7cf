/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about this build and boot that xen_version reports; filled in at start-up. */
#pragma once
#include <stdbool.h>

extern const char build_compiler[];
extern const char build_date[];
extern const char build_changeset[];
#define BUILD_BY     "zendo"
#define BUILD_DOMAIN "zendo"
/* What is built in, a line each: "CONFIG_PV=y". */
extern const char *build_config;
/* As the loader gave it; at most 1023 characters. */
extern char build_command_line[1024];
/* The machine can run PVH guests. */
extern bool build_has_hvm;
/* "xen-3.0-x86_64 ...": which kinds of guest can be created. */
const char *build_capabilities(void);
