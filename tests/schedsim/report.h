/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The measured scenarios, their goals, and how they are printed. */
#pragma once
#include <tests/schedsim/scenario.h>

/* Run all (only those whose name begins with @only, unless NULL), print a table, write @json unless NULL. 1: a goal was missed. */
int report_all(bool full, const char *json, const char *only);
void report_one(const struct scenario *s);
