/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace buffers as boot options and tools ask for them: core/trace, with the control domain told when a buffer is half full. */
#pragma once
#include <stdint.h>

/* trace_set_size() with its errors, and a line in the log that says what is wrong. */
int tbuf_set_size(uint32_t pages);
/* `tbuf_size=` and `tevt_mask=`; 0: not given. After all pCPUs are online. */
void tbuf_start(uint64_t pages, uint64_t event_mask);
