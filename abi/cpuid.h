/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen's CPUID leaves and feature numbers (XEN_X86_FEATURE_*), seen through abi/xen.h. */
#pragma once
#include <abi/xen.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/cpufeatureset.h>
