/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Xen's public <xen/hvm/save.h>, seen through abi/xen.h so that every file agrees on the interface version. */
#pragma once
#include <abi/xen.h>
#include <xen/hvm/save.h>

/* A CPU_XSAVE record: a word without meaning, XCR0, what that ever was, then the XSAVE image. */
#define HVM_SAVE_XSAVE_HEADER offsetof(struct hvm_hw_cpu_xsave, save_area)
