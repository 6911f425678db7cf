/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen's public <xen/trace.h>, seen through abi/xen.h so that every file agrees on the interface version. */
#pragma once
#include <abi/xen.h>
#include <xen/trace.h>
