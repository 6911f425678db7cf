/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <core/hypercall/build_info.h>

const char build_compiler[] = "gcc " __VERSION__;
const char build_date[] = "reproducible build";
const char build_changeset[] = "unavailable";
const char *build_config = "";
char build_command_line[1024];
bool build_has_hvm;

const char *build_capabilities(void)
{
    return build_has_hvm ? "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "
                         : "xen-3.0-x86_64 ";
}
