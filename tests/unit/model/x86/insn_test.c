/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction model against three judges: a hand-written table, objdump's idea of every length in a real
 * binary, and the processor that runs this test (each generated instruction is executed on it and by the
 * model).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <lib/bits.h>
#include <model/x86/insn/insn.h>

/* --- decoding ----------------------------------------------------------------------------------- */

struct encoding {
    enum insn_mode mode;
    enum insn_decode_result result;
    uint8_t bytes[16], count;
};

#define E(mode, result, ...)                                          \
    {                                                                 \
        mode, result, {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
    }

static const struct encoding table[] = {
    E(64, INSN_OK, 0x90),
    E(64, INSN_OK, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8), /* mov $imm64,%rax */
    E(64, INSN_OK, 0x66, 0xb8, 1, 2),
    E(64, INSN_OK, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8), /* moffs64 */
    E(64, INSN_OK, 0x67, 0xa1, 1, 2, 3, 4),
    E(32, INSN_OK, 0x67, 0xa1, 1, 2),
    E(16, INSN_OK, 0xa1, 1, 2),
    E(64, INSN_OK, 0xc7, 0x84, 0x24, 1, 2, 3, 4, 1, 2, 3, 4), /* movl $imm32,disp32(%rsp) */
    E(64, INSN_OK, 0xf6, 0x05, 1, 2, 3, 4, 1),                /* testb $1,disp(%rip) */
    E(64, INSN_OK, 0xf6, 0x15, 1, 2, 3, 4),                   /* notb: no immediate */
    E(64, INSN_OK, 0x66, 0xe8, 1, 2),                         /* AMD: 16-bit displacement */
    E(64, INSN_OK, 0x66, 0x48, 0xe8, 1, 2, 3, 4),
    E(64, INSN_OK, 0x0f, 0x20, 0x04),       /* mov %cr0: mod does not count */
    E(64, INSN_OK, 0xc8, 1, 2, 3),          /* enter */
    E(32, INSN_OK, 0x9a, 1, 2, 3, 4, 5, 6), /* far call */
    E(16, INSN_OK, 0x9a, 1, 2, 3, 4),
    E(64, INSN_INVALID, 0x9a),
    E(64, INSN_INVALID, 0x06),
    E(64, INSN_INVALID, 0xd6),
    E(64, INSN_OK, 0xc5, 0xf8, 0x77),                         /* vzeroupper */
    E(64, INSN_OK, 0xc4, 0xe3, 0x75, 0x46, 0xc2, 0x31),       /* vperm2i128 */
    E(64, INSN_OK, 0x62, 0xf1, 0xfd, 0x48, 0x6f, 0x40, 0x01), /* vmovdqa64 disp8*64(%rax),%zmm0 */
    E(32, INSN_OK, 0xc4, 0x01),                               /* les */
    E(32, INSN_OK, 0xc5, 0xf8, 0x77),
    E(64, INSN_OK, 0x8f, 0xe8, 0x78, 0xc2, 0xc1, 0x05), /* XOP vprotd */
    E(64, INSN_OK, 0x8f, 0x00),
    E(64, INSN_OK, 0x0f, 0x0f, 0xc1, 0x9e),       /* 3DNow! */
    E(64, INSN_OK, 0x66, 0x0f, 0x78, 0xc0, 1, 2), /* extrq */
    E(64, INSN_OK, 0x0f, 0x01, 0xd9),             /* vmmcall */
    E(64, INSN_OK, 0xf3, 0x0f, 0xb8, 0xc1),
    E(64, INSN_INVALID, 0x0f, 0xb8, 0xc1),
    E(64, INSN_OK, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90),
    E(64, INSN_TOO_LONG, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
      0x66, 0x90),
};

static void test_table(void **state)
{
    struct insn in;

    for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
        const struct encoding *e = &table[i];
        uint8_t *exact = malloc(e->count); /* the sanitizer watches its end */

        memcpy(exact, e->bytes, e->count);
        assert_int_equal(insn_decode(exact, e->count, e->mode, &in), e->result);
        if (e->result == INSN_OK) {
            assert_int_equal(in.length, e->count);
            for (unsigned n = 0; n < e->count; n++) {
                assert_int_equal(insn_decode(exact, n, e->mode, &in), INSN_NEED_MORE);
            }
        }
        free(exact);
    }
    assert_int_equal(insn_forced_prefix((const uint8_t[]){0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2}, 7), 5);
    assert_int_equal(insn_forced_prefix((const uint8_t[]){0x0f, 0x0b, 'x', 'e'}, 4), 0);
}

/*
 * One line of objdump: address, bytes, text. Returns how many bytes, 0 when the line is not an instruction.
 */
