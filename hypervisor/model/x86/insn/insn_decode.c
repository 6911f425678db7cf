/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction decoder: prefixes, opcode, ModRM, SIB, displacement, immediates.
 *
 * One byte of attributes an opcode drives it. The cursor is the only thing that reads bytes, so the bound is
 * checked in one place. AMD APM volume 3, 1.2 (encoding) and appendix A (maps).
 */
#include <model/x86/insn/insn.h>

/* Attributes: what follows the opcode. */
enum {
    I0,  /* no immediate */
    IB,  /* one byte, sign-extended */
    IW,  /* two bytes */
    IZ,  /* operand size, at most four bytes, sign-extended */
    IV,  /* full operand size: MOV r, imm */
    IWB, /* two bytes and one: ENTER */
    OFS, /* absolute offset of address size */
    FAR, /* offset of operand size and a selector */
    GB,
    GZ, /* group F6, F7: immediate only for TEST */
    KIND = 0x0f,
    M = 0x10,   /* ModRM */
    N64 = 0x20, /* not in 64-bit mode */
    BAD = 0x40, /* undefined */
};

#define ROW8(a)         a, a, a, a, a, a, a, a
#define ALU(seg_or_bad) M, M, M, M, IB, IZ, seg_or_bad, seg_or_bad

static const uint8_t map_1[256] = {
    ALU(N64),  ALU(N64), ALU(N64),     ALU(N64), ALU(N64),  ALU(N64), ALU(N64), ALU(N64),
    ROW8(I0),  ROW8(I0), /* 40: INC/DEC, or REX */
    ROW8(I0),  ROW8(I0), /* 50: PUSH/POP */
    N64,       N64,      M | N64,      M,        I0,        I0,       I0,       I0,
    IZ,        M | IZ,   IB,           M | IB,   I0,        I0,       I0,       I0,
    ROW8(IB),  ROW8(IB), /* 70: Jcc */
    M | IB,    M | IZ,   M | IB | N64, M | IB,   M,         M,        M,        M,
    ROW8(M),   ROW8(I0), I0,           I0,       FAR | N64, I0,       I0,       I0,
    I0,        I0,       OFS,          OFS,      OFS,       OFS,      I0,       I0,
    I0,        I0,       IB,           IZ,       I0,        I0,       I0,       I0,
    I0,        I0,       ROW8(IB),     ROW8(IV), M | IB,    M | IB,   IW,       I0,
    M | N64,   M | N64,  M | IB,       M | IZ,   IWB,       I0,       IW,       I0,
    I0,        IB,       N64,          I0,       M,         M,        M,        M,
    IB | N64,  IB | N64, N64,          I0,       ROW8(M),   ROW8(IB), IZ,       IZ,
    FAR | N64, IB,       I0,           I0,       I0,        I0,       I0,       I0,
    I0,        I0,       I0,           I0,       M | GB,    M | GZ,   I0,       I0,
    I0,        I0,       I0,           I0,       M,         M,
};

static const uint8_t map_0f[256] = {
    M,       M,       M,       M,       BAD,     I0,     I0,     I0,     I0,       I0,       BAD,     I0,
    BAD,     M,       I0,      M | IB, /* 0F 0F: 3DNow!, opcode at the end */
    ROW8(M), ROW8(M), M,       M,       M,       M,      BAD,    BAD,    BAD,      BAD,      ROW8(M), I0,
    I0,      I0,      I0,      I0,      I0,      BAD,    I0,     BAD,    BAD,      BAD,      BAD,     BAD,
    BAD,     BAD,     BAD,     ROW8(M), ROW8(M), /* 40: CMOVcc */
    ROW8(M), ROW8(M), ROW8(M), ROW8(M), M | IB,  M | IB, M | IB, M | IB, M,        M,        M,       I0,
    M,       M,       BAD,     BAD,     M,       M,      M,      M,      ROW8(IZ), ROW8(IZ), /* 80: Jcc */
    ROW8(M), ROW8(M),                                                                        /* 90: SETcc */
    I0,      I0,      I0,      M,       M | IB,  M,      BAD,    BAD,    I0,       I0,       I0,      M,
    M | IB,  M,       M,       M,       ROW8(M), M,      M,      M | IB, M,        M,        M,       M,
    M,       M,       M,       M | IB,  M,       M | IB, M | IB, M | IB, M,        ROW8(I0), ROW8(M), ROW8(M),
    ROW8(M), ROW8(M), ROW8(M), ROW8(M),
};

