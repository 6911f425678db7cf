/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to core/timer: the handler of SOFTIRQ_TASKLET. */
#pragma once

void tasklet_run(void);