static unsigned parse_line(char *line, uint8_t *bytes)
{
    char *p = strchr(line, ':'), *text;
    unsigned n = 0, byte;
    int used;

    if (!p || p[1] != '\t' || !(text = strchr(p + 2, '\t')) || strstr(text, "(bad)") ||
        strstr(text, ".byte") || strstr(text, "\trex")) {
        return 0;
    }
    *text = '\0';
    for (p += 2; p < text && n < 16 && sscanf(p, "%2x%n", &byte, &used) == 1; p += used) {
        bytes[n++] = (uint8_t)byte;
    }
    return bytes[0] == 0x9b ? 0 : n; /* objdump joins FWAIT with what follows */
}

static void test_lengths_against_objdump(void **state)
{
    FILE *f = popen("objdump -dw /proc/self/exe /lib/x86_64-linux-gnu/libc.so.6 2>/dev/null", "r");
    unsigned long checked = 0, wrong = 0;
    uint8_t bytes[16];
    char line[1024];
    struct insn in;

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        unsigned n = parse_line(line, bytes);

        if (n == 0) {
            continue;
        }
        checked++;
        if (insn_decode(bytes, n, INSN_MODE_64, &in) != INSN_OK || in.length != n) {
            wrong++;
            print_message("%u: %s", in.length, line);
        }
    }
    pclose(f);
    if (checked == 0) {
        skip();
    }
    assert_true(checked > 10000);
    assert_int_equal(wrong, 0);
}

/* --- execution: what both judges share ------------------------------------------------------------- */

#define CODE 0x10000000ul
#define DATA 0x10010000ul
#define SIZE 0x4000ul

static enum insn_status mem_read(struct insn_ctx *ctx, uint64_t linear, void *buf, unsigned size,
                                 enum insn_access how)
{
    if (linear < DATA || linear + size > DATA + SIZE) {
        return insn_raise_pf(ctx, how == INSN_READ ? 4 : 6, linear);
    }
    memcpy(buf, (void *)linear, size);
    return INSN_DONE;
}

static enum insn_status mem_write(struct insn_ctx *ctx, uint64_t linear, const void *buf, unsigned size)
{
    if (linear < DATA || linear + size > DATA + SIZE) {
        return insn_raise_pf(ctx, 6, linear);
    }
    memcpy((void *)linear, buf, size);
    return INSN_DONE;
}

static unsigned races; /* how many compare-exchanges are to lose */

static enum insn_status mem_cmpxchg(struct insn_ctx *ctx, uint64_t linear, void *old, const void *new,
                                    unsigned size)
{
    uint8_t seen[16];

    memcpy(seen, (void *)linear, size);
    if (races) {
        races--;
        seen[0]++;
        memcpy((void *)linear, seen, size);
    }
    if (memcmp(seen, old, size) == 0) {
        memcpy((void *)linear, new, size);
    }
    memcpy(old, seen, size);
    return INSN_DONE;
}

static const struct insn_ops mem_ops = {.read = mem_read, .write = mem_write, .cmpxchg = mem_cmpxchg};

