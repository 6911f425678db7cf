/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building and starting the first domain from the loader's modules. */
#pragma once

/* Panics, saying what is missing, when there is no domain to start. */
void first_domain_start(void);
