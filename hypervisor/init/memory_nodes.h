/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory nodes of the machine: core/numa is told what the firmware says, unless numa=off; the heap and the scheduler follow. */
#pragma once
#include <base/types.h>

/* After the firmware's tables are read, before other CPUs are started and domains are made. */
void start_memory_nodes(void);
/* Enter this pCPU in core/numa; the node that it is in. */
unsigned int node_of_this_cpu(void);
