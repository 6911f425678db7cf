/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NMIs of the platform for the hardware domain. */
#pragma once
#include <base/types.h>

enum nmi_reason { NMI_UNKNOWN, NMI_SERR, NMI_IOCHK };

/* Note the reason in the domain's shared info and send an NMI to its vCPU 0. False: there is no such domain, or it takes none. Not in an NMI. */
bool hardware_domain_nmi(enum nmi_reason reason);