static void map_memory(void)
{
    static bool done;

    if (!done) {
        assert_ptr_equal(mmap((void *)CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
                         (void *)CODE);
        assert_ptr_equal(
            mmap((void *)DATA, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
            (void *)DATA);
        done = true;
    }
}

#if defined(__x86_64__)
/* --- the processor as judge -------------------------------------------------------------------- */

/* Registers by number, then flags; then where the test's own stack is. */
struct machine {
    uint64_t gpr[16], flags, own_rsp, entry;
};
extern struct machine hw_machine;
struct machine hw_machine;
void hw_run(void);

#define ALL_GPRS(f)                                                                                    \
    f(0, rax) f(1, rcx) f(2, rdx) f(3, rbx) f(5, rbp) f(6, rsi) f(7, rdi) f(8, r8) f(9, r9) f(10, r10) \
        f(11, r11) f(12, r12) f(13, r13) f(14, r14) f(15, r15)
#define LOAD(n, reg) "mov hw_machine+8*" #n "(%rip), %" #reg "\n"
#define SAVE(n, reg) "mov %" #reg ", hw_machine+8*" #n "(%rip)\n"

__asm__(".text\n.globl hw_run\nhw_run:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, hw_machine+8*17(%rip)\n"
        "push hw_machine+8*16(%rip); popfq\n" ALL_GPRS(
            LOAD) "mov hw_machine+8*4(%rip), %rsp\n"
                  "jmp *hw_machine+8*18(%rip)\n"
                  ".globl hw_back\nhw_back:\n"
                  "mov %rsp, hw_machine+8*4(%rip)\n"
                  "mov hw_machine+8*17(%rip), %rsp\n" ALL_GPRS(
                      SAVE) "pushfq; pop hw_machine+8*16(%rip); cld\n"
                            "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");
extern char hw_back[];

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* What may follow the opcode of a template. */
enum { NO_IMM, IMM8, IMMZ };

struct template
{
    uint8_t map0f, opcode;
    int8_t sub; /* ModRM.reg, or -1 for any register, -2 for no ModRM */
    uint8_t imm;
    bool lock, mem_only;
    uint64_t undefined; /* flags that the manual leaves open */
};

#define AF  X86_FLAGS_AF
#define BTU (X86_FLAGS_OF | X86_FLAGS_SF | X86_FLAGS_AF | X86_FLAGS_PF)
#define ALU6(base, lk, u)                                                             \
    {0, base, -1, 0, lk, false, u}, {0, base + 1, -1, 0, lk, false, u},               \
        {0, base + 2, -1, 0, false, false, u}, {0, base + 3, -1, 0, false, false, u}, \
        {0, base + 4, -2, IMM8, false, false, u},                                     \
    {                                                                                 \
        0, base + 5, -2, IMMZ, false, false, u                                        \
    }
#define GRP1(sub, lk, u)                                                    \
    {0, 0x80, sub, IMM8, lk, false, u}, {0, 0x81, sub, IMMZ, lk, false, u}, \
    {                                                                       \
        0, 0x83, sub, IMM8, lk, false, u                                    \
    }

static const struct template templates[] = {
    ALU6(0x00, true, 0),
    ALU6(0x08, true, AF),
    ALU6(0x10, true, 0),
    ALU6(0x18, true, 0),
    ALU6(0x20, true, AF),
    ALU6(0x28, true, 0),
    ALU6(0x30, true, AF),
    ALU6(0x38, false, 0),
    GRP1(0, true, 0),
    GRP1(1, true, AF),
    GRP1(2, true, 0),
    GRP1(3, true, 0),
    GRP1(4, true, AF),
    GRP1(5, true, 0),
    GRP1(6, true, AF),
    GRP1(7, false, 0),
    {0, 0x63, -1},
    {0, 0x84, -1, 0, false, false, AF},
    {0, 0x85, -1, 0, false, false, AF},
    {0, 0xa8, -2, IMM8, false, false, AF},
    {0, 0xa9, -2, IMMZ, false, false, AF},
    {0, 0x86, -1, 0, true},
    {0, 0x87, -1, 0, true},
    {0, 0x88, -1},
    {0, 0x89, -1},
    {0, 0x8a, -1},
    {0, 0x8b, -1},
    {0, 0xc6, 0, IMM8},
    {0, 0xc7, 0, IMMZ},
    {0, 0xf6, 0, IMM8, false, false, AF},
    {0, 0xf7, 0, IMMZ, false, false, AF},
    {0, 0xf6, 1, IMM8, false, false, AF},
    {0, 0xf6, 2, 0, true},
    {0, 0xf7, 2, 0, true},
    {0, 0xf6, 3, 0, true},
    {0, 0xf7, 3, 0, true},
    {0, 0xfe, 0, 0, true},
    {0, 0xff, 0, 0, true},
    {0, 0xfe, 1, 0, true},
    {0, 0xff, 1, 0, true},
    {0, 0xff, 6},
    {0, 0x8f, 0, 0, false, true},
    {1, 0xa3, 2, 0, false, false, BTU},
    {1, 0xab, 2, 0, true, false, BTU},
    {1, 0xb3, 2, 0, true, false, BTU},
    {1, 0xbb, 2, 0, true, false, BTU},
    {1, 0xba, 4, IMM8, false, false, BTU},
    {1, 0xba, 5, IMM8, true, false, BTU},
    {1, 0xba, 6, IMM8, true, false, BTU},
    {1, 0xba, 7, IMM8, true, false, BTU},
    {1, 0xb0, -1, 0, true},
    {1, 0xb1, -1, 0, true},
    {1, 0xb6, -1},
    {1, 0xb7, -1},
    {1, 0xbe, -1},
    {1, 0xbf, -1},
    {1, 0xc0, -1, 0, true},
    {1, 0xc1, -1, 0, true},
    {1, 0xc3, -1, 0, false, true},
    {1, 0xc7, 1, 0, true, true},
    {0, 0xa4, -2},
    {0, 0xa5, -2},
    {0, 0xaa, -2},
    {0, 0xab, -2},
    {0, 0xac, -2},
    {0, 0xad, -2},
};

static bool is_string(const struct template *t)
{
    return !t->map0f && t->opcode >= 0xa4 && t->opcode <= 0xad && t->opcode != 0xa8 && t->opcode != 0xa9;
}

/* Write one random instance of a template at @p; returns its length. */
static unsigned assemble(const struct template *t, uint8_t *p)
{
    bool mem = t->mem_only || (rnd() & 1), word = (rnd() & 3) == 0, wide = (rnd() & 3) == 0;
    uint8_t rex = (rnd() & 1) ? 0x40 | (rnd() & 0xd) : 0, modrm = rnd() & 0x38, *start = p;
    int form = (int)(rnd() % 4);

    word = word && !(t->map0f && (t->opcode == 0xc3 || t->opcode == 0xc7));
    rex = wide ? rex | 0x48 : rex & ~8;
    if (t->sub >= 0) {
        modrm = (uint8_t)(t->sub << 3);
    }
    if (t->map0f && (t->opcode & 0xe7) == 0xa3) {
        rex = (rex | 0x44) & ~1; /* bit number in r10 */
        form &= 1;
    }
    if (t->sub >= 0 && !(t->map0f && (t->opcode & 0xe7) == 0xa3)) {
        rex &= ~4;
    }
    if (word) {
        *p++ = 0x66;
    }
    if (t->lock && mem && (rnd() & 1)) {
        *p++ = 0xf0;
    }
    if (is_string(t)) {
        if (rnd() & 1) {
            *p++ = (rnd() & 1) ? 0xf2 : 0xf3;
        }
        if ((rnd() & 7) == 0) {
            *p++ = 0x67;
        }
        if (wide) {
            *p++ = 0x48;
        }
        *p++ = t->opcode;
        return (unsigned)(p - start);
    }
    if (mem) {
        rex &= ~1;
    }
    if ((rex & 0x0f) || (rex && (rnd() & 1))) {
        *p++ = rex;
    }
    if (t->map0f) {
        *p++ = 0x0f;
    }
    *p++ = t->opcode;
    if (t->sub != -2) {
        if (!mem) {
            *p++ = 0xc0 | modrm | (rnd() & 7);
        } else if (form == 0) { /* (%rbx) */
            *p++ = modrm | 3;
        } else if (form == 1) { /* disp8(%rsi) */
            *p++ = 0x40 | modrm | 6;
            *p++ = (uint8_t)(rnd() & 0xf0);
        } else if (form == 2) { /* disp32(%rbx,%rbp,scale): rbp is small */
            *p++ = 0x84 | modrm;
            *p++ = (uint8_t)(((rnd() & 3) << 6) | (5 << 3) | 3);
            memcpy(p, &(int32_t){-256}, 4);
            p += 4;
        } else { /* disp32(%rip) */
            unsigned imm = t->imm == IMM8 ? 1 : t->imm == IMMZ ? (word && !wide ? 2 : 4) : 0;
            int32_t disp;

            *p++ = modrm | 5;
            disp = (int32_t)(DATA + 0x1800 - (uint64_t)(p + 4 + imm));
            memcpy(p, &disp, 4);
            p += 4;
        }
    }
    for (unsigned n = t->imm == IMM8 ? 1 : t->imm == IMMZ ? (word && !wide ? 2 : 4) : 0; n; n--) {
        *p++ = (uint8_t)rnd();
    }
    return (unsigned)(p - start);
}

/* Registers such that every memory form lands in the data; some values collide to make comparisons equal. */
static void randomise(struct machine *m, uint64_t *data)
{
    for (unsigned i = 0; i < SIZE / 8; i++) {
        data[i] = rnd();
    }
    for (unsigned i = 0; i < 16; i++) {
        m->gpr[i] = (rnd() & 3) ? rnd() : (uint64_t)(int64_t)(int8_t)rnd();
    }
    m->gpr[3] = DATA + 0x1000;
    m->gpr[6] = DATA + 0x1400 + (rnd() & 0xf0);
    m->gpr[7] = DATA + 0x2000 + (rnd() & 0x3f);
    m->gpr[5] = rnd() & 0x70;
    m->gpr[1] = rnd() % 9;
    m->gpr[4] = DATA + 0x3000;
    m->gpr[10] = (uint64_t)((int64_t)(rnd() & 0x3fff) - 0x2000);
    if (rnd() & 1) { /* what cmpxchg compares with */
        m->gpr[0] = data[0x1000 / 8];
        m->gpr[2] = data[0x1008 / 8];
        if (rnd() & 1) {
            data[0x1000 / 8] &= 0xffffffffu;
        }
    }
    m->flags = (rnd() & (X86_FLAGS_ARITH | X86_FLAGS_DF)) | X86_FLAGS_FIXED | X86_FLAGS_IF;
}

static uint64_t *regs_by_number(struct x86_regs *r, unsigned n)
{
    uint64_t *const map[16] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
                               &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15};
    return map[n];
}

static void compare_one(const struct template *t)
{
    static uint64_t before[SIZE / 8], after[SIZE / 8];
    const uint8_t jump[6] = {0xff, 0x25, 0, 0, 0, 0};
    uint8_t *code = (uint8_t *)CODE;
    uint64_t *data = (uint64_t *)DATA;
    struct x86_regs r = {0};
    struct insn_ctx ctx = {
        .regs = &r, .mode = INSN_MODE_64, .protected_mode = true, .ops = &mem_ops, .rep_limit = 100};
    struct machine start, end;
    struct insn in;
    unsigned length = assemble(t, code);

    memcpy(code + length, jump, 6);
    memcpy(code + length + 6, &(uint64_t){(uint64_t)hw_back}, 8);
    randomise(&start, data);
    start.entry = CODE;
    memcpy(before, data, SIZE);
    hw_machine = start;
    hw_run();
    end = hw_machine;
    memcpy(after, data, SIZE);

    memcpy(data, before, SIZE);
    for (unsigned i = 0; i < 16; i++) {
        *regs_by_number(&r, i) = start.gpr[i];
    }
    r.rflags = start.flags;
    r.rip = CODE;
    assert_int_equal(insn_decode(code, 15, INSN_MODE_64, &in), INSN_OK);
    if (in.length != length || insn_execute(&ctx, &in, INSN_SET_MEMORY) != INSN_DONE) {
        fail_msg("map %d opcode %02x sub %d: length %u of %u", t->map0f, t->opcode, t->sub, in.length,
                 length);
    }
    assert_int_equal(r.rip, CODE + length);
    for (unsigned i = 0; i < 16; i++) {
        if (*regs_by_number(&r, i) != end.gpr[i]) {
            fail_msg("opcode %02x%02x bytes %02x %02x %02x %02x %02x: register %u is %lx, hardware %lx, "
                     "before %lx",
                     t->map0f, t->opcode, code[0], code[1], code[2], code[3], code[4], i,
                     *regs_by_number(&r, i), end.gpr[i], start.gpr[i]);
        }
    }
    if ((r.rflags ^ end.flags) & (X86_FLAGS_ARITH | X86_FLAGS_DF) & ~t->undefined) {
        fail_msg("opcode %02x%02x sub %d: flags %lx, hardware %lx", t->map0f, t->opcode, t->sub, r.rflags,
                 end.flags);
    }
    if (memcmp(data, after, SIZE) != 0) {
        fail_msg("opcode %02x%02x sub %d bytes %02x %02x %02x %02x: memory differs", t->map0f, t->opcode,
                 t->sub, code[0], code[1], code[2], code[3]);
    }
}

static void test_against_processor(void **state)
{
    map_memory();
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(templates); i++) {
            compare_one(&templates[i]);
        }
    }
}
#endif