struct cursor {
    const uint8_t *bytes;
    unsigned n, pos;
    enum insn_decode_result result;
};

static uint8_t next8(struct cursor *c)
{
    if (c->result != INSN_OK) {
        return 0;
    }
    if (c->pos >= INSN_MAX_LENGTH) {
        c->result = INSN_TOO_LONG;
        return 0;
    }
    if (c->pos >= c->n) {
        c->result = INSN_NEED_MORE;
        return 0;
    }
    return c->bytes[c->pos++];
}

static uint64_t next_le(struct cursor *c, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)next8(c) << (8 * i);
    }
    return val;
}

static int64_t next_signed(struct cursor *c, unsigned size)
{
    unsigned shift = 64 - 8 * size;

    return size ? (int64_t)(next_le(c, size) << shift) >> shift : 0;
}

static bool is_legacy_prefix(struct insn *in, uint8_t b)
{
    switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        /* Without effect in 64-bit mode, where it must not hide an FS or GS override either. */
        if (in->mode != INSN_MODE_64) {
            in->seg = (b >> 3) & 3;
        }
        return true;
    case 0x64:
    case 0x65:
        in->seg = X86_SEG_FS + (b & 1);
        return true;
    case 0x66:
        in->opsize_prefix = true;
        return true;
    case 0x67:
        in->addrsize = 0; /* settled after the prefixes */
        return true;
    case 0xf0:
        in->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        in->rep = b;
        return true;
    default:
        return false;
    }
}

/* Eat prefixes; returns the first byte behind them. REX counts only when it stands last. */
static uint8_t decode_prefixes(struct cursor *c, struct insn *in)
{
    bool addr_prefix;
    uint8_t b;

    in->addrsize = 1;
    for (;;) {
        b = next8(c);
        if (c->result != INSN_OK) {
            return 0;
        }
        if (is_legacy_prefix(in, b)) {
            in->rex = 0;
        } else if (in->mode == INSN_MODE_64 && (b & 0xf0) == 0x40) {
            in->rex = b;
        } else {
            break;
        }
    }
    addr_prefix = in->addrsize == 0;
    if (in->mode == INSN_MODE_64) {
        in->addrsize = addr_prefix ? 4 : 8;
        in->opsize = (in->rex & 8) ? 8 : in->opsize_prefix ? 2 : 4;
    } else {
        in->addrsize = ((in->mode == INSN_MODE_32) != addr_prefix) ? 4 : 2;
        in->opsize = ((in->mode == INSN_MODE_32) != in->opsize_prefix) ? 4 : 2;
    }
    return b;
}

static void decode_sib(struct cursor *c, struct insn *in)
{
    uint8_t sib = next8(c);

    in->scale = sib >> 6;
    in->index = ((sib >> 3) & 7) | ((in->rex & 2) << 2);
    if (in->index == 4) {
        in->index = INSN_NO_REG;
    }
    in->base = (sib & 7) | ((in->rex & 1) << 3);
    if ((sib & 7) == 5 && in->mod == 0) {
        in->base = INSN_NO_REG;
        in->disp = next_signed(c, 4);
    }
}

