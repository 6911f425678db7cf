/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys that write a part of the hypervisor's state to the log: from the tools (`xl debug-keys`), or typed at the machine's console. */
#pragma once
#include <stdbool.h>

/* @fn runs with interrupts on, in a hypercall or a softirq, and may take its time. @key is a printable ASCII character; the last registration wins. */
void debug_key_register(char key, const char *what, void (*fn)(void));
/* perfc.c: keys p and P. */
void perfc_show(void);
void perfc_reset(void);
/* Do what @key says, and show it on the console, whatever loglvl says; unknown keys are ignored. */
void debug_key_press(char key);