/* --- execution: rules that no processor shows to a user program ------------------------------------- */

static struct {
    uint64_t cr[9], dr[8], msr, xcr0;
    uint32_t msr_index, port_out;
    uint16_t port;
    unsigned port_size, hlt, interrupts, flushed;
    uint64_t invlpg;
    enum insn_status answer;
} sys;

static enum insn_status cb_io_read(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t *val)
{
    sys.port = port;
    sys.port_size = size;
    *val = 0xa1b2c3d4;
    return sys.answer;
}

static enum insn_status cb_io_write(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t val)
{
    sys.port = port;
    sys.port_size = size;
    sys.port_out = val;
    return sys.answer;
}

static enum insn_status cb_read_cr(struct insn_ctx *ctx, unsigned cr, uint64_t *val)
{
    *val = sys.cr[cr];
    return INSN_DONE;
}

static enum insn_status cb_write_cr(struct insn_ctx *ctx, unsigned cr, uint64_t val)
{
    sys.cr[cr] = val;
    return INSN_DONE;
}

static enum insn_status cb_write_dr(struct insn_ctx *ctx, unsigned dr, uint64_t val)
{
    sys.dr[dr] = val;
    return INSN_DONE;
}

static enum insn_status cb_read_msr(struct insn_ctx *ctx, uint32_t msr, uint64_t *val)
{
    sys.msr_index = msr;
    *val = 0x1122334455667788;
    return INSN_DONE;
}

