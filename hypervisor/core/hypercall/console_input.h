/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A character typed at the machine's console, for the hardware domain. Dropped when 1 KiB waits unread. Any context. */
void console_input_push(char ch);