static void decode_memory_16(struct cursor *c, struct insn *in)
{
    static const uint8_t bases[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const uint8_t indices[8] = {6, 7, 6, 7, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG, INSN_NO_REG};
    unsigned rm = in->modrm & 7;

    in->base = bases[rm];
    in->index = indices[rm];
    if (in->mod == 0 && rm == 6) {
        in->base = INSN_NO_REG;
        in->disp = next_signed(c, 2);
    } else {
        in->disp = next_signed(c, in->mod); /* mod 1: one byte, mod 2: two */
    }
}

static void decode_modrm(struct cursor *c, struct insn *in, bool always_register)
{
    in->modrm = next8(c);
    in->has_modrm = true;
    in->mod = always_register ? 3 : in->modrm >> 6;
    in->reg = ((in->modrm >> 3) & 7) | ((in->rex & 4) << 1);
    in->rm = (in->modrm & 7) | ((in->rex & 1) << 3);
    if (in->mod == 3) {
        return;
    }
    if (in->addrsize == 2) {
        decode_memory_16(c, in);
        return;
    }
    if ((in->modrm & 7) == 4) {
        decode_sib(c, in);
    } else if ((in->modrm & 7) == 5 && in->mod == 0) {
        in->rip_relative = in->mode == INSN_MODE_64;
        in->disp = next_signed(c, 4);
    } else {
        in->base = in->rm;
    }
    if (in->mod) {
        in->disp = next_signed(c, in->mod == 1 ? 1 : 4);
    }
}

static void decode_immediate(struct cursor *c, struct insn *in, unsigned kind)
{
    unsigned z = in->opsize == 2 ? 2 : 4;

    switch (kind) {
    case IB:
        in->imm = next_signed(c, 1);
        break;
    case IW:
        in->imm = (int64_t)next_le(c, 2);
        break;
    case IZ:
        in->imm = next_signed(c, z);
        break;
    case IV:
        in->imm = next_signed(c, in->opsize);
        break;
    case IWB:
        in->imm = (int64_t)next_le(c, 2);
        in->imm2 = next8(c);
        break;
    case OFS:
        in->disp = (int64_t)next_le(c, in->addrsize);
        break;
    case FAR:
        in->imm = (int64_t)next_le(c, z);
        in->imm2 = (uint16_t)next_le(c, 2);
        break;
    case GB:
        in->imm = (in->reg & 7) < 2 ? next_signed(c, 1) : 0;
        break;
    case GZ:
        in->imm = (in->reg & 7) < 2 ? next_signed(c, z) : 0;
        break;
    default:
        break;
    }
}

/* The part that VEX, EVEX and XOP have in common: inverted R, X, B and W become a REX byte. */
static void extended_rex(struct insn *in, uint8_t rxb, uint8_t w)
{
    if (in->mode == INSN_MODE_64) {
        in->rex = 0x40 | ((~rxb >> 5) & 7) | ((w & 0x80) >> 4);
        in->opsize = (w & 0x80) ? 8 : 4;
    }
}

static void decode_vex(struct cursor *c, struct insn *in, uint8_t first)
{
    static const uint8_t implied[4] = {0, 0x66, 0xf3, 0xf2};
    unsigned map = 1, kind = I0;
    uint8_t p0 = next8(c), p1;

    if (in->rex || in->lock || in->rep || in->opsize_prefix) {
        c->result = c->result == INSN_OK ? INSN_INVALID : c->result;
        return;
    }
    if (first == 0xc5) {
        in->vex = INSN_VEX;
        extended_rex(in, p0 | 0x60, 0);
        p1 = p0;
    } else {
        in->vex = first == 0x62 ? INSN_EVEX : first == 0x8f ? INSN_XOP : INSN_VEX;
        map = p0 & (first == 0x62 ? 7 : 0x1f);
        p1 = next8(c);
        extended_rex(in, p0, p1);
        if (first == 0x62) {
            next8(c);
        }
    }
    in->rep = implied[p1 & 3];
    in->opsize_prefix = in->rep == 0x66;
    in->rep = in->opsize_prefix ? 0 : in->rep;
    in->opcode = next8(c);
    in->map = map <= 3 && in->vex != INSN_XOP ? map : INSN_MAP_OTHER;

    if (in->vex == INSN_XOP) {
        in->opsize = 4;
        kind = map == 8 ? IB : map == 10 ? IZ : I0;
        c->result = c->result == INSN_OK && (map < 8 || map > 10) ? INSN_INVALID : c->result;
    } else if (map == 1) {
        unsigned attr = map_0f[in->opcode];
        bool evex_only = in->opcode >= 0x78 && in->opcode <= 0x7b;

        if (in->vex == INSN_VEX && in->opcode == 0x77) {
            return; /* VZEROUPPER: no ModRM */
        }
        if ((!(attr & M) && !(in->vex == INSN_EVEX && evex_only)) || (in->vex == INSN_VEX && evex_only)) {
            c->result = c->result == INSN_OK ? INSN_INVALID : c->result;
            return;
        }
        kind = attr & KIND;
    } else if (map == 3) {
        kind = IB;
    } else if (map != 2 && !(in->vex == INSN_EVEX && (map == 5 || map == 6))) {
        c->result = c->result == INSN_OK ? INSN_INVALID : c->result;
        return;
    }
    decode_modrm(c, in, false);
    decode_immediate(c, in, kind);
}

/* C4, C5, 62 and 8F have an older meaning; outside 64-bit mode the next byte decides. */
static bool is_extended(const struct cursor *c, const struct insn *in, uint8_t first)
{
    uint8_t second;

    if (first != 0xc4 && first != 0xc5 && first != 0x62 && first != 0x8f) {
        return false;
    }
    if (c->pos >= c->n || c->pos >= INSN_MAX_LENGTH) {
        return false; /* either way ModRM is missing next */
    }
    second = c->bytes[c->pos];
    if (first == 0x8f) {
        return (second & 0x1f) >= 8;
    }
    return in->mode == INSN_MODE_64 || (second & 0xc0) == 0xc0;
}

static void decode_0f(struct cursor *c, struct insn *in)
{
    unsigned attr;

    in->map = INSN_MAP_0F;
    in->opcode = next8(c);
    attr = map_0f[in->opcode];
    if (in->opcode == 0x38 || in->opcode == 0x3a) {
        in->map = in->opcode == 0x38 ? INSN_MAP_0F38 : INSN_MAP_0F3A;
        attr = in->opcode == 0x38 ? M : M | IB;
        in->opcode = next8(c);
    }
    if (c->result != INSN_OK) {
        return;
    }
    if ((attr & BAD) || (in->map == INSN_MAP_0F && in->opcode == 0xb8 && in->rep != 0xf3)) {
        c->result = INSN_INVALID;
        return;
    }
    if (attr & M) {
        decode_modrm(c, in, in->map == INSN_MAP_0F && (in->opcode & 0xfc) == 0x20);
    }
    decode_immediate(c, in, attr & KIND);
    if (in->map == INSN_MAP_0F && in->opcode == 0x0f) {
        in->map = INSN_MAP_OTHER;
        in->opcode = (uint8_t)in->imm;
    } else if (in->map == INSN_MAP_0F && in->opcode == 0x78 && (in->opsize_prefix || in->rep == 0xf2)) {
        in->imm = next8(c); /* EXTRQ, INSERTQ: two immediates */
        in->imm2 = next8(c);
    }
}

enum insn_decode_result insn_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode, struct insn *out)
{
    struct cursor c = {.bytes = bytes, .n = n, .result = INSN_OK};
    unsigned attr;
    uint8_t b;