static enum insn_status cb_write_msr(struct insn_ctx *ctx, uint32_t msr, uint64_t val)
{
    sys.msr_index = msr;
    sys.msr = val;
    return sys.answer;
}

static enum insn_status cb_cpuid(struct insn_ctx *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    out[0] = leaf;
    out[1] = subleaf;
    out[2] = 3;
    out[3] = 4;
    return INSN_DONE;
}

static enum insn_status cb_rdtsc(struct insn_ctx *ctx, uint64_t *tsc, uint32_t *aux)
{
    *tsc = 0x500000006;
    if (aux) {
        *aux = 7;
    }
    return INSN_DONE;
}

static enum insn_status cb_xsetbv(struct insn_ctx *ctx, uint32_t xcr, uint64_t val)
{
    sys.xcr0 = val;
    return xcr == 0 ? INSN_DONE : insn_raise(ctx, X86_VEC_GP, 0);
}

static enum insn_status cb_set_if(struct insn_ctx *ctx, bool on)
{
    sys.interrupts = on;
    return INSN_DONE;
}

static enum insn_status cb_hlt(struct insn_ctx *ctx)
{
    sys.hlt++;
    return INSN_DONE;
}

static enum insn_status cb_invlpg(struct insn_ctx *ctx, uint64_t linear)
{
    sys.invlpg = linear;
    return INSN_DONE;
}

static enum insn_status cb_wbinvd(struct insn_ctx *ctx)
{
    sys.flushed++;
    return INSN_DONE;
}

