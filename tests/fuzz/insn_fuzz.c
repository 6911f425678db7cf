/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes, any registers: the decoder stays inside them, the executor ends and does not touch registers on
 * failure.
 */
#include <stdlib.h>
#include <string.h>
#include <model/x86/insn/insn.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[64];

static enum insn_status fz_read(struct insn_ctx *ctx, uint64_t linear, void *buf, unsigned size,
                                enum insn_access how)
{
    if (size > 8) {
        abort();
    }
    for (unsigned i = 0; i < size; i++) {
        ((uint8_t *)buf)[i] = memory[(linear + i) % sizeof(memory)];
    }
    return (linear >> 40) & 1 ? insn_raise_pf(ctx, 0, linear) : INSN_DONE;
}

static enum insn_status fz_write(struct insn_ctx *ctx, uint64_t linear, const void *buf, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        memory[(linear + i) % sizeof(memory)] = ((const uint8_t *)buf)[i];
    }
    return (linear >> 41) & 1 ? INSN_RETRY : INSN_DONE;
}

static enum insn_status fz_cmpxchg(struct insn_ctx *ctx, uint64_t linear, void *old, const void *new,
                                   unsigned size)
{
    ((uint8_t *)old)[size - 1] ^= linear & 1;
    return INSN_DONE;
}

static enum insn_status fz_io_read(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t *val)
{
    *val = port;
    return INSN_DONE;
}

static enum insn_status fz_io_write(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t val)
{
    return INSN_DONE;
}

static enum insn_status fz_read_cr(struct insn_ctx *ctx, unsigned cr, uint64_t *val)
{
    if (cr > 8) {
        abort();
    }
    *val = cr;
    return INSN_DONE;
}

static enum insn_status fz_write_cr(struct insn_ctx *ctx, unsigned cr, uint64_t val)
{
    return fz_read_cr(ctx, cr, &val);
}

static const struct insn_ops ops = {
    .read = fz_read,
    .write = fz_write,
    .cmpxchg = fz_cmpxchg,
    .io_read = fz_io_read,
    .io_write = fz_io_write,
    .read_cr = fz_read_cr,
    .write_cr = fz_write_cr,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum insn_mode modes[] = {INSN_MODE_16, INSN_MODE_32, INSN_MODE_64, INSN_MODE_64};
    struct x86_regs regs, before;
    struct insn_ctx ctx = {.regs = &regs, .ops = &ops, .rep_limit = 8};
    enum insn_decode_result result;
    struct insn in;

    if (size < 2) {
        return 0;
    }
    ctx.mode = modes[data[0] & 3];
    ctx.protected_mode = ctx.mode == INSN_MODE_64 || (data[0] & 4);
    ctx.cpl = (data[0] >> 3) & 3;
    for (unsigned i = 0; i < X86_SEG_COUNT; i++) {
        ctx.seg[i] = (struct x86_seg){
            .limit = 0xffffffffu >> (data[0] & 16), .attr = (uint16_t)(data[1] | 0x90), .base = data[1]};
    }
    data += 2;
    size -= 2;
    memset(&regs, 0, sizeof(regs));
    if (size > INSN_MAX_LENGTH) {
        size_t have = size - INSN_MAX_LENGTH;

        memcpy(&regs, data + INSN_MAX_LENGTH, have < sizeof(regs) ? have : sizeof(regs));
    }
    before = regs;
    result = insn_decode(data, (unsigned)size, ctx.mode, &in);
    if (result != INSN_OK) {
        return 0;
    }
    if (in.length == 0 || in.length > size || in.length > INSN_MAX_LENGTH) {
        abort();
    }
    switch (insn_execute(&ctx, &in, INSN_SET_PRIVILEGED | INSN_SET_MEMORY)) {
    case INSN_DONE:
        break;
    default:
        if (!in.rep && memcmp(&before, &regs, sizeof(regs)) != 0) {
            abort();
        }
    }
    return 0;
}
