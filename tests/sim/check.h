/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <base/frame.h>

/* Every invariant; the machine is at rest. A violation ends the run. */
void sim_check_rest(void);
/* @mfn is one that the hypervisor shares with domain @owner. */
bool sim_is_shared_page(mfn_t mfn, unsigned int owner);