static const struct insn_ops sys_ops = {
    .read = mem_read,
    .write = mem_write,
    .io_read = cb_io_read,
    .io_write = cb_io_write,
    .read_cr = cb_read_cr,
    .write_cr = cb_write_cr,
    .write_dr = cb_write_dr,
    .read_msr = cb_read_msr,
    .write_msr = cb_write_msr,
    .cpuid = cb_cpuid,
    .rdtsc = cb_rdtsc,
    .xsetbv = cb_xsetbv,
    .set_if = cb_set_if,
    .hlt = cb_hlt,
    .invlpg = cb_invlpg,
    .wbinvd = cb_wbinvd,
};

static struct x86_regs regs;
static struct insn_ctx ctx;

static void reset(void)
{
    memset(&sys, 0, sizeof(sys));
    memset(&regs, 0, sizeof(regs));
    regs.rip = 0x1000;
    ctx = (struct insn_ctx){
        .regs = &regs, .mode = INSN_MODE_64, .protected_mode = true, .ops = &sys_ops, .rep_limit = 4};
}

static enum insn_status run(const uint8_t *bytes, unsigned n)
{
    struct insn in;

    assert_int_equal(insn_decode(bytes, n, ctx.mode, &in), INSN_OK);
    assert_int_equal(in.length, n);
    return insn_execute(&ctx, &in, INSN_SET_PRIVILEGED | INSN_SET_MEMORY);
}

#define RUN(...) run((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static void test_privileged(void **state)
{
    reset();
    sys.cr[0] = 0x80050033 | 8;
    assert_int_equal(RUN(0x0f, 0x20, 0xc3), INSN_DONE); /* mov %cr0,%rbx */
    assert_int_equal(regs.rbx, 0x8005003b);
    assert_int_equal(regs.rip, 0x1003);
    assert_int_equal(RUN(0x0f, 0x06), INSN_DONE); /* clts */
    assert_int_equal(sys.cr[0], 0x80050033);
    regs.rax = 0x8;
    assert_int_equal(RUN(0x0f, 0x01, 0xf0), INSN_DONE); /* lmsw cannot clear PE */
    assert_int_equal(sys.cr[0], 0x80050039);
    regs.r9 = 0xdeadbeef000;
    assert_int_equal(RUN(0x41, 0x0f, 0x22, 0xd9), INSN_DONE); /* mov %r9,%cr3 */
    assert_int_equal(sys.cr[3], 0xdeadbeef000);
    assert_int_equal(RUN(0x44, 0x0f, 0x22, 0xc0), INSN_DONE); /* mov %rax,%cr8 */
    assert_int_equal(sys.cr[8], 8);
    assert_int_equal(RUN(0xf0, 0x0f, 0x22, 0xc1), INSN_DONE); /* lock mov %rcx,%cr0: cr8 */
    assert_int_equal(sys.cr[8], 0);
    assert_int_equal(RUN(0x0f, 0x22, 0xc8), INSN_EXCEPTION); /* cr1 */
    assert_int_equal(ctx.fault.vector, X86_VEC_UD);
    assert_int_equal(RUN(0x0f, 0x23, 0xf8), INSN_DONE); /* mov %rax,%dr7 */
    assert_int_equal(sys.dr[7], 8);
    regs.rcx = 0xc0000080;
    assert_int_equal(RUN(0x0f, 0x32), INSN_DONE);
    assert_int_equal(regs.rax, 0x55667788);
    assert_int_equal(regs.rdx, 0x11223344);
    regs.rax = 0xffffffff00000001;
    assert_int_equal(RUN(0x0f, 0x30), INSN_DONE);
    assert_int_equal(sys.msr, 0x1122334400000001);
    regs.rax = 0x40000000;
    regs.rcx = 2;
    assert_int_equal(RUN(0x0f, 0xa2), INSN_DONE);
    assert_true(regs.rax == 0x40000000 && regs.rbx == 2 && regs.rcx == 3 && regs.rdx == 4);
    assert_int_equal(RUN(0x0f, 0x01, 0xf9), INSN_DONE);
    assert_true(regs.rax == 6 && regs.rdx == 5 && regs.rcx == 7);
    regs.rcx = 0;
    assert_int_equal(RUN(0x0f, 0x01, 0xd1), INSN_DONE);
    assert_int_equal(sys.xcr0, 0x500000006);
    regs.rbx = 0x7000;
    assert_int_equal(RUN(0x0f, 0x01, 0x7b, 0x10), INSN_DONE); /* invlpg 0x10(%rbx) */
    assert_int_equal(sys.invlpg, 0x7010);
    assert_int_equal(RUN(0xfb), INSN_DONE);
    assert_int_equal(sys.interrupts, 1);
    assert_int_equal(RUN(0xf4), INSN_DONE);
    assert_int_equal(sys.hlt, 1);
    assert_int_equal(RUN(0x0f, 0x09), INSN_DONE);
    assert_int_equal(sys.flushed, 1);
    assert_int_equal(RUN(0x0f, 0x01, 0x13), INSN_REFUSED);      /* lgdt (%rbx) */
    assert_int_equal(RUN(0x0f, 0x00, 0xd8), INSN_REFUSED);      /* ltr %ax */
    assert_int_equal(RUN(0x0f, 0x01, 0xf8), INSN_UNHANDLEABLE); /* swapgs */
    assert_int_equal(RUN(0x0f, 0x33), INSN_UNHANDLEABLE);       /* no callback */
}

