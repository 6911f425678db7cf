/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine-check banks: what a status register says, how bad it is, and in words. Intel SDM volume 3, chapter 16 (16.3.2.2 status register, 16.9 error
 * codes); AMD APM volume 2, 9.3. Pure.
 */
#pragma once
#include <lib/bits.h>

#define MSR_MCG_CAP      0x179
#define MSR_MCG_STATUS   0x17a
#define MSR_MCG_CTL      0x17b
#define MSR_MC_CTL(b)    (0x400 + 4 * (b))
#define MSR_MC_STATUS(b) (0x401 + 4 * (b))
#define MSR_MC_ADDR(b)   (0x402 + 4 * (b))
#define MSR_MC_MISC(b)   (0x403 + 4 * (b))

#define MCG_CAP_BANKS   0xffull
#define MCG_CAP_CTL     BIT(8)
#define MCG_STATUS_RIPV BIT(0) /* the interrupted program can go on */
#define MCG_STATUS_EIPV BIT(1)
#define MCG_STATUS_MCIP BIT(2) /* a second machine check would shut the processor down */

#define MCA_BANKS_MAX 32u

#define MCI_VALID       BIT(63)
#define MCI_OVERFLOW    BIT(62)
#define MCI_UNCORRECTED BIT(61)
#define MCI_ENABLED     BIT(60)
#define MCI_MISC        BIT(59)
#define MCI_ADDR        BIT(58)
#define MCI_CORRUPT     BIT(57) /* processor context corrupt */

struct mca_bank {
    uint32_t number;
    uint64_t status, addr, misc; /* addr and misc: 0 unless the status has their bit */
};

enum mca_severity {
    MCA_NONE,        /* no error in it */
    MCA_CORRECTED,   /* the hardware has mended it: worth a line in the log */
    MCA_UNCORRECTED, /* data is lost; the processor itself can go on */
    MCA_FATAL,       /* and the processor's state with it */
};

enum mca_severity mca_severity(uint64_t status);
/* Must the machine stop after a machine-check exception with this MCG_STATUS and these banks? */
bool mca_is_fatal(uint64_t mcg_status, const struct mca_bank *banks, unsigned int count);
/* "bank 2, uncorrected, memory controller, read, address 0x1000 ..." into @buf, cut when it is too small. */
void mca_describe(const struct mca_bank *bank, char *buf, size_t size);
