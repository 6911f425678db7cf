/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See mca.h. The low 16 bits of a status are a code made of fields; which fields, its highest bit says (Intel SDM volume 3, 16.9.2). */
#include <lib/printf.h>
#include <model/x86/mca/mca.h>

#define CODE_CORRECTION_REPORT BIT(12) /* of Intel's: says how the bank counts, not what happened */

enum mca_severity mca_severity(uint64_t status)
{
    if (!(status & MCI_VALID)) {
        return MCA_NONE;
    }
    if (!(status & MCI_UNCORRECTED)) {
        return MCA_CORRECTED;
    }
    return status & MCI_CORRUPT ? MCA_FATAL : MCA_UNCORRECTED;
}

bool mca_is_fatal(uint64_t mcg_status, const struct mca_bank *banks, unsigned int count)
{
    if (!(mcg_status & MCG_STATUS_RIPV)) {
        return true;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (mca_severity(banks[i].status) >= MCA_UNCORRECTED) {
            return true; /* whose memory it was cannot be told yet, so nobody may go on */
        }
    }
    return false;
}

/* RRRR: what was asked for */
static const char *request(unsigned int code)
{
    static const char *const names[] = {" error",     " read",       " write",
                                        " data read", " data write", " instruction fetch",
                                        " prefetch",  " eviction",   " snoop"};
    unsigned int r = code >> 4 & 15;

    return r < ARRAY_SIZE(names) ? names[r] : " request";
}

/* MMM: what the memory controller did */
static const char *transaction(unsigned int code)
{
    static const char *const names[] = {" error", " read", " write", " address or command", " scrubbing"};
    unsigned int m = code >> 4 & 7;

    return m < ARRAY_SIZE(names) ? names[m] : " transaction";
}

/* Class and detail of a code made of fields. False for the simple codes. */
static bool split_code(unsigned int code, const char **class, const char **detail)
{
    *detail = "";
    if (code >> 11 & 1) {
        *class = "bus or interconnect";
        *detail = request(code);
    } else if (code >> 8 & 1) {
        *class = "cache hierarchy";
        *detail = request(code);
    } else if (code >> 7 & 1) {
        *class = "memory controller";
        *detail = transaction(code);
    } else if (code >> 4 & 1) {
        *class = "TLB";
    } else if (code >> 2 == 3) {
        *class = "cache hierarchy";
    } else {
        return false;
    }
    return true;
}

static const char *simple_code(unsigned int code)
{
    static const char *const names[] = {"no error code",  "unclassified",          "microcode ROM parity",
                                        "external",       "functional redundancy", "internal parity",
                                        "SMM code access"};

    if (code < ARRAY_SIZE(names)) {
        return names[code];
    }
    return code >> 10 & 1 ? "internal" : "unknown code";
}

static const char *severity_name(uint64_t status)
{
    static const char *const names[] = {"no error", "corrected", "uncorrected",
                                        "uncorrected, processor context corrupt"};

    return names[mca_severity(status)];
}

void mca_describe(const struct mca_bank *b, char *buf, size_t size)
{
    unsigned int code = (unsigned int)(b->status & 0xffff & ~CODE_CORRECTION_REPORT);
    const char *class, *detail;
    int n;

    if (!split_code(code, &class, &detail)) {
        class = simple_code(code);
    }
    n = zscnprintf(buf, size, "bank %u: %s%s, %s%s, status %#lx", b->number, severity_name(b->status),
                   b->status & MCI_OVERFLOW ? " (others were lost)" : "", class, detail,
                   (unsigned long)b->status);
    if (b->status & MCI_ADDR) {
        n += zscnprintf(buf + n, size - (size_t)n, ", address %#lx", (unsigned long)b->addr);
    }
    if (b->status & MCI_MISC) {
        zscnprintf(buf + n, size - (size_t)n, ", misc %#lx", (unsigned long)b->misc);
    }
}
