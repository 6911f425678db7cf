/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AMD's virtualization (SVM with nested paging): what start-up calls. The rest is guest/x86/pvh/vm.h. */
#pragma once
#include <stdbool.h>

/* Turn it on on this CPU, if it has it; each CPU, after its descriptor tables are loaded (trap_init_*). Sets build_has_hvm. */
void svm_init_cpu(void);
/* Every CPU that was initialised has it. */
bool svm_available(void);
