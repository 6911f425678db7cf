/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as page tables, in every paging mode: the walk ends, reads only what the callback gives, answers sensibly. */
#include <stdlib.h>
#include <string.h>
#include <model/x86/pt/pt.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[4096];
static unsigned reads;

static bool fz_read(void *arg, uint64_t gpa, unsigned size, uint64_t *entry)
{
    reads++;
    *entry = 0;
    memcpy(entry, memory + (gpa & 4095 & ~(uint64_t)(size - 1)), size); /* every frame is this one */
    return (gpa >> 12) % 7 != 6;
}

static bool fz_update(void *arg, uint64_t gpa, unsigned size, uint64_t old, uint64_t new)
{
    uint64_t now = 0;
    uint8_t *at = memory + (gpa & 4095 & ~(uint64_t)(size - 1));

    memcpy(&now, at, size);
    if (now != old) {
        return false;
    }
    memcpy(at, &new, size);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t efers[] = {0, 0x800, 0x500, 0xd00};
    struct pt_ctx ctx = {.read_entry = fz_read, .update_entry = fz_update};
    struct pt_result r;
    uint64_t va;

    if (size < 12) {
        return 0;
    }
    memcpy(&va, data + 4, 8);
    ctx.cr0 = 0x80000001u | (data[0] & 1 ? 0x10000 : 0);
    ctx.cr4 = (data[0] & 2 ? 0x20 : 0) | (data[0] & 4 ? 0x10 : 0) | (uint64_t)(data[0] >> 3 & 3) << 20;
    ctx.efer = efers[data[1] & 3];
    ctx.ac = data[1] & 4;
    ctx.gb_pages = data[1] & 8;
    ctx.paddr_bits = 32 + (data[1] >> 4) + 4;
    ctx.cr3 = (uint64_t)data[2] << 12;
    memset(memory, 0, sizeof(memory));
    for (size_t i = 0; i < sizeof(memory); i++) {
        memory[i] = size > 12 ? data[12 + i % (size - 12)] : 0;
    }
    reads = 0;
    switch (pt_walk(&ctx, va, data[3] & 31, &r)) {
    case PT_OK:
        if (r.page_size == 0 || ((r.gpa ^ va) & (r.page_size - 1)) || r.gpa >> 52) {
            abort();
        }
        if (!(data[3] & PT_ACCESS_PEEK) && (data[3] & PT_ACCESS_WRITE) && (data[3] & PT_ACCESS_USER) &&
            !r.writable) {
            abort();
        }
        break;
    case PT_FAULT:
        if (r.error > 31) {
            abort();
        }
        break;
    default:
        break;
    }
    if (reads > 4 * PT_WALK_TRIES) {
        abort();
    }
    return 0;
}