static void test_privilege_is_checked(void **state)
{
    static const uint8_t forms[][3] = {
        {0x0f, 0x20, 0xc0}, {0x0f, 0x22, 0xc0}, {0x0f, 0x01, 0x38}, {0x0f, 0x01, 0xd1}};
    struct x86_regs before;

    reset();
    ctx.cpl = 3;
    before = regs;
    for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
        assert_int_equal(run(forms[i], 3), INSN_EXCEPTION);
        assert_int_equal(ctx.fault.vector, X86_VEC_GP);
    }
    assert_int_equal(RUN(0xf4), INSN_EXCEPTION);
    assert_int_equal(RUN(0xfa), INSN_EXCEPTION);
    assert_int_equal(RUN(0xec), INSN_EXCEPTION);
    assert_int_equal(RUN(0x0f, 0x30), INSN_EXCEPTION);
    assert_memory_equal(&before, &regs, sizeof(regs));
    ctx.iopl = 3;
    assert_int_equal(RUN(0xfa), INSN_DONE);
    assert_int_equal(RUN(0xec), INSN_DONE);
}

static void test_ports(void **state)
{
    reset();
    map_memory();
    regs.rax = 0x1111222233334444;
    regs.rdx = 0x3f8;
    assert_int_equal(RUN(0xec), INSN_DONE); /* in (%dx),%al */
    assert_int_equal(regs.rax, 0x11112222333344d4);
    assert_int_equal(RUN(0x66, 0xe5, 0x70), INSN_DONE); /* in $0x70,%ax */
    assert_int_equal(regs.rax, 0x111122223333c3d4);
    assert_true(sys.port == 0x70 && sys.port_size == 2);
    assert_int_equal(RUN(0x48, 0xed), INSN_DONE); /* in (%dx),%eax: upper half cleared */
    assert_int_equal(regs.rax, 0xa1b2c3d4);
    assert_int_equal(RUN(0xe6, 0xcf), INSN_DONE);
    assert_true(sys.port == 0xcf && sys.port_size == 1 && sys.port_out == 0xd4);
    /* rep outsb, six bytes with a limit of four */
    memcpy((void *)DATA, "zendo!", 6);
    regs.rsi = DATA;
    regs.rcx = 6;
    regs.rip = 0x1000;
    assert_int_equal(RUN(0xf3, 0x6e), INSN_DONE);
    assert_true(regs.rip == 0x1000 && regs.rcx == 2 && regs.rsi == DATA + 4 && sys.port_out == 'd');
    assert_int_equal(RUN(0xf3, 0x6e), INSN_DONE);
    assert_true(regs.rip == 0x1002 && regs.rcx == 0 && sys.port_out == '!');
    /* retry leaves everything */
    sys.answer = INSN_RETRY;
    assert_int_equal(RUN(0xec), INSN_RETRY);
    assert_int_equal(regs.rip, 0x1002);
}

static void test_faults(void **state)
{
    reset();
    map_memory();
    /* rep stosl over the end of memory: finished iterations stay */
    regs.rdi = DATA + SIZE - 8;
    regs.rcx = 4;
    assert_int_equal(RUN(0xf3, 0xab), INSN_EXCEPTION);
    assert_int_equal(ctx.fault.vector, X86_VEC_PF);
    assert_int_equal(ctx.fault.cr2, DATA + SIZE);
    assert_true(regs.rcx == 2 && regs.rdi == DATA + SIZE && regs.rip == 0x1000);
    regs.rbx = 0x800000000000;
    assert_int_equal(RUN(0x8b, 0x03), INSN_EXCEPTION); /* not canonical */
    assert_int_equal(ctx.fault.vector, X86_VEC_GP);
    regs.rbp = 0x800000000000;
    assert_int_equal(RUN(0x8b, 0x45, 0x00), INSN_EXCEPTION);
    assert_int_equal(ctx.fault.vector, X86_VEC_SS);
    assert_int_equal(RUN(0xf0, 0x8b, 0x03), INSN_EXCEPTION); /* lock mov */
    assert_int_equal(ctx.fault.vector, X86_VEC_UD);
    regs.rbx = DATA + 8;
    assert_int_equal(RUN(0x48, 0x0f, 0xc7, 0x0b), INSN_EXCEPTION); /* cmpxchg16b wants 16-byte alignment */
    assert_int_equal(ctx.fault.vector, X86_VEC_GP);
    assert_int_equal(RUN(0xc5, 0xf8, 0x77), INSN_UNHANDLEABLE);
}