    *out = (struct insn){.mode = mode, .seg = X86_SEG_NONE, .base = INSN_NO_REG, .index = INSN_NO_REG};
    b = decode_prefixes(&c, out);
    if (c.result != INSN_OK) {
        return c.result;
    }
    if (is_extended(&c, out, b)) {
        decode_vex(&c, out, b);
    } else if (b == 0x0f) {
        decode_0f(&c, out);
    } else {
        out->opcode = b;
        attr = map_1[b];
        if ((attr & N64) && mode == INSN_MODE_64) {
            bool later = (b == 0xc4 || b == 0xc5 || b == 0x62); /* a VEX prefix cut off */

            return later ? (c.pos >= INSN_MAX_LENGTH ? INSN_TOO_LONG : INSN_NEED_MORE) : INSN_INVALID;
        }
        if (attr & M) {
            decode_modrm(&c, out, false);
        }
        decode_immediate(&c, out, attr & KIND);
    }
    out->length = (uint8_t)c.pos;
    return c.result;
}

unsigned insn_forced_prefix(const uint8_t *bytes, unsigned n)
{
    static const uint8_t prefix[INSN_FORCED_PREFIX_LENGTH] = {0x0f, 0x0b, 'x', 'e', 'n'};

    return n >= sizeof(prefix) && __builtin_memcmp(bytes, prefix, sizeof(prefix)) == 0 ? sizeof(prefix) : 0;
}