static void test_races(void **state)
{
    reset();
    map_memory();
    ctx.ops = &mem_ops;
    *(uint64_t *)DATA = 10;
    regs.rbx = DATA;
    races = 3;
    assert_int_equal(RUN(0xf0, 0x48, 0x83, 0x03, 0x05), INSN_DONE); /* lock addq $5,(%rbx) */
    assert_int_equal(*(uint64_t *)DATA, 18);
    races = 1000;
    assert_int_equal(RUN(0xf0, 0x48, 0x83, 0x03, 0x05), INSN_RETRY);
    races = 0;
    assert_int_equal(regs.rip, 0x1005);
}

static void test_segments(void **state)
{
    reset();
    map_memory();
    /* gs: in 64-bit mode */
    ctx.seg[X86_SEG_GS].base = DATA;
    *(uint64_t *)(DATA + 0x10) = 0x4242;
    assert_int_equal(RUN(0x65, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0), INSN_DONE);
    assert_int_equal(regs.rax, 0x4242);
    /* 32-bit protected mode: base, limit, write protection */
    ctx.mode = INSN_MODE_32;
    ctx.seg[X86_SEG_DS] = (struct x86_seg){.base = DATA, .limit = 0x13, .attr = X86_SEG_P | X86_SEG_S};
    assert_int_equal(RUN(0xa1, 0x10, 0, 0, 0), INSN_DONE);
    assert_int_equal(RUN(0xa1, 0x11, 0, 0, 0), INSN_EXCEPTION);
    assert_int_equal(ctx.fault.vector, X86_VEC_GP);
    assert_int_equal(RUN(0xa3, 0x10, 0, 0, 0), INSN_EXCEPTION);
    /* real mode: (%bx,%si) */
    ctx.mode = INSN_MODE_16;
    ctx.protected_mode = false;
    ctx.seg[X86_SEG_DS] = (struct x86_seg){.base = DATA, .limit = 0xffff};
    regs.rbx = 0xfff0;
    regs.rsi = 0x20;
    regs.rax = 0;
    assert_int_equal(RUN(0x8b, 0x00), INSN_DONE); /* wraps to 0x10 */
    assert_int_equal(regs.rax, 0x4242);
}

static uint64_t readable_until;

static enum insn_status cb_fetch(struct insn_ctx *c, uint64_t linear, uint8_t *buf, unsigned size,
                                 unsigned *got)
{
    if (linear >= readable_until) {
        return insn_raise_pf(c, 0x10, linear);
    }
    *got = (unsigned)MIN((uint64_t)size, readable_until - linear);
    memcpy(buf, (void *)linear, *got);
    return INSN_DONE;
}

static void test_fetch(void **state)
{
    struct insn_ops ops = sys_ops;
    struct insn in;

    reset();
    map_memory();
    ops.fetch = cb_fetch;
    ctx.ops = &ops;
    readable_until = DATA + 0x1000;
    regs.rip = DATA + 0xffd;
    memcpy((void *)regs.rip, (const uint8_t[]){0x0f, 0x01, 0xd9, 0xff}, 4);
    assert_int_equal(insn_fetch(&ctx, &in), INSN_DONE); /* ends with the page: the next one is not touched */
    assert_int_equal(in.length, 3);
    regs.rip++;
    memcpy((void *)regs.rip, (const uint8_t[]){0x0f, 0x01}, 2);
    assert_int_equal(insn_fetch(&ctx, &in), INSN_EXCEPTION);
    assert_int_equal(ctx.fault.cr2, DATA + 0x1000);
}

static void test_descriptors(void **state)
{
    uint64_t flat_code = 0x00af9b000000ffff, user_data = 0x00cff3000000ffff, gate = 0x00008c0000080000,
             absent = 0;
    struct x86_seg s;

    x86_seg_unpack(0x8, flat_code, 0, &s);
    assert_true(s.limit == 0xffffffff && s.base == 0 && (s.attr & X86_SEG_L) && (s.attr & X86_SEG_CODE));
    assert_int_equal(x86_seg_pack(&s), flat_code);
    assert_false(x86_seg_pv_descriptor_ok(&flat_code)); /* DPL 0 */
    assert_true(x86_seg_pv_descriptor_ok(&user_data));
    assert_false(x86_seg_pv_descriptor_ok(&gate));
    assert_true(x86_seg_pv_descriptor_ok(&absent));
    s = (struct x86_seg){.limit = 0xfff,
                         .attr = X86_SEG_P | X86_SEG_S | X86_SEG_WRITABLE | X86_SEG_DOWN | X86_SEG_DB};
    assert_false(x86_seg_access_ok(&s, 0xfff, 1, true, false));
    assert_true(x86_seg_access_ok(&s, 0x1000, 4, true, false));
    assert_false(x86_seg_access_ok(&s, 0xfffffffe, 4, true, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lengths_against_objdump),
#if defined(__x86_64__)
        cmocka_unit_test(test_against_processor),
#endif
        cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_privilege_is_checked),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_races),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
